"""LoRAs: as diffusers applies them, taken on and off to the bit, without a recompilation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from imagegen.errors import SettingsError
from imagegen.providers.local import tiny
from tests.local.engines import BATCH, PIECE, THEIRS, apart, arrays

if TYPE_CHECKING:
    from tests.local.engines import Workshop

pytestmark = THEIRS

Lora = Callable[..., str]


@pytest.fixture(scope="module")
def lora(workshop: Workshop) -> Lora:
    """Writes a random LoRA for a tiny model: its path."""

    def write(name: str = "sdxl", rank: int = 4, **options: Any) -> str:
        return str(tiny.write_lora(workshop.weights(name).folder.parent, name, rank, **options))

    return write


def wearing(*loras: tuple[str, float]) -> Any:
    return [replace(piece, loras=loras, guidance=5.0, negative="") for piece in BATCH[:2]]


@pytest.mark.parametrize(
    ("name", "kind", "kohya"),
    [
        ("sdxl", "StableDiffusionXLPipeline", False),
        ("sdxl", "StableDiffusionXLPipeline", True),
        ("sd3", "StableDiffusion3Pipeline", False),
        ("flux", "FluxPipeline", False),
        ("flux", "FluxPipeline", True),
        ("flux2", "Flux2KleinPipeline", False),
    ],
)
def test_as_diffusers_applies_it(workshop: Workshop, lora: Lora, name: str, kind: str, kohya: bool) -> None:
    from tests.local.test_engine_parity import asked

    path = lora(name, 4, kohya=kohya)
    pieces = wearing((path, 1.0))
    engine = workshop.fresh(name)
    worn = arrays(engine.make(pieces))
    pipeline = workshop.pipeline(name, kind)
    try:
        pipeline.load_lora_weights(path)
        theirs = asked(pipeline, pieces)
    finally:
        pipeline.unload_lora_weights()
    assert max(apart(*pair) for pair in zip(worn, theirs, strict=True)) <= 1
    assert min(apart(*pair) for pair in zip(worn, arrays(engine.make(wearing())), strict=True)) > 1


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")
def test_several_with_weights_as_diffusers_applies_them(workshop: Workshop, lora: Lora) -> None:
    from tests.local.test_engine_parity import asked

    one, other = lora(seed=1), lora(rank=8, seed=2, kohya=True)
    ours = arrays(workshop.fresh().make(wearing((one, 0.7), (other, -0.4))))
    pipeline = workshop.pipeline("sdxl", "StableDiffusionXLPipeline")
    try:
        pipeline.load_lora_weights(one, adapter_name="one")
        pipeline.load_lora_weights(other, adapter_name="other")
        pipeline.set_adapters(["one", "other"], [0.7, -0.4])
        theirs = asked(pipeline, wearing())
    finally:
        pipeline.unload_lora_weights()
    assert max(apart(*pair) for pair in zip(ours, theirs, strict=True)) <= 1


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_taken_off_it_leaves_no_trace(workshop: Workshop, lora: Lora, dtype: str) -> None:
    engine = workshop.fresh(dtype=dtype)
    bare = {key: value.clone() for key, value in engine.parts.get("unet").state_dict().items()}
    plain = arrays(engine.make(wearing()))
    first = arrays(engine.make(wearing((lora(seed=1), 1.0))))
    second = arrays(engine.make(wearing((lora(seed=2), 1.0))))
    assert not np.array_equal(first[0], second[0])
    assert np.array_equal(arrays(engine.make(wearing((lora(seed=1), 1.0))))[0], first[0])
    assert np.array_equal(arrays(engine.make(wearing()))[0], plain[0])
    assert all(value.equal(bare[key]) for key, value in engine.parts.get("unet").state_dict().items())
    # Of weight 0 it changes nothing either.
    assert np.array_equal(arrays(engine.make(wearing((lora(seed=1), 0.0))))[0], plain[0])


def test_changing_them_compiles_nothing(workshop: Workshop, lora: Lora) -> None:
    import torch

    torch._dynamo.reset()
    engine = workshop.fresh("flux", compile="full", backend="eager")
    plain = arrays(engine.make(wearing()))
    small, large = lora("flux", 4), lora("flux", 16, seed=3)
    with torch._dynamo.config.patch(error_on_recompile=True):
        worn = arrays(engine.make(wearing((small, 1.0))))
        engine.make(wearing((large, 0.5), (small, 0.5)))
        assert np.array_equal(arrays(engine.make(wearing()))[0], plain[0])
    torch._dynamo.reset()
    eager = arrays(workshop.fresh("flux").make(wearing((small, 1.0))))
    assert max(apart(*pair) for pair in zip(worn, eager, strict=True)) <= 1


def test_alpha_out_of_the_settings_that_peft_writes(workshop: Workshop, lora: Lora, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(lora())
    twice = {"r": 4, "lora_alpha": 8}
    inside = tmp_path / "inside.safetensors"
    told = {"lora_adapter_metadata": json.dumps({f"unet.{key}": value for key, value in twice.items()})}
    save_file(tensors, inside, metadata=told)
    beside = tmp_path / "adapter_model.safetensors"
    shutil.copy(lora(), beside)
    (tmp_path / "adapter_config.json").write_text(json.dumps(twice))
    engine = workshop.fresh()
    expected = arrays(engine.make(wearing((lora(), 2.0))))[0]
    for path in (inside, beside):
        assert np.array_equal(arrays(engine.make(wearing((str(path), 1.0))))[0], expected)


def test_what_does_not_fit_is_said_and_harms_nothing(workshop: Workshop, lora: Lora, tmp_path: Path) -> None:
    engine = workshop.fresh()
    plain = arrays(engine.make(wearing()))[0]
    strange = tmp_path / "strange.safetensors"
    strange.write_bytes(b"no LoRA")
    for path, message in [
        (lora("flux"), "not for SDXL"),
        (str(strange), "is no safetensors file"),
        (str(tmp_path / "none.safetensors"), "is not there"),
    ]:
        with pytest.raises(SettingsError, match=message):
            engine.make(wearing((path, 1.0)))
    assert np.array_equal(arrays(engine.make(wearing()))[0], plain)


def test_the_sidecar_names_it(workshop: Workshop, lora: Lora) -> None:
    import hashlib

    path = lora()
    made = workshop.fresh().make([replace(PIECE, loras=((path, 0.5),))])
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert made[0].facts["loras"] == [[Path(path).name, digest, 0.5]]  # type: ignore[union-attr]
