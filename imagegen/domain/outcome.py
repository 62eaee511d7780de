"""What came of one request: an Outcome. One item's failure is data; an exception is a bug."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from imagegen.domain.money import Nano
from imagegen.domain.request import Key


@dataclass(frozen=True, slots=True)
class Charge:
    """What one item cost. `amount` None means: not known. `basis` names where the figure comes from
    (`usage`, `returned`, `price`, `nothing`, `unknown`)."""

    amount: Nano | None
    basis: str


#: Known not to have been charged: not sent, or refused before work.
FREE = Charge(0, "nothing")
#: Sent, and nobody can say.
UNKNOWN_CHARGE = Charge(None, "unknown")


@dataclass(frozen=True, slots=True)
class Artifact:
    """Bytes as the provider made them, their media type, and the facts of their making
    (seed, revised prompt, provider request id, usage: JSON values only)."""

    data: bytes = field(repr=False)
    media_type: str
    facts: dict[str, Any] = field(default_factory=dict)


class LateArtifact(Artifact):
    """An Artifact whose bytes are written when they are first asked for: by whoever puts the picture away, while the
    next one is made. `write` may be called once only, and from another thread."""

    __slots__ = ("_written",)
    _written: bytes | Callable[[], bytes]

    def __init__(self, write: Callable[[], bytes], media_type: str, facts: dict[str, Any]) -> None:
        # Not through the dataclass: it would set the bytes.
        for name, value in (("media_type", media_type), ("facts", facts), ("_written", write)):
            object.__setattr__(self, name, value)

    @property
    def data(self) -> bytes:
        """The bytes."""
        written = self._written
        if not isinstance(written, bytes):
            written = written()
            object.__setattr__(self, "_written", written)
        return written


@dataclass(frozen=True, slots=True)
class Made:
    """The picture is here."""

    key: Key
    artifact: Artifact
    charge: Charge


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider's policy said no. Never retried on the same model, never dodged by a fallback."""

    key: Key
    reason: str
    charge: Charge = FREE


@dataclass(frozen=True, slots=True)
class Failed:
    """No picture. `retryable`: known not to be charged and worth another try (after `retry_after`
    seconds if given). `stops_provider`: no other request will fare better (key, credit); `stops_model`: none for
    this model will (no access to it, its day used up).
    `evidence` is what the provider sent in place of a picture that was paid for.
    `because` sorts retryable failures: a rate limit, an overloaded provider, no connection."""

    key: Key
    reason: str
    retryable: bool = False
    retry_after: float | None = None
    stops_provider: bool = False
    charge: Charge = FREE
    evidence: bytes | None = field(default=None, repr=False)
    because: Literal["rate", "overload", "connection"] | None = None
    stops_model: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """Accepted and not ready: a batch in the provider's queue, a person's choice. `check_after` in seconds. `reason`
    where it is not just that."""

    key: Key
    check_after: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Sent, and no full answer: possibly charged. Reported, counted, never silently bought again."""

    key: Key
    reason: str
    charge: Charge = UNKNOWN_CHARGE


Outcome = Made | Refused | Failed | Pending | Unknown
