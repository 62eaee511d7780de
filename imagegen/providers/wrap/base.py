"""What every wrapper shares: it answers for the provider inside it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Literal

from imagegen.clock import Clock
from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.outcome import Failed, Outcome
from imagegen.domain.request import Request, key
from imagegen.providers import Limits, Provider, Slip

#: What a wait ends as when the run is stopped: nothing was sent.
INTERRUPTED = "interrupted before it was sent"

#: What waiting for a turn ends as when an outage began meanwhile: nothing was sent, and it is to be asked for again.
HELD = "held back: the provider is down"

#: What is not to be asked again now: nothing, this model, the provider.
Stops = Literal["", "model", "provider"]


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
        self._pass_on("close")

    def attach(self, memory: Any) -> None:
        """Hand the memory in to whoever learns, see `imagegen.providers.wrap.limit.Memory`."""
        self._pass_on("attach", memory)

    def keep(self) -> None:
        """Let whoever learned write it down."""
        self._pass_on("keep")

    def _pass_on(self, name: str, *given: Any) -> None:
        method: Callable[..., None] | None = getattr(self.provider, name, None)
        if method is not None:
            method(*given)


def submits(slip: Slip) -> bool:
    """Whether `generate` with this slip sends a new request."""
    return slip.remote_id is None and slip.answer is None


def all_failed(batch: Sequence[Request], reason: str, *, stops: Stops = "") -> Iterator[Outcome]:
    """Every request of `batch` ends here, uncharged, and is worth another try unless it `stops` something."""
    for request in batch:
        yield Failed(
            key(request),
            reason,
            retryable=not stops,
            stops_provider=stops == "provider",
            stops_model=stops == "model",
        )
