"""Finishing: exact size by fit, format, colours, metadata; the very same bytes when nothing needs doing."""

from __future__ import annotations

import io
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from imagegen.domain.model import Finish
from imagegen.finish import EXTENSION, BadPicture, finish, inspect
from tests.test_picture import coded, drawn, signed, transparent

FORMATS = ["png", "jpeg", "webp", "avif"]


def opened(data: bytes) -> Image.Image:
    """The picture in `data`."""
    return Image.open(io.BytesIO(data))


def gradient(width: int = 320, height: int = 200) -> Image.Image:
    """Red grows to the right, green downwards: any point says where it came from."""
    across = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (across, down, Image.new("L", (width, height), 128)))


@pytest.mark.parametrize("form", FORMATS)
def test_what_needs_nothing_stays_the_same_bytes(form: str) -> None:
    """Size and format as wanted: not a byte changes, credentials included."""
    data = signed(coded(drawn(), form), form)
    for plan in (Finish(format=form), Finish(64, 48, format=form), Finish(9, 9, "none", form)):  # type: ignore[arg-type]
        done = finish(data, plan)
        assert done.same
        assert done.data is data
        assert not done.original_kept
        assert (done.width, done.height, done.format, done.media_type) == (64, 48, form, f"image/{form}")


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("wanted", FORMATS)
@pytest.mark.parametrize("fit", ["auto", "cover", "contain", "fill"])
def test_the_size_is_exact_in_every_format(source: str, wanted: str, fit: Any) -> None:
    """Any format by any fit comes out at exactly the size and format wanted."""
    done = finish(coded(gradient(), source), Finish(120, 63, fit, wanted))  # type: ignore[arg-type]
    image = opened(done.data)
    assert image.size == (done.width, done.height) == (120, 63)
    assert image.format == wanted.upper()
    assert done.media_type == f"image/{wanted}"
    assert not done.same
    assert EXTENSION[done.format]


@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.sampled_from(["cover", "contain", "fill"]),
)
@settings(max_examples=60, deadline=None)
def test_any_size_becomes_any_other(source: tuple[int, int], wanted: tuple[int, int], fit: Any) -> None:
    """There is no pair of sizes that misses by a pixel."""
    done = finish(coded(Image.new("RGB", source, "teal")), Finish(*wanted, fit))
    assert opened(done.data).size == wanted


@pytest.mark.parametrize("wanted", [(321, 200), (320, 201), (400, 400)])
def test_auto_never_upscales(wanted: tuple[int, int]) -> None:
    """Under fit auto a picture smaller than wanted is a mismatch that names both sizes."""
    with pytest.raises(BadPicture, match=f"320x200, smaller than {wanted[0]}x{wanted[1]}"):
        finish(coded(gradient()), Finish(*wanted))


@pytest.mark.parametrize("wanted", [(200, 200), (100, 100), (400, 400)])
def test_cover_keeps_the_middle(wanted: tuple[int, int]) -> None:
    """The crop is centred: equal strips are lost left and right, nothing above and below."""
    image = opened(finish(coded(gradient()), Finish(*wanted, "cover")).data).convert("RGB")
    middle = wanted[1] // 2
    left, right = image.getpixel((0, middle))[0], image.getpixel((wanted[0] - 1, middle))[0]  # type: ignore[index]
    assert left == pytest.approx(255 * 60 / 320, abs=4)
    assert right == pytest.approx(255 * 260 / 320, abs=4)
    assert image.getpixel((0, 0))[1] <= 4  # type: ignore[index]


def test_fill_stretches() -> None:
    """Every edge of the source is an edge of the result."""
    image = opened(finish(coded(gradient()), Finish(50, 200, "fill")).data).convert("RGB")
    assert image.getpixel((0, 0))[0] <= 8  # type: ignore[index]
    assert image.getpixel((49, 199))[0] >= 247  # type: ignore[index]


@pytest.mark.parametrize("form", ["png", "webp", "avif"])
def test_contain_pads_with_nothing(form: Literal["png", "webp", "avif"]) -> None:
    """The whole picture stands in the middle; what is around it is transparent."""
    image = opened(finish(coded(gradient()), Finish(320, 320, "contain", form)).data).convert("RGBA")
    assert image.getpixel((160, 10))[3] == 0  # type: ignore[index]
    assert image.getpixel((160, 160))[3] == 255  # type: ignore[index]


def test_contain_pads_a_jpeg_with_the_edge_colour() -> None:
    """Where there is no alpha the padding has the mean colour of the picture's edges."""
    image = drawn(200, 100)
    image.paste((10, 120, 200), (0, 0, 200, 100))
    image.paste((255, 255, 0), (80, 40, 120, 60))
    done = opened(finish(coded(image), Finish(200, 200, "contain", "jpeg")).data)
    assert done.getpixel((100, 5)) == pytest.approx((10, 120, 200), abs=4)
    assert done.getpixel((100, 100)) == pytest.approx((255, 255, 0), abs=6)


@pytest.mark.parametrize("plan", [Finish(160, None), Finish(None, 100)])
def test_one_edge_keeps_the_ratio(plan: Finish) -> None:
    """With one edge given the other follows."""
    assert opened(finish(coded(gradient()), plan).data).size == (160, 100)


def test_a_crop_without_scaling_is_sharp() -> None:
    """Where only a crop is needed no pixel is interpolated."""
    source = gradient()
    image = opened(finish(coded(source), Finish(301, 200)).data)
    assert image.tobytes() == source.crop((9, 0, 310, 200)).tobytes()


def test_transparency_is_flattened_on_white_for_jpeg() -> None:
    """JPEG has no alpha: what was see-through is white."""
    image = opened(finish(coded(transparent("RGBA")), Finish(format="jpeg")).data)
    assert image.mode == "RGB"
    assert image.getpixel((4, 4)) == pytest.approx((255, 255, 255), abs=6)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("form", ["png", "webp", "avif"])
def test_transparency_survives(mode: str, form: Literal["png", "webp", "avif"]) -> None:
    """A see-through corner is see-through after a resize, from any mode into any format with alpha."""
    image = opened(finish(coded(transparent(mode)), Finish(32, 24, format=form)).data).convert("RGBA")
    assert image.getpixel((2, 2))[3] <= 4  # type: ignore[index]
    assert image.getpixel((28, 20))[3] >= 250  # type: ignore[index]


def test_cmyk_becomes_rgb() -> None:
    """A CMYK JPEG is made anew although size and format fit: few programs show one."""
    source = Image.new("RGB", (40, 40), (200, 30, 30))
    source.paste((250, 250, 250), (0, 0, 10, 40))
    done = finish(coded(source.convert("CMYK"), "jpeg", quality=95), Finish(40, 40, format="jpeg"))
    image = opened(done.data)
    assert image.mode == "RGB"
    assert image.getpixel((25, 20)) == pytest.approx((200, 30, 30), abs=12)


def test_sixteen_bits_are_scaled_to_eight() -> None:
    """A grey of 16 bits keeps its brightness."""
    source = Image.new("I;16", (40, 40), 32_768)
    source.paste(65_535, (0, 0, 20, 40))
    image = opened(finish(coded(source), Finish(format="jpeg")).data).convert("L")
    assert image.getpixel((30, 20)) == pytest.approx(128, abs=3)
    assert image.getpixel((8, 20)) == pytest.approx(255, abs=3)


def test_metadata_is_stripped_and_orientation_applied() -> None:
    """What is encoded anew stands upright and carries no EXIF, comment or text."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "secret"
    for form, options in (("jpeg", {"comment": b"secret"}), ("webp", {"xmp": b"secret"}), ("png", {})):
        done = finish(coded(drawn(), form, exif=exif, **options), Finish(48, 64, format=form))  # type: ignore[arg-type]
        image = opened(done.data)
        assert image.size == (48, 64)
        assert not image.getexif()
        assert b"secret" not in done.data


def test_a_profile_is_converted_to_srgb() -> None:
    """Colours of another profile are the same colours in sRGB, and the profile is gone."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = lab.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")
    swapped = swapped.replace(b"s\0R\0G\0B", b"o\0t\0h\0r")
    source = Image.new("RGB", (20, 20), (255, 0, 0))
    source.paste((255, 255, 255), (0, 0, 5, 20))
    image = opened(finish(coded(source, icc_profile=swapped), Finish(10, 10)).data)
    assert image.getpixel((8, 5)) == pytest.approx((0, 0, 255), abs=3)
    assert "icc_profile" not in image.info


def test_a_damaged_profile_is_ignored() -> None:
    """Nonsense in place of a profile does not cost the picture."""
    done = finish(coded(gradient(), icc_profile=b"nonsense" * 40), Finish(32, 20))
    assert opened(done.data).size == (32, 20)


@pytest.mark.parametrize("form", FORMATS)
def test_a_signed_picture_made_anew_keeps_its_original(form: str) -> None:
    """Encoding breaks a signature, so the caller is told to keep what came."""
    data = coded(drawn(), form)
    plan = Finish(32, 24, format="webp")
    assert finish(signed(data, form), plan).original_kept
    assert not finish(data, plan).original_kept


@pytest.mark.parametrize("form", FORMATS)
def test_a_tail_is_cut_off(form: Any) -> None:
    """A polyglot's second half does not reach the output folder."""
    done = finish(coded(drawn(), form) + b"<script>alert(1)</script>", Finish(64, 48, format=form))
    assert not done.same
    assert b"<script>" not in done.data


@pytest.mark.parametrize("form", ["jpeg", "webp", "avif"])
def test_a_stated_quality_is_used(form: Any) -> None:
    """A lower quality makes a smaller file, also where size and format fit already."""
    data = coded(Image.effect_mandelbrot((128, 128), (-2, -1.5, 1, 1.5), 40).convert("RGB"), form, quality=95)
    low, high = (finish(data, Finish(format=form, quality=quality)) for quality in (20, 90))
    assert not low.same
    assert len(low.data) < len(high.data)


def test_quality_says_nothing_for_png() -> None:
    """PNG loses nothing: a stated quality is no reason to encode anew."""
    assert finish(coded(drawn()), Finish(format="png", quality=50)).same


def test_a_decoded_picture_is_not_decoded_again() -> None:
    """With a picture given the bytes are not looked at, and the picture stays as it was."""
    picture = inspect(coded(drawn(), "jpeg", comment=b"kept"))
    done = finish(b"not a picture", Finish(32, 24, format="jpeg"), picture)
    assert opened(done.data).size == (32, 24)
    assert picture.image.info["comment"] == b"kept"
    finish(b"not a picture", Finish(format="png"), picture)
    assert picture.image.info["comment"] == b"kept"
    assert picture.image.size == (64, 48)


def test_what_is_no_picture_is_not_finished() -> None:
    """Finishing decodes with the same care as inspecting."""
    with pytest.raises(BadPicture, match="HTML"):
        finish(b"<html>", Finish())
