"""This machine as a provider: a manifest's rows become pictures through plan, work list, engine, cache and books."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.run.cloudrun import ROOT
from tests.run.localrun import DEMO, LocalPlace


def demo(here: LocalPlace) -> Path:
    return Path(shutil.copy(DEMO, here.folder))


def damaged(width: int, height: int) -> bytes:
    """A PNG with sound chunks, whose pixels cannot be unpacked."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes((1 + 3 * width) * height))
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", data[:20] + b"\xff" * 20 + data[40:]), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def row(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "prompt": f"{name} on rough linen", **more}


def test_the_demo_makes_every_picture_and_then_none(here: LocalPlace) -> None:
    """Sizes, steps, schedulers, a LoRA, a picture, a mask and three models in one manifest: each picture is there in
    its size, with what decided it in its sidecar; nothing is paid; a second run makes nothing."""
    manifest = demo(here)
    asked = yaml.safe_load(manifest.read_text())["rows"]
    ended = here.run(manifest)
    assert (ended.code, set(ended.states.values())) == (0, {"made"}), ended.err
    results = here.results()
    for each in asked:
        line = results[each["id"]]
        assert f"{line['width']}x{line['height']}" == each.get("size", "64x64")
        assert (line["provider"], line["cost_usd"]) == ("local", "0")
    assert len(set(here.pictures().values())) == len(asked)
    sidecar = here.facts("brand")
    assert sidecar["loras"][0][0::2] == ["lora-sdxl-4.safetensors", 0.8]
    assert {"dtype": "fp32", "compile": "eager", "steps": 4, "device": "cpu"}.items() <= sidecar.items()
    assert sidecar["weights"] == sidecar["request"]["weights"]
    assert here.facts("beach")["kind"] == "inpaint"
    again = here.run(manifest)
    assert (again.code, set(again.states.values()), again.summary["made"]) == (0, {"kept"}, 0)


def test_other_orders_mates_and_runs_give_the_same_bytes(here: LocalPlace) -> None:
    """Under --deterministic: shuffled rows, rows left out, and one at a time."""
    rows = [row("mug"), row("cup", guidance=3), row("jug", seed=7), row("wide", size="96x64"), row("bowl")]
    here.run(here.manifest(rows), "--deterministic")
    whole = here.pictures()
    assert len(whole) == 5
    random.Random(3).shuffle(rows)
    for number, some in enumerate((rows, rows[1:3], rows[4:])):
        other = LocalPlace(here.folder.with_name(f"other{number}"), here.models, here.driver)
        other.run(other.manifest(some), "--deterministic")
        assert other.pictures() == {f"{each['id']}.png": whole[f"{each['id']}.png"] for each in some}


def test_batches_are_of_one_kind_and_as_large_as_told(here: LocalPlace) -> None:
    """Rows of equal size, steps and LoRA ride together wherever they stand; each sidecar names its batch."""
    here.configure({"batch": 2})
    rows = [row(f"{size}-{n}", size=size) for n in range(3) for size in ("64x64", "96x64")]
    ended = here.run(here.manifest(rows))
    sizes = {name: here.facts(name)["batch"] for name in ended.rows}
    assert sorted(batch[0] for batch in sizes.values()) == [1, 1, 2, 2, 2, 2]
    assert all(batch[1:] == ([64, 64] if name.startswith("64") else [64, 96]) for name, batch in sizes.items())


def test_an_hour_has_a_price(here: LocalPlace) -> None:
    """With `hourly` a picture costs the time it took; the estimate of the next ones is of that speed."""
    here.configure({"hourly": 3.6})
    ended = here.run(here.manifest([row("mug"), row("cup")]))
    for name, line in ended.rows.items():
        assert float(line["cost_usd"]) == pytest.approx(here.facts(name)["seconds"] / 1000, abs=2e-6)
    assert float(ended.summary["spent_usd"]) == pytest.approx(sum(float(r["cost_usd"]) for r in ended.rows.values()))
    assert here.books.total == sum(round(float(each["cost_usd"]) * 10**9) for each in ended.rows.values())
    told = here.call("cost-estimate", str(here.manifest([row("jug", steps=4)])), "--json")
    half = here.call("cost-estimate", str(here.manifest([row("jug", steps=2)])), "--json")
    cost, less = (float(each.events[-1]["cost_usd"]) for each in (told, half))
    assert 0 < less < cost < 2.1 * less


def test_without_words_of_the_row_the_guides_pairs_hold(here: LocalPlace) -> None:
    """30 steps at 7.5 for single pictures, 25 at 7.0 for large numbers. The licence is said once in a home."""
    rows = [row("one"), row("many", use_case="bulk", size="64x64", fit="cover")]
    first = here.run(here.manifest(rows, defaults={"model": "sdxl"}))
    said = {name: (here.facts(name)["steps"], here.facts(name)["guidance"]) for name in ("one", "many")}
    assert said == {"one": (30, 7.5), "many": (25, 7.0)}
    again = here.run(here.manifest([row("other")]))
    assert ["under this licence" in ended.err for ended in (first, again)] == [True, False]


def test_without_torch_it_is_one_line(here: LocalPlace, tmp_path: Path) -> None:
    """The same installation without torch: the row is refused with the command that installs it."""
    import typer

    site = tmp_path / "site"
    site.mkdir()
    for package in Path(typer.__file__).parents[1].iterdir():
        if package.name != "torch":
            (site / package.name).symlink_to(package)
    done = subprocess.run(
        [sys.executable, "-S", "-m", "imagegen", *here.arguments(here.manifest([row("mug")]))],
        env=here.env | {"PYTHONPATH": f"{ROOT}{os.pathsep}{site}"},
        cwd=here.folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 2
    assert 'needs the extra local: pip install "imagegen-batch[local]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_budget_holds_here_too(here: LocalPlace) -> None:
    """An hour of $3,600 is a dollar a second: a budget of a cent begins nothing that may cost more."""
    here.configure({"hourly": 3600, "gpu": "t4"})
    ended = here.run(here.manifest([row("mug", steps=50)]), "--budget", "0.000001")
    assert (ended.code, ended.states) == (4, {"mug": "skipped"})


def test_a_broken_input_harms_no_mate(here: LocalPlace) -> None:
    """Its header is sound, so that only the engine finds out: its row fails in words, the others are made."""
    (here.folder / "cut.png").write_bytes(damaged(128, 128))
    rows = [row(n, image=f, size="64x64", fit="cover") for n, f in (("a", "inputs/mug.png"), ("b", "cut.png"))]
    ended = here.run(here.manifest([*rows, row("c", image="inputs/mug.png", size="64x64", fit="cover", seed=2)]))
    assert (ended.code, ended.states) == (3, {"a": "made", "b": "failed", "c": "made"})
    assert "input picture" in ended.rows["b"]["reason"]


def test_not_a_number_is_no_picture(here: LocalPlace, tmp_path: Path) -> None:
    """Weights that overflow: the rows fail and say why, nothing is paid, other models' rows are made."""
    import torch
    from safetensors.torch import load_file, save_file

    sick = tmp_path / "sick"
    shutil.copytree(here.models / "sdxl", sick)
    file = next((sick / "vae").glob("*.safetensors"))
    tensors = load_file(file)
    tensors["decoder.conv_out.bias"] = torch.full_like(tensors["decoder.conv_out.bias"], float("nan"))
    save_file(tensors, file, metadata={"format": "pt"})
    weights = {"sdxl": str(sick), "flux-dev": "tiny/flux"}
    ended = here.run(here.manifest([row("mug"), row("jug", model="flux-dev")], weights=weights))
    assert (ended.code, ended.states) == (3, {"mug": "failed", "jug": "made"})
    assert "NaN" in ended.rows["mug"]["reason"]
    assert ended.summary["spent_usd"] == "0"


def _pickled(folder: Path) -> None:
    file = next((folder / "unet").glob("*.safetensors"))
    file.rename(file.with_name("diffusion_pytorch_model.bin"))


def _coded(folder: Path) -> None:
    index = folder / "model_index.json"
    index.write_text(index.read_text().replace("{", '{"unet2": ["my_pipeline", "MyUNet"],', 1))


@pytest.mark.parametrize(
    ("harm", "said"),
    [(_pickled, "pickle"), (_coded, "my_pipeline"), (shutil.rmtree, "not there")],
    ids=["bin", "remote code", "gone"],
)
def test_weights_that_may_not_be_used(here: LocalPlace, tmp_path: Path, harm: Any, said: str) -> None:
    """Planning says so in one line, before anything is made."""
    folder = tmp_path / "bad"
    shutil.copytree(here.models / "sdxl", folder)
    harm(folder)
    ended = here.run(here.manifest([row("mug")], weights={"sdxl": str(folder)}))
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("lora", "said"),
    [
        ("tiny/lora-flux-4.safetensors", "is for"),
        ("tiny/none.safetensors", "is not there"),
        ("tiny/catalog.yaml", "safetensors"),
    ],
)
def test_a_lora_that_does_not_fit(here: LocalPlace, lora: str, said: str) -> None:
    """The row is refused with the reason; the others can be made."""
    manifest = here.manifest([row("mug", lora={"path": lora}), row("cup")])
    ended = here.run(manifest, "--skip-refused")
    assert (ended.code, ended.states) == (3, {"mug": "refused", "cup": "made"})
    assert said in ended.rows["mug"]["reason"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"scheduler": "sharp"}, "has no scheduler 'sharp'"),
        ({"strength": 0.5}, "give an image"),
        ({"image": "inputs/mug.png", "strength": 0.1, "size": "128x128"}, "leave no step to do"),
        ({"options": {"local": {"magic": 1}}}, "options.local.magic"),
        ({"safety": "low"}, "no safety setting"),
    ],
)
def test_what_cannot_be_made_is_refused_while_planning(here: LocalPlace, more: dict[str, Any], said: str) -> None:
    ended = here.run(here.manifest([row("mug", **more)]))
    assert ended.code == 2
    assert said in ended.err


def test_two_devices_make_what_one_makes(here: LocalPlace) -> None:
    """A process for each; under --deterministic the same bytes, and none is left when the run is over."""
    rows = [row(f"mug {n} {size}", size=size) for n in range(3) for size in ("64x64", "96x64")]
    other = LocalPlace(here.folder.with_name("other"), here.models, here.driver)
    other.configure({"device": ["cpu", "cpu"], "batch": 2})
    wanted = LocalPlace(here.folder.with_name("wanted"), here.models, here.driver)
    wanted.configure({"batch": 2})
    for place in (other, wanted):
        ended = place.run(place.manifest(rows), "--deterministic")
        assert ended.code == 0, ended.err
    assert other.pictures() == wanted.pictures()
    assert len(other.pictures()) == 6
    left = subprocess.run(["pgrep", "-f", "imagegen.providers.local.worker"], capture_output=True, check=False)
    assert not left.stdout


def test_shards_share_the_rows(here: LocalPlace) -> None:
    """Each row is in one of them, the same each time; a part that cannot be is one line."""
    manifest = here.manifest([row(f"mug {n}") for n in range(12)])
    parts = [set(here.run(manifest, "--shard", f"{n}/3", "--dry-run").rows) for n in (1, 2, 3)]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 12
    assert all(parts)
    made = here.run(manifest, "--shard", "2/3")
    assert set(made.rows) == parts[1]
    wrong = here.run(manifest, "--shard", "4/3")
    assert wrong.code == 2
    assert "error: --shard '4/3' is no part of a whole; write the second of four as 2/4" in wrong.err


HELPED = {
    "plain": {},
    "canny": {"control": "inputs/mug.png"},
    "weak": {"control": "inputs/mug.png", "options": {"local": {"control_scale": 0.1}}},
    "depth": {"control": "inputs/mug.png", "options": {"local": {"control": "depth"}}},
    "refined": {"refiner": True},
    "later": {"refiner": True, "options": {"local": {"refine_at": 0.5}}},
    "cached": {"options": {"local": {"step_cache": "deepcache:2"}}},
}
NETS = {name: f"tiny/{name}" for name in ("sdxl", "sdxl-refiner", "sdxl-canny", "sdxl-depth", "depth-estimator")}


def test_what_helps_a_model_changes_its_picture_and_its_key(here: LocalPlace) -> None:
    """Nets at two strengths, depth that is found, the refiner at two shares, step caching: every row another picture
    under another Key; the sidecar names what helped."""
    rows = [row("mug", **more) | {"id": name, "seed": 1} for name, more in HELPED.items()]
    manifest = here.manifest(rows, weights=NETS, defaults={"model": "sdxl", "steps": 5})
    ended = here.run(manifest)
    assert ended.states == dict.fromkeys(HELPED, "made"), ended.err
    assert len({line["key"] for line in here.results().values()}) == len(HELPED)
    assert len(set(here.pictures().values())) == len(HELPED)
    assert here.facts("weak")["control"]["scale"] == 0.1
    assert here.facts("depth")["control"]["depth_weights"]
    assert here.facts("later")["refiner"]["at"] == 0.5
    assert here.facts("cached")["step_cache"] == "deepcache:2"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"control": "inputs/mug.png"}, "sdxl-canny: it is not here; imagegen models pull sdxl-canny"),
        ({"control": "inputs/mug.png", "options": {"local": {"control": "lines"}}}, "canny, depth, canny-map"),
        ({"refiner": True}, "imagegen models pull sdxl-refiner"),
        ({"options": {"local": {"control_scale": 1}}}, "means nothing without control"),
        ({"control": "inputs/mug.png", "options": {"local": {"control_scale": 9}}}, "from 0 to 2"),
        ({"options": {"local": {"step_cache": "taylorseer"}}}, "taylorseer"),
        ({"options": {"local": {"step_cash": "deepcache"}}}, "did you mean step_cache"),
        ({"model": "flux-dev", "control": "inputs/mug.png"}, "cannot follow a control image"),
    ],
)
def test_what_is_not_here_or_does_not_fit_is_refused(here: LocalPlace, more: dict[str, Any], said: str) -> None:
    ended = here.run(here.manifest([row("mug", **more)]))
    assert ended.code == 2
    assert said in ended.err


@pytest.mark.parametrize(
    ("local", "said"),
    [
        ({"quantize": "int4"}, "local: quantize is 'int4'"),
        ({"compile": "fast"}, "local.compile is 'fast'; write one of: auto, eager, regional, full"),
        ({"device": "gpu"}, "local.device is 'gpu'"),
        ({"colour": "red"}, "local.colour is unknown"),
        ({"accelerate": "tensorrt"}, "tensorrt"),
    ],
)
def test_settings_that_cannot_be(here: LocalPlace, local: dict[str, Any], said: str) -> None:
    """One line and exit 2, before anything is made."""
    here.configure(local)
    ended = here.run(here.manifest([row("mug")]))
    assert (ended.code, ended.states) == (2, {}), ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_lane_auto_makes_here_what_is_cheaper_here(here: LocalPlace) -> None:
    """Among the models of the row's list; what is wanted within a day goes to who makes many at once, and so does all
    where this machine is dearer."""
    rows = [row("many", use_case="bulk"), row("soon", use_case="bulk", deadline="1h")]
    here.keys["REPLICATE_API_TOKEN"] = "r8_none"
    manifest = here.manifest(rows, lane="auto", defaults={"size": "1024x1024"}, catalog=[])
    plan = here.call("plan", str(manifest), "--json")
    assert {name: each["provider"] for name, each in plan.rows.items()} == {"many": "local", "soon": "replicate"}
    here.configure({"hourly": 10_000, "gpu": "t4"})
    dear = here.call("plan", str(manifest), "--json")
    assert {name: each["provider"] for name, each in dear.rows.items()} == {"many": "replicate", "soon": "replicate"}
