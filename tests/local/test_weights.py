"""A model's folder is checked before anything in it is loaded; its digest names what decides pictures."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from imagegen.errors import SettingsError, StorageError
from imagegen.providers.local.digests import Digests, together
from imagegen.providers.local.families import FAMILIES, family_of
from imagegen.providers.local.weights import Weights, glance, look
from tests.local.folders import change, model, safetensors, write

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("family", FAMILIES)
def test_tells_the_family(tmp_path: Path, family: str) -> None:
    found = look(model(tmp_path / "x", family))
    assert found.family.name == family
    assert found.dtypes == {"float32"}
    assert set(found.parts) == set(found.family.models)
    assert found.size == sum((tmp_path / "x" / name).stat().st_size for name in found.files)


def test_a_base_model_saved_by_another_pipeline_is_still_one(tmp_path: Path) -> None:
    """Picture-to-picture with both text encoders is SDXL itself, not its refiner."""
    folder = model(tmp_path / "x")
    change(folder / "model_index.json", _class_name="StableDiffusionXLImg2ImgPipeline")
    assert glance(folder).family.name == "sdxl"
    change(folder / "model_index.json", _class_name="StableDiffusionXLInpaintPipeline")
    assert glance(folder).family.name == "sdxl"
    assert family_of("FluxKontextPipeline") is None


def _remove(name: str) -> Callable[[Path], None]:
    return lambda folder: shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()


def _put(name: str, data: bytes = b"x") -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(data) and None  # type: ignore[func-returns-value]


def _set(name: str, **values: object) -> Callable[[Path], None]:
    return lambda folder: change(folder / name, **values)


def _only(name: str, ending: str) -> Callable[[Path], None]:
    """The component's weights as a pickle instead of safetensors."""

    def rename(folder: Path) -> None:
        path = folder / name
        path.rename(path.with_suffix(ending))

    return rename


def _cut(folder: Path) -> None:
    path = folder / "unet/diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


UNET = "unet/diffusion_pytorch_model.safetensors"
PICKLE = "is a pickle, which can run any program when it is loaded"
CODE = "wants code of its own to be run"
HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no index": (_remove("model_index.json"), "is no model: it has no model_index.json"),
    "a ckpt beside": (_put("model.ckpt"), f"model.ckpt {PICKLE}"),
    "a bin in place": (_only(UNET, ".bin"), f"diffusion_pytorch_model.bin {PICKLE}"),
    "a pth": (_put("vae/taesd.pth"), f"taesd.pth {PICKLE}"),
    "a PT": (_put("text_encoder/MODEL.PT"), f"MODEL.PT {PICKLE}"),
    "code beside": (_put("pipeline.py"), "pipeline.py is code, and code of a model is never run"),
    "code within": (_put("unet/unet.py"), "unet.py is code, and code of a model is never run"),
    "a pipeline of its own": (_set("model_index.json", _class_name=["pipeline", "Mine"]), CODE),
    "a custom pipeline": (_set("model_index.json", custom_pipeline="a/b"), f"{CODE} (custom_pipeline)"),
    "a library of its own": (_set("model_index.json", unet=["my_unet", "Mine"]), f"{CODE} (unet: my_unet.Mine)"),
    "an auto_map": (_set("text_encoder/config.json", auto_map={"AutoModel": "m.M"}), f"{CODE} (auto_map)"),
    "an auto_map of words": (_set("tokenizer/tokenizer_config.json", auto_map={"AutoTokenizer": "t.T"}), CODE),
    "an auto_map deeper": (_set("text_encoder/config.json", text_config={"auto_map": {"A": "m.M"}}), CODE),
    "another class": (_set("model_index.json", unet=["diffusers", "UNet3DConditionModel"]), "SDXL has a UNet2DCond"),
    "another config": (_set("unet/config.json", _class_name="UNet1DModel"), "config.json is of a UNet1DModel"),
    "an unknown component": (_set("model_index.json", extra=["diffusers", "AutoencoderKL"]), "has no component extra"),
    "no scheduler": (
        _set("model_index.json", scheduler=["diffusers", "AutoencoderKL"]),
        "AutoencoderKL is no scheduler",
    ),
    "an unknown pipeline": (_set("model_index.json", _class_name="WanPipeline"), "the pipeline WanPipeline is not run"),
    "a missing component": (_set("model_index.json", vae=[None, None]), "vae is missing, which SDXL needs"),
    "a missing folder": (_remove("vae"), "the folder vae is missing; download the model again"),
    "no weights": (_remove(UNET), "unet has no safetensors weights; download the model again"),
    "cut weights": (_cut, "is cut short: 100 bytes of its tensors are missing; download it again"),
    "lying weights": (_put(UNET, b"\x02\x00\x00\x00\x00\x00\x00\x00{}"), "holds no tensors"),
    "quantised": (_set("unet/config.json", quantization_config={"bits": 4}), "quantised weights are not read"),
    "eight bits": (_put(UNET, safetensors({"a": (8, 8)}, "F8_E4M3")), "a is F8_E4M3; quantised weights are not read"),
    "for inpainting": (_set("unet/config.json", in_channels=9), "its UNet takes 9 channels, as models made only for"),
    "an index that is no JSON": (_put("model_index.json", b"{"), "model_index.json is not JSON"),
    "an index without end": (_put("model_index.json", b"[" * 100_000), "model_index.json is not JSON"),
    "an index that is a list": (_put("model_index.json", b"[1]"), "model_index.json holds no mapping"),
    "an index too large": (_put("model_index.json", b" " * 9_000_000), "too large for a file of settings"),
}


@pytest.mark.parametrize(("spoil", "message"), HOSTILE.values(), ids=HOSTILE)
def test_refuses_a_hostile_or_damaged_folder(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    """One line that names the file, before anything is loaded."""
    folder = model(tmp_path / "model")
    spoil(folder)
    with pytest.raises(SettingsError) as caught:
        look(folder)
    assert message in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refuses_what_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not there"):
        look(tmp_path / "nowhere")
    (tmp_path / "sd_xl.safetensors").write_bytes(b"x")
    with pytest.raises(SettingsError, match="is a single file; name the folder of a model in diffusers' layout"):
        look(tmp_path / "sd_xl.safetensors")


def test_what_hubs_lay_beside_is_no_matter(tmp_path: Path) -> None:
    """Other tools' files and one-file weights are not loaded, so they neither harm nor enter the digest."""
    folder = model(tmp_path / "model")
    before = look(folder).digest
    index = "unet/diffusion_pytorch_model.safetensors.index.fp16.json"
    others = ("README.md", "sd_xl_base_1.0.safetensors", "text_encoder/openvino_model.bin", "unet/model.onnx", index)
    for name in others:
        (folder / name).write_bytes(b"x")
    (folder / "checkpoint-500").mkdir()
    (folder / "checkpoint-500/optimizer.bin").write_bytes(b"x")
    assert look(folder).digest == before


def test_parts_of_one_component(tmp_path: Path) -> None:
    """Weights in several files are found by their index, which must be right."""
    folder = model(tmp_path / "model")
    whole, place = folder / UNET, folder / "unet"
    shapes = {f"m{number}.weight": (4, 4) for number in range(4)}
    whole.unlink()
    for number in (1, 2):
        part = dict(list(shapes.items())[2 * number - 2 : 2 * number])
        (place / f"part-{number}.safetensors").write_bytes(safetensors(part))
    index = {name: f"part-{1 + number // 2}.safetensors" for number, name in enumerate(shapes)}
    written = write(place / "diffusion_pytorch_model.safetensors.index.json", {"weight_map": index})
    found = look(folder)
    assert set(found.parts["unet"].tensors) == set(shapes)
    assert found.parts["unet"].parameters == 64
    change(written, weight_map={**index, "m0.weight": "part-2.safetensors"})
    with pytest.raises(SettingsError, match=r"part-1\.safetensors does not hold the tensors that its index lists"):
        look(folder)
    change(written, weight_map={**index, "m0.weight": "../../etc/part.safetensors"})
    with pytest.raises(SettingsError, match="which is no safetensors file beside it"):
        look(folder)
    change(written, weight_map=index)
    (place / "part-2.safetensors").unlink()
    with pytest.raises(SettingsError, match=r"part-2\.safetensors is missing, though its index lists it"):
        look(folder)


def test_variants(tmp_path: Path) -> None:
    """Half-precision files are found by their name; the plain ones are taken where both are there."""
    folder = model(tmp_path / "model", dtype="F16", variant="fp16")
    found = look(folder)
    assert found.variant("unet") == "fp16"
    assert found.dtypes == {"float16"}
    model(folder)
    both = look(folder)
    assert both.variant("unet") is None
    assert both.dtypes == {"float32"}
    assert both.digest != found.digest


def test_the_digest_is_of_what_decides_pictures(tmp_path: Path) -> None:
    """The same in another folder; another after any change that matters."""
    first = look(model(tmp_path / "a"))
    assert look(Path(shutil.copytree(tmp_path / "a", tmp_path / "b"))).digest == first.digest
    for name in first.files:
        folder = Path(shutil.copytree(tmp_path / "a", tmp_path / "c"))
        data = (folder / name).read_bytes()
        if name.endswith(".safetensors"):
            (folder / name).write_bytes(data[:-1] + b"\x01")
        else:
            change(folder / name, one_more=1)
        assert look(folder).digest != first.digest, name
        shutil.rmtree(folder)


def _aged(folder: Path) -> None:
    """As if its files had been there for an hour."""
    for path in folder.rglob("*"):
        os.utime(path, ns=(10**18, 10**18))


def test_digests_are_remembered(tmp_path: Path) -> None:
    """A file is read again only when its size or its time of change is another: a change behind its back, with both
    set to what they were, is not seen, which shows that it was not read."""
    folder, memory = model(tmp_path / "model"), tmp_path / "home" / "weights.json"
    _aged(folder)
    first = look(folder, memory).digest
    assert memory.stat().st_mode & 0o077 == 0
    path = folder / UNET
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    os.utime(path, ns=(10**18, 10**18))
    assert look(folder, memory).digest == first
    assert look(folder).digest != first
    os.utime(path, ns=(10**18 + 1, 10**18 + 1))
    assert look(folder, memory).digest == look(folder).digest


def test_a_file_just_written_is_not_remembered(tmp_path: Path) -> None:
    """It may change again within one tick of the disk's clock."""
    folder, memory = model(tmp_path / "model"), tmp_path / "weights.json"
    look(folder, memory)
    assert not memory.exists()


@pytest.mark.parametrize("text", ["", "[", '{"version": 99}', '{"version": 1, "files": {"/x": [1]}}', "[" * 99_999])
def test_a_damaged_memory_is_made_again(tmp_path: Path, text: str) -> None:
    folder, memory = model(tmp_path / "model"), tmp_path / "weights.json"
    _aged(folder)
    memory.write_text(text)
    assert look(folder, memory).digest == look(folder).digest
    assert len(json.loads(memory.read_bytes())["files"]) == len(look(folder).files)


def test_a_memory_of_another_version_is_not_believed(tmp_path: Path) -> None:
    folder, memory = model(tmp_path / "model"), tmp_path / "weights.json"
    _aged(folder)
    first = look(folder, memory).digest
    said = json.loads(memory.read_bytes())
    lines = {name: [*line[:2], "0" * 64] for name, line in said["files"].items()}
    memory.write_text(json.dumps({"version": 2, "files": lines}))
    assert look(folder, memory).digest == first


def test_the_order_of_files_is_no_matter() -> None:
    parts = [("b", 1, "x"), ("a", 2, "y")]
    assert together(parts) == together(reversed(parts)) != together([("b", 1, "y"), ("a", 2, "x")])


def test_the_memory_forgets_what_is_gone(tmp_path: Path) -> None:
    first, second, memory = model(tmp_path / "a"), model(tmp_path / "b"), tmp_path / "weights.json"
    for folder in (first, second):
        _aged(folder)
    look(first, memory)
    shutil.rmtree(first)
    look(second, memory)
    assert all(str(second) in name for name in json.loads(memory.read_bytes())["files"])


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"gone\.json cannot be read: no such file"):
        Digests(None).of(tmp_path / "gone.json", "gone.json")


def _snapshot(base: Path) -> Weights:
    folder = base / "models--stabilityai--sdxl-turbo" / "snapshots" / COMMIT
    return glance(model(folder))


def test_the_revision_is_found(tmp_path: Path) -> None:
    """By a snapshot's path, or by what a download into a plain folder left."""
    assert _snapshot(tmp_path).revision == COMMIT
    folder = model(tmp_path / "plain")
    assert glance(folder).revision is None
    trace = folder / ".cache/huggingface/download/model_index.json.metadata"
    trace.parent.mkdir(parents=True)
    trace.write_text(f"{COMMIT}\netag\n1.0\n")
    assert glance(folder).revision == COMMIT


def test_a_snapshot_goes_by_its_hubs_name(tmp_path: Path) -> None:
    assert _snapshot(tmp_path).recipe.name == "turbo"
