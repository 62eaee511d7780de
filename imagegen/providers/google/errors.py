"""What Google's error answers mean: the house's rules, and what Google writes into the body. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from imagegen.domain.outcome import Failed, Outcome
from imagegen.providers.hosted.errors import Denied, Manners, failure
from imagegen.providers.hosted.hosted import ModelGone
from imagegen.providers.hosted.rest import Reply
from imagegen.providers.hosted.server import Server, one_line

_DELAY = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s")


class GoogleManners(Manners):
    """Google says how long to wait in the body, and that requests which end with 400 or 500 are not charged."""

    def refused(self, reply: Reply) -> bool:
        """Vertex refuses a prompt for Imagen so; Gemini models answer 200."""
        return reply.status == 400 and "responsible ai" in self.said(reply).lower()

    def overloaded(self, reply: Reply) -> bool:
        """Before work."""
        return reply.status == 503 and status(reply) == "UNAVAILABLE"

    def wait(self, reply: Reply) -> float | None:
        """RetryInfo's delay, else the header's."""
        for detail in details(reply):
            found = _DELAY.fullmatch(str(detail.get("retryDelay", "")))
            if found:
                return float(found[1])
        return super().wait(reply)


MANNERS = GoogleManners()


def denied(reply: Reply, server: Server) -> Denied:
    """What an answer that is no success means, to be raised."""
    outcome = _own(reply, server) or failure(reply, server, MANNERS)
    return ModelGone(outcome) if status(reply) == "NOT_FOUND" else Denied(outcome)


def _own(reply: Reply, server: Server) -> Outcome | None:
    """What only Google writes; None where the house's rules say it all."""
    said = server.hide(one_line(MANNERS.said(reply)))
    if reply.status == 400 and "API_KEY_INVALID" in reasons(reply):
        return Failed("", f"{server.name}: the API key was not accepted (400)", stops_provider=True)
    if reply.status == 400 and status(reply) == "FAILED_PRECONDITION":
        return Failed("", f"{server.name} serves nothing to this account (400): {said}", stops_provider=True)
    if reply.status == 500 and status(reply) == "INTERNAL":
        reason = f"{server.name} failed (500), which it does not bill: {said}"
        return Failed("", reason, retryable=True, because="overload")
    quota = next((each for each in quotas(reply) if "PerDay" in each), None) if reply.status == 429 else None
    if quota:
        reason = (
            f"{server.name}: the quota of a day is used up for this model ({one_line(quota, 80)}); "
            "run it again tomorrow, it is filled up at midnight Pacific time"
        )
        return Failed("", reason, stops_model=True)
    return None


def status(reply: Reply) -> str:
    """Google's word for the error, such as RESOURCE_EXHAUSTED; "" where there is none."""
    return str(_error(reply).get("status") or "")


def details(reply: Reply) -> Iterator[Mapping[str, Any]]:
    """The error's details that are mappings."""
    found = _error(reply).get("details")
    return (each for each in found if isinstance(each, Mapping)) if isinstance(found, list) else iter(())


def reasons(reply: Reply) -> set[str]:
    """The reasons that the details give."""
    return {str(each.get("reason")) for each in details(reply)}


def quotas(reply: Reply) -> Iterator[str]:
    """The names of the quotas that were exceeded."""
    for detail in details(reply):
        violations = detail.get("violations")
        for each in violations if isinstance(violations, list) else ():
            if isinstance(each, Mapping):
                yield str(each.get("quotaId") or "")


def _error(reply: Reply) -> Mapping[str, Any]:
    body = reply.json()
    if isinstance(body, list) and body:
        body = body[0]
    found = body.get("error") if isinstance(body, Mapping) else None
    return found if isinstance(found, Mapping) else {}
