"""What a generation or an edit may ask for, as sentences for the plan; and the body that asks for it. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from imagegen.catalog.sizes import allows
from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.model import Offer, Size
from imagegen.domain.request import Request, nfc
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
        _kind(request)
        or edits.refusal(request, offer, given)
        or _foreign(request, offer)
        or _prompt(request, offer)
        or _size(request, offer)
        or _quality(request, offer)
        or _format(request, offer)
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
    return asked | _parsed(request.options or "{}")


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


def _kind(request: Request) -> str | None:
    if request.kind != "image":
        return f"{request.provider} makes pictures here, not {request.kind}"
    return None


def _foreign(request: Request, offer: Offer) -> str | None:
    for name, words in _NO_PLACE.items():
        if getattr(request, name) not in (None, ()):
            return f"{request.model} at {offer.provider} takes no {words.removeprefix('a ').removeprefix('an ')}"
    return None


def _prompt(request: Request, offer: Offer) -> str | None:
    most = offer.max_prompt or MAX_PROMPT
    if not request.prompt.strip():
        return "the prompt is empty"
    if len(request.prompt) > most:
        return f"the prompt has {len(request.prompt):,} characters; {request.model} takes at most {most:,}"
    if not request.prompt.isascii() and any("\ud800" <= sign <= "\udfff" for sign in request.prompt):
        return "the prompt holds half a character (a lone surrogate); write it anew"
    return None


def _size(request: Request, offer: Offer) -> str | None:
    if request.width is None and request.height is None:
        return None
    if not request.width or not request.height:
        return "a size needs both a width and a height"
    if allows(offer.sizes, Size(request.width, request.height)):
        return None
    return f"{request.model} does not make {request.width}x{request.height}; it makes {_makes(offer)}"


def _makes(offer: Offer) -> str:
    rule = offer.sizes
    listed = ", ".join(str(size) for size in rule.sizes or (rule.default,))
    if rule.step is None:
        return listed
    return (
        f"{listed} and any size with edges in multiples of {rule.step} up to {rule.max_edge}, "
        f"{rule.min_pixels:,} to {rule.max_pixels:,} pixels, at most {rule.max_ratio:g}:1"
    )


def _quality(request: Request, offer: Offer) -> str | None:
    if request.quality is None or request.quality in offer.qualities:
        return None
    if not offer.qualities:
        return f"{request.model} has no choice of quality; leave it out"
    return f"{request.model} has no quality {request.quality!r}; it has {', '.join(offer.qualities)}"


def _format(request: Request, offer: Offer) -> str | None:
    if request.wire_format is None or request.wire_format in offer.formats:
        return None
    return f"{request.model} does not answer in {request.wire_format}; it answers in {', '.join(offer.formats)}"


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
    try:
        given = _parsed(request.options)
    except ValueError:
        return "options must be a mapping of names to values"
    allowed = _allowed(request, offer)
    for name, value in given.items():
        if name not in allowed:
            return f"{request.model} has no option {name!r}; it has {', '.join(allowed) or 'none'}"
        if problem := allowed[name](value):
            return f"option {name} must be {problem}, not {value!r}"
    return _clash(request, given)


def _allowed(request: Request, offer: Offer) -> dict[str, Rule]:
    """The options that may be given, each with its rule."""
    if _is_dalle(offer):
        return _DALLE_3_OPTIONS if offer.api_name == "dall-e-3" else {}
    if not request.images:
        return _OPTIONS
    fidelity = edits.FIDELITY.get(offer.api_name)
    options = {name: rule for name, rule in _OPTIONS.items() if name != "moderation"}
    return options | ({"input_fidelity": _one_of(*fidelity)} if fidelity else {})


def _clash(request: Request, given: Mapping[str, Any]) -> str | None:
    if "output_compression" in given and request.wire_format not in ("jpeg", "webp"):
        return "option output_compression needs format jpeg or webp"
    if "moderation" in given and request.safety not in (None, given["moderation"]):
        return f"safety {request.safety!r} and option moderation {given['moderation']!r} say different things"
    return None


#: One option's rule: what a value must be when it is not, None when it is.
Rule = Callable[[Any], str | None]


def _one_of(*values: str) -> Rule:
    return lambda value: None if value in values else f"one of {', '.join(values)}"


def _percent(value: Any) -> str | None:
    right = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100
    return None if right else "a whole number from 0 to 100"


def _short_text(value: Any) -> str | None:
    return None if isinstance(value, str) and 0 < len(value) <= 64 else "a text of 1 to 64 characters"


_OPTIONS: dict[str, Rule] = {
    "moderation": _one_of("auto", "low"),
    "complexity": _one_of("low", "medium", "high"),
    "output_compression": _percent,
    "safety_identifier": _short_text,
}
_DALLE_3_OPTIONS: dict[str, Rule] = {"style": _one_of("vivid", "natural")}


@lru_cache(maxsize=256)
def _parsed(options: str) -> dict[str, Any]:
    """The options as a mapping. Not to be changed. ValueError when they are none."""
    value = json.loads(options)
    if not isinstance(value, dict):
        raise ValueError("options are not a mapping")
    return value
