"""The multipart fields that ask Stability for a picture, and what it would refuse. Pure.

From its API document v2beta. Edits are image-to-image: one picture and a strength. Stable Diffusion keeps the
picture's shape and takes no ratio beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.domain.given import Given
from imagegen.domain.model import Offer
from imagegen.domain.request import Request, nfc
from imagegen.providers.hosted.pictures import media_type
from imagegen.providers.hosted.rules import Rules, one_of, options_of
from imagegen.providers.hosted.shape import other_shape

#: 0 asks for any seed, so a seed of 0 goes out as the largest one: the same picture at every call.
MOST_SEED = 4_294_967_294
#: A whole request may have 10 MiB; its other fields need some of that.
MOST_BYTES = 10 * 2**20 - 2**17
SHORTEST_EDGE, LONGEST_EDGE = 64, 16_384
MOST_NEGATIVE = 10_000
#: The endpoint whose requests say in which mode they are, and which keeps a picture's shape.
DIFFUSION = "sd3"
STYLES = (
    *("enhance", "anime", "photographic", "digital-art", "comic-book", "fantasy-art", "line-art", "analog-film"),
    *("neon-punk", "isometric", "low-poly", "origami", "modeling-compound", "cinematic", "3d-model", "pixel-art"),
    "tile-texture",
)

RULES = Rules(
    options={"style_preset": one_of(*STYLES)},
    guidance=lambda offer: (1, 10),
    seed_max=MOST_SEED,
    strength=True,
    max_prompt=10_000,
    picture_bytes=MOST_BYTES,
)


def fields(request: Request, offer: Offer) -> dict[str, str]:
    """Only what was asked for, as texts."""
    edit = bool(request.images)
    keeps = edit and offer.api_name == DIFFUSION
    asked = {
        "prompt": nfc(request.prompt),
        "negative_prompt": request.negative_prompt,
        "aspect_ratio": None if keeps else request.aspect_ratio,
        "mode": "image-to-image" if keeps else None,
        "strength": request.strength,
        "seed": None if request.seed is None else request.seed or MOST_SEED,
        "cfg_scale": request.guidance,
        "output_format": request.wire_format,
        **options_of(request),
    }
    return {name: _text(value) for name, value in asked.items() if value is not None}


def files(request: Request, inputs: Mapping[str, bytes]) -> dict[str, tuple[str, bytes, str]]:
    """The input picture as a file's part."""
    if not request.images:
        return {}
    data = inputs[request.images[0]]
    kind = media_type(data) or "application/octet-stream"
    return {"image": (f"image.{kind.rpartition('/')[2]}", data, kind)}


def refusal(request: Request, offer: Offer, given: Mapping[str, Given]) -> str | None:
    """The first reason why Stability would not take `request`."""
    if request.negative_prompt and len(request.negative_prompt) > MOST_NEGATIVE:
        return (
            f"the negative prompt has {len(request.negative_prompt):,} characters; at most {MOST_NEGATIVE:,} are taken"
        )
    if not request.images:
        return None
    if request.strength is None:
        return f"{request.model} edits with a strength: add `strength`, from 0 (the picture as it is) to 1 (ignore it)"
    picture = given.get(request.images[0])
    return _edges(request, picture) or (other_shape(request, offer, picture) if offer.api_name == DIFFUSION else None)


def _edges(request: Request, picture: Given | None) -> str | None:
    if picture is None:
        return None
    short, long = sorted((picture.width, picture.height))
    if short >= SHORTEST_EDGE and long <= LONGEST_EDGE:
        return None
    return (
        f"the input picture is {picture.width}x{picture.height}; {request.model} takes edges of {SHORTEST_EDGE} to "
        f"{LONGEST_EDGE:,} pixels"
    )


def _text(value: Any) -> str:
    return str(value).removesuffix(".0")
