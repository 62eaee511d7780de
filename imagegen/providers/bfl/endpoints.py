"""What each endpoint of Black Forest Labs takes beyond prompt, size and seed: ranges, options, pictures. Pure.

From their API document of 2026-05-01. It says nothing of the retired flux-pro, which was asked as flux-dev is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from imagegen.domain.given import Given
from imagegen.domain.model import Offer
from imagegen.domain.request import Request
from imagegen.providers.hosted.rules import Rule, Rules, flag, options_of, whole
from imagegen.providers.hosted.shape import other_shape


@dataclass(frozen=True)
class Endpoint:
    """`tolerance`: the laxest level of moderation, 0 being the strictest. `steps` and `guidance`: inclusive ranges."""

    tolerance: int = 6
    steps: tuple[int, int] | None = None
    guidance: tuple[float, float] | None = None
    options: Mapping[str, Rule] = field(default_factory=dict)


_UPSAMPLING: Mapping[str, Rule] = {"prompt_upsampling": flag}
_FIRST = Endpoint(steps=(1, 50), guidance=(1.5, 5), options=_UPSAMPLING)
_ENDPOINTS = {
    "flux-2-flex": Endpoint(5, (1, 50), (1.5, 10), _UPSAMPLING),
    "flux-2": Endpoint(5),
    "flux-pro-1.1-ultra": Endpoint(options={**_UPSAMPLING, "raw": flag}),
    "flux-pro-1.1": Endpoint(options=_UPSAMPLING),
    "flux-pro-1.0-fill": Endpoint(steps=(15, 50), guidance=(1.5, 100), options=_UPSAMPLING),
    "flux-kontext": Endpoint(options=_UPSAMPLING),
    "flux-pro": _FIRST,
    "flux-dev": _FIRST,
}
#: One that nobody described here takes what all of them take.
_OTHER = Endpoint(5, (1, 50), (1.5, 10))


def endpoint(offer: Offer) -> Endpoint:
    """The endpoint of `offer`: by its name, or by how its name begins (flux-2-klein-9b-preview)."""
    name = offer.api_name
    return next((found for known, found in _ENDPOINTS.items() if f"{name}-".startswith(f"{known}-")), _OTHER)


def _options(request: Request, offer: Offer) -> Mapping[str, Rule]:
    found = endpoint(offer)
    return {"safety_tolerance": whole(0, found.tolerance), **found.options}


RULES = Rules(
    options_of=_options,
    steps=lambda offer: endpoint(offer).steps,
    guidance=lambda offer: endpoint(offer).guidance,
    safety=tuple("0123456"),
)


def refusal(request: Request, offer: Offer, given: Mapping[str, Given]) -> str | None:
    """The first reason why the endpoint would not take `request`."""
    return _tolerance(request, offer) or (_fill(request, offer, given) if "mask" in offer.can else None)


def _tolerance(request: Request, offer: Offer) -> str | None:
    most = endpoint(offer).tolerance
    if request.safety is None:
        return None
    if int(request.safety) > most:
        return f"{request.model} has no safety level {request.safety!r}; it has 0 (strict) to {most}"
    if "safety_tolerance" in options_of(request):
        return "safety and option safety_tolerance say the same thing: give one of them"
    return None


def _fill(request: Request, offer: Offer, given: Mapping[str, Given]) -> str | None:
    """Inpainting needs a picture and where to paint."""
    if not request.images:
        return f"{request.model} fills parts of a picture: add `image`"
    picture = given.get(request.images[0])
    if request.mask is None and picture is not None and not picture.alpha:
        return f"{request.model} must know where to paint: add `mask`, or give a PNG that is transparent there"
    return other_shape(request, offer, picture)
