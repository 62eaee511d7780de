"""Together: one call, the picture in its answer.

body.py  what is asked, and what is refused while planning
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.domain.given import Given
from imagegen.domain.model import Offer
from imagegen.domain.outcome import UNKNOWN_CHARGE, Artifact, Failed, Made, Outcome
from imagegen.domain.request import Request
from imagegen.providers import Slip
from imagegen.providers.hosted.errors import Denied, Manners, failure
from imagegen.providers.hosted.hosted import ModelGone
from imagegen.providers.hosted.listed import listed
from imagegen.providers.hosted.pictures import decoded, media_type
from imagegen.providers.hosted.rest import Reply, Rest, parsed
from imagegen.providers.hosted.server import Server, Timeouts
from imagegen.providers.together.body import RULES, body, refusal

HOME = "https://api.together.ai"
PATH = "v1/images/generations"


class TogetherManners(Manners):
    """Together answers 422 when its safety checker objects to the prompt, and asks for patience with 429 and 503."""

    policy = (422,)

    def overloaded(self, reply: Reply) -> bool:
        """Refused before work, with or without a time to come back at."""
        return reply.status == 503


class Together:
    """A DirectSpeaker for Together. `api_key` may be empty for a server of one's own."""

    rules = RULES

    def __init__(self, api_key: str, base_url: str | None, timeouts: Timeouts | None = None) -> None:
        # The SDK's own variable is without /v1; with it, people mean the same.
        base = base_url.rstrip("/").removesuffix("/v1") if base_url else None
        self.server = Server("together", api_key, base, timeouts, home=HOME, variable="TOGETHER_API_KEY")
        self._rest = Rest(self.server, {"authorization": f"Bearer {api_key}"} if api_key else {})
        self._manners = TogetherManners()

    def refuses(self, request: Request, offer: Offer, given: Mapping[str, Given]) -> str | None:
        """What Together would refuse beyond `rules`."""
        return refusal(request, offer)

    def ask(
        self, request: Request, offer: Offer, inputs: Mapping[str, bytes], slip: Slip
    ) -> tuple[bytes, dict[str, Any]]:
        """Send it once."""
        reply = self._rest.send("POST", PATH, body=body(request, offer), slip=slip, spool=True)
        if 200 <= reply.status < 300:
            return reply.data, {}
        outcome = failure(reply, self.server, self._manners)
        gone = reply.status == 404 and self._manners.said(reply)
        raise ModelGone(outcome) if gone else Denied(outcome)

    def read(self, data: bytes, request: Request, offer: Offer, facts: Mapping[str, Any]) -> Outcome:
        """The picture, or what came in its place: it was accepted, so that may be charged."""
        said = parsed(data)
        items = said.get("data") if isinstance(said, Mapping) else None
        first = items[0] if isinstance(items, list) and items else None
        text = first.get("b64_json") if isinstance(first, Mapping) else None
        if not isinstance(said, Mapping) or not isinstance(text, str):
            what = "the answer holds no picture" if isinstance(said, Mapping) else "the answer is not JSON"
            return Failed("", f"paid for, but {what}", charge=UNKNOWN_CHARGE, evidence=self._evidence(data))
        picture = decoded(text)
        media = media_type(picture) if picture else None
        charge = listed(request, offer)
        if picture is None or media is None:
            what = "base64" if picture is None else "a picture"
            reason = f"paid for, but what came is not {what}"
            return Failed("", reason, charge=charge, evidence=self._evidence(data))
        own = {"request_id": said["id"]} if isinstance(said.get("id"), str) else {}
        return Made("", Artifact(picture, media, {**facts, **own}), charge)

    def _evidence(self, data: bytes) -> bytes:
        """What came, without the key."""
        return self.server.hide(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def close(self) -> None:
        """Close the connections."""
        self._rest.close()
