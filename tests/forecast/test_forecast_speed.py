"""Seconds a picture and pictures an hour: the published runs come out again, others within what is claimed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imagegen.forecast.flops import Work, work
from imagegen.forecast.speed import LAUNCH, PNG, UNKNOWN, Device, Mode, Setting, forecast, seconds

A100, H100 = Device(312, (1, 1)), Device(989, (0.8, 0.9))
SQUARE = 1024 * 1024


def of(model: str, steps: int, *, guided: bool = True) -> Work:
    found = work(model, 1024, 1024, steps, guided=guided)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("model", "steps", "device", "mfu", "published"),
    [
        ("sdxl", 30, A100, 0.525, 2.54),  # diffusers, compiled
        ("sdxl", 20, H100, 0.58, 0.489),  # MLPerf v4.1, fp8
        ("flux-dev", 28, H100, 0.47, 4.5),  # PyTorch, compiled
        ("flux-dev", 28, H100, 0.32, 6.7),  # PyTorch, eager
        ("sdxl", 50, A100, 0.37, 5.933),  # fal-ai, eager
    ],
)
def test_the_published_runs(model: str, steps: int, device: Device, mfu: float, published: float) -> None:
    """Within 2 %: the MFU was read from these very runs, so this proves only that the formula is what it says."""
    assert seconds(of(model, steps).tflop, device.peak, mfu) == pytest.approx(published, rel=0.02)


@pytest.mark.parametrize("published", [4.102, 5.132])
def test_fifty_steps_from_the_share_of_thirty(published: float) -> None:
    """The nearest runs that the MFU was not read from: TensorRT, and an older compiler. Within 25 %."""
    assert seconds(of("sdxl", 50).tflop, 312, 0.525) == pytest.approx(published, rel=0.25)


@pytest.mark.parametrize(
    ("device", "mode", "least", "most"),
    [
        (A100, "eager", 1_190, 1_300),
        (A100, "regional", 1_380, 1_550),
        (A100, "full", 1_610, 1_710),
        (H100, "full", 4_080, 4_900),
    ],
)
def test_pictures_an_hour_in_25_steps(device: Device, mode: Mode, least: int, most: int) -> None:
    """The guide's loop at its own steps, by mode."""
    low, high = forecast(of("sdxl", 25), SQUARE, device, Setting(mode)).per_hour()
    assert least <= low < high <= most
    assert (low, high) == (pytest.approx(least, rel=0.01), pytest.approx(most, rel=0.015))


def test_gpus_work_side_by_side() -> None:
    """Eight are eight times one."""
    found = forecast(of("sdxl", 25), SQUARE, A100)
    assert found.per_hour(8) == pytest.approx([8 * rate for rate in found.per_hour()])
    assert (found.tflop, found.device, found.setting) == (of("sdxl", 25).tflop, A100, Setting())


def test_a_gpu_of_which_nothing_is_published_gets_a_wide_range() -> None:
    """Its most is an A100's share, its least half of that."""
    found = forecast(of("sdxl", 30), SQUARE, Device(312))
    assert found.mfu == (0.43 * UNKNOWN[0], 0.48 * UNKNOWN[1])
    assert found.seconds[0] == forecast(of("sdxl", 30), SQUARE, A100).seconds[0]


def test_transformers_have_shares_of_their_own() -> None:
    """Read on an H100, so its scale for UNets does not count."""
    found = forecast(of("flux-dev", 28), SQUARE, H100, Setting("eager"))
    assert found.mfu == (0.30, 0.34)
    assert found.seconds[0] < 6.7 < found.seconds[1]
    assert forecast(of("flux-dev", 28), SQUARE, Device(989)).mfu == pytest.approx((0.225, 0.49))


def test_small_calls_wait_for_the_host() -> None:
    """A call takes at least as long as its launch; larger batches share one."""
    tiny = replace(of("sdxl", 10), call=1, rest=0)
    single = forecast(tiny, 64, H100, Setting("eager", batch=1))
    assert single.seconds == pytest.approx([10 * each for each in LAUNCH["eager"]])
    assert forecast(tiny, 64, H100, Setting("eager", batch=4)).seconds[0] == pytest.approx(single.seconds[0] / 4)


def test_writers_hold_up_only_what_is_quicker_than_they() -> None:
    """The slower of both counts: four steps on an H100 are quicker than one writer."""
    quick, one = of("sdxl", 4, guided=False), Setting("full", writers=1)
    assert forecast(quick, SQUARE, H100, one).seconds == (PNG, pytest.approx(PNG))
    assert forecast(quick, SQUARE, H100, replace(one, writers=4)).seconds[1] < PNG
    assert forecast(of("sdxl", 30), SQUARE, H100, one).seconds[0] > 5 * PNG


def test_padding_costs_its_share() -> None:
    """A quarter of all rows thrown away: three quarters of the pictures."""
    whole = forecast(of("sdxl", 30), SQUARE, A100).per_hour()
    padded = forecast(of("sdxl", 30), SQUARE, A100, Setting(padded=0.25)).per_hour()
    assert padded == pytest.approx([0.75 * rate for rate in whole])
