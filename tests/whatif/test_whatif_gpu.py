"""What a GPU of one's own would take for the rows that its model could make."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from imagegen.catalog.gpus import named
from imagegen.domain.money import nano
from imagegen.estimate import Totals
from imagegen.forecast import flops
from imagegen.whatif.gpu import OnGpu
from tests.planning import guide_catalogue, planned, preset


def on(rows: list[dict[str, Any]], gpu: str = "a100", routes: str = "guide") -> OnGpu:
    """`rows` on that GPU."""
    context = preset(routes)
    totals, found = Totals(), OnGpu(named(context.catalog.gpus, gpu), context)
    for picture in planned(rows, context):
        found.add(picture, totals.add(picture))
    return found


def test_600_square_pictures_take_an_hour_on_the_guides_a100() -> None:
    """One hour, $3.80, in place of 600 pictures of $0.04."""
    found = on([{}] * 600)
    assert (found.pictures, found.hours, found.cost, found.replaced) == (600, 1.0, nano("3.80"), nano(24))
    assert (found.others, found.left, found.why) == (0, 0, "")


@pytest.mark.parametrize(
    ("row", "work"),
    [
        ({"size": "1024x1024"}, 1.0),
        ({"size": "512x512"}, 0.25),
        ({"use_case": "thumbnail"}, 0.25),
        ({"size": "1536x1024"}, 1.5),
        ({"size": "1024x1024", "model": "sdxl", "steps": 15}, 0.5),
    ],
    ids=str,
)
def test_work_is_counted_by_pixels_and_steps(row: dict[str, Any], work: float) -> None:
    """The catalogue's figure is for 1024x1024 in 30 steps."""
    assert on([row], routes="current").work == work


def test_the_guides_month_on_its_a100() -> None:
    """7,000 thumbnails of a quarter, 2,500 shots and 500 heroes: every one could be made there."""
    found = on(guide_catalogue(10_000))
    assert (found.pictures, found.others, found.replaced) == (10_000, 0, nano(161))
    heroes = 1792 * 1024 / 1024**2
    assert found.work == pytest.approx(7000 * 0.25 + 2500 + 500 * heroes)
    assert found.cost == round(nano("3.80") * found.work / 600)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"text": "SALE"}, "cannot write readable text"),
        ({"needs_text": True, "model": "gpt-image-1"}, "cannot write readable text"),
        ({"background": "transparent", "model": "gpt-image-1"}, "cannot make a transparent background"),
        ({"model": "gpt-image-2.5-flare", "size": "2048x2048"}, "makes no size that gives 2048x2048"),
    ],
    ids=str,
)
def test_what_its_model_cannot_make_stays_where_it_is(row: dict[str, Any], why: str) -> None:
    """It is still to be paid for; the first one's reason is told."""
    found = on([{}, row | {"id": "odd"}, row])
    assert (found.pictures, found.others) == (1, 2)
    assert found.left > 0
    assert found.why.startswith(f"odd: sdxl {why}")


def test_only_what_would_be_bought_counts() -> None:
    """Equal rows are one picture, refused ones none."""
    found = on([{"prompt": "x"}, {"prompt": "x"}, {"model": "dall-e-3", "size": "4000x100"}])
    assert (found.pictures, found.others) == (1, 0)


def test_rows_that_name_another_model_or_a_quality_can_move() -> None:
    """What a row says for an API's model binds no GPU."""
    rows = [{"model": "dall-e-3-hd", "quality": "hd", "max_price": "0.1", "provider": "openai"}]
    assert (on(rows).pictures, on(rows).why) == (1, "")


def tflop(width: int = 1024, height: int = 1024, steps: int = 30, guided: bool = True, image: bool = False) -> float:
    """What SDXL computes for one picture."""
    found = flops.work("sdxl", width, height, steps, guided=guided, image=image)
    assert found is not None
    return found.tflop


@pytest.mark.parametrize(
    ("row", "work"),
    [
        ({"size": "1024x1024"}, tflop()),
        ({"size": "512x512"}, tflop(512, 512)),
        ({"model": "sdxl", "steps": 15}, tflop(steps=15)),
        ({"model": "sdxl", "guidance": 1}, tflop(guided=False)),
        ({"model": "sdxl", "guidance": 1.5}, tflop()),
    ],
    ids=str,
)
def test_arithmetic_counts_each_rows_own_work(row: dict[str, Any], work: float) -> None:
    """Its size, its steps, and whether guidance asks twice."""
    found = on([row], routes="current")
    assert (found.tflop, found.guided) == (pytest.approx(work), int(row.get("guidance") != 1))


def test_an_hours_range_stands_beside_the_catalogues_figure() -> None:
    """On an A100: from its peak and the share of it that is published, with the dollars that the hours cost."""
    found = on([{}] * 600)
    usual = found.usual
    assert usual is not None
    slow, fast = usual.per_hour()
    assert (slow, fast) == (pytest.approx(1_159, rel=0.01), pytest.approx(1_294, rel=0.01))
    assert (found.least, found.most) == (pytest.approx(600 / fast * 3600), pytest.approx(600 / slow * 3600))
    assert found.costs == (round(nano("3.80") * found.least / 3600), round(nano("3.80") * found.most / 3600))
    assert (found.hours, found.cost) == (1.0, nano("3.80"))


def test_a_gpu_of_unknown_peak_has_no_arithmetic() -> None:
    """The catalogue's figure still stands."""
    context = preset("guide")
    found = OnGpu(replace(named(context.catalog.gpus, "a100"), peak_tflops=None), context)
    for picture in planned([{}], context):
        found.add(picture, "buy")
    assert (found.usual, found.least, found.tflop, found.pictures, found.work) == (None, 0.0, 0.0, 1, 1.0)


def test_what_stays_elsewhere_is_not_computed() -> None:
    """Only pictures that the GPU's model makes count."""
    assert on([{"text": "SALE"}, {}]).tflop == pytest.approx(tflop())
