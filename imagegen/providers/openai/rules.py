"""What a generation or an edit may ask for, as sentences for the plan; and the body that asks for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.model import Offer
from imagegen.domain.request import Request, nfc
from imagegen.providers.hosted import rules as shared
from imagegen.providers.hosted.rules import Rule, bad_option, one_of, options_of, short_text, whole
from imagegen.providers.openai import edits

#: Characters of a prompt where the catalogue says nothing else.
MAX_PROMPT = 32_000
#: Fields of a Request for which the endpoint has no place, and how people call them.
_NO_PLACE = {
    "negative_prompt": "a negative prompt",
    "aspect_ratio": "an aspect ratio (ask for a size)",
    "resolution": "a resolution (ask for a size)",
    "steps": "inference steps",
    "guidance": "a guidance scale",
    "scheduler": "a scheduler",
    "seed": "a seed",
    "strength": "a strength",
    "control": "a control",
    "control_image": "a control image",
    "refiner": "a refiner",
    "loras": "a LoRA",
    "weights": "a revision of weights",
    "step_cache": "step caching",
}


def refusal(request: Request, offer: Offer, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
    """The first reason why `offer` would not make `request`; None when it would. `given`: its input pictures by
    digest, as far as they are known."""
    return (
        shared.kind(request)
        or edits.refusal(request, offer, given)
        or _foreign(request, offer)
        or shared.prompt(request, offer, MAX_PROMPT)
        or shared.size(request, offer)
        or shared.quality(request, offer)
        or shared.wire_format(request, offer)
        or _background(request, offer)
        or _options(request, offer)
    )


def body(request: Request, offer: Offer, n: int) -> dict[str, Any]:
    """The JSON body for `n` samples of `request`: only what was asked for. What the offer always sends
    (`Offer.sent`) comes on top of it."""
    asked: dict[str, Any] = {"model": offer.api_name, "prompt": nfc(request.prompt)}
    if request.width and request.height:
        asked["size"] = f"{request.width}x{request.height}"
    if request.quality:
        asked["quality"] = request.quality
    if _is_dalle(offer):
        asked["response_format"] = "b64_json"
    else:
        asked |= _modern(request)
    if n > 1:
        asked["n"] = n
    return asked | options_of(request)


def _modern(request: Request) -> dict[str, Any]:
    """Fields that DALL-E did not have."""
    fields = {
        "output_format": request.wire_format,
        "background": request.background,
        "moderation": request.safety,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _is_dalle(offer: Offer) -> bool:
    return offer.api_name.startswith("dall-e")


def _foreign(request: Request, offer: Offer) -> str | None:
    for name, words in _NO_PLACE.items():
        if getattr(request, name) not in (None, ()):
            return f"{request.model} at {offer.provider} takes no {words.removeprefix('a ').removeprefix('an ')}"
    return None


def _background(request: Request, offer: Offer) -> str | None:
    wanted = request.background
    if wanted is None:
        return None
    if _is_dalle(offer):
        return f"{request.model} has no choice of background"
    if wanted not in ("auto", "opaque", "transparent"):
        return f"{request.model} has no background {wanted!r}; it has auto, opaque and transparent"
    if wanted == "transparent" and "alpha" not in offer.can:
        return f"{request.model} cannot make transparent backgrounds"
    if wanted == "transparent" and request.wire_format not in (None, "png", "webp"):
        return f"a transparent background needs png or webp, not {request.wire_format}"
    return None


def _options(request: Request, offer: Offer) -> str | None:
    dalle = _is_dalle(offer)
    if request.safety is not None and (dalle or request.safety not in ("auto", "low")):
        known = "none" if dalle else "auto and low"
        return f"{request.model} has no safety level {request.safety!r}; it has {known}"
    if request.options is None:
        return None
    return bad_option(request, _allowed(request, offer)) or _clash(request, options_of(request))


def _allowed(request: Request, offer: Offer) -> dict[str, Rule]:
    """The options that may be given, each with its rule."""
    if _is_dalle(offer):
        return _DALLE_3_OPTIONS if offer.api_name == "dall-e-3" else {}
    if not request.images:
        return _OPTIONS
    fidelity = edits.FIDELITY.get(offer.api_name)
    options = {name: rule for name, rule in _OPTIONS.items() if name != "moderation"}
    return options | ({"input_fidelity": one_of(*fidelity)} if fidelity else {})


def _clash(request: Request, given: Mapping[str, Any]) -> str | None:
    if "output_compression" in given and request.wire_format not in ("jpeg", "webp"):
        return "option output_compression needs format jpeg or webp"
    if "moderation" in given and request.safety not in (None, given["moderation"]):
        return f"safety {request.safety!r} and option moderation {given['moderation']!r} say different things"
    return None


_OPTIONS: dict[str, Rule] = {
    "moderation": one_of("auto", "low"),
    "complexity": one_of("low", "medium", "high"),
    "output_compression": whole(0, 100),
    "safety_identifier": short_text,
}
_DALLE_3_OPTIONS: dict[str, Rule] = {"style": one_of("vivid", "natural")}
