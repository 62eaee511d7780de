"""A Request -> the `input` of a prediction. Pure. Only what was asked goes over the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imagegen.domain.model import Offer
from imagegen.domain.request import Request, nfc
from imagegen.providers.hosted.rules import options_of
from imagegen.providers.replicate.rules import refiner_of
from imagegen.providers.replicate.schemas import Schema

#: Replicate's name for a format.
_FORMATS = {"jpeg": "jpg"}
#: Seconds, the shortest deadline that Replicate takes.
SHORTEST = 5


def input_of(
    request: Request, offer: Offer, schema: Schema, pictures: Sequence[str] = (), mask: str | None = None
) -> dict[str, Any]:
    """The input of one prediction; `pictures` and `mask` are URLs or data URLs."""
    given: dict[str, Any] = {"prompt": nfc(request.prompt), **offer.sent, **_size(request, schema, bool(pictures))}
    asked = {
        "negative_prompt": request.negative_prompt,
        "seed": request.seed,
        schema.steps.name if schema.steps else "steps": request.steps,
        schema.guidance.name if schema.guidance else "guidance": request.guidance,
        "scheduler": request.scheduler,
        "refine": refiner_of(request),
        "prompt_strength": request.strength,
        "mask": mask,
    }
    given |= {name: value for name, value in asked.items() if value is not None}
    if schema.form and request.wire_format:
        given["output_format"] = _FORMATS.get(request.wire_format, request.wire_format)
    if pictures and schema.picture:
        given[schema.picture] = list(pictures) if schema.several else pictures[0]
    if schema.go_fast and request.seed is not None:
        # On by default at Replicate, and then no seed gives the same picture twice. Whoever wants it all the same
        # says so in `options`, which are part of the Key.
        given["go_fast"] = False
    return given | options_of(request)


def headers_of(offer: Offer) -> dict[str, str]:
    """A model that is paid for by the second is stopped before it costs more than was set aside."""
    if offer.price is None or offer.price.kind != "seconds":
        return {}
    return {"Cancel-After": f"{max(SHORTEST, int(offer.price.max_seconds))}s"}


def _size(request: Request, schema: Schema, edits: bool) -> dict[str, Any]:
    if schema.fitted and edits and schema.shape == "ratio":
        return {}  # the picture's own shape decides
    if schema.shape == "ratio":
        found: dict[str, Any] = {"aspect_ratio": request.aspect_ratio} if request.aspect_ratio else {}
        return found | ({"megapixels": request.resolution} if schema.megapixels and request.resolution else {})
    pixels = {"width": request.width, "height": request.height} if request.width and request.height else {}
    return {"aspect_ratio": "custom"} | pixels if schema.shape == "custom" and pixels else dict(pixels)
