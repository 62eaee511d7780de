"""OpenAI's images, live: OpenAI itself and every server that speaks its dialect. Generations and edits.

    rules.py    what is refused while planning, and the body that goes over the wire
    edits.py    the same for input pictures and masks: what is refused, and the parts that carry them
    call.py     one call through the SDK, its answer spooled as it comes
    answer.py   an answer's bytes -> outcomes
    batches.py  the Batch API, for `imagegen.providers.hosted.queue`; lines.py: its files
    errors.py   an error of the SDK -> an outcome

Models, sizes and prices come in as Offers; nothing here knows a model by name but for DALL-E's old manners
and for who takes `input_fidelity`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.model import Offer
from imagegen.domain.outcome import Failed, Outcome, Unknown
from imagegen.domain.request import Key, Request, key
from imagegen.providers import Limits, Slip
from imagegen.providers.hosted.rest import Cut
from imagegen.providers.hosted.server import Timeouts
from imagegen.providers.openai import answer, edits, errors, rules
from imagegen.providers.openai.call import Call, Line

__all__ = ["OpenAI", "Timeouts"]


class OpenAI:
    """A Provider over the `openai` SDK, which is imported and opened with the first call.

    `base_url` None: OpenAI itself. `offers` by model name. `api_key` may be empty for a server of one's own.
    Raises SettingsError for a key or an address that cannot be one. `name` is how users call this provider.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str | None,
        offers: Mapping[str, Offer],
        limits: Limits,
        timeouts: Timeouts | None = None,
        name: str = "openai",
    ) -> None:
        self._offers, self._limits, self._name = offers, limits, name
        self._line = Line(name, api_key, base_url, timeouts or Timeouts())
        self._gone: dict[str, str] = {}

    @property
    def limits(self) -> Limits:
        """As wiring set them."""
        return self._limits

    def refuses(self, request: Request, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
        """A sentence when OpenAI would refuse `request`, or when this version cannot ask for it."""
        offer = self._offers.get(request.model)
        if offer is None:
            return f"{self._name} does not serve the model {request.model}"
        return rules.refusal(request, offer, given)

    def shares(self, request: Request) -> Hashable:
        """Samples of one request ride together, as many as the model makes in one call."""
        offer = self._offers.get(request.model)
        return replace(request, sample=request.sample // max(1, offer.max_images if offer else 1))

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        """One call for the whole batch; see `imagegen.providers.Provider`."""
        keys = [key(request) for request in batch]
        stopped, given = self._stopped(batch, slip), NOT_LOOKED_AT
        if stopped is None and slip.answer is None:
            stopped, given = self._looked(batch[0], inputs)
        if stopped is not None:
            return iter([replace(stopped, key=each) for each in keys])
        return iter(self._made(batch, keys, edits.parts(batch[0], inputs, given) if given else {}, slip))

    def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        self._line.close()

    def _stopped(self, batch: Sequence[Request], slip: Slip) -> Failed | Unknown | None:
        """Why nothing goes over the wire, if nothing does."""
        if len({self.shares(request) for request in batch}) != 1:
            raise ValueError("a batch must hold requests of equal `shares`")
        if slip.answer is not None:
            return None
        if slip.remote_id is not None:
            return Unknown("", f"{self._name} keeps no live answers: this one cannot be fetched again")
        reason = self._gone.get(batch[0].model) or self.refuses(batch[0])
        return Failed("", reason) if reason else None

    def _looked(self, request: Request, inputs: Mapping[str, bytes]) -> tuple[Failed | None, Mapping[str, Given]]:
        """What the input pictures of `request` are; and why they keep it from being sent, if they do."""
        if not edits.named(request):
            return None, NOT_LOOKED_AT
        from imagegen.inputs import BadInput, local

        given: dict[str, Given] = {}
        for digest in edits.named(request):
            if digest not in inputs:
                return Failed("", f"the input picture {digest[:12]}… is not at hand"), given
            try:
                given[digest] = local.look(inputs[digest])
            except BadInput as problem:
                return Failed("", f"an input picture {problem.what}"), given
        reason = self.refuses(request, given)
        return (Failed("", reason) if reason else None), given

    def _made(
        self, batch: Sequence[Request], keys: list[Key], pictures: Mapping[str, Any], slip: Slip
    ) -> list[Outcome]:
        offer = self._offers[batch[0].model]
        if slip.answer is not None:
            return answer.outcomes(slip.answer, batch, keys, offer, {}, self._line.hide)
        try:
            call = self._line.send({**rules.body(batch[0], offer, len(batch)), **pictures}, offer.sent, slip)
        except Cut as cut:
            return [Unknown(each, cut.reason) for each in keys]
        except errors.wire_errors() as error:
            return self._failed(error, batch, keys)
        return self._read(call, batch, keys, offer)

    def _read(self, call: Call, batch: Sequence[Request], keys: list[Key], offer: Offer) -> list[Outcome]:
        facts = {"request_id": call.request_id} if call.request_id else {}
        return answer.outcomes(call.data, batch, keys, offer, facts, self._line.hide)

    def _failed(self, error: Exception, batch: Sequence[Request], keys: list[Key]) -> list[Outcome]:
        outcome = errors.outcome(error, self._line)
        if errors.says_model_is_gone(error):
            self._gone[batch[0].model] = outcome.reason
        return [replace(outcome, key=each) for each in keys]
