"""What fal's apps take: options and ranges by family, and the body that asks. Pure.

An app is asked by ratio and resolution word where the catalogue's sizes carry them, by pixels elsewhere; so an app
that nobody here knows can be bought from a user's catalogue file. What only some apps know stands in FORMS, from
fal's own pages of the models (read November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imagegen.domain.model import Offer
from imagegen.domain.request import Request, nfc
from imagegen.providers.hosted.pictures import data_url
from imagegen.providers.hosted.rules import Rule, flag, one_of, options_of, whole


def _level(value: Any) -> str | None:
    """Rule: 1 to 6, which goes out as text."""
    return None if str(value) in "123456" and len(str(value)) == 1 else "1 (strictest) to 6"


@dataclass(frozen=True)
class Form:
    """How a family of apps is asked. `steps` and `guidance` are inclusive ranges. `words`: its own resolution words
    where they differ from the catalogue's. `edit`: the path behind the app's name that takes input pictures."""

    options: Mapping[str, Rule] = field(default_factory=dict)
    steps: tuple[int, int] | None = None
    guidance: tuple[float, float] | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    edit: str = ""


_FLUX: dict[str, Rule] = {"acceleration": one_of("none", "regular", "high"), "enable_safety_checker": flag}
_PRO: dict[str, Rule] = {"safety_tolerance": _level, "enhance_prompt": flag}
FORMS = {
    "fal-ai/flux/schnell": Form(_FLUX, steps=(1, 12), guidance=(1.0, 20.0)),
    "fal-ai/flux/dev": Form(_FLUX, steps=(1, 50), guidance=(1.0, 20.0)),
    "fal-ai/flux-pro/v1.1": Form(_PRO),
    "fal-ai/flux-pro/v1.1-ultra": Form(_PRO | {"raw": flag}),
    "fal-ai/nano-banana-pro": Form({"safety_tolerance": _level}, edit="/edit"),
    "fal-ai/nano-banana-2": Form(
        {"safety_tolerance": _level, "limit_generations": flag}, words={"512": "0.5K"}, edit="/edit"
    ),
    "blackforestlabs/flux-3/text-to-image": Form(
        {"safety_tolerance": whole(0, 4), "enable_prompt_expansion": flag},
        words={"0.75K": "768sq", "1K": "1k", "2K": "2k", "4K": "4k"},
    ),
}
_PLAIN = Form()


def form(offer: Offer) -> Form:
    """How the app of `offer` is asked."""
    return FORMS.get(offer.api_name, _PLAIN)


def app(request: Request, offer: Offer) -> str:
    """The path to submit to."""
    return offer.api_name + (form(offer).edit if request.images else "")


def body(request: Request, offer: Offer, inputs: Mapping[str, bytes]) -> dict[str, Any]:
    """The JSON body for one picture: only what was asked for, and what the offer always sends."""
    asked: dict[str, Any] = {"prompt": nfc(request.prompt)}
    if request.images:
        asked["image_urls"] = [data_url(inputs[digest]) for digest in request.images]
    fields = {
        "negative_prompt": request.negative_prompt,
        "seed": request.seed,
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance,
        "output_format": request.wire_format,
    }
    asked |= {name: value for name, value in fields.items() if value is not None}
    return asked | _size(request, offer) | _options(request, offer) | dict(offer.sent)


def _size(request: Request, offer: Offer) -> dict[str, Any]:
    if request.aspect_ratio:
        word = form(offer).words.get(request.resolution or "", request.resolution)
        return {"aspect_ratio": request.aspect_ratio} | ({"resolution": word} if word else {})
    if request.width and request.height:
        return {"image_size": {"width": request.width, "height": request.height}}
    return {}


def _options(request: Request, offer: Offer) -> dict[str, Any]:
    texts = {name for name, rule in form(offer).options.items() if rule is _level}
    return {name: str(value) if name in texts else value for name, value in options_of(request).items()}
