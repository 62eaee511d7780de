"""Black Forest Labs: FLUX from its makers. A task is handed in, looked for at the address they name, and fetched.

endpoints.py  what each endpoint takes, and what it would refuse, as sentences for the plan
body.py       the JSON that asks for a picture
answer.py     what they answer: a task, its state, what it cost; and their errors
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from imagegen.domain.given import Given
from imagegen.domain.model import Offer
from imagegen.domain.outcome import Failed
from imagegen.domain.request import Request
from imagegen.picture import BadPicture
from imagegen.providers import Slip
from imagegen.providers.bfl import answer, body, endpoints
from imagegen.providers.hosted.errors import Denied
from imagegen.providers.hosted.remote import Ended, Job, Ready, Running, Taken
from imagegen.providers.hosted.rest import Rest
from imagegen.providers.hosted.server import Server, Timeouts

HOME = "https://api.bfl.ai"
#: The site whose hosts share the key: tasks are looked for at regional ones (api.eu1.bfl.ai).
SITE = ".bfl.ai"
#: What looks like part of one of their newer keys.
LOOKS = r"bfl_[A-Za-z0-9_-]{6,}"


class Bfl:
    """A RemoteSpeaker for Black Forest Labs. `api_key` may be empty for a server of one's own; `base_url` None: their
    own address. Raises SettingsError as `Server`."""

    rules = endpoints.RULES

    def __init__(self, api_key: str, base_url: str | None, timeouts: Timeouts | None = None) -> None:
        base = base_url.rstrip("/").removesuffix("/v1") if base_url else None
        wait = timeouts or Timeouts(first_byte=120.0, total=300.0)
        self.server = Server("bfl", api_key, base, wait, home=HOME, variable="BFL_API_KEY", looks=LOOKS)
        self._rest = Rest(self.server, {"accept": "application/json", **({"x-key": api_key} if api_key else {})})

    def refuses(self, request: Request, offer: Offer, given: Mapping[str, Given]) -> str | None:
        """What the endpoint would refuse beyond the rules that all have in common."""
        return endpoints.refusal(request, offer, given)

    def submit(self, request: Request, offer: Offer, inputs: Mapping[str, bytes], slip: Slip) -> Taken:
        """Hand the task in. What it costs is said now and kept."""
        try:
            asked = {**body.of(request, offer, inputs), **offer.sent}
        except BadPicture as problem:
            raise Denied(Failed("", f"the mask cannot be used: {problem.reason}")) from None
        reply = self._rest.send("POST", f"v1/{quote(offer.api_name)}", body=asked, slip=slip)
        return answer.taken(reply, self.server)

    def look(self, job: Job, request: Request, offer: Offer) -> Running | Ready | Ended:
        """Ask how the task stands, where they said to ask."""
        return answer.state(self._rest.send("GET", place(job, self.server)), job, request, offer, self.server)

    def close(self) -> None:
        """Close the connections."""
        self._rest.close()


def place(job: Job, server: Server) -> str:
    """Where to ask for `job`: at the address that they named, if the key may go there; else at the general one."""
    url = job.poll_url or ""
    ours = server.same_site(url, SITE) or (_of_site(server.base_url) and _of_site(url))
    return url if ours else f"v1/get_result?id={quote(job.id, safe='')}"


def _of_site(url: str) -> bool:
    """Whether `url` leads to the makers themselves: so it does where a user chose one of their regions."""
    parts = urlsplit(url)
    return parts.scheme == "https" and not parts.username and f".{parts.hostname or ''}".endswith(SITE)
