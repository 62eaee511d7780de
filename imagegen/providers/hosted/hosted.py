"""Hosted: what every provider of one picture a call shares; and Direct, one that answers at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.model import Offer
from imagegen.domain.outcome import Failed, Outcome, Unknown
from imagegen.domain.request import Request, key
from imagegen.providers import Limits, Slip
from imagegen.providers.hosted.errors import Denied, cut_off, not_sent
from imagegen.providers.hosted.rest import Cut, NotSent
from imagegen.providers.hosted.rules import Rules, refusal
from imagegen.providers.hosted.server import Server


class Reached(Protocol):
    """A provider's server and the connections to it."""

    server: Server

    def close(self) -> None:
        """Close the connections."""


class Speaker(Reached, Protocol):
    """A dialect, whichever way its answers come."""

    rules: Rules

    def refuses(self, request: Request, offer: Offer, given: Mapping[str, Given]) -> str | None:
        """What the provider would refuse beyond `rules`."""


class OneByOne(ABC):
    """One request a call, so that each has its own seed, line in the ledger and way home."""

    def __init__(self, reached: Reached, limits: Limits) -> None:
        self.server, self._reached, self._limits = reached.server, reached, limits
        self._gone: dict[str, str] = {}

    @property
    def limits(self) -> Limits:
        """As wiring set them."""
        return self._limits

    @abstractmethod
    def refuses(self, request: Request, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
        """A sentence when the provider would refuse `request`, or when this version cannot ask for it."""

    def shares(self, request: Request) -> Hashable:
        """Nothing rides together."""
        return request

    def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        self._reached.close()

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        """One call for the one request; see `imagegen.providers.Provider`."""
        if len({self.shares(request) for request in batch}) != 1 or len(batch) != 1:
            raise ValueError("a batch must hold one request")
        (request,) = batch
        outcome = self._one(request, inputs, slip)
        yield replace(outcome, key=key(request))

    @abstractmethod
    def _one(self, request: Request, inputs: Mapping[str, bytes], slip: Slip) -> Outcome:
        """What came of the request; the outcome's `key` may stay empty."""

    def _denied(self, error: NotSent | Cut | Denied, request: Request) -> Outcome:
        """What it means that the request was not answered with a success."""
        if isinstance(error, NotSent):
            return not_sent(error)
        if isinstance(error, Cut):
            return cut_off(error, self.server)
        if isinstance(error, ModelGone):
            self._gone[request.model] = getattr(error.outcome, "reason", "")
        return error.outcome


class Hosted(OneByOne):
    """A provider of pictures. `offers` by model name."""

    def __init__(self, speaker: Speaker, offers: Mapping[str, Offer], limits: Limits) -> None:
        super().__init__(speaker, limits)
        self.speaker, self.offers = speaker, offers

    def refuses(self, request: Request, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
        """A sentence when the provider would refuse `request`, or when this version cannot ask for it."""
        offer = self.offers.get(request.model)
        if offer is None:
            return f"{self.server.name} does not serve the model {request.model}"
        return refusal(request, offer, self.speaker.rules, given) or self.speaker.refuses(request, offer, given)

    def _stopped(self, request: Request, inputs: Mapping[str, bytes]) -> Failed | None:
        """Why a new request does not go over the wire, if it does not."""
        reason = self._gone.get(request.model) or self.refuses(request)
        if reason:
            return Failed("", reason)
        named = [*request.images, *filter(None, (request.mask, request.control_image))]
        if not named:
            return None
        from imagegen.inputs import BadInput, local

        given: dict[str, Given] = {}
        for digest in named:
            if digest not in inputs:
                return Failed("", f"the input picture {digest[:12]}… is not at hand")
            try:
                given[digest] = local.look(inputs[digest])
            except BadInput as problem:
                return Failed("", f"an input picture {problem.what}")
        reason = self.refuses(request, given)
        return Failed("", reason) if reason else None


class ModelGone(Denied):
    """Denied, and so will be every further request for this model."""


class DirectSpeaker(Speaker, Protocol):
    """A dialect whose answer holds the picture."""

    def ask(
        self, request: Request, offer: Offer, inputs: Mapping[str, bytes], slip: Slip
    ) -> tuple[bytes, dict[str, Any]]:
        """Send it once (`slip.sending()` first, the answer through `slip.receive`) and return the answer and facts
        of the call. Raises NotSent, Cut, Denied."""

    def read(self, data: bytes, request: Request, offer: Offer, facts: Mapping[str, Any]) -> Outcome:
        """What a complete answer means, whatever it holds; the outcome's `key` stays empty."""


class Direct(Hosted):
    """A provider whose answer holds the picture: one call, and nothing to come back for."""

    speaker: DirectSpeaker

    def _one(self, request: Request, inputs: Mapping[str, bytes], slip: Slip) -> Outcome:
        offer = self.offers.get(request.model)
        if slip.remote_id is not None and slip.answer is None:
            return Unknown("", f"{self.server.name} keeps no answers: this one cannot be fetched again")
        if offer is None:
            return Failed("", self.refuses(request) or "")
        if slip.answer is not None:
            return self.speaker.read(slip.answer, request, offer, {})
        stopped = self._stopped(request, inputs)
        if stopped:
            return stopped
        try:
            data, facts = self.speaker.ask(request, offer, inputs, slip)
        except (NotSent, Cut, Denied) as error:
            return self._denied(error, request)
        return self.speaker.read(data, request, offer, facts)
