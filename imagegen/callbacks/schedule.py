"""When a webhook is tried again, and when it is given up. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from imagegen.ledger.outbox import State

_MINUTE, _HOUR = 60.0, 3600.0
#: Seconds from each failure to the next try; after as many failures and one more it is given up.
PAUSES = (5.0, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 10 * _HOUR)
TRIES = len(PAUSES) + 1
#: The longest that a receiver may put us off.
PUT_OFF = 24 * _HOUR
#: Nobody is there any more: the receiver says so himself.
GONE = 410


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try. `status` None: no answer came, and `reason` says why. `retry_after`: the header."""

    status: int | None
    reason: str = ""
    retry_after: str | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver has it: 2xx and nothing else."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def host_ails(self) -> bool:
        """Whether the next message would fare no better: the host does not answer, or cannot now."""
        return self.status is None or self.status == 429 or self.status >= 500


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from a try: the message's state, when the next try is due (seconds since 1970), and why."""

    state: State
    due: float
    reason: str | None


def verdict(answer: Answer, tries: int, clock: float) -> Verdict:
    """What follows from `answer` to the try number `tries`, which counts from 1."""
    if answer.delivered:
        return Verdict("delivered", clock, None)
    reason = answer.reason if answer.status is None else _words(answer.status)
    if answer.status == GONE or tries >= TRIES:
        return Verdict("given_up", clock, reason)
    return Verdict("due", clock + max(PAUSES[tries - 1], put_off(answer, clock)), reason)


def put_off(answer: Answer, clock: float) -> float:
    """Seconds that the receiver asks us to wait, at most `PUT_OFF`; 0 when he says nothing one can read."""
    said = (answer.retry_after or "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said[:9]), PUT_OFF)
    try:
        when = parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(max(when.timestamp() - clock, 0.0), PUT_OFF)


def _words(status: int) -> str:
    if 300 <= status < 400:
        return f"answers {status}: a webhook follows no redirect"
    return f"answers {status}" + (": it wants no more" if status == GONE else "")
