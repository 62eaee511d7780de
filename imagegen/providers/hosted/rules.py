"""What an offer would refuse, as sentences for the plan. Pure.

The catalogue says what an offer can do; `Rules` says what it does not say: ranges, options, what a picture may be.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from imagegen.catalog.sizes import allows
from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.model import Offer, Size
from imagegen.domain.request import Request

#: One option's rule: what a value must be when it is not, None when it is.
Rule = Callable[[Any], str | None]
#: Fields that an offer takes only when its capabilities say so, and how people call them.
_NEEDS = {
    "negative_prompt": ("negative", "negative prompt"),
    "seed": ("seed", "seed"),
    "steps": ("steps", "inference steps"),
    "guidance": ("guidance", "guidance scale"),
    "scheduler": ("scheduler", "scheduler"),
    "control": ("control", "control"),
    "control_image": ("control", "control image"),
    "refiner": ("refiner", "refiner"),
    "loras": ("lora", "LoRA"),
    "mask": ("mask", "mask"),
    "images": ("edit", "input pictures"),
}
_NAMES = {"png": "a PNG", "jpeg": "a JPEG", "webp": "a WebP", "avif": "an AVIF"}


@dataclass(frozen=True)
class Rules:
    """What one dialect takes. `options` are those of a request's own `options` mapping, by name; `options_of` may
    tell them by offer. `steps` and `guidance` are inclusive ranges. `safety` are the levels that may be named;
    `strength`: whether one may be given with an input picture. Bytes are those of one input picture."""

    options: Mapping[str, Rule] = field(default_factory=dict)
    options_of: Callable[[Request, Offer], Mapping[str, Rule]] | None = None
    steps: Callable[[Offer], tuple[int, int] | None] = field(default=lambda offer: None)
    guidance: Callable[[Offer], tuple[float, float] | None] = field(default=lambda offer: None)
    seed_max: int = 2**32 - 1
    safety: tuple[str, ...] = ()
    strength: bool = False
    max_prompt: int = 32_000
    formats: tuple[str, ...] = ("png", "jpeg", "webp")
    picture_bytes: int = 20 * 10**6


def refusal(request: Request, offer: Offer, rules: Rules, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
    """The first reason why `offer` would not make `request`; None when it would. `given`: its input pictures by
    digest, as far as they are known."""
    return (
        kind(request)
        or _capable(request, offer)
        or _pictures(request, offer, rules, given)
        or _mask(request, given)
        or prompt(request, offer, rules.max_prompt)
        or size(request, offer)
        or quality(request, offer)
        or wire_format(request, offer)
        or _background(request, offer)
        or _ranges(request, offer, rules)
        or _safety(request, rules)
        or _options(request, offer, rules)
    )


def kind(request: Request) -> str | None:
    """A request for something else than a picture."""
    return None if request.kind == "image" else f"{request.provider} makes pictures here, not {request.kind}"


def prompt(request: Request, offer: Offer, longest: int) -> str | None:
    """An empty or too long prompt, or one that is no text."""
    most = offer.max_prompt or longest
    if not request.prompt.strip():
        return "the prompt is empty"
    if len(request.prompt) > most:
        return f"the prompt has {len(request.prompt):,} characters; {request.model} takes at most {most:,}"
    if not request.prompt.isascii() and any("\ud800" <= sign <= "\udfff" for sign in request.prompt):
        return "the prompt holds half a character (a lone surrogate); write it anew"
    return None


def size(request: Request, offer: Offer) -> str | None:
    """A size that is not made."""
    if request.width is None and request.height is None:
        return None
    if not request.width or not request.height:
        return "a size needs both a width and a height"
    if allows(offer.sizes, Size(request.width, request.height)):
        return None
    return f"{request.model} does not make {request.width}x{request.height}; it makes {_makes(offer)}"


def _makes(offer: Offer) -> str:
    rule = offer.sizes
    listed = ", ".join(str(size) for size in rule.sizes[:12] or (rule.default,))
    listed += f" and {len(rule.sizes) - 12} more" if len(rule.sizes) > 12 else ""
    if rule.step is None:
        return listed
    return (
        f"{listed} and any size with edges in multiples of {rule.step} up to {rule.max_edge}, "
        f"{rule.min_pixels:,} to {rule.max_pixels:,} pixels, at most {rule.max_ratio:g}:1"
    )


def quality(request: Request, offer: Offer) -> str | None:
    """A quality that the model has not."""
    if request.quality is None or request.quality in offer.qualities:
        return None
    if not offer.qualities:
        return f"{request.model} has no choice of quality; leave it out"
    return f"{request.model} has no quality {request.quality!r}; it has {', '.join(offer.qualities)}"


def wire_format(request: Request, offer: Offer) -> str | None:
    """A format that does not come."""
    if request.wire_format is None or request.wire_format in offer.formats:
        return None
    known = ", ".join(offer.formats) or "the one it chooses"
    return f"{request.model} does not answer in {request.wire_format}; it answers in {known}"


def _capable(request: Request, offer: Offer) -> str | None:
    for name, (needed, words) in _NEEDS.items():
        if getattr(request, name) not in (None, ()) and needed not in offer.can:
            return f"{request.model} at {offer.provider} takes no {words}"
    if request.weights is not None or request.step_cache is not None:
        return f"{request.model} at {offer.provider} takes neither a revision of weights nor step caching"
    return None


def _pictures(request: Request, offer: Offer, rules: Rules, given: Mapping[str, Given]) -> str | None:
    if request.mask and not request.images:
        return "a mask needs a picture to edit: add `image`"
    if request.strength is not None and not (rules.strength and request.images):
        return f"{request.model} at {offer.provider} takes no strength" + (" without `image`" if rules.strength else "")
    if len(request.images) > offer.max_inputs:
        return f"{request.model} takes at most {offer.max_inputs} input pictures, not {len(request.images)}"
    for number, digest in enumerate(request.images, 1):
        found = given.get(digest)
        which = "the input picture" if len(request.images) == 1 else f"input picture {number}"
        if found is None:
            continue
        if found.format not in rules.formats:
            return f"{which} is {_NAMES[found.format]}; {offer.provider} takes {', '.join(rules.formats)}: convert it"
        if found.bytes > rules.picture_bytes:
            return f"{which} has {found.bytes:,} bytes; {offer.provider} takes at most {rules.picture_bytes:,}"
    return None


def _mask(request: Request, given: Mapping[str, Given]) -> str | None:
    mask, first = given.get(request.mask or ""), given.get(request.images[0]) if request.images else None
    if mask is None or first is None or (first.width, first.height) == (mask.width, mask.height):
        return None
    return f"the mask is {mask.width}x{mask.height}, the picture {first.width}x{first.height}: make them one size"


def _background(request: Request, offer: Offer) -> str | None:
    if request.background in (None, "auto", "opaque"):
        return None
    if request.background == "transparent" and "alpha" in offer.can:
        return None
    return f"{request.model} at {offer.provider} cannot make transparent backgrounds"


def _ranges(request: Request, offer: Offer, rules: Rules) -> str | None:
    asked = (("steps", rules.steps(offer)), ("guidance", rules.guidance(offer)), ("seed", (0, rules.seed_max)))
    for name, bounds in asked:
        value = getattr(request, name)
        if value is not None and bounds and not bounds[0] <= value <= bounds[1]:
            span = f"{name} from {bounds[0]:,} to {bounds[1]:,}"
            return f"{request.model} at {offer.provider} takes {span}, not {value:,}"
    return None


def _safety(request: Request, rules: Rules) -> str | None:
    if request.safety is None or request.safety in rules.safety:
        return None
    return f"{request.model} has no safety level {request.safety!r}; it has {', '.join(rules.safety) or 'none'}"


def _options(request: Request, offer: Offer, rules: Rules) -> str | None:
    if request.options is None:
        return None
    return bad_option(request, rules.options_of(request, offer) if rules.options_of else rules.options)


def bad_option(request: Request, allowed: Mapping[str, Rule]) -> str | None:
    """A sentence for the first of the request's options that is not `allowed`, or not with that value."""
    try:
        given = options_of(request)
    except ValueError:
        return "options must be a mapping of names to values"
    for name, value in given.items():
        if name not in allowed:
            return f"{request.model} has no option {name!r}; it has {', '.join(allowed) or 'none'}"
        if problem := allowed[name](value):
            return f"option {name} must be {problem}, not {value!r}"
    return None


def options_of(request: Request) -> dict[str, Any]:
    """The request's own options; a new mapping. ValueError when they are none."""
    return dict(_parsed(request.options)) if request.options else {}


@lru_cache(maxsize=256)
def _parsed(options: str) -> dict[str, Any]:
    value = json.loads(options)
    if not isinstance(value, dict):
        raise ValueError("options are not a mapping")
    return value


def one_of(*values: Any) -> Rule:
    """Rule: one of `values`."""
    return lambda value: None if value in values else f"one of {', '.join(map(str, values))}"


def whole(low: int, high: int) -> Rule:
    """Rule: a whole number from `low` to `high`."""

    def rule(value: Any) -> str | None:
        right = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return None if right else f"a whole number from {low} to {high}"

    return rule


def number(low: float, high: float) -> Rule:
    """Rule: a number from `low` to `high`."""

    def rule(value: Any) -> str | None:
        right = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        return None if right else f"a number from {low:g} to {high:g}"

    return rule


def flag(value: Any) -> str | None:
    """Rule: true or false."""
    return None if isinstance(value, bool) else "true or false"


def short_text(value: Any) -> str | None:
    """Rule: a text of 1 to 64 characters."""
    return None if isinstance(value, str) and 0 < len(value) <= 64 else "a text of 1 to 64 characters"
