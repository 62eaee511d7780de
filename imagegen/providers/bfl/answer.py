"""What Black Forest Labs answer. Pure.

A task costs what the answer that ends it says; a finished one that says nothing costs what was said when it was
taken. What a task cost that ended otherwise, and whose answer does not say, nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from imagegen.domain.model import Offer
from imagegen.domain.money import show
from imagegen.domain.outcome import UNKNOWN_CHARGE, Charge, Failed, Pending, Refused, Unknown
from imagegen.domain.request import Request
from imagegen.providers.hosted.errors import Denied, Manners, failure, retry_after
from imagegen.providers.hosted.hosted import ModelGone
from imagegen.providers.hosted.listed import listed
from imagegen.providers.hosted.remote import Ended, Job, Ready, Running, Taken
from imagegen.providers.hosted.rest import Reply
from imagegen.providers.hosted.server import Server, one_line

#: Nanodollars a credit: a cent, as their API skill of February 2026 says.
CREDIT = 10**7
#: What they say once, when they take a task.
_TOLD = ("cost", "input_mp", "output_mp")
#: How a task ends that the content policy stops. A word that is none of those known counts as still under way.
_REFUSED = {
    "Request Moderated": "refused the request",
    "Content Moderated": "made the picture and keeps it back",
}
#: Seconds after which a job is asked for again by a later run, when asking is denied.
_LATER = 60.0


class Errors(Manners):
    """Errors as FastAPI writes them: {"detail": a sentence, or a list of fields that are wrong}."""

    def said(self, reply: Reply) -> str:
        """The sentence, or each wrong field with what is wrong with it."""
        body = reply.json()
        detail = body.get("detail") if isinstance(body, Mapping) else None
        if isinstance(detail, list):
            return "; ".join(_field(each) for each in detail[:3] if isinstance(each, Mapping))
        return super().said(reply)

    def overloaded(self, reply: Reply) -> bool:
        """503 is maintenance or high load: no task was taken."""
        return reply.status == 503


def taken(reply: Reply, server: Server) -> Taken:
    """The task that was taken. Raises Denied when none was, or when that is not known."""
    body, manners = reply.json(), Errors()
    if not 200 <= reply.status < 300:
        outcome = failure(reply, server, manners)
        gone = manners.model_gone(reply) and manners.said(reply)
        raise (ModelGone if gone else Denied)(outcome)
    if not isinstance(body, Mapping) or not isinstance(body.get("id"), str) or not body["id"]:
        raise Denied(Unknown("", f"{server.name} took the request and named no task: possibly charged"))
    place = body.get("polling_url")
    told = {name: body[name] for name in _TOLD if _number(body.get(name)) is not None}
    return Taken(body["id"], place if isinstance(place, str) else None, told)


def state(reply: Reply, job: Job, request: Request, offer: Offer, server: Server) -> Running | Ready | Ended:
    """How a task stands."""
    body = reply.json()
    word = body.get("status") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(word, str):
        return _no_state(reply, job, server)
    if word == "Ready":
        return _ready(body, job, request, offer, server)
    if word in _REFUSED:
        reason = f"{server.name} {_REFUSED[word]} ({word.lower()}){_why(body, server)}"
        return Ended(Refused("", reason, _settled(body) or UNKNOWN_CHARGE))
    if word == "Error":
        reason = f"{server.name} failed{_why(body, server)}"
        return Ended(Failed("", reason, charge=_settled(body) or UNKNOWN_CHARGE))
    if word == "Task not found":
        return Ended(_lost(job, server))
    return Running(retry_after(reply.headers))


def _no_state(reply: Reply, job: Job, server: Server) -> Running | Ended:
    """An answer that is no task's state."""
    if reply.status in (401, 402, 403):
        return Ended(Pending("", _LATER))  # the task is there; a later run, with a key that is taken, asks for it
    if reply.status == 404 and reply.json() is not None:
        return Ended(_lost(job, server))
    return Running(retry_after(reply.headers))


def _ready(body: Mapping[str, Any], job: Job, request: Request, offer: Offer, server: Server) -> Ready | Ended:
    result = body.get("result")
    result = result if isinstance(result, Mapping) else {}
    charge = _settled(body) or _credits(job.told.get("cost")) or _by_list(request, offer)
    facts: dict[str, Any] = {"request_id": job.id, **{name: job.told[name] for name in _TOLD[1:] if name in job.told}}
    if isinstance(result.get("seed"), int):
        facts["seed"] = result["seed"]
    if isinstance(result.get("prompt"), str):
        facts["revised_prompt"] = result["prompt"]
    link = result.get("sample")
    if not isinstance(link, str) or not link:
        return Ended(Failed("", f"paid for, but {server.name} names no picture", charge=charge))
    return Ready(link, charge, facts, kept="10 minutes")


def _lost(job: Job, server: Server) -> Unknown:
    charge = _credits(job.told.get("cost"))
    price = f"; it was to cost {show(charge.amount)}" if charge and charge.amount is not None else ""
    return Unknown("", f"{server.name} does not know the task {job.id} any more{price}")


def _settled(body: Mapping[str, Any]) -> Charge | None:
    """What the answer says that the task cost, 0 included."""
    return _credits(body.get("cost"))


def _credits(value: Any) -> Charge | None:
    amount = _number(value)
    return None if amount is None else Charge(int((amount * CREDIT).to_integral_value()), "returned")


def _by_list(request: Request, offer: Offer) -> Charge:
    """The list's price, where that is no estimate."""
    return listed(request, offer) if offer.price and not offer.price.estimated else UNKNOWN_CHARGE


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**6:
        return None
    return Decimal(str(value))


def _why(body: Mapping[str, Any], server: Server) -> str:
    """What `details` say, in whatever form."""
    details = body.get("details")
    texts = [] if not isinstance(details, Mapping) else [_flat(value) for value in details.values()]
    said = server.hide(one_line(", ".join(filter(None, texts)), 200))
    return f": {said}" if said else ""


def _flat(value: Any) -> str:
    return ", ".join(map(str, value[:5])) if isinstance(value, list) else value if isinstance(value, str) else ""


def _field(each: Mapping[str, Any]) -> str:
    place = each.get("loc")
    names = [str(part) for part in place if part != "body"] if isinstance(place, list) else []
    return f"{'.'.join(names)}: {each.get('msg', '')}" if names else str(each.get("msg", ""))
