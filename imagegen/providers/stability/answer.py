"""What Stability answers. Pure.

It charges for successful generations only. One whose picture its policy blurs counts as successful: it comes as 200
with `finish_reason` CONTENT_FILTERED, is charged for, and is a refusal. One that its policy stops before (403) is
not charged for, and neither is one that fails in its own words (500 internal_error).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.domain.model import Offer
from imagegen.domain.outcome import Artifact, Failed, Made, Outcome, Refused, Unknown
from imagegen.domain.request import Request
from imagegen.providers.hosted.errors import Denied, Manners, failure
from imagegen.providers.hosted.hosted import ModelGone
from imagegen.providers.hosted.listed import listed
from imagegen.providers.hosted.pictures import decoded, media_type
from imagegen.providers.hosted.rest import Reply, parsed
from imagegen.providers.hosted.server import Server, one_line

#: Who sends more than 150 requests in ten seconds is turned away for this many seconds.
TIMED_OUT = 60.0
#: Names of errors that are the content policy's.
_POLICY = frozenset({"content_moderation", "public_figure"})


class Errors(Manners):
    """Errors as Stability writes them: {"id": …, "name": a word, "errors": [sentences]}."""

    def refused(self, reply: Reply) -> bool:
        """Stopped by the content policy, not charged."""
        return _name(reply) in _POLICY

    def wait(self, reply: Reply) -> float | None:
        """What it asks for; else as long as it shuts out who asks too often."""
        asked = super().wait(reply)
        return TIMED_OUT if asked is None and reply.status == 429 else asked


def denied(reply: Reply, server: Server) -> Denied:
    """What an answer means that is no success."""
    manners = Errors()
    if reply.status == 500 and _name(reply) == "internal_error":
        said = server.hide(one_line(manners.said(reply)))
        reason = f"{server.name} failed (500), which it does not charge for: {said}"
        return Denied(Failed("", reason, retryable=True, because="overload"))
    outcome = failure(reply, server, manners)
    return ModelGone(outcome) if reply.status == 404 and manners.said(reply) else Denied(outcome)


def outcome(data: bytes, request: Request, offer: Offer, facts: Mapping[str, Any], server: Server) -> Outcome:
    """What a success brought: the picture, a blurred one, or something else, possibly charged."""
    body = parsed(data)
    reason = body.get("finish_reason") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(reason, str):
        return Unknown("", f"what {server.name} answered is not its JSON: possibly charged")
    charge = listed(request, offer)
    if reason == "CONTENT_FILTERED":
        return Refused("", f"{server.name} blurred the picture (content_filtered) and charges for it", charge)
    text = body.get("image")
    picture = decoded(text) if isinstance(text, str) else None
    media = media_type(picture) if picture else None
    if picture is None or media is None:
        what = "the answer holds no picture" if not isinstance(text, str) else "what came is not a picture"
        return Failed(
            "", f"paid for, but {what}", charge=charge, evidence=server.hide(data.decode(errors="replace")).encode()
        )
    return Made("", Artifact(picture, media, {**facts, **_seed(body.get("seed"))}), charge)


def _seed(value: Any) -> dict[str, int]:
    """The seed that was used; the document calls it a number."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return {"seed": int(value)} if whole else {}


def _name(reply: Reply) -> str:
    body = reply.json()
    name = body.get("name") if isinstance(body, Mapping) else None
    return name if isinstance(name, str) else ""
