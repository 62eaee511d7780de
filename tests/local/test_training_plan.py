"""What a training plans, without torch: sizes, which pictures a step sees, what it takes."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from imagegen.catalog import load
from imagegen.catalog.gpus import named
from imagegen.domain.money import nano
from imagegen.errors import SettingsError, UsageError
from imagegen.forecast import flops
from imagegen.forecast.shapes import SHAPES
from imagegen.providers.local.training.course import Course, check, check_weights, usual_steps
from imagegen.providers.local.training.forecast import Samples, forecast, model_of, work
from imagegen.providers.local.training.plan import Sequel, fitted, sizes
from imagegen.providers.local.weights import glance
from tests.local.folders import change, model

GPUS = load([]).gpus
NONE = Samples(0, 0, 0)


@pytest.mark.parametrize(
    ("picture", "edge", "size"),
    [
        ((1024, 1024), 1024, (1024, 1024)),
        ((4000, 3000), 1024, (1152, 896)),
        ((3000, 4000), 1024, (896, 1152)),
        ((1920, 1080), 1024, (1344, 768)),
        ((9000, 100), 1024, (2048, 512)),
        ((100, 9000), 1024, (512, 2048)),
        ((30, 40), 64, (64, 64)),
        ((640, 480), 512, (576, 448)),
    ],
)
def test_pictures_are_fitted_by_shape(picture: tuple[int, int], edge: int, size: tuple[int, int]) -> None:
    assert fitted(*picture, edge) == size


@pytest.mark.parametrize("edge", [64, 128, 512, 768, 1024])
def test_no_size_has_more_pixels_than_the_square(edge: int) -> None:
    found = list(sizes(edge))
    assert (edge, edge) in found
    assert all(width * height <= edge**2 and width % 64 == height % 64 == 0 for width, height in found)


def test_every_round_sees_each_picture_once() -> None:
    """Those of one size together, in another order each round, and the same for the same seed."""
    fits = [(64, 64)] * 5 + [(128, 64)] * 3
    sequel = Sequel(fits, 2, seed=1)
    assert sequel.round == 5
    rounds = [[sequel.at(turn * 5 + number) for number in range(5)] for turn in range(3)]
    for batches in rounds:
        assert Counter(place for batch in batches for place in batch) == Counter(range(8))
        assert all(len({fits[place] for place in batch}) == 1 for batch in batches)
    assert rounds[0] != rounds[1]
    backwards = Sequel(fits, 2, seed=1)
    assert [backwards.at(number) for number in range(14, -1, -1)][::-1] == [
        batch for batches in rounds for batch in batches
    ]
    assert [Sequel(fits, 2, seed=2).at(number) for number in range(5)] != rounds[0]


def test_a_step_is_three_forward_passes() -> None:
    """SDXL at 1024x1024 has 6.761 TFLOP a pass: 1,000 steps are 20,283, and each picture is encoded once."""
    once = 20 * (flops.encode(SHAPES["sdxl"], 1024, 1024) + flops.text(SHAPES["sdxl"])) / 1e12
    found = work("sdxl", [(1024, 1024)] * 20, Course(1000), NONE)
    assert math.isclose(found - once, 20283, rel_tol=0.001)
    assert math.isclose(
        work("sdxl", [(1024, 1024)] * 20, Course(1000, batch=2, accumulate=3), NONE) - once, 6 * 20283, rel_tol=0.001
    )
    small = work("sdxl", [(512, 512)] * 20, Course(1000, size=512), NONE)
    assert small < found / 4


def test_sheets_cost_what_their_pictures_do() -> None:
    """Four sheets of four pictures in 30 steps with guidance: 416.4 TFLOP each."""
    plain, shown = (work("sdxl", [(1024, 1024)] * 20, Course(1000), each) for each in (NONE, Samples(4, 30, 250)))
    assert math.isclose(shown - plain, 16 * 416.4, rel_tol=0.001)
    assert [Samples(4, 30, every).sheets(1000) for every in (250, 300, 1000, 0)] == [4, 4, 1, 0]
    assert Samples(0, 30, 250).sheets(1000) == 0


def test_seconds_and_dollars() -> None:
    """FLOP over what an A100 reaches of its peak; the table's price or one's own; rounded up, never to nothing."""
    fits = [(1024, 1024)] * 20
    found = forecast("sdxl", fits, Course(1000), NONE, named(GPUS, "a100"))
    assert math.isclose(found.seconds[0], found.tflop / (312 * 0.40))
    assert math.isclose(found.seconds[1], found.tflop / (312 * 0.37 * 0.5))
    assert [Decimal(cost) / 10**9 for cost in found.cost] == [
        pytest.approx(Decimal(round(each)) * Decimal("3.80") / 3600, abs=Decimal("1e-8")) for each in found.seconds
    ]
    own = forecast("sdxl", fits, Course(1000), NONE, named(GPUS, "a100"), nano("7.60"))
    assert [round(two / one, 6) for one, two in zip(found.cost, own.cost, strict=True)] == [2, 2]
    # So small a picture that starting its passes takes longest: three launches of 15 to 30 ms a step.
    tiny = forecast("sdxl", [(64, 64)] * 20, Course(1000, size=64), NONE, named(GPUS, "h100"))
    assert tiny.seconds == (45.0, 90.0)


def test_a_gpu_of_unknown_arithmetic() -> None:
    unknown = replace(named(GPUS, "a100"), name="mine", peak_tflops=None)
    with pytest.raises(SettingsError, match="the GPU mine has no peak_tflops; write it to your catalogue file"):
        forecast("sdxl", [(64, 64)], Course(10), NONE, unknown)


def test_weights_of_another_size_have_no_forecast(tmp_path: Path) -> None:
    found, why = model_of(glance(model(tmp_path / "m")))
    assert (found, why) == (None, "these weights have less than a million parameters, and SDXL has 2,567 million")


@pytest.mark.parametrize(("pictures", "steps"), [(5, 1000), (20, 1000), (30, 1500), (50, 2500), (400, 2500)])
def test_steps_where_nobody_says_how_many(pictures: int, steps: int) -> None:
    assert usual_steps(pictures) == steps


@pytest.mark.parametrize(
    ("course", "message"),
    [
        (Course(0), "0 steps are none; give --steps"),
        (Course(9, rank=200), "rank 200 is not taken; give --rank from 1 to 128"),
        (Course(9, learning_rate=0.0), "a learning rate of 0 trains nothing"),
        (Course(9, learning_rate=math.nan), "a learning rate of nan trains nothing"),
        (Course(9, alpha=-1.0), "an alpha of -1 changes nothing"),
        (Course(9, batch=0), "a batch has at least one picture"),
        (Course(9, size=1000), "size 1000 is not trained; give --size a multiple of 64 up to 2048"),
        (Course(9, size=4096), "size 4096 is not trained"),
        (Course(9, min_snr=0.0), "a Min-SNR of 0 weighs nothing"),
    ],
)
def test_a_course_that_cannot_be_gone(course: Course, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check(course)


def test_weights_that_are_not_trained(tmp_path: Path) -> None:
    """Other families, what was distilled to few steps, and a prediction that nobody trains here."""
    flux = model(tmp_path / "flux", "flux")
    with pytest.raises(SettingsError, match=r"is FLUX\.1 schnell; train on FLUX\.1 dev"):
        check_weights(glance(flux))
    change(flux / "transformer" / "config.json", guidance_embeds=True)
    check_weights(glance(flux))
    with pytest.raises(SettingsError, match=r"is SD 3\.5; LoRAs are trained for SDXL and FLUX\.1 dev"):
        check_weights(glance(model(tmp_path / "sd3", "sd3")))
    with pytest.raises(SettingsError, match=r"was distilled to few steps \(lightning\), which training would undo"):
        check_weights(glance(model(tmp_path / "sdxl-lightning")))
    plain = model(tmp_path / "xl")
    check_weights(glance(plain))
    change(plain / "scheduler" / "scheduler_config.json", prediction_type="sample")
    with pytest.raises(SettingsError, match="predicts 'sample'; LoRAs are trained for epsilon and v_prediction"):
        check_weights(glance(plain))


def test_planning_imports_nothing_heavy() -> None:
    """A price can be said before the extra is installed."""
    code = (
        "import sys\nimport imagegen.providers.local.training.prepare\n"
        "print(sorted({'torch', 'numpy', 'diffusers', 'peft', 'safetensors', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert done.stdout == "[]\n", done.stderr
