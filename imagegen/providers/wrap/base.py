"""What every wrapper shares: it answers for the provider inside it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

from imagegen.clock import Clock
from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.outcome import Failed, Outcome
from imagegen.domain.request import Request, key
from imagegen.providers import Limits, Provider, Slip

#: What a wait ends as when the run is stopped: nothing was sent.
INTERRUPTED = "interrupted before it was sent"


class Wrapper:
    """`limits`, `refuses` and `shares` of the provider inside."""

    def __init__(self, provider: Provider, clock: Clock) -> None:
        self.provider, self.clock = provider, clock

    @property
    def limits(self) -> Limits:
        """The provider's."""
        return self.provider.limits

    def refuses(self, request: Request, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
        """What the provider says."""
        return self.provider.refuses(request, given)

    def shares(self, request: Request) -> Hashable:
        """What the provider says."""
        return self.provider.shares(request)

    def close(self) -> None:
        """Close the connections of the provider inside, if it keeps any."""
        close: Callable[[], None] | None = getattr(self.provider, "close", None)
        if close is not None:
            close()


def submits(slip: Slip) -> bool:
    """Whether `generate` with this slip sends a new request."""
    return slip.remote_id is None and slip.answer is None


def all_failed(batch: Sequence[Request], reason: str, *, stops: bool = False) -> Iterator[Outcome]:
    """Every request of `batch` ends here, uncharged; `stops`: the provider is not to be asked again now."""
    for request in batch:
        yield Failed(key(request), reason, retryable=not stops, stops_provider=stops)
