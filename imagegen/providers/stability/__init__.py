"""Stability AI, REST v2beta: Stable Image and Stable Diffusion 3.5. One call, the picture in its answer.

body.py    the multipart fields that ask for a picture, and what is refused while planning
answer.py  an answer -> an outcome; errors
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from imagegen.domain.given import Given
from imagegen.domain.model import Offer
from imagegen.domain.outcome import Outcome
from imagegen.domain.request import Request
from imagegen.providers import Slip
from imagegen.providers.hosted.rest import Rest
from imagegen.providers.hosted.server import Server, Timeouts
from imagegen.providers.stability import answer, body

HOME = "https://api.stability.ai"


class Stability:
    """A DirectSpeaker for Stability. `api_key` may be empty for a server of one's own; `base_url` None: their own
    address. Raises SettingsError as `Server`."""

    rules = body.RULES

    def __init__(self, api_key: str, base_url: str | None, timeouts: Timeouts | None = None) -> None:
        base = base_url.rstrip("/").removesuffix("/v2beta") if base_url else None
        looks = r"sk-[A-Za-z0-9]{8,}"
        self.server = Server("stability", api_key, base, timeouts, home=HOME, variable="STABILITY_API_KEY", looks=looks)
        key = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._rest = Rest(self.server, {"accept": "application/json", **key})

    def refuses(self, request: Request, offer: Offer, given: Mapping[str, Given]) -> str | None:
        """What Stability would refuse beyond `rules`."""
        return body.refusal(request, offer, given)

    def ask(
        self, request: Request, offer: Offer, inputs: Mapping[str, bytes], slip: Slip
    ) -> tuple[bytes, dict[str, Any]]:
        """Send it once."""
        path = f"v2beta/stable-image/generate/{quote(offer.api_name)}"
        form = {**body.fields(request, offer), **offer.sent}
        reply = self._rest.send("POST", path, form=form, files=body.files(request, inputs), slip=slip, spool=True)
        if not 200 <= reply.status < 300:
            raise answer.denied(reply, self.server)
        number = reply.headers.get("x-request-id")
        return reply.data, {"request_id": number} if number else {}

    def read(self, data: bytes, request: Request, offer: Offer, facts: Mapping[str, Any]) -> Outcome:
        """What a complete answer means."""
        return answer.outcome(data, request, offer, facts, self.server)

    def close(self) -> None:
        """Close the connections."""
        self._rest.close()
