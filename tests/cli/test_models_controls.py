"""`imagegen models where|pull` of ControlNets and depth models: no pipelines, and yet weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Imagegen
from tests.local.folders import depth_model, model, net
from tests.local.hub import COMMIT, Hub, serving

CANNY, DEPTH = "diffusers/controlnet-canny-sdxl-1.0", "Intel/dpt-hybrid-midas"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub with a net at two precisions, a depth model with a pickle beside it, and something else altogether."""
    folder = net(net(tmp_path / "net"), variant="fp16")
    (folder / "README.md").write_bytes(b"x")
    (folder / "diffusion_pytorch_model.bin").write_bytes(b"x")
    depth = depth_model(tmp_path / "depth")
    (depth / "pytorch_model.bin").write_bytes(b"x")
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    with serving({CANNY: folder, DEPTH: depth, "maker/other": other}) as hub:
        yield hub


def where(imagegen: Imagegen, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(imagegen("models", "where", name, "--json").stdout)
    return found


def test_pull_and_where_of_a_net(imagegen: Imagegen, hub: Hub, home: Path) -> None:
    done = imagegen("models", "pull", "sdxl-canny", "--yes", HF_ENDPOINT=hub.address)
    assert done.returncode == 0, done.stderr
    first, licence, _, _ = done.stderr.splitlines()
    assert first.startswith(f"{CANNY} at {COMMIT}: ControlNet, fp16 weights, 2 files, ")
    assert licence == "licence: CreativeML Open RAIL++-M"
    folder = Path(done.stdout.splitlines()[0])
    assert folder == home / f"weights/models--{CANNY.replace('/', '--')}/snapshots/{COMMIT}"
    got = sorted(path.name for path in folder.iterdir())
    assert got == ["config.json", "diffusion_pytorch_model.fp16.safetensors"]
    line = where(imagegen, "sdxl-canny")
    assert (line["state"], line["family"], line["source"], line["revision"]) == ("ready", "controlnet", "home", COMMIT)
    assert (line["dtypes"], line["steps"]) == (["float16"], None)
    said = imagegen("models", "where", COLUMNS="80").stdout
    assert f"sdxl-canny\n  ControlNet, {line['bytes']} B, float16\n  revision {COMMIT}\n  {folder} (pulled)\n" in said
    assert "\ndepth-estimator      Apache 2.0\n" in said
    again = imagegen("models", "pull", "sdxl-canny", HF_ENDPOINT=hub.address)
    assert (again.returncode, again.stdout) == (0, done.stdout)


def test_pull_of_a_depth_model_into_a_folder(imagegen: Imagegen, hub: Hub, tmp_path: Path) -> None:
    args = ("models", "pull", "depth-estimator", "--yes", "--into", "found", "--json")
    done = imagegen(*args, HF_ENDPOINT=hub.address)
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert (line["family"], line["files"], line["variant"]) == ("depth-estimator", 3, None)
    assert not (tmp_path / "found" / "pytorch_model.bin").exists()


def test_pull_of_any_net_by_its_name(imagegen: Imagegen, hub: Hub) -> None:
    done = imagegen("models", "pull", CANNY, "--full", HF_ENDPOINT=hub.address)
    assert "ControlNet, full weights, 2 files" in done.stderr
    refused = imagegen("models", "pull", "maker/other", "--yes", HF_ENDPOINT=hub.address)
    assert refused.returncode == 2
    assert "maker/other/config.json is of a LlamaForCausalLM, no ControlNet and no depth model" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_where_the_settings_name_them(imagegen: Imagegen, home: Path) -> None:
    net(home / "canny")
    (net(home / "depth") / "x.ckpt").write_bytes(b"x")
    net(home / "wrong")
    (home / "config.yaml").write_text("weights: {sdxl-canny: canny, sdxl-depth: depth, depth-estimator: wrong}")
    assert where(imagegen, "sdxl-canny")["state"] == "ready"
    line = where(imagegen, "sdxl-depth")
    assert (line["state"], "x.ckpt is a pickle" in str(line["reason"])) == ("refused", True)
    line = where(imagegen, "depth-estimator")
    assert (line["state"], line["reason"]) == (
        "refused",
        f"{home / 'wrong'} is a ControlNet; `imagegen models pull` knows which is wanted here",
    )
    model(home / "xl")
    (home / "config.yaml").write_text("weights: {sdxl-canny: xl}")
    line = where(imagegen, "sdxl-canny")
    assert (line["state"], "is no ControlNet and no depth model" in str(line["reason"])) == ("refused", True)
