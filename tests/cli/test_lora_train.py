"""`imagegen lora train` as a shell would start it: the estimate, the training, signals, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagegen.providers.local import header, tiny
from imagegen.providers.local.training.job import train
from imagegen.providers.local.weights import look
from tests.cli.conftest import PROGRAM, Imagegen
from tests.local.albums import WORD, Heard, folder, job
from tests.local.engines import THEIRS
from tests.local.folders import model

pytestmark = THEIRS
#: As COURSE of the tests beside it, for a real process.
OPTIONS = [
    *("--trigger", WORD, "--size", "64", "--steps", "40", "--rank", "4", "--alpha", "8", "--learning-rate", "0.01"),
    *("--batch", "2", "--sample-every", "0", "--checkpoint-every", "10"),
]
THREAD = {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny FLUX.1 dev."""
    return tiny.write(tmp_path_factory.mktemp("models"), ["flux"])["flux"]


@pytest.fixture
def brand(tmp_path: Path) -> Path:
    """Six pictures without captions."""
    return folder(tmp_path / "brand")


def test_dry_run_says_time_and_cost(imagegen: Imagegen, brand: Path, tmp_path: Path) -> None:
    """Before there are weights or torch: on the GPU named, else on the catalogue's for comparison; writes nothing."""
    done = imagegen("lora", "train", "brand", "--trigger", WORD, "--gpu", "4090", "--hourly", "0.40", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"6 pictures in {brand}, trained as 1152x896",
        f"SDXL, rank 16, 1,000 steps of 1 picture, learning rate 0.0001, called for by '{WORD}'",
        f"into {tmp_path}/brand-lora/brand.safetensors",
        "RTX 4090 (own): 5 min 27 s to 23 min 35 s, $0.04 to $0.16 at $0.40 an hour"
        " (estimate, not measured; 21,629 TFLOP)",
    ]
    assert done.stderr.splitlines() == [
        "note: 6 pictures are few; 20 to 50 are usual for a style",
        "note: 6 of 6 pictures are smaller than 1024 allows; scaled up",
        "note: the weights are not on this machine: imagegen models pull sdxl",
    ]
    other = imagegen("lora", "train", "brand", "--trigger", WORD, "--model", "flux-dev", "--dry-run")
    assert other.stdout.splitlines()[-1].startswith("for comparison, A100 80GB (AWS): ")
    assert os.listdir(tmp_path) == ["brand"]


def test_dry_run_for_machines(imagegen: Imagegen, brand: Path) -> None:
    done = imagegen("lora", "train", "brand", "--trigger", WORD, "--gpu", "a100", "--dry-run", "--json")
    (said,) = map(json.loads, done.stdout.splitlines())
    assert (said["event"], said["model"], said["gpu"], said["basis"]) == ("estimate", "sdxl", "a100", "named")
    assert (said["pictures"], said["sizes"], said["sheets"]) == (6, {"1152x896": 6}, 4)
    assert (said["hourly_usd"], said["label"]) == ("3.8", "estimate, not measured")
    least, most = (float(each) / 3.80 * 3600 for each in said["cost_usd"])
    assert [least, most] == pytest.approx(said["seconds"], abs=0.6)
    assert 0 < least < most


def test_trained_to_the_end(imagegen: Imagegen, brand: Path, flux: Path, tmp_path: Path) -> None:
    """Lines on stderr, the file alone on stdout, with captions, two sizes and a sheet; nothing outside its folder."""
    for number in range(6):
        (brand / f"{number}.txt").write_text(f"cup {number}")
    done = imagegen(
        "lora", "train", "brand", "--model", flux, "--size", "64", "--steps", "2", "--sample-steps", "1", "--rank", "2",
        "--sample", "a red mug", **THREAD,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = tmp_path / "brand-lora" / "brand.safetensors"
    work = tmp_path / "brand-lora" / "brand-training"
    assert done.stdout == f"{made}\n"
    lines = done.stderr.splitlines()
    assert lines[1] == f"6 pictures in {brand}, trained as 64x64"
    assert "FLUX.1, rank 2, 2 steps of 1 picture, learning rate 0.0001" in lines
    assert any(line.startswith("how long it takes is not known: these weights have ") for line in lines)
    assert f"step 2: checkpoint {work}/checkpoints/step-000002" in lines
    assert f"step 2: sheet {work}/samples/step-000002.png" in lines
    assert lines[-2].startswith("2 of 2 steps done in ")
    assert lines[-1] == "in a manifest: lora: {path: brand.safetensors, weight: 1}"
    assert json.loads(header.read(made).metadata["imagegen"])["steps"] == 2
    assert (made.stat().st_mode & 0o777) == 0o666 & ~_umask()
    assert set(os.listdir(tmp_path)) <= {"brand", "brand-lora", "home"}
    again = imagegen("lora", "train", "brand", "--model", flux, "--size", "64", "--steps", "2", "--rank", "2", **THREAD)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.splitlines()[-1] == (
        f"error: {work} holds a training up to step 2; add --resume to go on, or name another --output"
    )


def test_killed_interrupted_and_resumed(brand: Path, flux: Path, tmp_path: Path, home: Path) -> None:
    """SIGKILL after a checkpoint, Ctrl-C in the middle, then to the end: the bytes of an undisturbed training."""
    import torch

    torch.set_num_threads(1)
    wanted = job(look(flux), brand, tmp_path / "calm" / "brand.safetensors", steps=40, checkpoint_every=10, warm_up=20)
    train(wanted, Heard(), lambda: False)
    made = tmp_path / "torn" / "brand.safetensors"
    words = ["lora", "train", "brand", "--model", str(flux), "-o", str(made), *OPTIONS, "--json"]
    killed, code = _until(words, {"event": "checkpoint", "step": 10}, signal.SIGKILL, tmp_path, home)
    assert (code, killed[0]["event"], made.exists()) == (-signal.SIGKILL, "estimate", False)
    stopped, code = _until([*words, "--resume"], {"event": "step", "step": 12}, signal.SIGINT, tmp_path, home)
    last = stopped[-1]
    assert (code, last["event"], last["exit_code"], last["file"]) == (130, "summary", 130, None)
    assert 12 <= last["steps"] < 40
    heard = Heard()
    done = train(replace(wanted, output=made, resume=True), heard, lambda: False)
    assert heard.of("step") == list(range(last["steps"] + 1, 41))
    assert done.losses[-1] < done.losses[0]
    assert made.read_bytes() == wanted.output.read_bytes()


REFUSED = [
    (["--model", "dall-e-3"], "no LoRA is trained for dall-e-3; there are sdxl and flux-dev"),
    (["--model", "sdxxl"], "no model is called 'sdxxl'; did you mean sdxl?"),
    (["--model", "no/such"], "there are no weights in no/such; name a folder in diffusers' layout, or a model"),
    (["--output", "brand.bin"], "--output brand.bin is no safetensors file; name one, as brand.safetensors"),
    (["--size", "100"], "size 100 is not trained; give --size a multiple of 64 up to 2048"),
    (["--rank", "512"], "rank 512 is not taken; give --rank from 1 to 128"),
    (["--gpu", "tpu"], "no GPU is called 'tpu'; "),
    (["--hourly", "cheap"], "--hourly: not an amount of money: 'cheap'; give US dollars, such as 25 or 0.50"),
    (["--model", "flux-dev", "--min-snr", "5"], "--min-snr weighs SDXL's noise, and FLUX.1 has none; leave it out"),
]


@pytest.mark.parametrize(("words", "says"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_cannot_be_trained(imagegen: Imagegen, brand: Path, words: list[str], says: str) -> None:
    """One line, exit 2, before anything is written."""
    done = imagegen("lora", "train", "brand", "--trigger", WORD, *words, "--dry-run")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"error: {says}" in done.stderr
    assert os.listdir(brand.parent) == ["brand"]


def test_what_is_refused_before_it_starts(imagegen: Imagegen, brand: Path, flux: Path, home: Path) -> None:
    """No weights, no such device, an estimate above $5 where nobody can be asked."""
    home.mkdir()
    base = ("lora", "train", "brand", "--trigger", WORD)
    assert imagegen(*base).stderr.endswith(
        "error: the weights of sdxl are not on this machine; imagegen models pull sdxl\n"
    )
    said = imagegen(*base, "--model", flux, "--device", "tpu").stderr
    assert said.endswith("error: there is no device 'tpu'; use --device auto, cpu, cuda, cuda:1 or mps\n")
    (home / "config.yaml").write_text("weights: {sdxl: gone}")
    assert imagegen(*base).stderr.endswith(f"error: {home / 'gone'} is not there\n")
    assert not brand.with_name("brand-lora").exists()


def test_more_than_5_dollars_want_a_yes(brand: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named GPU or named price: the cost counts; a GPU only for comparison costs nothing here."""
    from imagegen import catalog, settings
    from imagegen.catalog.gpus import named
    from imagegen.cli.lora_train import Asked, _guard
    from imagegen.errors import GuardError
    from imagegen.providers.local.training.prepare import prepare, priced

    asked, book = Asked(folder=brand, trigger=WORD, steps=50_000, gpu="a100"), catalog.load([])
    found = priced(prepare(asked, book, settings.load()), named(book.gpus, "a100"), None)
    assert found is not None
    with pytest.raises(GuardError, match=r"this training would cost \$\d+\.\d\d to \$\d+\.\d\d; add --yes"):
        _guard(found, "named", settings.load(), asked)
    _guard(found, "named", settings.load(), replace(asked, yes=True))
    _guard(found, "for comparison", settings.load(), asked)
    with pytest.raises(GuardError):
        _guard(found, "for comparison", settings.load(), replace(asked, hourly="3.80"))


def test_without_the_extra(brand: Path, tmp_path: Path, home: Path) -> None:
    """No torch: a dry run all the same, and else the sentence that says what to install."""
    code = (
        "import importlib.util as u, sys\nfind = u.find_spec\n"
        "import imagegen.choose.extras as e\ne.find_spec = lambda name: None if name == 'torch' else find(name)\n"
        "from imagegen.cli import main\nsys.argv = ['imagegen', *sys.argv[1:]]\nmain()"
    )
    env = {"PATH": os.environ["PATH"], "IMAGEGEN_HOME": str(home)}
    words = [sys.executable, "-c", code, "lora", "train", str(brand), "--trigger", WORD]
    done = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2
    assert done.stderr == (
        'error: making pictures on this machine needs the extra local: pip install "imagegen-batch[local]"\n'
    )
    dry = subprocess.run([*words, "--dry-run"], env=env, capture_output=True, encoding="utf-8", check=False)
    assert (dry.returncode, len(dry.stdout.splitlines())) == (0, 4)


def test_a_model_of_the_settings(imagegen: Imagegen, brand: Path, home: Path) -> None:
    """Weights are found where `models where` finds them; a pickle among them is refused here too."""
    home.mkdir()
    xl = model(home / "xl")
    (home / "config.yaml").write_text("weights: {sdxl: xl}")
    done = imagegen("lora", "train", "brand", "--trigger", WORD, "--dry-run", "--json")
    assert json.loads(done.stdout)["weights"] == str(xl)
    (xl / "unet" / "x.ckpt").write_bytes(b"x")
    done = imagegen("lora", "train", "brand", "--trigger", WORD, "--dry-run")
    assert "x.ckpt is a pickle" in done.stderr


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _until(
    words: list[str], event: dict[str, Any], number: int, cwd: Path, home: Path
) -> tuple[list[dict[str, Any]], int]:
    """The events of the program until it ends, which is sent signal `number` at `event`; and its exit code."""
    env = {"PATH": os.environ["PATH"], "IMAGEGEN_HOME": str(home), **THREAD}
    said: list[dict[str, Any]] = []
    with subprocess.Popen(
        [str(PROGRAM), *words], cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(json.loads(line))
            if event.items() <= said[-1].items():
                process.send_signal(number)
        process.wait(60)
    return said, process.returncode
