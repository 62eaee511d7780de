"""A provider of a few lines, for tests that look at the run around it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.outcome import Artifact, Charge, Made, Outcome
from imagegen.domain.request import Request, key
from imagegen.providers import Limits, Slip
from tests.cloud.pictures import picture

#: What a picture costs, in nanodollars.
COST = 1_000_000


def made(request: Request) -> Made:
    """A sound picture of the size that was asked for."""
    data = picture(request.prompt, request.width or 1024, request.height or 1024)
    return Made(key(request), Artifact(data, "image/png"), Charge(COST, "price"))


class Tiny:
    """Makes what `make` makes of a request and its slip; says nothing to anybody."""

    def __init__(self, make: Callable[[Request, Slip], Outcome], concurrency: int = 1) -> None:
        self._make, self._limits = make, Limits(concurrency=concurrency)

    @property
    def limits(self) -> Limits:
        return self._limits

    def refuses(self, request: Request, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
        return None

    def shares(self, request: Request) -> Hashable:
        return request

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        for request in batch:
            yield self._make(request, slip)
