"""What Together is asked, and what it would refuse. Pure."""

from __future__ import annotations

from typing import Any

from imagegen.domain.model import Offer
from imagegen.domain.request import Request, nfc
from imagegen.providers.hosted.rules import Rules, flag, options_of

#: Steps for which a price is known, by a piece of the name on the wire: more of them cost more.
_STEPS = {"schnell": (1, 4), "FLUX.1-dev": (1, 28)}
_ANY_STEPS = (1, 50)


def _steps(offer: Offer) -> tuple[int, int]:
    return next((bounds for piece, bounds in _STEPS.items() if piece in offer.api_name), _ANY_STEPS)


RULES = Rules(options={"disable_safety_checker": flag}, steps=_steps)


def refusal(request: Request, offer: Offer) -> str | None:
    """Pictures and LoRAs go to Together by public URL, and what lies on this machine has none."""
    if request.images:
        return "together takes input pictures by public URL only; name another provider"
    if request.loras:
        return "together takes LoRAs by public URL only; name another provider"
    return None


def body(request: Request, offer: Offer) -> dict[str, Any]:
    """The JSON body for one picture: only what was asked for, and what the offer always sends. Models whose sizes
    carry a ratio are asked by it."""
    asked: dict[str, Any] = {
        "model": offer.api_name,
        "prompt": nfc(request.prompt),
        "response_format": "base64",
    }
    by_ratio = {"aspect_ratio": request.aspect_ratio}
    by_pixels = {"width": request.width, "height": request.height}
    fields = {
        **(by_ratio if request.aspect_ratio else by_pixels),
        "negative_prompt": request.negative_prompt,
        "seed": request.seed,
        "steps": request.steps,
        "guidance_scale": request.guidance,
        "output_format": request.wire_format,
    }
    asked |= {name: value for name, value in fields.items() if value is not None}
    return asked | options_of(request) | dict(offer.sent)
