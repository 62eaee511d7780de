"""ControlNets and depth models on disk: looked at without torch and without trust."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagegen.errors import SettingsError
from imagegen.providers.local.controlfolder import check_fits, glance_control, look_control
from imagegen.providers.local.weights import glance
from tests.local.folders import change, depth_model, model, net, safetensors


def test_a_net_and_a_depth_model(tmp_path: Path) -> None:
    control = look_control(net(tmp_path / "a"), tmp_path / "digests.json")
    assert (control.kind, control.title, control.cross_attention_dim) == ("controlnet", "ControlNet", 2048)
    assert control.files == ("config.json", "diffusion_pytorch_model.safetensors")
    assert (control.dtypes, control.revision, control.part.variant) == ({"float32"}, None, None)
    assert control.size == sum((tmp_path / "a" / name).stat().st_size for name in control.files)
    depth = look_control(depth_model(tmp_path / "b"))
    assert (depth.kind, depth.title, depth.cross_attention_dim) == ("depth-estimator", "depth model", None)
    assert depth.files == ("config.json", "model.safetensors", "preprocessor_config.json")


def test_the_digest_is_of_what_decides(tmp_path: Path) -> None:
    """Another folder is the same net; another byte of a weight is another; a read-me is nothing."""
    first = look_control(net(tmp_path / "a")).digest
    assert len(first) == 64
    shutil.copytree(tmp_path / "a", tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "README.md").write_text("hello")
    assert look_control(tmp_path / "elsewhere").digest == first
    assert glance_control(tmp_path / "a").digest == ""
    weights = tmp_path / "elsewhere" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert look_control(tmp_path / "elsewhere").digest != first
    depth = look_control(depth_model(tmp_path / "d")).digest
    change(tmp_path / "d" / "preprocessor_config.json", do_normalize=False)
    assert look_control(tmp_path / "d").digest != depth


def test_half_precision_and_hub_snapshots(tmp_path: Path) -> None:
    commit = "c" * 40
    folder = tmp_path / "models--diffusers--controlnet-canny-sdxl-1.0" / "snapshots" / commit
    control = look_control(net(folder, variant="fp16"))
    assert (control.part.variant, control.dtypes, control.revision) == ("fp16", {"float16"}, commit)


def ruin(name: str, data: bytes = b"x") -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(data)


def settle(**values: Any) -> Callable[[Path], object]:
    return lambda folder: change(folder / "config.json", **values)


LAST = "diffusion_pytorch_model.safetensors"
BROKEN: list[tuple[Callable[[Path], object], str]] = [
    (shutil.rmtree, "is not there; name the folder of a ControlNet"),
    (ruin("diffusion_pytorch_model.bin"), "diffusion_pytorch_model.bin is a pickle, which can run any program"),
    (ruin("net.py"), "net.py is code, and code of a model is never run"),
    (settle(auto_map={"AutoModel": "net.Net"}), "config.json wants code of its own to be run (auto_map)"),
    (lambda folder: (folder / "config.json").unlink(), "is no ControlNet and no depth model: it has no config.json"),
    (ruin("config.json", b"{"), "config.json is not JSON"),
    (settle(_class_name="ControlNetUnionModel"), "is of a ControlNetUnionModel, no ControlNet and no depth model;"),
    (settle(conditioning_channels=1), "is of a ControlNet that reads no ordinary picture"),
    (settle(quantization_config={"a": 1}), "quantised weights are not read"),
    (lambda folder: (folder / LAST).unlink(), "has no safetensors weights; download the model again"),
    (lambda folder: (folder / LAST).write_bytes((folder / LAST).read_bytes()[:-9]), "is cut short: 9 bytes"),
    (ruin(LAST, safetensors({"a": (2, 2)})), "holds no whole ControlNet: controlnet_mid_block.weight is not as it"),
    (settle(block_out_channels=[320, 640, 640]), "holds no whole ControlNet: controlnet_mid_block.weight"),
]


@pytest.mark.parametrize(("broken", "message"), BROKEN, ids=[message[:30] for _, message in BROKEN])
def test_what_is_refused(tmp_path: Path, broken: Callable[[Path], object], message: str) -> None:
    folder = net(tmp_path / "a")
    broken(folder)
    with pytest.raises(SettingsError) as raised:
        look_control(folder)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


BROKEN_DEPTH: list[tuple[Callable[[Path], object], str]] = [
    (settle(architectures=["BertModel"]), "is of a BertModel, no ControlNet and no depth model"),
    (settle(architectures=None), "is of nothing known, no ControlNet and no depth model"),
    (settle(backbone="someone/else", use_pretrained_backbone=True), "its backbone lies elsewhere"),
    (ruin("pytorch_model.bin"), "pytorch_model.bin is a pickle"),
    (lambda folder: (folder / "preprocessor_config.json").unlink(), "has no preprocessor_config.json, which says how"),
    (ruin("preprocessor_config.json", b'{"image_processor_type": "Odd"}'), "is of a Odd; pictures are prepared by DPT"),
]


@pytest.mark.parametrize(("broken", "message"), BROKEN_DEPTH, ids=[message[:30] for _, message in BROKEN_DEPTH])
def test_depth_models_that_are_refused(tmp_path: Path, broken: Callable[[Path], object], message: str) -> None:
    folder = depth_model(tmp_path / "a")
    broken(folder)
    with pytest.raises(SettingsError) as raised:
        look_control(folder)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cross_attention_dim": 768}, "its cross_attention_dim is 768, and xl's is 2048; take one made for SDXL"),
        ({"layers_per_block": 3}, "its layers_per_block is 3, and xl's is 2"),
        ({"projection_class_embeddings_input_dim": 2560}, "its projection_class_embeddings_input_dim is 2560"),
    ],
)
def test_a_net_for_another_model(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    weights_folder = model(tmp_path / "xl")
    common = {key: value for key, value in glance_control(net(tmp_path / "a")).config.items() if key != "_class_name"}
    change(weights_folder / "unet" / "config.json", **common)
    weights = glance(weights_folder)
    check_fits(glance_control(tmp_path / "a"), weights)
    # Small nets do without transformer layers, and fit all the same.
    change(tmp_path / "a" / "config.json", transformer_layers_per_block=[0, 0, 0])
    check_fits(glance_control(tmp_path / "a"), weights)
    change(tmp_path / "a" / "config.json", **changed)
    with pytest.raises(SettingsError) as raised:
        check_fits(glance_control(tmp_path / "a"), weights)
    assert message in str(raised.value)


def test_looking_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = "torch numpy PIL diffusers transformers safetensors"
    code = (
        "import sys\nfrom pathlib import Path\nfrom imagegen.providers.local.controlfolder import look_control\n"
        f"look_control(Path({str(net(tmp_path / 'a'))!r}))\nprint(sorted(set({heavy.split()}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert done.stdout == "[]\n", done.stderr
