"""Backgrounds: telling what a picture shows from what lies behind it, by a library that the user installs.

Removes the background of a picture that is paid for, and makes the mask that keeps the subject of one that is to be
edited. Knows no providers and no manifests; nothing is ever downloaded from here.
"""

from __future__ import annotations

import io
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from imagegen.background.registry import GROUP, Remover, remover
from imagegen.errors import SettingsError
from imagegen.picture import BadPicture, Picture, pillow

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["GROUP", "Remover", "mask", "removed", "state"]

#: Of 255: what is more surely the subject than this is kept by a mask.
_SUBJECT = 128
#: One picture at a time: such a library uses every core by itself.
_TURN = Lock()


def state() -> tuple[str, str]:
    """The name and version of the library that would be asked, and why none can be ("" when one can)."""
    try:
        found = remover()
    except SettingsError as problem:
        return "", str(problem)
    return f"{found.name} {found.version}", found.refuses() or ""


def removed(picture: Picture) -> Picture:
    """`picture` without its background. Raises BadPicture where that fails, or nothing would be left of it."""
    image = picture.image.convert("RGBA")
    image.putalpha(_joined(image.getchannel("A"), _alpha(picture.image)))
    return replace(picture, alpha=True, clean=False, decoded=image)


def mask(data: bytes) -> bytes:
    """A mask for the picture `data`: a PNG of its size, transparent where its background is, which is what an edit may
    change. The same for the same bytes and library. Raises BadPicture where no subject is found."""
    image = pillow().open(io.BytesIO(data), formats=("AVIF", "JPEG", "PNG", "WEBP"))
    alpha = _alpha(image).point(lambda value: 255 if value >= _SUBJECT else 0)
    if alpha.getextrema()[0] == alpha.getextrema()[1]:
        raise BadPicture("its subject cannot be told from its background")
    made = pillow().new("RGBA", alpha.size, (0, 0, 0, 0))
    made.putalpha(alpha)
    buffer = io.BytesIO()
    made.save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()


def _alpha(image: Image) -> Image:
    """How surely each pixel of `image` belongs to its subject, 0 to 255."""
    try:
        found = remover()
        with _TURN:
            alpha = found.alpha(image.convert("RGB"))
    except Exception as error:
        # Somebody else's code: whatever it raises, the picture is paid for and the person needs to know whose it is.
        said = (str(error).strip().splitlines() or [""])[0][:200]
        raise BadPicture(f"its background cannot be told: {type(error).__name__}: {said}") from error
    if alpha.size != image.size or alpha.mode != "L":
        raise BadPicture(f"its background cannot be told: {found.name} gave back {alpha.mode} {alpha.size}")
    _, surest = alpha.getextrema()
    if surest < _SUBJECT:  # type: ignore[operator]
        raise BadPicture("no subject was found in it, so nothing would be left without the background")
    return alpha


def _joined(have: Image, more: Image) -> Image:
    """What both leave: the library sees no transparency that is there already."""
    from PIL import ImageChops

    return ImageChops.multiply(have, more)
