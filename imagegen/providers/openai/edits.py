"""Edits: what OpenAI takes as input pictures and masks, and the parts that carry them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.domain.given import Given
from imagegen.domain.model import Offer
from imagegen.domain.request import Request

#: What an input picture may be, and a limit of its bytes and of a mask's that must not be reached.
FORMATS = ("png", "jpeg", "webp")
MOST_BYTES, MOST_MASK_BYTES = 50 * 10**6, 4 * 10**6
#: How closely an edit may be told to keep to its pictures (option `input_fidelity`), by the name on the wire.
FIDELITY = {"gpt-image-1": ("low", "high"), "gpt-image-1.5": ("low", "high"), "gpt-image-1-mini": ("low",)}


def refusal(request: Request, offer: Offer, given: Mapping[str, Given]) -> str | None:
    """Why `offer` would not take the input pictures of `request`; None when it would, or when there are none.
    Nothing is said of the content of pictures that are not in `given`."""
    if not request.images:
        return "a mask needs a picture to edit: add `image`" if request.mask else None
    return _model(request, offer) or _pictures(request, given) or _mask(request, given)


def parts(request: Request, inputs: Mapping[str, bytes], given: Mapping[str, Given]) -> dict[str, Any]:
    """The pictures as the SDK takes them: name, bytes and media type, one picture or a list, and the mask."""

    def part(name: str, digest: str) -> tuple[str, bytes, str]:
        form = given[digest].format
        return f"{name}.{form}", inputs[digest], f"image/{form}"

    pictures = [part(f"image-{number}", digest) for number, digest in enumerate(request.images, 1)]
    found: dict[str, Any] = {"image": pictures if len(pictures) > 1 else pictures[0]}
    return found | ({"mask": part("mask", request.mask)} if request.mask else {})


def named(request: Request) -> tuple[str, ...]:
    """The digests of all pictures that go out with `request`."""
    return (*request.images, *((request.mask,) if request.mask else ()))


def _model(request: Request, offer: Offer) -> str | None:
    if "edit" not in offer.can or offer.api_name.startswith("dall-e"):
        return f"{request.model} at {offer.provider} edits no pictures; leave out `image`, or name another model"
    if request.mask and "mask" not in offer.can:
        return f"{request.model} at {offer.provider} takes no mask; leave out `mask`, or name another model"
    if len(request.images) > offer.max_inputs:
        return f"{request.model} takes at most {offer.max_inputs} input pictures, not {len(request.images)}"
    if request.safety is not None:
        return "an edit takes no safety level; leave out `safety`"
    return None


def _pictures(request: Request, given: Mapping[str, Given]) -> str | None:
    for number, digest in enumerate(request.images, 1):
        found, which = given.get(digest), "the input picture" if len(request.images) == 1 else f"input picture {number}"
        if found is None:
            continue
        if found.format not in FORMATS:
            return f"{which} is {_name(found)}; {request.model} takes PNG, JPEG and WebP: convert it"
        if found.bytes >= MOST_BYTES:
            return f"{which} has {found.bytes:,} bytes; {request.model} takes less than {MOST_BYTES:,}: make it smaller"
    return None


def _mask(request: Request, given: Mapping[str, Given]) -> str | None:
    mask = given.get(request.mask or "")
    if mask is None:
        return None
    if mask.format != "png":
        return f"the mask is {_name(mask)}; it must be a PNG with an alpha channel, transparent where the edit happens"
    if not mask.alpha:
        return "the mask has no alpha channel; make it transparent where the edit happens, and save it as RGBA"
    if mask.bytes >= MOST_MASK_BYTES:
        return f"the mask has {mask.bytes:,} bytes; {request.model} takes less than {MOST_MASK_BYTES:,}"
    first = given.get(request.images[0])
    if first is not None and (first.width, first.height) != (mask.width, mask.height):
        sizes = f"the mask is {mask.width}x{mask.height}, the picture {first.width}x{first.height}"
        return f"{sizes}: make them one size"
    return None


def _name(given: Given) -> str:
    return {"png": "a PNG", "jpeg": "a JPEG", "webp": "a WebP", "avif": "an AVIF"}[given.format]
