"""fal's queue: a job is handed in, its own addresses are asked until it is over, its picture is fetched.

forms.py    what each app takes, and the body that asks
answers.py  what the queue's answers mean
"""

from __future__ import annotations

from collections.abc import Mapping

from imagegen.domain.given import Given
from imagegen.domain.model import Offer
from imagegen.domain.outcome import Unknown
from imagegen.domain.request import Request
from imagegen.providers import Slip
from imagegen.providers.fal import answers, forms
from imagegen.providers.hosted.errors import Denied, failure
from imagegen.providers.hosted.hosted import ModelGone
from imagegen.providers.hosted.remote import Ended, Job, Ready, Running, Taken
from imagegen.providers.hosted.rest import Reply, Rest
from imagegen.providers.hosted.rules import Rules
from imagegen.providers.hosted.server import Server, Timeouts

HOME = "https://queue.fal.run"
#: Where fal's own addresses end.
SITE = ".fal.run"
RULES = Rules(
    options_of=lambda request, offer: forms.form(offer).options,
    steps=lambda offer: forms.form(offer).steps,
    guidance=lambda offer: forms.form(offer).guidance,
)


class Fal:
    """A RemoteSpeaker for fal's queue. `api_key` may be empty for a server of one's own."""

    rules = RULES

    def __init__(self, api_key: str, base_url: str | None, timeouts: Timeouts | None = None) -> None:
        looks = r"\b[0-9a-f]{8}-[0-9a-f-]{27}:[0-9a-f]{8,}\b"
        self.server = Server("fal", api_key, base_url, timeouts, home=HOME, variable="FAL_KEY", looks=looks)
        key = {"authorization": f"Key {api_key}"} if api_key else {}
        # fal would try a failed job again by itself; how often a picture is tried is decided here.
        self._rest = Rest(self.server, {**key, "x-fal-no-retry": "1"})

    def refuses(self, request: Request, offer: Offer, given: Mapping[str, Given]) -> str | None:
        """Input pictures for an app whose endpoint for them is not known."""
        if request.images and not forms.form(offer).edit:
            return f"no endpoint of fal is known that edits with {offer.api_name}; name another model"
        return None

    def submit(self, request: Request, offer: Offer, inputs: Mapping[str, bytes], slip: Slip) -> Taken:
        """Hand the job in, once."""
        body = forms.body(request, offer, inputs)
        reply = self._rest.send("POST", forms.app(request, offer), body=body, slip=slip)
        if not 200 <= reply.status < 300:
            raise self._denied(reply)
        taken = answers.taken(reply)
        if taken is None:
            raise Denied(Unknown("", f"{self.server.host} answered without a job: possibly charged"))
        return taken

    def _denied(self, reply: Reply) -> Denied:
        """What it means that no job was taken. A gateway's page leaves open whether the queue got it."""
        if reply.status >= 500 and not isinstance(reply.json(), Mapping):
            said = (
                f"{self.server.name}'s gateway answered {reply.status}: the job may be in the queue, possibly charged"
            )
            return Denied(Unknown("", said))
        outcome = failure(reply, self.server, answers.MANNERS)
        gone = reply.status == 404 and answers.MANNERS.said(reply)
        return ModelGone(outcome) if gone else Denied(outcome)

    def look(self, job: Job, request: Request, offer: Offer) -> Running | Ready | Ended:
        """Ask how the job stands, and when it is over what it brought, at the addresses that fal named."""
        status, response = job.poll_url or "", str(job.told.get("response_url") or "")
        if not all(self.server.same_site(url, SITE) for url in (status, response)):
            reason = f"{self.server.name} named no address of its own to ask at: possibly charged"
            return Ended(Unknown("", reason))
        said = answers.standing(self._rest.send("GET", status), self.server)
        if isinstance(said, Running | Ended):
            return said
        reply = self._rest.send("GET", response)
        return answers.result(reply, said, job.id, request, offer, self.server)

    def close(self) -> None:
        """Close the connections."""
        self._rest.close()
