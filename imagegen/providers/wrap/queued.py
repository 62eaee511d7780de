"""Queued: a queue as a run has it. Submitting is tried again where it is known not to have been charged."""

from __future__ import annotations

from imagegen.clock import Clock
from imagegen.providers import Limits, Provider, Slip
from imagegen.providers.hosted.queue import Dialect, Queue
from imagegen.providers.wrap.retry import Retrying


class Queued(Retrying):
    """A Provider and a Finder: `Retrying` around `Queue`."""

    def __init__(self, dialect: Dialect, live: Provider, limits: Limits, clock: Clock, *, tries: int = 4) -> None:
        self.queue = Queue(dialect, live, limits)
        super().__init__(self.queue, clock, tries=tries, patience=120.0)

    def find(self, slip: Slip, sent: float) -> bool | None:
        """See `imagegen.providers.Finder`."""
        return self.queue.find(slip, sent)

    def over(self, number: str) -> bool:
        """Whether the batch `number` is worth collecting."""
        return self.queue.over(number)
