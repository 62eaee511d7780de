"""Sharpness and contrast of real pictures, and what is seen of one that is see-through."""

from __future__ import annotations

import pytest
from PIL import Image

from imagegen.choose import look
from imagegen.choose.pixels import contrast, seen, sharpness
from imagegen.picture import inspect
from tests.choose.drawing import NO_PICTURE, blank, encoded, poster


def test_the_more_blurred_the_less_sharp() -> None:
    """In order, and far apart."""
    found = [look(poster(blur=blur)).sharpness for blur in (0, 1, 3, 8)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.5
    assert found[3] < 0.01


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_the_encoding_hardly_counts(form: str) -> None:
    """A sharp poster stays sharp, a blurred one blurred."""
    assert look(poster(form=form)).sharpness > 0.5
    assert look(poster(form=form, blur=8)).sharpness < 0.05


def test_a_large_picture_is_measured_as_a_smaller_one() -> None:
    """4096 pixels and 1024 of the same picture differ little, so figures of different sizes compare."""
    small = Image.radial_gradient("L").resize((1024, 1024)).convert("RGB").quantize(8).convert("RGB")
    large = small.resize((4096, 4096), Image.Resampling.NEAREST)
    assert sharpness(large) == pytest.approx(sharpness(small), abs=0.02)


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (900, 2)])
def test_what_has_no_inside_has_no_sharpness(size: tuple[int, int]) -> None:
    """Lines of pixels are measured without a fuss."""
    assert sharpness(Image.effect_noise(size, 90).convert("RGB")) == 0


def test_contrast_is_the_span_without_the_outermost() -> None:
    """Dark on a white background is full contrast; nearly white all over is hardly any."""
    assert contrast(inspect(poster(paper=(255, 255, 255))).image) == 1
    washed = Image.linear_gradient("L").point(lambda value: 235 + value // 16)
    assert 0 < contrast(washed.convert("RGB")) < 0.15
    spark = Image.new("L", (100, 100), 3)
    spark.putpixel((50, 50), 255)
    assert contrast(spark.convert("RGB")) == 0


@pytest.mark.parametrize("ink", [(255, 255, 255, 255), (0, 0, 0, 255)])
def test_see_through_pictures_are_seen_on_what_they_stand_out_from(ink: tuple[int, ...]) -> None:
    """White letters on nothing would vanish on white paper."""
    picture = inspect(poster(ink=ink, paper=(*ink[:3], 0)))
    assert picture.alpha
    assert contrast(seen(picture)) == 1
    assert contrast(picture.image.convert("RGB")) == 0


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (12, 200, 90)])
def test_one_colour_is_a_flaw(colour: tuple[int, int, int]) -> None:
    """Black, white or green."""
    found = look(blank(colour))
    assert (found.blank, found.flaw) == (True, "the picture is blank: all of it is one colour")


def test_what_is_no_picture_says_what_it_is() -> None:
    """A flaw, and no figures."""
    found = look(NO_PICTURE)
    assert found.flaw == "the picture cannot be decoded: not a PNG, JPEG, WebP or AVIF picture but HTML"
    assert (found.width, found.sharpness, found.blank) == (0, 0, False)


def test_a_picture_cut_off_is_a_flaw() -> None:
    """The bytes of a download that broke."""
    noise = encoded(Image.effect_noise((200, 200), 90).convert("RGB"))
    assert "cannot be decoded" in str(look(noise[: len(noise) // 2]).flaw)
