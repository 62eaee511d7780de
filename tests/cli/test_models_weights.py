"""`imagegen models tiny|where|pull`: weights on this machine, for people and as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Imagegen
from tests.local.folders import change, model, safetensors
from tests.local.hub import COMMIT, Hub, serving

SDXL = "stabilityai/stable-diffusion-xl-base-1.0"
HOME = f"weights/models--{SDXL.replace('/', '--')}/snapshots/{COMMIT}"


@pytest.fixture
def settings(home: Path) -> Path:
    """The config.yaml of the test's home."""
    home.mkdir(parents=True)
    return home / "config.yaml"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub with SDXL as it is published, other tools' files beside it, and a model that only some may have."""
    folder = model(tmp_path / "published")
    (folder / "unet/diffusion_pytorch_model.fp16.safetensors").write_bytes(safetensors({"a": (2, 2)}, "F16"))
    for name in ("README.md", "sd_xl_base.safetensors", "unet/diffusion_pytorch_model.bin", "unet/model.onnx", "x.py"):
        (folder / name).write_bytes(b"x")
    odd = model(tmp_path / "odd")
    change(odd / "model_index.json", unet=["my_unet", "Mine"])
    with serving({SDXL: folder, "maker/gated": folder, "maker/odd": odd, "maker/empty": tmp_path / "empty"}) as hub:
        hub.gated.add("maker/gated")
        yield hub


def test_where_nothing_is(imagegen: Imagegen) -> None:
    """What could be here, under which licence, and how to get it; nothing is written."""
    done = imagegen("models", "where", COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("No weights are on this machine.")
    assert "sdxl                 CreativeML Open RAIL++-M; commercial use allowed\n" in done.stdout
    assert done.stdout.endswith("To download one: imagegen models pull MODEL\n")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_where_the_settings_name_a_folder(imagegen: Imagegen, settings: Path, tmp_path: Path) -> None:
    """Counted from config.yaml; what is wrong with one does not hide the others."""
    model(settings.parent / "models" / "xl")
    (model(tmp_path / "bad", "flux") / "transformer" / "x.ckpt").write_bytes(b"x")
    settings.write_text(
        f"weights:\n  sdxl: models/xl\n  flux-dev: {tmp_path / 'bad'}\n  sd-3.5-large: gone\n"
        f"  flux-schnell: a/b@main\n  mine: x\n  dall-e-3: x\n"
    )
    done = imagegen("models", "where", "--json")
    lines = {line["model"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert lines["sdxl"]["state"] == "ready"
    assert lines["sdxl"]["folder"] == str(settings.parent / "models/xl")
    assert (lines["sdxl"]["family"], lines["sdxl"]["steps"], lines["sdxl"]["guidance"]) == ("sdxl", 30, 7.5)
    assert lines["flux-dev"]["state"] == "refused"
    assert "x.ckpt is a pickle" in lines["flux-dev"]["reason"]
    assert lines["sd-3.5-large"]["state"] == "missing"
    assert lines["sd-3.5-large"]["reason"] == f"{settings.parent / 'gone'} is not there"
    assert lines["flux-schnell"]["reason"] == "a/b@main is not there"
    assert lines["mine"]["reason"] == "the settings name weights for it, and no model is called so"
    assert "it has no offer `local`" in lines["dall-e-3"]["reason"]
    said = imagegen("models", "where", COLUMNS="80")
    assert f"  {settings.parent / 'models/xl'} (config.yaml)\n" in said.stdout


def test_where_the_hubs_own_tools_keep_it(imagegen: Imagegen, home: Path, tmp_path: Path) -> None:
    """In their shared cache, wherever they were told to have it, at the commit that main stood at."""
    base = tmp_path / "hf" / "hub" / f"models--{SDXL.replace('/', '--')}"
    model(base / "snapshots" / ("b" * 40))
    model(base / "snapshots" / COMMIT)
    (base / "refs").mkdir()
    (base / "refs" / "main").write_text(COMMIT)
    ways = ({"HF_HOME": f"{tmp_path}/hf"}, {"HF_HUB_CACHE": f"{tmp_path}/hf/hub"}, {"XDG_CACHE_HOME": f"{tmp_path}/c"})
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "huggingface").symlink_to(tmp_path / "hf")
    for way in ways:
        line = json.loads(imagegen("models", "where", "sdxl", "--json", **way).stdout)
        assert (line["state"], line["source"], line["revision"]) == ("ready", "hub", COMMIT)
    home.mkdir(parents=True)
    (home / "config.yaml").write_text(f"weights: {{sdxl: {SDXL}@{'b' * 40}}}")
    line = json.loads(imagegen("models", "where", "sdxl", "--json", **ways[0]).stdout)
    assert (line["state"], line["source"], line["revision"]) == ("ready", "settings", "b" * 40)


def test_where_the_refiner_is(imagegen: Imagegen, settings: Path) -> None:
    """No model of the catalogue, and yet weights that another one can be given."""
    model(settings.parent / "refiner", "sdxl-refiner")
    settings.write_text("weights: {sdxl-refiner: refiner}")
    line = json.loads(imagegen("models", "where", "sdxl-refiner", "--json").stdout)
    assert (line["state"], line["family"]) == ("ready", "sdxl-refiner")
    assert "\nsdxl-refiner\n" in f"\n{imagegen('models', 'where').stdout}"


def test_where_imports_nothing_heavy(imagegen: Imagegen, settings: Path) -> None:
    """Weights are checked, and LoRAs read, without torch or anything like it."""
    heavy = "torch numpy PIL diffusers transformers safetensors huggingface_hub"
    names = "weights lorafile tinylora where recipes"
    code = (
        f"import sys\nfor name in {names.split()}: __import__(f'imagegen.providers.local.{{name}}')\n"
        "from imagegen import catalog, settings\nfrom imagegen.providers.local.where import survey\n"
        "print([each.state for each in survey(catalog.load([]), settings.load(), 'sdxl')])\n"
        f"print(sorted(set({heavy.split()}) & set(sys.modules)))"
    )
    model(settings.parent / "xl")
    settings.write_text("weights: {sdxl: xl}")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert done.stdout == "['ready']\n[]\n", done.stderr


def test_where_of_an_unknown_model(imagegen: Imagegen) -> None:
    done = imagegen("models", "where", "sdxxl")
    assert (done.returncode, done.stderr) == (2, "error: no model is called 'sdxxl'; did you mean sdxl?\n")


@pytest.mark.parametrize("text", ["weights: [a]", "weights: {sdxl: [a]}", "weights: {sdxl: ''}"])
def test_settings_that_name_no_folder(imagegen: Imagegen, settings: Path, text: str) -> None:
    settings.write_text(text)
    done = imagegen("models", "where")
    assert done.returncode == 2
    assert "weights" in done.stderr
    assert done.stderr.count("\n") == 1


def test_pull_says_and_asks_first(imagegen: Imagegen, hub: Hub, home: Path) -> None:
    """What, how much, under which licence; without a yes nothing comes, and nothing is left behind."""
    done = imagegen("models", "pull", "sdxl", HF_ENDPOINT=hub.address)
    assert done.returncode == 2
    first, second, third, last = done.stderr.splitlines()
    assert first.startswith(f"{SDXL} at {COMMIT}: SDXL, fp16 weights, 14 files, ")
    assert second == "licence: CreativeML Open RAIL++-M; commercial use allowed"
    assert third.endswith(f" into {home / 'weights'}")
    assert last == "error: nothing was downloaded; add --yes"
    assert hub.fetched() == [f"{SDXL}/resolve/{COMMIT}/model_index.json"]
    assert not (home / "weights").exists()


def test_pull_brings_safetensors_and_nothing_else(imagegen: Imagegen, hub: Hub, home: Path) -> None:
    """At one commit, the 16-bit files where there are any; again, nothing comes; `where` finds it."""
    done = imagegen("models", "pull", "sdxl", "--yes", HF_ENDPOINT=hub.address)
    assert done.returncode == 0, done.stderr
    folder, digest = done.stdout.splitlines()
    assert folder == str(home / HOME)
    assert len(digest.removeprefix("digest ")) == 64
    got = sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in got
    assert "unet/diffusion_pytorch_model.safetensors" not in got
    assert {Path(name).suffix for name in got} == {".json", ".safetensors"}
    assert "sd_xl_base.safetensors" not in got
    hub.log.clear()
    again = imagegen("models", "pull", "sdxl", HF_ENDPOINT=hub.address)
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert hub.fetched() == [f"{SDXL}/resolve/{COMMIT}/model_index.json"]
    line = json.loads(imagegen("models", "where", "sdxl", "--json").stdout)
    assert (line["state"], line["source"], line["revision"]) == ("ready", "home", COMMIT)


def test_pull_into_a_folder_in_full(imagegen: Imagegen, hub: Hub, home: Path, tmp_path: Path) -> None:
    """The 32-bit files when asked for; the line for config.yaml stands on a line of its own."""
    into = tmp_path / "xl"
    args = ("models", "pull", f"{SDXL}@v1", "--full", "--yes", "--into", "xl")
    done = imagegen(*args, HF_ENDPOINT=hub.address, COLUMNS="40")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"  weights: {{MODEL: {into}}}"
    assert (into / "unet/diffusion_pytorch_model.safetensors").is_file()
    assert not (into / "unet/diffusion_pytorch_model.fp16.safetensors").exists()
    line = json.loads(imagegen(*args, "--json", HF_ENDPOINT=hub.address).stdout)
    assert (line["revision"], line["folder"], line["variant"]) == (COMMIT, str(into), None)
    assert not (home / "weights").exists()


def test_pull_leaves_what_the_shared_cache_has(imagegen: Imagegen, hub: Hub, home: Path, tmp_path: Path) -> None:
    """A model that other tools downloaded is not downloaded again."""
    folder = tmp_path / "hf" / "hub" / f"models--{SDXL.replace('/', '--')}" / "snapshots" / COMMIT
    model(folder)
    (folder / "unet/diffusion_pytorch_model.fp16.safetensors").write_bytes(safetensors({"a": (2, 2)}, "F16"))
    done = imagegen("models", "pull", "sdxl", HF_ENDPOINT=hub.address, HF_HOME=str(tmp_path / "hf"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == str(folder)
    assert not (home / "weights").exists()


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["sdxl", "--revision", "nope"], 2, f"{SDXL} has no revision nope; see https://huggingface.co/{SDXL}/commits"),
        (["sdxl@v1", "--revision", "v2"], 2, "sdxl@v1 names one revision and --revision another; leave one out"),
        (["dall-e-3"], 2, "dall-e-3 has no weights for this machine; `imagegen models where` shows those that have"),
        (["sdxxl"], 2, "no model is called 'sdxxl'; did you mean sdxl?"),
        (["no/such"], 2, "the hub knows no model no/such, or not for you; see https://huggingface.co/no/such; for a "),
        (["maker/gated"], 2, "accept its licence at https://huggingface.co/maker/gated, then run `hf auth login` or"),
        (["maker/odd"], 2, "maker/odd/model_index.json wants code of its own to be run (unet: my_unet.Mine)"),
        (["maker/empty"], 2, "maker/empty is not in diffusers' layout: it has no model_index.json; pull another model"),
    ],
)
def test_pull_refuses(imagegen: Imagegen, hub: Hub, home: Path, args: list[str], code: int, message: str) -> None:
    """One line each, and nothing on disk."""
    done = imagegen("models", "pull", *args, "--yes", HF_ENDPOINT=hub.address)
    assert done.returncode == code
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (home / "weights").exists()


def test_pull_without_a_network(imagegen: Imagegen) -> None:
    done = imagegen("models", "pull", "sdxl", "--yes", HF_HUB_OFFLINE="1")
    assert (done.returncode, done.stderr) == (
        5,
        "error: HF_HUB_OFFLINE is set, so nothing is downloaded; unset it to pull\n",
    )
    done = imagegen("models", "pull", "sdxl", "--yes", HF_ENDPOINT="http://127.0.0.1:9")
    assert (done.returncode, done.stderr) == (
        5,
        "error: the hub cannot be reached (ConnectError); check the network, then run again\n",
    )


def test_tiny_writes_models_and_says_what_next(imagegen: Imagegen, tmp_path: Path, home: Path) -> None:
    """The line that it prints for config.yaml works as it stands."""
    done = imagegen("models", "tiny", "tiny", "--family", "sdxl", "--family", "flux", "--loras", COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (tmp_path / "tiny" / "catalog.yaml").is_file()
    assert (tmp_path / "tiny" / "lora-flux-4.safetensors").is_file()
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("  weights: "))
    home.mkdir(parents=True)
    (home / "config.yaml").write_text(line.strip())
    found = json.loads(imagegen("models", "where", "sdxl", "--json").stdout)
    assert (found["state"], found["folder"]) == ("ready", str(tmp_path / "tiny" / "sdxl"))


def test_tiny_of_an_unknown_family(imagegen: Imagegen, tmp_path: Path) -> None:
    done = imagegen("models", "tiny", tmp_path / "x", "--family", "sd1")
    assert done.returncode == 2
    assert done.stderr.startswith("error: no tiny model is called 'sd1'; there are sdxl, ")


@pytest.mark.parametrize(("args", "missing"), [(["tiny", "x"], "torch"), (["pull", "sdxl"], "huggingface_hub")])
def test_without_the_extra(tmp_path: Path, home: Path, args: list[str], missing: str) -> None:
    """One line that names it: the same installation without one package."""
    site = tmp_path / "site"
    site.mkdir()
    import typer

    for package in Path(typer.__file__).parents[1].iterdir():
        if package.name != missing:
            (site / package.name).symlink_to(package)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-S", "-m", "imagegen", "models", *args],
        env={"PATH": os.environ["PATH"], "IMAGEGEN_HOME": str(home), "PYTHONPATH": f"{root}{os.pathsep}{site}"},
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.endswith(' needs the extra local: pip install "imagegen-batch[local]"\n')
    assert done.stderr.count("\n") == 1
