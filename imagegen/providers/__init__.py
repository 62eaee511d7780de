"""The one interface for hosted APIs, batch queues and the GPU: `Provider`. Nothing else lives here.

Everything is a batch: an API's best batch is 1 and its best concurrency 8, the GPU's the other
way round. Neither the plan nor the run asks which kind it has.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.outcome import Outcome
from imagegen.domain.request import Request


@dataclass(frozen=True, slots=True)
class Rates:
    """What one model bears. None: no limit known. Per-minute figures are sustained rates; days are those of UTC.
    `concurrency`: calls at once, where the model bears fewer than its provider."""

    images_per_minute: float | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    images_per_day: int | None = None
    requests_per_day: int | None = None
    tokens_per_day: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How large and how many at once. The rates are those of all models together, as in `Rates`; `models` holds what
    each bears by itself. `by_model`: the provider counts each model apart, so one that is asked to wait does not
    keep the others waiting. `keeps`: seconds for which a finished job's picture can be fetched.
    `most_bytes`: of a queue, the most that the answer to one batch is let grow to; it comes later. `writers`: batches
    that are compressed and put away while the next is made; 0: as usual for calls."""

    max_batch: int = 1
    concurrency: int = 5
    images_per_minute: float | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    images_per_day: int | None = None
    requests_per_day: int | None = None
    tokens_per_day: int | None = None
    models: Mapping[str, Rates] = field(default_factory=dict)
    by_model: bool = False
    keeps: float = 86_400.0
    most_bytes: int | None = None
    writers: int = 0


class Slip(Protocol):
    """One paid attempt's line in the ledger. One attempt is one call on the wire."""

    @property
    def id(self) -> str:
        """Unique over all homes; fit to tag a job at a provider."""

    @property
    def remote_id(self) -> str | None:
        """The provider's job id, once `accepted`: then `generate` polls and collects, it does not submit."""

    @property
    def poll_url(self) -> str | None:
        """Where the provider said to poll, if it said."""

    @property
    def told(self) -> Mapping[str, Any]:
        """What the provider said when it took the job, once `accepted`."""

    @property
    def answer(self) -> bytes | None:
        """A complete answer that an interrupted process left in the spool: `generate` reads it
        and does not submit."""

    def sending(self) -> None:
        """Call right before the first byte leaves, after every limiter has let it pass. Returns when
        the intent is on disk. Raises `imagegen.errors.StorageError` when it cannot be: then do not send."""

    def accepted(self, remote_id: str, poll_url: str | None = None, told: Mapping[str, Any] | None = None) -> None:
        """Call as soon as the provider's job id is known. Returns only when that is on disk. `told`: what the
        provider says only now, such as the price (JSON values)."""

    def receive(self, chunks: Iterable[bytes], length: int | None = None) -> bytes:
        """Spool an answer as it arrives and return it whole. `length` is the promised number of bytes.
        An exception from `chunks` (a cut connection) passes through."""

    def again(self, reason: str) -> Slip:
        """Close this attempt as not charged, for `reason`, and open the next on the same reservation."""


class Provider(Protocol):
    """Turns a batch of Requests into Outcomes, one each, as they become ready."""

    @property
    def limits(self) -> Limits:
        """What the provider bears; the user's settings already applied."""

    def refuses(self, request: Request, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
        """Asked while planning, before a cent is spent: a sentence when the provider would refuse. `given`: what is
        known of the input pictures, by digest; of what is missing there nothing is said."""

    def shares(self, request: Request) -> Hashable:
        """Requests with equal values may ride in one batch."""

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        """Make the pictures. `inputs` maps the digests named in the requests to bytes, a LoRA's to the path of its
        file (in UTF-8: it may be large).
        Yields exactly one Outcome per request. Never raises for what a provider or a network does."""


class Finder(Protocol):
    """A Provider whose jobs carry the slip's id as a tag, so that one is found again whose number was lost."""

    def find(self, slip: Slip, sent: float) -> bool | None:
        """Whether the job that was `sent` (wall time) arrived: True when `slip.accepted` was called with its number,
        False when it is certain that there is none, None when nobody can say yet."""
