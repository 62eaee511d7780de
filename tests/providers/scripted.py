"""A provider that does as it is told, and writes down when it was called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

from imagegen.clock import Clock
from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.outcome import Artifact, Charge, Failed, Made, Outcome
from imagegen.domain.request import Request, key
from imagegen.providers import Limits, Slip

#: One step of a script: given a request, its outcome.
Step = Callable[[Request], Outcome]


def made(request: Request) -> Outcome:
    return Made(key(request), Artifact(b"picture", "image/png"), Charge(1, "price"))


def failed(**fields: Any) -> Step:
    """A step that fails with these fields."""
    return lambda request: Failed(key(request), **{"reason": "told to", **fields})


offline = failed(retryable=True, because="connection")
overloaded = failed(retryable=True, because="overload")


def limited(after: float | None) -> Step:
    """A 429."""
    return failed(retryable=True, because="rate", retry_after=after)


class Scripted:
    """Each call takes the next step, the last one for ever after. `at` holds when calls came, `slips` with what."""

    def __init__(self, clock: Clock, *steps: Step, limits: Limits | None = None) -> None:
        self.clock, self.steps, self.given = clock, list(steps) or [made], limits or Limits()
        self.at: list[float] = []
        self.slips: list[Slip] = []
        self._lock = threading.Lock()

    @property
    def limits(self) -> Limits:
        return self.given

    def refuses(self, request: Request, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
        return "not today" if request.prompt == "no" else None

    def shares(self, request: Request) -> Hashable:
        return request.prompt

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        with self._lock:
            step = self.steps[0] if len(self.steps) == 1 else self.steps.pop(0)
            self.at.append(self.clock.monotonic())
            self.slips.append(slip)
        if slip.answer is None and slip.remote_id is None:
            slip.sending()
        for request in batch:
            yield step(request)
