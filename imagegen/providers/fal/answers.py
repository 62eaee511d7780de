"""What fal's queue answers: a job taken, waiting, over; its picture, or why there is none. Pure.

Who pays for a job without a picture: nobody for a 5xx, which fal documents not to bill; for a 422 fal says that it
may be billed, so that charge is unknown (and the ledger counts all that was set aside); a picture that the safety
checker blacked out was made, and costs what it costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.domain.model import Offer
from imagegen.domain.outcome import UNKNOWN_CHARGE, Failed, Pending, Refused, Unknown
from imagegen.domain.request import Request
from imagegen.providers.hosted.errors import Manners
from imagegen.providers.hosted.listed import listed
from imagegen.providers.hosted.remote import Ended, Ready, Running, Taken
from imagegen.providers.hosted.rest import Reply
from imagegen.providers.hosted.server import Server, one_line

#: The content policy's own name among the types of a model's errors.
POLICY = "content_policy_violation"
#: Beginnings of the types of errors that are the platform's own, not the model's: answered as 5xx.
_PLATFORM = ("runner_", "startup_", "request_timeout", "internal_")
#: Seconds until a job is asked for again whose key is refused for now.
LATER = 60.0


class FalManners(Manners):
    """fal's errors: `detail` is a sentence, or a list of {loc, msg, type}."""

    free_5xx = True

    def refused(self, reply: Reply) -> bool:
        """Whether one of the errors is the content policy's."""
        detail = _mapping(reply.json()).get("detail")
        items = detail if isinstance(detail, list) else []
        return any(isinstance(item, Mapping) and item.get("type") == POLICY for item in items)


MANNERS = FalManners()


def taken(reply: Reply) -> Taken | None:
    """The job, with the addresses at which it is asked for; None when the answer names none."""
    said = _mapping(reply.json())
    found = [said.get(name) for name in ("request_id", "status_url", "response_url")]
    job, status, response = (value if isinstance(value, str) else "" for value in found)
    return Taken(job, status, {"response_url": response}) if job and status and response else None


def standing(reply: Reply, server: Server) -> Running | Ended | Mapping[str, Any]:
    """What the status says: wait, it is lost, or (a mapping) it is over."""
    said = _mapping(reply.json())
    if reply.status in (200, 202) and said.get("status"):
        return Running() if said["status"] in ("IN_QUEUE", "IN_PROGRESS") else said
    return _not_told(reply, server) or Running(MANNERS.wait(reply))


def result(
    reply: Reply, said: Mapping[str, Any], job: str, request: Request, offer: Offer, server: Server
) -> Running | Ready | Ended:
    """What a finished job brought; `said` is its status."""
    error = one_line(server.hide(str(said.get("error") or "")))
    if 200 <= reply.status < 300 and not error:
        return _picture(reply, job, request, offer, server)
    lost = _not_told(reply, server)
    if lost is not None and not error:
        return lost
    why = one_line(server.hide(MANNERS.said(reply))) or error
    tail = f": {why}" if why else ""
    kind = str(said.get("error_type") or reply.headers.get("x-fal-error-type") or "")
    if MANNERS.refused(reply) or kind == POLICY:
        return Ended(Refused("", f"{server.name} refused the request ({reply.status}){tail}", UNKNOWN_CHARGE))
    ended = error or _mapping(reply.json()).get("detail")
    if ended and (reply.status >= 500 or kind.startswith(_PLATFORM)):
        again = reply.headers.get("x-fal-retryable", "").lower() != "false"
        because: Any = "overload" if again else None
        reason = f"{server.name} failed ({reply.status}), which it does not bill{tail}"
        return Ended(Failed("", reason, retryable=again, because=because))
    if error or reply.status in (400, 409, 413, 422):
        reason = f"{server.name} made no picture ({reply.status}), possibly charged{tail}"
        return Ended(Failed("", reason, charge=UNKNOWN_CHARGE))
    return Running(MANNERS.wait(reply))


def _not_told(reply: Reply, server: Server) -> Ended | None:
    """What it means that fal does not answer for the job, when that is final for now."""
    if reply.status in (404, 410):
        return Ended(Unknown("", f"{server.name} does not know the job any more ({reply.status}): possibly charged"))
    if reply.status in (401, 403):
        return Ended(Pending("", LATER))  # the job is there: it is asked for again with a key that works
    return None


def _picture(reply: Reply, job: str, request: Request, offer: Offer, server: Server) -> Ready | Ended:
    said = _mapping(reply.json())
    charge = listed(request, offer)
    blocked = said.get("has_nsfw_concepts")
    if isinstance(blocked, list) and any(each is True for each in blocked):
        return Ended(Refused("", f"{server.name} blacked the picture out: its safety checker objects", charge))
    images = said.get("images")
    first = images[0] if isinstance(images, list) and images else None
    url = first.get("url") if isinstance(first, Mapping) else None
    if not isinstance(url, str) or not url:
        evidence = server.hide(reply.data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        reason = "paid for, but the answer holds no picture"
        return Ended(Failed("", reason, charge=UNKNOWN_CHARGE, evidence=evidence))
    facts = {"request_id": job} | ({"seed": said["seed"]} if isinstance(said.get("seed"), int) else {})
    return Ready(url, charge, facts)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
