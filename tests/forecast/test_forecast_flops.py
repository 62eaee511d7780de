"""What a picture takes to compute: the published table, and how it grows."""

from __future__ import annotations

from itertools import pairwise

import pytest

from imagegen.forecast.flops import Work, decode, denoiser, work
from imagegen.forecast.shapes import SHAPES


def of(model: str, width: int, height: int, steps: int, **said: bool) -> Work:
    found = work(model, width, height, steps, **said)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("model", "steps", "guided", "tflop"),
    [
        ("sdxl", 50, True, 686.8),
        ("sdxl", 30, True, 416.4),
        ("sdxl", 25, True, 348.7),
        ("sdxl", 20, True, 281.1),
        ("sdxl", 4, False, 37.6),
        ("sd-3.5-large", 28, True, 1758),
        ("sd-3.5-medium", 28, True, 646),
        ("flux-dev", 28, True, 2098),
        ("flux-schnell", 4, False, 291),
    ],
)
def test_a_square_picture(model: str, steps: int, guided: bool, tflop: float) -> None:
    """1024x1024, in TFLOP, as counted once with torch for the real configurations; to the digits given there."""
    assert of(model, 1024, 1024, steps, guided=guided).tflop == pytest.approx(tflop, rel=1e-3)


def test_guidance_asks_twice_but_flux_is_told_it() -> None:
    """Both rows of a call and both prompts; the VAE works once."""
    once, twice = of("sdxl", 512, 512, 10, guided=False), of("sdxl", 512, 512, 10)
    vae = decode(SHAPES["sdxl"], 512, 512)
    assert (twice.call, twice.rest - vae) == (2 * once.call, 2 * (once.rest - vae))
    assert of("flux-dev", 512, 512, 10) == of("flux-dev", 512, 512, 10, guided=False)


def test_attention_grows_with_the_square_of_the_pixels_and_nothing_else_does() -> None:
    """Of 4 sizes n, 2n, 3n and 4n the second differences are the same; the third vanish."""
    for name, shape in SHAPES.items():
        # Widths of whole patches at every level, so that nothing is rounded.
        counts = [denoiser(shape, 512 * many, 512) for many in (1, 2, 3, 4)]
        first = [b - a for a, b in pairwise(counts)]
        second = [b - a for a, b in pairwise(first)]
        assert second[0] == second[1] > 0, name


def test_a_picture_to_start_from_is_encoded() -> None:
    """Less than decoding it takes, and only once."""
    plain, edit = of("sdxl", 1024, 1024, 10), of("sdxl", 1024, 1024, 10, image=True)
    assert plain.call == edit.call
    assert 0 < edit.rest - plain.rest < decode(SHAPES["sdxl"], 1024, 1024)


def test_a_turned_picture_takes_as_much() -> None:
    """Wide or tall: the same layers over as many pixels."""
    assert of("sdxl", 1344, 768, 5) == of("sdxl", 768, 1344, 5)


def test_nothing_is_said_of_an_unknown_architecture() -> None:
    """No guess."""
    assert work("gpt-image-1", 1024, 1024, 30) is None
