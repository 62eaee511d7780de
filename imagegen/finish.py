"""What happens to a picture's bytes after they are paid for: crop, resize, colours, encode.

Bytes in, bytes out. It knows no files, no manifests and no providers; `imagegen.picture` decodes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imagegen.domain.model import Finish
from imagegen.picture import BadPicture, Picture, eight_bits, inspect, pillow, verify

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["EXTENSION", "BadPicture", "Finished", "Picture", "finish", "inspect", "verify"]

#: File name extension by format.
EXTENSION = {"png": "png", "jpeg": "jpg", "webp": "webp", "avif": "avif"}

_ENCODER: dict[str, dict[str, Any]] = {
    "png": {"compress_level": 6},
    "jpeg": {"quality": 90},
    "webp": {"quality": 90, "method": 4},
    "avif": {"quality": 80, "speed": 7},
}


@dataclass(frozen=True, slots=True)
class Finished:
    """The bytes to write. `same`: the very bytes that came. `original_kept`: they were signed and had to be
    encoded anew, which breaks the signature, so the caller keeps the original beside them."""

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int
    format: str
    same: bool
    original_kept: bool


def finish(data: bytes, plan: Finish, picture: Picture | None = None) -> Finished:
    """`data` as `plan` wants it. `picture` saves decoding again what `inspect` has decoded.
    Raises BadPicture when `data` is no picture, or smaller than wanted under fit auto."""
    picture = picture or inspect(data)
    width, height = _wanted(plan, picture)
    sized = (picture.width, picture.height) == (width, height)
    encode = plan.format != picture.format or (plan.quality is not None and plan.format != "png")
    if sized and not encode and picture.clean:
        return Finished(data, picture.media_type, width, height, plan.format, True, False)
    image = _colours(picture)
    if not sized:
        image = _fitted(image, width, height, plan)
    assert image.size == (width, height), f"{image.size} is not {width}x{height}"
    encoded = _encoded(image, plan)
    return Finished(encoded, f"image/{plan.format}", width, height, plan.format, False, picture.signed)


def _wanted(plan: Finish, picture: Picture) -> tuple[int, int]:
    if plan.fit == "none" or not (plan.width or plan.height):
        return picture.width, picture.height
    width, height = plan.width, plan.height
    return (
        width or max(1, round(picture.width * (height or 0) / picture.height)),
        height or max(1, round(picture.height * (width or 0) / picture.width)),
    )


def _colours(picture: Picture) -> Image:
    """The picture as RGB, or RGBA where some of it is see-through, in sRGB."""
    image = picture.image
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        image = _srgb(image, profile)
    return image.convert("RGBA") if picture.alpha else eight_bits(image)


def _srgb(image: Image, profile: bytes) -> Image:
    from PIL import ImageCms

    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        turned = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # a damaged profile says nothing; the pixels do
    return turned or image


def _fitted(image: Image, width: int, height: int, plan: Finish) -> Image:
    resample: Any = {"resample": pillow().Resampling.LANCZOS, "reducing_gap": 3.0}
    if plan.fit == "fill":
        return image.resize((width, height), **resample)
    across, down = width / image.width, height / image.height
    if plan.fit == "contain":
        scale = min(across, down)
        inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        return _padded(image.resize(inner, **resample), width, height, plan.format)
    scale = max(across, down)
    if scale > 1 and plan.fit == "auto":
        raise BadPicture(f"the picture is {image.width}x{image.height}, smaller than {width}x{height} wanted")
    if scale == 1:
        left, top = (image.width - width) // 2, (image.height - height) // 2
        return image.crop((left, top, left + width, top + height))
    crop = min(image.width, width / scale), min(image.height, height / scale)
    left_edge, top_edge = (image.width - crop[0]) / 2, (image.height - crop[1]) / 2
    box = (left_edge, top_edge, left_edge + crop[0], top_edge + crop[1])
    return image.resize((width, height), box=box, **resample)


def _padded(image: Image, width: int, height: int, form: str) -> Image:
    """`image` in the middle; around it nothing, or its edges' mean colour where the format has no alpha."""
    if image.size == (width, height):
        return image
    if form == "jpeg":
        image = _on_white(image)
        canvas: Image = pillow().new("RGB", (width, height), _edge_colour(image))
    else:
        image = image.convert("RGBA")
        canvas = pillow().new("RGBA", (width, height), (0, 0, 0, 0))
    canvas.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return canvas


def _edge_colour(image: Image) -> tuple[int, ...]:
    wide, high = image.size
    boxes = ((0, 0, wide, 1), (0, high - 1, wide, high), (0, 0, 1, high), (wide - 1, 0, wide, high))
    means: list[Any] = [image.resize((1, 1), pillow().Resampling.BOX, box).getpixel((0, 0)) for box in boxes]
    return tuple(round(sum(band) / len(boxes)) for band in zip(*means, strict=True))


def _on_white(image: Image) -> Image:
    if image.mode != "RGBA":
        return image
    canvas: Image = pillow().new("RGBA", image.size, (255, 255, 255, 255))
    canvas.alpha_composite(image)
    return canvas.convert("RGB")


def _encoded(image: Image, plan: Finish) -> bytes:
    if plan.format == "jpeg":
        image = _on_white(image)
    image = image.copy()
    image.info.clear()  # else Pillow writes the source's profile, comments and EXIF again
    choices = dict(_ENCODER[plan.format])
    if plan.quality is not None and plan.format != "png":
        choices["quality"] = plan.quality
    buffer = io.BytesIO()
    image.save(buffer, plan.format.upper(), **choices)
    return buffer.getvalue()
