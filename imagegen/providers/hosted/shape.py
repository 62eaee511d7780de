"""Edits that keep the shape of their picture, whatever is asked for. Pure."""

from __future__ import annotations

from imagegen.domain.given import Given
from imagegen.domain.model import Offer, Size
from imagegen.domain.request import Request

#: Ratios that are this near to each other are one.
_SAME = 0.02


def other_shape(request: Request, offer: Offer, picture: Given | None) -> str | None:
    """A sentence when `request` asks for another ratio than the one listed by `offer` that is nearest to `picture`."""
    asked = next((size for size in offer.sizes.sizes if size.ratio == request.aspect_ratio), None)
    if picture is None or asked is None:
        return None
    nearest = min(offer.sizes.sizes, key=lambda size: _cut(size, picture))
    if _cut(asked, picture) - _cut(nearest, picture) <= _SAME:
        return None
    return (
        f"{request.model} at {offer.provider} keeps the shape of the input picture, {picture.width}x{picture.height}; "
        f"{asked.ratio} is another one: leave size and aspect_ratio out, or crop the picture"
    )


def _cut(size: Size, picture: Given) -> float:
    """The share of an edge of `picture` that is cut off when it gets the ratio of `size`."""
    less, more = sorted((picture.width * size.height, picture.height * size.width))
    return 1 - less / more
