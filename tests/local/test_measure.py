"""Measuring: what is measured, what follows from it, and cells that fail alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imagegen import catalog
from imagegen.forecast import anchors, flops
from imagegen.forecast.speed import HOUR
from imagegen.providers.local import measure, stages
from imagegen.providers.local.engine import Engine
from imagegen.providers.local.geometry import architecture
from imagegen.providers.local.gpuname import recognised
from imagegen.providers.local.measured import Asked, Cell, Compiled, Measured
from imagegen.providers.local.measuretable import document, headline, markdown, notes, tables
from tests.local.engines import BATCH, THEIRS, arrays

if TYPE_CHECKING:
    from imagegen.providers.local.weights import Weights
    from tests.local.engines import Workshop

pytestmark = THEIRS

GPUS = catalog.load().gpus
A100 = next(gpu for gpu in GPUS if gpu.name == "a100")
WISH = measure.Wish("tiny sdxl", 64, 64, 2, 7.0, ("eager", "regional"), (1, 2), 4, backend="eager")
ASKED = Asked(
    model="sdxl",
    counted="sdxl",
    revision=None,
    random=False,
    width=1024,
    height=1024,
    steps=30,
    guidance=7.5,
    device="NVIDIA A100-SXM4-80GB",
    dtype="bf16",
    versions={"torch": "2.13.0"},
    work=flops.work("sdxl", 1024, 1024, 30),
    gpu=A100,
    hourly=A100.hourly,
)
SHARES = {"text": 0.01, "denoise": 2.4, "decode": 0.1, "rest": 0.03}
BEST = Cell("full", 4, 120.0, (2.60, 2.54, 2.50), SHARES, 24_000_000_000)
FOUND = Measured(ASKED, (Cell("eager", 4, 9.0, (3.3, 3.3, 3.4), SHARES, 1), BEST), {"full": Compiled(2, 0)}, {})


def run(weights: Weights, wish: measure.Wish) -> Measured:
    return measure.measure(weights, wish, lambda _: None)


def test_every_cell_is_measured_cold_and_warm(workshop: Workshop) -> None:
    found = run(workshop.weights(), WISH)
    assert [(cell.mode, cell.batch) for cell in found.cells] == [
        ("eager", 1),
        ("eager", 2),
        ("regional", 1),
        ("regional", 2),
    ]
    # Four pictures at least, and three calls at least.
    assert [len(cell.warm) for cell in found.cells] == [4, 3, 4, 3]
    for cell in found.cells:
        assert (cell.why, cell.flawed, cell.memory) == ("", 0, None)
        assert cell.cold is not None
        assert cell.seconds is not None
        assert min(cell.stages.values()) >= 0
        assert cell.stages["denoise"] > cell.stages["text"] > 0
        assert sum(cell.shares.values()) == pytest.approx(1)
    assert found.compiled["eager"] == Compiled(0, 0)
    assert found.compiled["regional"].graphs > 0
    assert found.compiled["regional"].recompiles == 0
    assert (found.asked.random, found.asked.counted, found.asked.device) == (True, None, "cpu")
    assert found.best in found.cells


def test_one_cell_out_of_memory_leaves_the_others(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    make = Engine.make

    def full(self: Engine, pieces: Any, *args: Any, **kwargs: Any) -> Any:
        if len(pieces) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return make(self, pieces, *args, **kwargs)

    monkeypatch.setattr(Engine, "make", full)
    wish = replace(WISH, modes=("eager",), batches=(1, 2, 3), pictures=1)
    found = run(workshop.weights(), wish)
    assert [cell.why for cell in found.cells] == ["", measure.FULL, ""]
    assert [len(cell.warm) for cell in found.cells] == [3, 0, 3]
    assert "eager, 2 at once: out of memory" in notes(found)
    assert document(found, None)["measured"][1]["seconds"] is None


def test_a_cell_that_fails_late_or_otherwise_says_why(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    make, calls = Engine.make, []

    def breaks(self: Engine, pieces: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(len(pieces))
        if len(calls) > 2:
            raise RuntimeError("no\n kernel")
        return make(self, pieces, *args, **kwargs)

    monkeypatch.setattr(Engine, "make", breaks)
    found = run(workshop.weights(), replace(WISH, modes=("eager",), batches=(1,), pictures=1))
    assert (found.cells[0].why, found.cells[0].warm, len(calls)) == ("no kernel", (), 3)
    assert found.best is None
    assert headline(found).endswith("nothing could be measured")


def test_without_a_compiler_only_eager_is_measured(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    found = run(workshop.weights(), replace(WISH, batches=(1,), pictures=1, backend="inductor"))
    assert [bool(cell.warm) for cell in found.cells] == [True, False]
    assert found.cells[1].why.startswith("no C++ compiler was found")


def test_watching_changes_no_byte_and_leaves_nothing_behind(workshop: Workshop) -> None:
    engine = workshop.fresh()
    plain = arrays(engine.make(BATCH))
    before = dict(vars(engine.model)), dict(vars(engine.texts)), "decode" in vars(engine.parts.get("vae"))
    engine.texts.rows = 0
    with stages.watched(engine) as clock:
        seen = arrays(engine.make(BATCH))
    assert [one.tobytes() for one in seen] == [one.tobytes() for one in plain]
    assert clock.seconds["text"] == 0
    assert min(clock.seconds["denoise"], clock.seconds["decode"]) > 0
    assert before[0].keys() == vars(engine.model).keys()
    assert before[1].keys() == vars(engine.texts).keys()
    assert before[2] is ("decode" in vars(engine.parts.get("vae"))) is False


def test_compiled_code_goes_elsewhere_only_while_measuring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "mine")
    monkeypatch.delenv("TRITON_CACHE_DIR", raising=False)
    with measure.compiling_elsewhere(tmp_path / "there"):
        assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "there")
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "mine"
    assert "TRITON_CACHE_DIR" not in os.environ


def test_what_follows_from_the_figures() -> None:
    """The anchor of the formula: 30 steps on an A100 in 2.54 s are 52.5 % of its peak."""
    assert FOUND.best is BEST
    assert FOUND.share_of_limit(BEST) == pytest.approx(0.525, rel=0.01)
    assert BEST.per_hour == pytest.approx(1417, rel=0.001)
    # $3.80 an hour over 1,417 pictures.
    assert FOUND.cost(BEST) == 2_681_111
    estimate = FOUND.forecast("full", 4)
    assert estimate is not None
    assert estimate.seconds[0] <= 2.54 <= estimate.seconds[1]


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    """A CPU has no peak here and no price; tiny weights have no known arithmetic."""
    nowhere = replace(FOUND, asked=replace(ASKED, gpu=None, hourly=None))
    said = document(nowhere, None)["measured"][1]
    assert (said["share_of_limit"], said["cost_usd"], document(nowhere, None)["estimated"]) == (None, None, [])
    text = " ".join(notes(nowhere))
    assert "Limit: not known, since this device's peak is not (416.4 TFLOP a picture)." in text
    assert "Cost: not known; say what an hour costs with --hourly." in text
    tiny = replace(FOUND, asked=replace(ASKED, work=None, counted=None, random=True))
    assert "Limit: not known, since the arithmetic of these weights is not." in notes(tiny)
    assert notes(tiny)[0].startswith("Random weights")


def test_the_tables_stand_beside_the_guide_and_what_others_published() -> None:
    guide = anchors.Anchor("A100 80GB (AWS)", "sdxl", "the guide", 30, HOUR / 600, None, "the guide")
    speed, where, others = tables(FOUND, guide)
    assert speed.rows[1] == ("full", "4", "120 s", "2.54", "2.5..2.6", "1,417", "53%", "$0.0027")
    assert where.rows[1] == ("full", "4", "0.4%", "94.5%", "3.9%", "1.2%", "24.0 GB")
    rows = {row[0]: row[1:] for row in others.rows}
    assert rows["here: full, 4 at once"] == ("measured", "30", "2.54", "1,417", "1,417")
    assert rows["A100 80GB (AWS): the guide"] == ("guide", "30", "6", "600", "~600")
    # 50 steps in 5.132 s are, by arithmetic, 1,157 pictures of 30 steps an hour.
    assert rows["A100: diffusers, batch 1, fp16, compiled"] == ("published", "50", "5.13", "701", "~1,157")
    assert rows["a100: full"][0] == "estimate"
    assert "full: 2 graphs compiled in the first calls, 0 after them" in notes(FOUND)
    text = markdown(FOUND, guide)
    assert text.startswith(
        "**sdxl on NVIDIA A100-SXM4-80GB, bf16, 1024x1024, 30 steps: 2.54 s a picture, 1,417 an hour"
    )
    widths = {line.count("|") for line in text.splitlines() if line.startswith("| ")}
    assert widths == {9, 8, 7}


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA A100-PCIE-40GB", "a100"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H100 PCIe", None),
        ("NVIDIA H100 NVL", None),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA A10G", "a10g"),
        ("NVIDIA A10", None),
        ("NVIDIA L4", "l4"),
        ("NVIDIA L40S", None),
        ("Tesla T4", "t4"),
        ("NVIDIA A100-SXM4-80GB MIG 1g.10gb", None),
        ("cpu", None),
    ],
)
def test_a_gpu_is_known_by_its_name(device: str, name: str | None) -> None:
    found = recognised(GPUS, device)
    assert (found.name if found else None) == name


def test_published_figures_give_the_published_utilisation() -> None:
    """Of the A100's 312 and the H100's 989.4 TFLOP/s; what is eager at 4 tensors' precision says none."""
    peaks = {"A100 80GB": 312.0, "A100": 312.0, "H100": 989.4, "H200": 989.4}
    for each in anchors.ANCHORS:
        found = flops.work(each.model, 1024, 1024, each.steps)
        assert found is not None
        if each.mfu is not None:
            assert found.tflop / each.seconds / peaks[each.gpu] == pytest.approx(each.mfu, abs=0.01), each


def test_the_architecture_is_told_by_its_configuration(workshop: Workshop) -> None:
    tiny = workshop.weights()
    assert architecture(tiny) is None
    real = {
        "unet": {"block_out_channels": [320, 640, 1280], "cross_attention_dim": 2048},
        "vae": {"block_out_channels": [128, 256, 512, 512]},
    }
    assert architecture(replace(tiny, configs={**tiny.configs, **real})) == "sdxl"
    half = {"unet": real["unet"]}
    assert architecture(replace(tiny, configs={**tiny.configs, **half})) is None
    refiner = real | {"unet": {"block_out_channels": [384, 768, 1536, 1536], "cross_attention_dim": 1280}}
    assert architecture(replace(tiny, configs={**tiny.configs, **refiner})) is None
    flux, vae = workshop.weights("flux"), {"vae": real["vae"]}
    sizes = {"num_attention_heads": 24, "attention_head_dim": 128, "num_layers": 19, "num_single_layers": 38}
    for guided, name in ((True, "flux-dev"), (False, "flux-schnell")):
        big = {"transformer": {**sizes, "guidance_embeds": guided}, **vae}
        assert architecture(replace(flux, configs={**flux.configs, **big})) == name
    sd3 = workshop.weights("sd3")
    large = {"transformer": {"num_attention_heads": 38, "attention_head_dim": 64, "num_layers": 38}, **vae}
    assert architecture(replace(sd3, configs={**sd3.configs, **large})) == "sd-3.5-large"
