"""Decoding what came back: four formats, whole, capped; and what is said about it."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from imagegen.picture import MOST_PIXELS, BadPicture, inspect, verify

FORMATS = ["png", "jpeg", "webp", "avif"]


def drawn(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """A picture with content: a gradient and a disc."""
    image = Image.linear_gradient("L").resize((width, height)).convert(mode)
    ImageDraw.Draw(image).ellipse((width // 8, height // 8, width // 2, height // 2), fill="white")
    return image


def coded(image: Image.Image, form: str = "png", **options: Any) -> bytes:
    """`image` as a file."""
    buffer = io.BytesIO()
    image.save(buffer, form.upper(), **options)
    return buffer.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def signed(data: bytes, form: str) -> bytes:
    """`data` with a box of content credentials where its format keeps them."""
    box = b"\0\0\0\x18jumb\0\0\0\x10jumdc2pa____"
    if form == "png":
        return data[:33] + chunk(b"caBX", box) + data[33:]
    if form == "jpeg":
        body = b"JP\0\1\0\0\0\1" + box
        return data[:2] + b"\xff\xeb" + struct.pack(">H", len(body) + 2) + body + data[2:]
    if form == "webp":
        body = data[12:] + b"C2PA" + struct.pack("<I", len(box)) + box
        return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    uuid = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
    return data + struct.pack(">I", 24 + len(box)) + b"uuid" + uuid + box


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", FORMATS)
def test_a_picture_is_decoded_whole(form: str) -> None:
    """Each of the four formats is told by its content and decoded."""
    picture = inspect(coded(drawn(), form))
    assert (picture.format, picture.media_type) == (form, f"image/{form}")
    assert (picture.width, picture.height, picture.image.size) == (64, 48, (64, 48))
    assert (picture.alpha, picture.blank, picture.signed, picture.clean) == (False, False, False, True)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.9, 0.99])
def test_a_truncated_picture_is_refused(form: str, part: float) -> None:
    """A picture that breaks off is no picture, however much of it came."""
    data = coded(drawn(256, 256), form)
    with pytest.raises(BadPicture):
        inspect(data[: int(len(data) * part)])


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "nothing"),
        (b"<!doctype html><html><body>502 Bad Gateway</body></html>", "HTML"),
        (b"  \r\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b'{"error": {"message": "no"}}', "JSON"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        (coded(drawn(), "gif"), "GIF"),
        (coded(drawn(), "bmp"), "BMP"),
        (coded(drawn(), "tiff"), "TIFF"),
        (b"<html>" + coded(drawn()), "HTML"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "PNG"),
        (b"\xff\xd8\xff\xd9", "cannot be decoded"),
        (b"RIFF\x04\0\0\0WEBP", "cannot be decoded"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(data: bytes, word: str) -> None:
    """What is not one of the four formats is refused with what it is instead."""
    with pytest.raises(BadPicture, match=word):
        inspect(data)


@pytest.mark.parametrize("size", [(8001, 8000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_before_decoding(size: tuple[int, int]) -> None:
    """A header that claims more than the cap is an error that names the size, not a warning."""
    with pytest.raises(BadPicture, match=f"{size[0]}x{size[1]}"):
        inspect(bomb(*size))


def test_a_bomb_below_the_cap_is_refused_for_its_missing_pixels() -> None:
    """A header within the cap passes the cap and fails as truncated."""
    assert MOST_PIXELS > 1000 * 1000
    with pytest.raises(BadPicture, match="cannot be decoded"):
        inspect(bomb(1000, 1000))


def test_a_webp_and_a_jpeg_bomb_are_refused_by_their_headers() -> None:
    """The cap is checked on the declared size, which costs no memory."""
    webp = bytearray(coded(drawn(mode="RGBA"), "webp", lossless=True))
    extended = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + (16_000).to_bytes(3, "little") * 2
    body = extended + bytes(webp[12:])
    with pytest.raises(BadPicture, match="16001x16001"):
        inspect(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body)
    jpeg = coded(drawn(), "jpeg")
    at = jpeg.index(b"\xff\xc0") + 5
    with pytest.raises(BadPicture, match="65000x65000"):
        inspect(jpeg[:at] + struct.pack(">HH", 65_000, 65_000) + jpeg[at + 4 :])


@pytest.mark.parametrize("at", [30, 45, 60, 100, 200, -2, -20])
def test_a_flipped_byte_of_a_png_is_found(at: int) -> None:
    """A PNG carries checksums; a byte that changed on the way is seen."""
    data = bytearray(coded(drawn(256, 256)))
    data[at] ^= 0x41
    with pytest.raises(BadPicture):
        inspect(bytes(data))


@given(st.sampled_from(FORMATS), st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_byte_never_raises_anything_else(form: str, at: int, change: int) -> None:
    """Damage is either survived by the decoder or reported as BadPicture: no other error, no warning."""
    data = bytearray(coded(drawn(), form))
    data[at % len(data)] ^= change
    picture = None
    with contextlib.suppress(BadPicture):
        picture = inspect(bytes(data))
    assert picture is None or picture.width * picture.height <= MOST_PIXELS


@given(st.binary(max_size=64), st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b""]))
def test_noise_is_refused(noise: bytes, magic: bytes) -> None:
    """Random bytes, with a true beginning or without, are no picture."""
    with pytest.raises(BadPicture):
        inspect(magic + noise)


@pytest.mark.parametrize("form", FORMATS)
def test_a_tail_is_noticed(form: str) -> None:
    """A picture with something else behind its end (a polyglot) is a picture, but not a clean one."""
    picture = inspect(coded(drawn(), form) + b"<script>alert(1)</script>")
    assert not picture.clean
    assert picture.image.size == (64, 48)


@pytest.mark.parametrize("form", FORMATS)
def test_content_credentials_are_noticed(form: str) -> None:
    """A C2PA box is found in each format, and its absence too."""
    data = coded(drawn(), form)
    assert not inspect(data).signed
    picture = inspect(signed(data, form))
    assert picture.signed
    assert picture.clean


@pytest.mark.parametrize("form", ["png", "webp", "avif"])
def test_only_the_first_frame_of_an_animation_counts(form: str) -> None:
    """An animation is read as its first frame and is not clean."""
    frames = [drawn(), drawn().transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    options = {"lossless": True} if form == "webp" else {"quality": 100} if form == "avif" else {}
    picture = inspect(coded(frames[0], form, save_all=True, append_images=frames[1:], **options))
    assert not picture.clean
    value = picture.image.convert("RGB").getpixel((16, 12))
    assert value == pytest.approx((255, 255, 255), abs=3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_stands_upright(orientation: int) -> None:
    """EXIF orientation is applied; width and height are those that a person sees."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = inspect(coded(drawn(), "jpeg", exif=exif))
    assert (picture.width, picture.height) == ((48, 64) if orientation > 4 else (64, 48))
    assert picture.image.size == (picture.width, picture.height)
    assert picture.clean == (orientation == 1)


def transparent(mode: str) -> Image.Image:
    """A picture of which a corner is see-through, in `mode`."""
    image = drawn(mode="RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 20, 20))
    return image if mode == "RGBA" else image.convert(mode)


@pytest.mark.parametrize(
    ("data", "alpha"),
    [
        (coded(transparent("RGBA")), True),
        (coded(transparent("LA")), True),
        (coded(transparent("P")), True),
        (coded(transparent("RGBA"), "webp"), True),
        (coded(transparent("RGBA"), "avif"), True),
        (coded(drawn(mode="RGBA")), False),
        (coded(drawn(mode="P")), False),
        (coded(drawn(mode="RGB"), transparency=(255, 255, 255)), True),
    ],
)
def test_alpha_means_that_something_is_see_through(data: bytes, alpha: bool) -> None:
    """An alpha channel that is opaque everywhere is not transparency."""
    assert inspect(data).alpha == alpha


def deep() -> Image.Image:
    """A grey picture of 16 bits."""
    return drawn(mode="L").convert("I").point(lambda value: value * 257).convert("I;16")


def spotted() -> Image.Image:
    """White, with one small dark spot."""
    image = Image.new("RGB", (1024, 1024), "white")
    image.paste((40, 40, 40), (333, 333, 339, 339))
    return image


@pytest.mark.parametrize(
    ("image", "blank"),
    [
        (Image.new("RGB", (512, 512), "white"), True),
        (Image.new("L", (512, 512), 0), True),
        (Image.new("RGB", (1, 1), "red"), True),
        (Image.new("I;16", (64, 64), 40_000), True),
        (Image.new("RGBA", (64, 64), (9, 200, 9, 0)), True),
        (Image.effect_noise((512, 512), 1), True),
        (spotted(), False),
        (spotted().convert("P"), False),
        (drawn(), False),
        (transparent("RGBA"), False),
        (deep(), False),
    ],
)
def test_a_blank_picture_is_noticed(image: Image.Image, blank: bool) -> None:
    """Practically one colour is blank, a faint noise included; a small spot is content."""
    assert inspect(coded(image)).blank == blank


def test_invisible_colours_are_blank() -> None:
    """Colours that are fully transparent do not make a picture."""
    image = drawn(mode="RGBA")
    image.putalpha(0)
    assert inspect(coded(image)).blank


ASKED: dict[str, Any] = {"width": 64, "height": 48, "formats": {"png"}, "alpha_wanted": False}


@pytest.mark.parametrize(
    ("image", "asked", "sentence"),
    [
        (drawn(), {}, None),
        (drawn(), {"width": None, "height": None, "formats": ()}, None),
        (drawn(), {"width": 1024, "height": 1024}, "asked for 1024x1024, got 64x48"),
        (drawn(), {"formats": {"webp", "jpeg"}}, "asked for jpeg or webp, got png"),
        (drawn(), {"alpha_wanted": True}, "asked for a transparent background, got an opaque picture"),
        (transparent("RGBA"), {"alpha_wanted": True}, None),
        (Image.new("RGB", (64, 48)), {}, "the picture is blank: all of it is one colour"),
    ],
)
def test_a_mismatch_is_said_in_a_sentence(image: Image.Image, asked: dict[str, Any], sentence: str | None) -> None:
    """Size, format, transparency and content are compared with what was asked."""
    assert verify(inspect(coded(image)), **{**ASKED, **asked}) == sentence


def test_an_asked_edge_counts_alone() -> None:
    """One edge asked for is compared, the other is free."""
    picture = inspect(coded(drawn()))
    assert verify(picture, width=64, height=None, formats=(), alpha_wanted=False) is None
    assert verify(picture, width=None, height=64, formats=(), alpha_wanted=False) == "asked for height 64, got 64x48"
