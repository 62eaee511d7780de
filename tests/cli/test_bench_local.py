"""`imagegen bench local`: measured, printed, written, read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Imagegen


def test_tiny_end_to_end(imagegen: Imagegen, tmp_path: Path) -> None:
    """People get a line first and tables of 80 columns; the files hold the same figures."""
    words = ["--tiny", "--modes", "eager", "--batches", "1,2", "--pictures", "1", "--steps", "1", "--hourly", "0.15"]
    done = imagegen("bench", "local", *words, "-o", "a.json", "--markdown", "a.md", COLUMNS="80")
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert said.startswith("tiny sdxl on cpu, fp32, 64x64, 1 step: ")
    assert "Random weights: they paint noise" in said
    assert "Limit: not known" in said
    assert "Cost: at $0.15 an hour, fully used." in said
    assert "A100 80GB (AWS): the guide" in said
    assert max(map(len, said.splitlines())) <= 80
    assert "eager: first call with 2 at once" in done.stderr
    whole = json.loads((tmp_path / "a.json").read_text())
    assert [(cell["mode"], cell["batch"]) for cell in whole["measured"]] == [("eager", 1), ("eager", 2)]
    for cell in whole["measured"]:
        assert cell["seconds_least"] <= cell["seconds"] <= cell["seconds_most"]
        assert cell["images_per_hour"] == pytest.approx(3600 / cell["seconds"])
        assert float(cell["cost_usd"]) == pytest.approx(0.15 / cell["images_per_hour"], abs=1e-9)
        assert (cell["share_of_limit"], cell["reason"]) == (None, None)
        assert sum(cell["shares"].values()) == pytest.approx(1)
    assert (whole["random_weights"], whole["dtype"], whole["peak_tflops"]) == (True, "fp32", None)
    assert {"torch", "diffusers", "transformers"} <= set(whole["versions"])
    page = (tmp_path / "a.md").read_text()
    rate = f"{whole['measured'][0]['images_per_hour']:,.0f}"
    row = next(line for line in page.splitlines() if line.startswith("| eager | 1 |"))
    assert [part.strip() for part in row.split("|")][6] == rate
    # What may be shown to others names no folder of this machine.
    assert str(tmp_path) not in page + (tmp_path / "a.json").read_text()


def test_a_folder_with_weights_for_machines(imagegen: Imagegen, tmp_path: Path) -> None:
    """A line for each cell, last the whole; the words of progress stay on stderr."""
    assert imagegen("models", "tiny", "w", "--family", "flux").returncode == 0
    wrong = imagegen("bench", "local", "--model", "w/flux", "--size", "65x64")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--size '65x64' is none that FLUX.1 makes; write WIDTHxHEIGHT, each a multiple of 16" in wrong.stderr
    words = ["--model", "w/flux", "--modes", "eager", "--batches", "1", "--pictures", "1", "--size", "64x64"]
    done = imagegen("bench", "local", *words, "--steps", "1", "--gpu", "4090", "--json")
    assert done.returncode == 0, done.stderr
    cell, whole = map(json.loads, done.stdout.splitlines())
    assert (cell["event"], cell["mode"], cell["calls"]) == ("cell", "eager", 3)
    assert (whole["event"], whole["model"], whole["gpu"]) == ("bench", "flux", "rtx-4090")
    # The catalogue's price of that GPU; the arithmetic of tiny weights is not known.
    assert (whole["hourly_usd"], whole["tflop_per_image"]) == ("0.15", None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--modes", "fast"], "--modes 'fast': fast is no mode; use eager, regional, full"),
        (["--batches", "0"], "--batches '0' is no list of 1 to 1024; write 1,2,4,8"),
        (["--hourly", "free"], "--hourly 'free' is no amount of money"),
        (["--gpu", "a101"], "no GPU is called 'a101'; did you mean a10g?"),
        (["--dtype", "fp8"], "--dtype 'fp8' is unknown; use auto or one of: fp32, bf16, fp16"),
        (["--device", "tpu"], "--device 'tpu' is unknown; use auto, cpu, cuda, cuda:1 or mps"),
        (["--model", "sdxk"], "no model is called 'sdxk'"),
        (["--model", "sdxl"], "the weights of sdxl are not on this machine; imagegen models pull sdxl"),
        (["--model", "./gone"], "gone is not there"),
        (["-o", "gone/a.json"], "gone/a.json cannot be written; name a file in a folder that is there"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said(imagegen: Imagegen, words: list[str], said: str) -> None:
    """One line, exit code 2, before anything is measured."""
    done = imagegen("bench", "local", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
