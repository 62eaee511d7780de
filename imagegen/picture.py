"""Picture: what came back for the money, decoded safely and looked at.

The bytes are never trusted: only four formats, a cap on pixels before decoding, a full decode. It knows
no files and no providers. Pillow is imported when the first picture arrives.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from imagegen import container, pngrows

if TYPE_CHECKING:
    from PIL.Image import Image

#: Pixels above which a picture is refused before it is decoded.
MOST_PIXELS = 64_000_000
#: Differences of brightness (of 255) that still count as one colour: what a lossy encoder leaves of it.
_FLAT = 8


class BadPicture(Exception):
    """These bytes are not the picture that was asked for; `reason` is a sentence for the person who paid."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that decodes. `alpha`: some of it is see-through. `blank`: practically one colour.
    `signed`: the file carries content credentials. `clean`: the file holds this one picture as it is
    seen and nothing after it, so its bytes may be used as they are."""

    data: bytes = field(repr=False)
    width: int
    height: int
    format: container.Format
    media_type: str
    alpha: bool
    blank: bool
    signed: bool
    clean: bool
    decoded: Image | None = field(default=None, repr=False, compare=False)

    @property
    def image(self) -> Image:
        """The pixels, upright."""
        return self.decoded or _upright(_decode(self.data, self.format))[0]


def inspect(data: bytes) -> Picture:
    """Decode `data` whole, first frame only. Raises BadPicture, before decoding where size or type tell."""
    try:
        found = container.read(data)
        _cap(found.width, found.height)
        if found.format == "png" and pngrows.lively(data):
            size = (found.width, found.height)
            return Picture(data, *size, "png", "image/png", False, False, found.signed, not found.tail)
        image = _decode(data, found.format)
    except (BadPicture, MemoryError):
        raise
    except Exception as error:
        # A decoder fed with hostile bytes may raise anything; whatever it is, there is no picture.
        raise BadPicture(f"the picture cannot be decoded: {_plain(error)}") from error
    upright, turned = _upright(image)
    alpha = _see_through(upright)
    clean = not (found.tail or turned or image.mode == "CMYK" or getattr(image, "n_frames", 1) > 1)
    media = f"image/{found.format}"
    blank = _blank(upright, alpha)
    return Picture(data, *upright.size, found.format, media, alpha, blank, found.signed, clean, upright)


def verify(
    picture: Picture, *, width: int | None, height: int | None, formats: Collection[str], alpha_wanted: bool
) -> str | None:
    """A sentence when `picture` is not what was asked; None when it is. No `formats`, None: anything goes."""
    if (width and picture.width != width) or (height and picture.height != height):
        asked = f"{width}x{height}" if width and height else f"width {width}" if width else f"height {height}"
        return f"asked for {asked}, got {picture.width}x{picture.height}"
    if formats and picture.format not in formats:
        return f"asked for {' or '.join(sorted(formats))}, got {picture.format}"
    if picture.blank:
        return "the picture is blank: all of it is one colour"
    if alpha_wanted and not picture.alpha:
        return "asked for a transparent background, got an opaque picture"
    return None


@cache
def pillow() -> Any:
    """PIL.Image with the four decoders registered; else `Image.open` loads all of its formats."""
    from PIL import Image

    for name in ("Avif", "Jpeg", "Png", "WebP"):
        import_module(f"PIL.{name}ImagePlugin")
    return Image


def _decode(data: bytes, form: container.Format) -> Image:
    image: Image = pillow().open(io.BytesIO(data), formats=(form.upper(),))
    _cap(*image.size)
    image.load()
    return image


def _cap(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise BadPicture(f"the picture says it is {width}x{height}, more than {MOST_PIXELS:,} pixels")


def _plain(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    # Pillow's own sentence for this one names an object in memory.
    return "damaged header" if isinstance(error, UnidentifiedImageError) else str(error) or repr(error)


def _upright(image: Image) -> tuple[Image, bool]:
    """`image` turned as its EXIF orientation says, and whether that changed anything."""
    if image.getexif().get(0x0112, 1) in range(2, 9):
        from PIL import ImageOps

        return ImageOps.exif_transpose(image), True
    return image, False


def _see_through(image: Image) -> bool:
    if not image.has_transparency_data:
        return False
    extrema = image.convert("RGBA").getchannel("A").getextrema()
    return bool(extrema[0] < 255)  # type: ignore[operator]


def _blank(image: Image, alpha: bool) -> bool:
    """A sparse sample clears nearly every picture; only what looks flat in it is looked at whole."""
    sample = image.resize((min(64, image.width), min(64, image.height)), pillow().Resampling.NEAREST)
    if not _flat(sample, alpha):
        return False
    return _flat(image.reduce(max(1, min(image.size) // 256)) if image.mode in ("RGB", "L") else image, alpha)


def _flat(image: Image, alpha: bool) -> bool:
    plain = image.convert("RGBA").convert("RGBa") if alpha else eight_bits(image)
    bands: Any = plain.getextrema()
    return all(high - low <= _FLAT for low, high in (bands if isinstance(bands[0], tuple) else (bands,)))


def eight_bits(image: Image) -> Image:
    """`image` as RGB, deeper greys scaled rather than clipped."""
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    return image if image.mode == "RGB" else image.convert("RGB")
