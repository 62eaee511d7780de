"""Small real pictures: posters with a wording, blurred or not, blank ones, and what is no picture."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFilter, ImageFont

NO_PICTURE = b"<html>not found</html>"


def poster(
    wording: str = "SUMMER\nSALE",
    *,
    edge: int = 384,
    blur: float = 0,
    ink: tuple[int, ...] = (20, 20, 60),
    paper: tuple[int, ...] = (240, 235, 220),
    form: str = "PNG",
) -> bytes:
    """A square poster; `paper` with four values makes it see-through."""
    image = Image.new("RGBA" if len(paper) == 4 else "RGB", (edge, edge), paper)
    font = ImageFont.load_default(edge // 9)
    middle = (edge // 2, edge // 2)
    ImageDraw.Draw(image).multiline_text(middle, wording, fill=ink, font=font, anchor="mm", align="center")
    return encoded(image.filter(ImageFilter.GaussianBlur(blur)) if blur else image, form)


def blank(colour: tuple[int, int, int] = (0, 0, 0)) -> bytes:
    """A picture of one colour."""
    return encoded(Image.new("RGB", (64, 64), colour))


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    """The bytes of `image` as a file."""
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()
