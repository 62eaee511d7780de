"""Any server that speaks OpenAI's images dialect, under a name of the user's: LocalAI, vLLM-Omni, SGLang, Azure, …

    body.py  what is refused while planning, and the body that goes over the wire
    line.py  the call, through the SDK or its Azure client, and pictures that come as links

It is OpenAI's provider but for what such servers do differently. What a picture costs stands in the user's catalogue
file, for these answers hold no usage, or one that means nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.model import Offer
from imagegen.domain.outcome import FREE, Failed, Outcome, Unknown
from imagegen.domain.request import Key, Request
from imagegen.providers import Limits, Slip
from imagegen.providers.compatible.body import body, refusal
from imagegen.providers.compatible.line import OwnLine
from imagegen.providers.hosted.listed import listed
from imagegen.providers.hosted.rest import Cut
from imagegen.providers.hosted.server import Timeouts
from imagegen.providers.openai import OpenAI, answer, errors
from imagegen.servers import OwnServer

#: How Azure says that there is no such deployment.
_NO_DEPLOYMENT = "DeploymentNotFound"


class Compatible(OpenAI):
    """A Provider for `server`. `offers` by model name, each priced by the user."""

    def __init__(
        self,
        server: OwnServer,
        api_key: str,
        offers: Mapping[str, Offer],
        limits: Limits,
        timeouts: Timeouts | None = None,
    ) -> None:
        timeouts = timeouts or Timeouts()
        super().__init__(api_key, server.base_url, offers, limits, timeouts, server.name)
        self._server, self._own = server, OwnLine(server, api_key, timeouts)
        self._line = self._own

    def refuses(self, request: Request, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
        """A sentence when the server cannot be asked for `request`, as far as its catalogue entry tells."""
        offer = self._offers.get(request.model)
        if offer is None:
            return f"{self._name} does not serve the model {request.model}"
        return refusal(request, offer, self._server, given)

    def _made(
        self, batch: Sequence[Request], keys: list[Key], pictures: Mapping[str, Any], slip: Slip
    ) -> list[Outcome]:
        offer = self._offers[batch[0].model]
        facts: dict[str, Any] = {}
        raw = slip.answer
        if raw is None:
            known, more = body(batch[0], offer, self._server, len(batch))
            try:
                call = self._own.send({**known, **pictures}, more, slip)
            except Cut as cut:
                return [self._doubt(Unknown(each, cut.reason), batch[0], offer) for each in keys]
            except errors.wire_errors() as error:
                return [self._doubt(each, batch[0], offer) for each in self._failed(error, batch, keys)]
            raw = call.data
            facts = {"request_id": call.request_id} if call.request_id else {}
        whole, trouble = self._own.linked(raw)
        if trouble:
            charge = listed(batch[0], offer)
            return [Failed(each, f"paid for, but {trouble}", charge=charge) for each in keys]
        return answer.outcomes(whole, batch, keys, offer, facts, self._line.hide)

    def _failed(self, error: Exception, batch: Sequence[Request], keys: list[Key]) -> list[Outcome]:
        outcomes = super()._failed(error, batch, keys)
        if getattr(error, "code", None) == _NO_DEPLOYMENT:
            reason = f"{self._name} has no deployment called {self._offers[batch[0].model].api_name}"
            self._gone[batch[0].model] = reason
            return [Failed(each, reason) for each in keys]
        return outcomes

    def _doubt(self, outcome: Outcome, request: Request, offer: Offer) -> Outcome:
        """What was sent and not answered is in doubt, unless the picture costs nothing: then it is tried again."""
        if not isinstance(outcome, Unknown) or listed(request, offer).amount != 0:
            return outcome
        reason = outcome.reason.replace(", possibly charged", "").replace(": possibly charged", "")
        return replace(Failed(outcome.key, reason, retryable=True, because="overload"), charge=FREE)
