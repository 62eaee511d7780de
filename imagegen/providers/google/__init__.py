"""Google's image models: one call, the picture in its answer. The Gemini API with a key, or Vertex with a project.

ask.py     a request -> the JSON that goes over the wire, and the same for the SDK
rules.py   what is refused while planning
wire.py    one call through the SDK; `tap.py` is the HTTP client that it is given
answer.py  the answer's JSON -> a picture, a block, or neither
errors.py  an error answer -> an outcome
batches.py the same requests for half the price within a day; `inlined.py` reads and writes them
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imagegen.domain.given import Given
from imagegen.domain.model import Offer
from imagegen.domain.outcome import Failed, Outcome
from imagegen.domain.request import Request
from imagegen.googlecloud import LOCATION, PROJECT
from imagegen.providers import Slip
from imagegen.providers.google import answer, ask
from imagegen.providers.google.errors import denied
from imagegen.providers.google.rules import refusal, rules
from imagegen.providers.google.wire import Wire, vertex_home
from imagegen.providers.hosted.rest import parsed
from imagegen.providers.hosted.server import Server, Timeouts

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

HOME = "https://generativelanguage.googleapis.com"
_NAME = re.compile(r"[a-z0-9][a-z0-9.:-]{0,62}")
#: What looks like a key, or like a token of Google Cloud.
LOOKS = r"\bAIza[\w-]{6,}|\bya29\.[\w.-]+"


class Google:
    """A DirectSpeaker for the Gemini API. `api_key` may be empty for a server of one's own."""

    vertex = False

    def __init__(self, api_key: str, base_url: str | None, timeouts: Timeouts | None = None) -> None:
        self.server = Server("google", api_key, base_url, timeouts, home=HOME, variable="GOOGLE_API_KEY", looks=LOOKS)
        self.rules = rules(self.vertex)
        self.wire = Wire(self.server)

    def refuses(self, request: Request, offer: Offer, given: Mapping[str, Given]) -> str | None:
        """What Google would refuse beyond `rules`."""
        return refusal(request, offer, given, self.vertex)

    def ask(
        self, request: Request, offer: Offer, inputs: Mapping[str, bytes], slip: Slip
    ) -> tuple[bytes, dict[str, Any]]:
        """Send it once."""
        if ask.is_imagen(offer):
            reply = self.wire.predicted(offer.api_name, *ask.prediction(request, offer), slip)
        else:
            reply = self.wire.content(offer.api_name, *ask.for_sdk(ask.body(request, offer, inputs)), slip)
        if 200 <= reply.status < 300:
            return reply.data, {}
        raise denied(reply, self.server)

    def read(self, data: bytes, request: Request, offer: Offer, facts: Mapping[str, Any]) -> Outcome:
        """What a complete answer means."""
        read = answer.predicted if ask.is_imagen(offer) else answer.content
        outcome = read(parsed(data), request, offer, facts, self.server.hide)
        return replace(outcome, evidence=self._evidence(data)) if isinstance(outcome, Failed) else outcome

    def close(self) -> None:
        """Close the connections."""
        self.wire.close()

    def _evidence(self, data: bytes) -> bytes:
        """What came, without keys."""
        return self.server.hide(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


class Vertex(Google):
    """A DirectSpeaker for Vertex: a `project` at Google Cloud in a `location`, asked as `credentials` or those that
    this machine has by default."""

    vertex = True

    def __init__(
        self,
        project: str,
        location: str,
        base_url: str | None,
        timeouts: Timeouts | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self._trouble = _trouble(project, location)
        home = vertex_home("global" if self._trouble else location)
        # The house wants a key or an address; credentials are neither, and looked for when something is asked.
        self.server = Server("vertex", "", base_url or home, timeouts, home=home, variable=PROJECT, looks=LOOKS)
        self.server.is_home = base_url is None
        self.rules = rules(self.vertex)
        self.wire = Wire(self.server, project, location, credentials)

    def refuses(self, request: Request, offer: Offer, given: Mapping[str, Given]) -> str | None:
        """What Vertex would refuse beyond `rules`, and that nobody said whose account it is."""
        return self._trouble or super().refuses(request, offer, given)


def _trouble(project: str, location: str) -> str:
    """Why Vertex cannot be asked for this account; "" when it can. Both become part of an address."""
    if not project:
        return f"vertex needs a project at Google Cloud: set {PROJECT}"
    if not _NAME.fullmatch(project):
        return f"{PROJECT} is no project's id: {project!r}"
    return "" if _NAME.fullmatch(location) else f"{LOCATION} is no location: {location!r}"
