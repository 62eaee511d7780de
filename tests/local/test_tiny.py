"""Tiny models are real: diffusers' own pipelines load them offline, and paint the same picture twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagegen.errors import UsageError
from imagegen.providers.local import lorafile, tiny
from imagegen.providers.local.weights import glance, look

#: What diffusers' schedulers do with NumPy and torch is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SIZE = {"width": 64, "height": 64}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Every tiny model, written once."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("tiny")
    tiny.write(folder, tiny.FAMILIES)
    yield folder
    torch.set_num_threads(threads)


def _pipeline(folder: Path, name: str = "DiffusionPipeline") -> Any:
    import diffusers

    made = getattr(diffusers, name).from_pretrained(folder, local_files_only=True, use_safetensors=True)
    made.set_progress_bar_config(disable=True)
    return made


def _picture(pipeline: Any, prompt: str = "a mug on linen", **more: Any) -> Any:
    import torch

    seed = torch.Generator().manual_seed(1)
    asked = {"prompt": prompt, "num_inference_steps": 2, "generator": seed, "output_type": "np", **more}
    return pipeline(**asked).images[0]


@pytest.mark.parametrize("family", [name for name in tiny.FAMILIES if name != "sdxl-refiner"])
def test_paints_the_same_picture_twice(models: Path, family: str) -> None:
    """Right-sized, finite, neither black nor grey, and another one for another prompt."""
    import numpy

    pipeline = _pipeline(models / family)
    first = _picture(pipeline, **SIZE)
    assert first.shape == (64, 64, 3)
    assert numpy.isfinite(first).all()
    assert first.std() > 0.1
    assert (first == _picture(pipeline, **SIZE)).all()
    assert (first != _picture(pipeline, "ein Krug, 100 % Wolle – ünïcode 🫖", **SIZE)).any()


@pytest.mark.parametrize(
    ("family", "pipeline", "masked", "size"),
    [
        ("sdxl", "StableDiffusionXLImg2ImgPipeline", False, {}),
        ("sdxl", "StableDiffusionXLInpaintPipeline", True, SIZE),
        ("sdxl-refiner", "StableDiffusionXLImg2ImgPipeline", False, {}),
        ("flux", "FluxImg2ImgPipeline", False, SIZE),
    ],
)
def test_the_same_weights_change_pictures(
    models: Path, family: str, pipeline: str, masked: bool, size: dict[str, int]
) -> None:
    """One folder serves text-to-image, img2img and inpainting."""
    from PIL import Image

    given = {"image": Image.new("RGB", (64, 64), "teal"), "strength": 0.9, **size}
    if masked:
        given["mask_image"] = Image.new("L", (64, 64), 255)
    painted = _picture(_pipeline(models / family, pipeline), **given)
    assert painted.shape == (64, 64, 3)
    assert painted.std() > 0.1


@pytest.mark.parametrize("family", ["sdxl", "flux"])
def test_the_same_bytes_each_time(models: Path, tmp_path: Path, family: str) -> None:
    """Whatever was drawn before, and wherever it is written."""
    import torch

    torch.manual_seed(7)
    state = torch.random.get_rng_state()
    again = tiny.write(tmp_path, [family])[family]
    assert (torch.random.get_rng_state() == state).all()
    files = sorted(path.relative_to(models / family) for path in (models / family).rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    for name in files:
        assert (models / family / name).read_bytes() == (again / name).read_bytes(), name


@pytest.mark.parametrize(
    ("family", "name", "few"),
    [
        ("sdxl", "base", False),
        ("sdxl-refiner", "base", False),
        ("sd3", "base", False),
        ("flux", "dev", False),
        ("flux-schnell", "schnell", True),
        ("flux2", "klein", True),
    ],
)
def test_is_what_it_stands_for(models: Path, family: str, name: str, few: bool) -> None:
    found = look(models / family)
    assert found.family.name == family.removesuffix("-schnell")
    assert (found.recipe.name, found.few_steps) == (name, few)
    assert found.size < 10_000_000


@pytest.mark.parametrize("family", ["sdxl", "flux", "flux2"])
def test_loras_of_both_formats_change_it_alike(models: Path, family: str) -> None:
    """diffusers makes of kohya's file what it makes of peft's; taken out, the model is what it was."""
    import numpy

    pipeline = _pipeline(models / family)
    plain, changed = _picture(pipeline, **SIZE), []
    for kohya in (False, True):
        path = tiny.write_lora(models, family, rank=4, kohya=kohya)
        assert lorafile.read(path).format == ("kohya" if kohya else "peft")
        assert lorafile.refuses(path, glance(models / family)) is None
        pipeline.load_lora_weights(str(models), weight_name=path.name)
        changed.append(_picture(pipeline, **SIZE))
        pipeline.unload_lora_weights()
    assert numpy.abs(changed[0] - plain).max() > 0.01
    assert (changed[0] == changed[1]).all()
    assert (_picture(pipeline, **SIZE) == plain).all()


def test_loras_differ_by_seed_and_not_by_chance(models: Path) -> None:
    first = tiny.write_lora(models, "sd3").read_bytes()
    assert tiny.write_lora(models, "sd3").read_bytes() == first
    assert tiny.write_lora(models, "sd3", seed=2).read_bytes() != first
    assert (models / "lora-sd3-4-2.safetensors").is_file()


def test_a_lora_of_one_fits_no_other(models: Path) -> None:
    for family in ("sdxl", "sd3", "flux", "flux2"):
        path = tiny.write_lora(models, family)
        for other in ("sdxl", "sd3", "flux", "flux2"):
            assert (lorafile.refuses(path, glance(models / other)) is None) == (other == family)


@pytest.mark.parametrize(
    ("family", "rank", "kohya", "message"),
    [("sdxl", 0, False, "the rank is 0"), ("sd3", 4, True, "reads no LoRA of SD 3.5 in kohya's format")],
)
def test_a_lora_that_cannot_be(models: Path, family: str, rank: int, kohya: bool, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tiny.write_lora(models, family, rank, kohya)


def test_the_mid_size_model_has_its_size() -> None:
    """Counted without memory for its weights."""
    import torch

    from imagegen.providers.local import tinyparts

    with torch.device("meta"):
        unet = tinyparts.mid_sdxl().unet
    assert 88_000_000 < sum(each.numel() for each in unet.parameters()) < 90_000_000


def test_leaves_other_folders_alone(tmp_path: Path) -> None:
    """A real model that happens to have the name is not overwritten."""
    (tmp_path / "sdxl").mkdir()
    (tmp_path / "sdxl" / "model_index.json").write_text("{}")
    with pytest.raises(UsageError, match="is there already and holds no random weights"):
        tiny.write(tmp_path, ["sdxl"])
    assert (tmp_path / "sdxl" / "model_index.json").read_text() == "{}"


def test_names_the_families_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no tiny model is called 'sdx'; there are sdxl, sdxl-refiner, sd3, flux, "):
        tiny.write(tmp_path, ["sdxl", "sdx"])
    assert not list(tmp_path.iterdir())
