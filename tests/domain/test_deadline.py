"""Deadlines: what can be read, and what leaves a day."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from imagegen.domain.deadline import allows_queue, seconds_until

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("deadline", "hours"),
    [
        ("24h", 24),
        (" 3D ", 72),
        ("1 w", 168),
        ("90 min", 1.5),
        ("30m", 0.5),
        ("2026-11-24", 38),
        ("2026-11-23", 14),  # a date is over when it begins
        ("2026-11-22T12:00", 2),
        ("2026-11-22T12:00+02:00", 0),
        ("2026-11-21", -34),
    ],
)
def test_a_deadline_is_a_time_from_now_or_a_date(deadline: str, hours: float) -> None:
    """Without a zone it is UTC; one that has passed is negative."""
    assert seconds_until(deadline, NOW) == hours * 3600
    assert allows_queue(deadline, NOW) is (hours >= 24)


@pytest.mark.parametrize("deadline", ["soon", "", "24", "h", "2026-13-01", "tomorrow", "-3h", "1.5d"])
def test_anything_else_is_none(deadline: str) -> None:
    """It is not guessed at."""
    with pytest.raises(ValueError, match=r"."):
        seconds_until(deadline, NOW)


def test_without_one_nothing_hurries() -> None:
    """The queue is allowed."""
    assert allows_queue(None, NOW)
