"""Deadlines: until when a picture must be there, as a time from now ("36h", "3d") or a date and time. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from imagegen.domain.queue import DAY

_AGE = re.compile(r"(\d{1,4})\s*(m|min|h|d|w)")
_SECONDS = {"m": 60, "min": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}


def seconds_until(deadline: str, now: datetime) -> float:
    """Seconds from `now` to `deadline`, negative when it has passed. A date is over when it begins, at midnight UTC; a
    time without a zone is UTC. Raises ValueError for what is neither."""
    age = _AGE.fullmatch(deadline.strip().lower())
    if age:
        return int(age[1]) * _SECONDS[age[2]]
    at = datetime.fromisoformat(deadline.strip())
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp()


def allows_queue(deadline: str | None, now: datetime) -> bool:
    """Whether a picture with `deadline` can wait for a queue. Without one nothing hurries."""
    return deadline is None or seconds_until(deadline, now) >= DAY
