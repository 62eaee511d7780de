"""Google's answer as JSON -> what came of the request: a picture, a block, or neither. Pure.

`content` reads what a Gemini model wrote, from a live call or out of a batch; `predicted` what Imagen made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from imagegen import prices
from imagegen.domain.model import Offer
from imagegen.domain.outcome import UNKNOWN_CHARGE, Artifact, Charge, Failed, Made, Outcome, Refused
from imagegen.domain.request import Request
from imagegen.providers.hosted.listed import listed
from imagegen.providers.hosted.pictures import decoded, media_type
from imagegen.providers.hosted.server import one_line

#: Ends of an answer that are the policy's: its filters, and what is too near to somebody's work.
POLICY = frozenset(
    {
        "SAFETY",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "RECITATION",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
        "ESCALATION",
    }
)
#: The account may make no more, whatever it asks.
BANNED = "PUP_LIMITED_DISABLED"
_KEPT = {"usageMetadata": "usage", "modelVersion": "model_version", "responseId": "request_id"}


def content(
    said: Any, request: Request, offer: Offer, facts: Mapping[str, Any], hide: Callable[[str], str] = str
) -> Outcome:
    """What a GenerateContentResponse means; the outcome's `key` stays empty. It was accepted, so that whatever came
    in a picture's place is charged by its usage. `hide` takes keys out of texts."""
    if not isinstance(said, Mapping):
        return _nothing("the answer is not the JSON of a picture", UNKNOWN_CHARGE)
    first = _first(said.get("candidates"))
    pictures, words = _parts(first)
    charge = _charge(said, request, offer, bool(pictures))
    if pictures:
        kept = {name: said[wire] for wire, name in _KEPT.items() if said.get(wire) is not None}
        more = {"pictures": {"asked": 1, "came": len(pictures)}} if len(pictures) > 1 else {}
        return _picture(pictures[0].get("data"), {**facts, **kept, **more}, charge)
    return _none(said, first, hide(one_line(words, 200)), charge, request)


def predicted(
    said: Any, request: Request, offer: Offer, facts: Mapping[str, Any], hide: Callable[[str], str] = str
) -> Outcome:
    """What Imagen's answer means. A picture is charged by the price list; whether a filtered one is, nobody says."""
    items = said.get("predictions") if isinstance(said, Mapping) else None
    first = _first(items)
    reason = first.get("raiFilteredReason")
    if isinstance(first.get("bytesBase64Encoded"), str):
        return _picture(first["bytesBase64Encoded"], dict(facts), listed(request, offer))
    if isinstance(reason, str) or said == {} or items == []:
        why = hide(one_line(reason)) if isinstance(reason, str) else "its filter let no picture through"
        return Refused("", f"{request.provider} refused the picture: {why}", UNKNOWN_CHARGE)
    return _nothing("the answer is not the JSON of a picture", UNKNOWN_CHARGE)


def _none(said: Mapping[str, Any], first: Mapping[str, Any], words: str, charge: Charge, request: Request) -> Outcome:
    """No picture: blocked before work, blocked after it, or words in its place."""
    who, wrote = request.provider, f": {words}" if words else ""
    feedback, ended = said.get("promptFeedback"), str(first.get("finishReason") or "")
    blocked = feedback.get("blockReason") if isinstance(feedback, Mapping) else None
    if blocked:
        return Refused("", f"{who} refused the prompt ({_word(blocked)})", charge)
    if ended in POLICY:
        return Refused("", f"{who} refused the picture ({ended}){wrote}", charge)
    if ended == BANNED:
        reason = f"{who} has limited or disabled the account for what it was used for ({ended})"
        return Failed("", reason, stops_provider=True, charge=charge)
    if ended == "STOP" and words:
        return Refused("", f"{who} answered in words and made no picture{wrote}", charge)
    return _nothing(f"the answer holds no picture ({_word(ended)}){wrote}" if ended else _EMPTY, charge)


_EMPTY = "the answer holds no picture"


def _word(reason: Any) -> str:
    return one_line(str(reason), 60)


def _parts(first: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], str]:
    """The pictures and the words of a candidate, without what it only thought."""
    content = first.get("content")
    parts = content.get("parts") if isinstance(content, Mapping) else None
    all_parts = parts if isinstance(parts, list) else []
    meant = [part for part in all_parts if isinstance(part, Mapping) and not part.get("thought")]
    pictures = [part["inlineData"] for part in meant if isinstance(part.get("inlineData"), Mapping)]
    return pictures, " ".join(str(part["text"]) for part in meant if part.get("text"))


def _picture(text: Any, facts: dict[str, Any], charge: Charge) -> Outcome:
    # Both alphabets of base64 are in use at Google.
    data = decoded(text.replace("-", "+").replace("_", "/")) if isinstance(text, str) else None
    media = media_type(data) if data else None
    if data is None or media is None:
        return _nothing(f"what came is not {'base64' if data is None else 'a picture'}", charge)
    return Made("", Artifact(data, media, facts), charge)


def _charge(said: Mapping[str, Any], request: Request, offer: Offer, pictured: bool) -> Charge:
    """By the usage where there is one; a price per picture holds for pictures."""
    price, usage = offer.price, said.get("usageMetadata")
    if price is not None and price.kind != "tokens":
        return listed(request, offer) if pictured else UNKNOWN_CHARGE
    if price is None or not isinstance(usage, Mapping):
        return UNKNOWN_CHARGE
    if request.images and price.text_in != price.image_in and not usage.get("promptTokensDetails"):
        return UNKNOWN_CHARGE  # tokens of text and of pictures have different prices
    try:
        return Charge(prices.from_token_counts(price, usage, pictured), "usage")
    except ValueError:
        return UNKNOWN_CHARGE


def _nothing(what: str, charge: Charge) -> Failed:
    return Failed("", f"paid for, but {what}", charge=charge)


def _first(items: Any) -> Mapping[str, Any]:
    return items[0] if isinstance(items, list) and items and isinstance(items[0], Mapping) else {}
