"""The JSON that asks Black Forest Labs for a picture. Pure but for a mask that is turned into theirs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from imagegen.domain.model import Offer
from imagegen.domain.request import Request, nfc
from imagegen.providers.hosted.masks import painted
from imagegen.providers.hosted.rules import options_of


def of(request: Request, offer: Offer, inputs: Mapping[str, bytes]) -> dict[str, Any]:
    """Only what was asked for. `inputs` are the pictures by digest."""
    fields: dict[str, Any] = {
        "prompt": nfc(request.prompt),
        **_size(request, offer),
        "seed": request.seed,
        "steps": request.steps,
        "guidance": request.guidance,
        "output_format": request.wire_format,
        "safety_tolerance": None if request.safety is None else int(request.safety),
        **_pictures(request, offer, inputs),
    }
    return {name: value for name, value in fields.items() if value is not None} | options_of(request)


def _size(request: Request, offer: Offer) -> dict[str, Any]:
    """By ratio where the offer's sizes have ratios, else by edges; inpainting keeps the size that it is given."""
    if "mask" in offer.can:
        return {}
    if request.aspect_ratio:
        return {"aspect_ratio": request.aspect_ratio}
    return {"width": request.width, "height": request.height}


def _pictures(request: Request, offer: Offer, inputs: Mapping[str, bytes]) -> dict[str, str]:
    if "mask" in offer.can:
        parts = {"image": inputs[request.images[0]]}
        if request.mask:
            parts["mask"] = painted(inputs[request.mask])
    else:
        names = ("input_image", *(f"input_image_{number}" for number in range(2, len(request.images) + 1)))
        parts = {name: inputs[digest] for name, digest in zip(names, request.images, strict=False)}
    return {name: b64encode(data).decode() for name, data in parts.items()}
