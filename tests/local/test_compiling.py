"""Compiling: when it pays, and that graphs are as many as shapes and never made twice."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imagegen.errors import SettingsError
from imagegen.providers.local import compiling
from tests.local.engines import BATCH, PIECE, THEIRS, apart, arrays

if TYPE_CHECKING:
    from tests.local.engines import Workshop

pytestmark = THEIRS


@pytest.fixture
def graphs() -> Iterator[Any]:
    """How many graphs dynamo made since the test began."""
    import torch

    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    yield lambda: torch._dynamo.utils.counters["stats"]["unique_graphs"]
    torch._dynamo.reset()


def recompiles_forbidden() -> Any:
    import torch

    return torch._dynamo.config.patch(error_on_recompile=True)


SQUARE = [replace(piece, negative="") for piece in BATCH[:2]]
WIDE = [replace(piece, width=96) for piece in SQUARE]
WIDER = [replace(piece, width=128) for piece in SQUARE]
UNGUIDED = [replace(piece, guidance=1.0) for piece in SQUARE]
LONGER = [replace(piece, steps=6, guidance=8.0, seed=5) for piece in SQUARE]


def test_full_makes_one_graph_for_each_shape_and_none_again(workshop: Workshop, graphs: Any) -> None:
    engine = workshop.fresh("sd3", compile="full", backend="eager")
    first = arrays(engine.make(SQUARE))
    # The denoiser and the VAE's decoder.
    assert graphs() == 2
    engine.make(WIDE)
    assert graphs() == 4
    # A third size too: no graph stands for several, or bytes would depend on what came before.
    engine.make(WIDER)
    assert graphs() == 6
    # Without guidance the denoiser gets half the rows; pictures are decoded one by one in any case.
    engine.make(UNGUIDED)
    assert graphs() == 7
    with recompiles_forbidden():
        again = arrays(engine.make(SQUARE))
        engine.make(WIDE)
        # Other steps, guidance and seeds are the same shape.
        engine.make(LONGER)
        engine.make(SQUARE[:1], padded_to=2)
    assert graphs() == 7
    assert [one.tobytes() for one in again] == [one.tobytes() for one in first]


@pytest.mark.parametrize("name", ["sdxl", "sd3", "flux", "flux2"])
def test_regional_makes_no_graph_after_the_first_batch(workshop: Workshop, graphs: Any, name: str) -> None:
    engine = workshop.fresh(name, compile="regional", backend="eager")
    engine.make(SQUARE)
    blocks = graphs()
    assert blocks > 0
    with recompiles_forbidden():
        engine.make([replace(piece, seed=99, guidance=3.0) for piece in SQUARE])
    assert graphs() == blocks
    engine.make(WIDE)
    assert graphs() == 2 * blocks
    with recompiles_forbidden():
        engine.make(SQUARE)
        engine.make(WIDE)
    assert graphs() == 2 * blocks


def test_full_sdxl_keeps_its_weights_names_and_nearly_its_pixels(workshop: Workshop, graphs: Any) -> None:
    engine = workshop.fresh(compile="full", backend="eager")
    names = list(engine.parts.get("unet").state_dict())
    euler, other = arrays(engine.make(SQUARE)), [replace(piece, scheduler="ddim") for piece in SQUARE]
    assert graphs() == 2
    with recompiles_forbidden():
        # The times of one scheduler are whole numbers, of another not: one graph all the same.
        engine.make(other)
    assert list(engine.parts.get("unet").state_dict()) == names
    eager = arrays(workshop.engine().make(SQUARE))
    assert max(apart(*pair) for pair in zip(euler, eager, strict=True)) <= 1


def test_auto_begins_eager_and_decides_when_it_knows_the_time(workshop: Workshop) -> None:
    said: list[str] = []
    engine = workshop.fresh("flux", compile="auto", backend="eager", tell=said.append)
    engine.make([PIECE], rows_left=1_000_000)
    assert (engine.mode, said) == ("eager", [])
    made = engine.make([PIECE], rows_left=10_000_000)
    assert engine.mode == "full"
    assert made[0].facts["compile"] == "full"  # type: ignore[union-attr]
    assert len(said) == 1
    assert said[0].startswith("compiled (full): 10,000,000 pictures at ")


def test_auto_leaves_few_pictures_alone_and_says_from_when_it_pays(workshop: Workshop) -> None:
    said: list[str] = []
    engine = workshop.fresh(compile="auto", backend="eager", tell=said.append)
    for _ in range(3):
        engine.make([PIECE], rows_left=3)
    assert engine.mode == "eager"
    assert len(said) == 1
    assert "compiling pays from about" in said[0]


def test_without_a_compiler_it_goes_on_eager_and_says_so_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []
    engine = workshop.fresh(compile="regional", tell=said.append)
    assert len(arrays(engine.make([PIECE]))) == 1
    engine.make([PIECE])
    assert said == [compiling.NO_COMPILER]
    assert engine.mode == "eager"


def test_deterministic_never_lets_the_clock_decide(workshop: Workshop) -> None:
    import torch

    try:
        engine = workshop.fresh(compile="auto", backend="eager", deterministic=True)
        engine.make([PIECE], rows_left=10_000_000)
        made = engine.make([PIECE], rows_left=10_000_000)
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.deterministic = False
    assert (made[0].facts["compile"], made[0].facts["deterministic"]) == ("eager", True)  # type: ignore[union-attr]


def test_compiled_code_is_kept_in_the_folder(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from torch._inductor.runtime.cache_dir_utils import cache_dir, triton_cache_dir

    for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        monkeypatch.setenv(name, "elsewhere")
    workshop.fresh(cache=tmp_path / "compiled")
    assert cache_dir() == str(tmp_path / "compiled")
    assert triton_cache_dir(0).startswith(str(tmp_path / "compiled"))


def test_the_break_even_of_the_reference() -> None:
    # 1.2x at 2.5 s a picture: 10 s of compiling come back after some 24 pictures.
    assert compiling.break_even(2.5, "regional") == 25
    assert compiling.break_even(2.5, "full") == 208
    assert compiling.choose("auto", 20, 2.5).mode == "eager"
    assert compiling.choose("auto", 100, 2.5).mode == "regional"
    assert compiling.choose("auto", 10_000, 2.5).mode == "full"
    # Three shapes are three times the compiling.
    assert compiling.choose("auto", 60, 2.5, graphs=3).mode == "eager"
    assert compiling.choose("auto", 0, 2.5).mode == "eager"


def test_what_was_asked_for_is_done_and_nonsense_is_said() -> None:
    assert compiling.choose("full", 1, 0.1).mode == "full"
    assert compiling.choose("eager", 10**6, 9.0, compiler=False).why == "not compiled, as asked"
    assert compiling.choose("regional", 10**6, 9.0, compiler=False).why == compiling.NO_COMPILER
    with pytest.raises(SettingsError, match="compile 'fast' is unknown; use auto or one of: eager, regional, full"):
        compiling.choose("fast", 1, 1.0)


def test_a_named_compiler_that_is_not_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    assert not compiling.has_compiler()
    monkeypatch.setenv("CXX", sys.executable)
    assert compiling.has_compiler()
