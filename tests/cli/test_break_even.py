"""`imagegen break-even`: an API, serverless and a GPU of one's own, for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Imagegen


def lines(text: str) -> list[str]:
    """The lines of a text with single spaces."""
    return [" ".join(line.split()) for line in text.splitlines()]


def events(text: str, kind: str) -> list[dict[str, Any]]:
    """The events of one kind."""
    return [event for event in map(json.loads, text.splitlines()) if event["event"] == kind]


def test_all_gpus_then_the_guides_volumes_then_and_now(imagegen: Imagegen, home: Path) -> None:
    """One screen of 80 columns; nothing is created."""
    done = imagegen("break-even", COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    said = lines(done.stdout)
    assert "GPU An hour A month Can make Guide $0.04 Now ~$0.0132" in said
    assert "A100 80GB (AWS) $3.80 $2,736.00 432,000 68,400 207,745" in said
    assert "At the guide's prices, A100 80GB (AWS): dall-e-3 at $0.04 a picture" in said
    assert "200,000 $8,000.00 $600.00..$1,600.00 1 $2,736.00 46 % serverless" in said
    assert "200,000 ~$2,634.00 ~$1,170.00 1 $2,736.00 46 % serverless" in said
    assert "RTX 4090 (own): electricity only." in said
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert not home.exists()


def test_a_volume_that_one_gpu_cannot_make_takes_more(imagegen: Imagegen) -> None:
    """Two A100 for 500,000 pictures; against the cheapest API it is never worth while."""
    done = imagegen("break-even", "--gpu", "a100", "--against", "flux-schnell", "--volume", "500k", COLUMNS="100")
    said = lines(done.stdout)
    assert "A100 80GB (AWS) $3.80 $2,736.00 432,000 never (912,000) never (912,000)" in said
    assert "never (N): it would take N pictures, more than the GPU can make." in said
    assert "500,000 $1,500.00 ~$2,925.00 2 $5,472.00 58 % API" in said
    assert not any(line.startswith("RTX") for line in said)


def test_ones_own_figures(imagegen: Imagegen) -> None:
    """A GPU, a price and a volume of one's own; one price, so one table."""
    asked = ["--gpu-price", "2.50", "--images-per-hour", "1500", "--api-price", "0.04", "--volume", "2M"]
    said = lines(imagegen("break-even", *asked, COLUMNS="100").stdout)
    assert "your GPU $2.50 $1,800.00 1,080,000 45,000" in said
    assert "2,000,000 $80,000.00 ~$11,700.00 2 $3,600.00 93 % own GPU" in said
    assert sum(line.startswith("Pictures API") for line in said) == 1


def test_a_gpu_of_the_users_own_catalogue(imagegen: Imagegen, tmp_path: Path) -> None:
    """A file lies over ours: a GPU by its name, with its source."""
    (tmp_path / "mine.yaml").write_text(
        "source: our bill\nread_on: 2026-11-01\ngpus: {box: {title: The box, hourly: 0.5, images_per_hour: 300}}\n"
    )
    done = imagegen("break-even", "--catalog", "mine.yaml", "--gpu", "box", "--json")
    summary = events(done.stdout, "break_even")[0]
    assert (summary["gpu"], summary["monthly_usd"], summary["capacity"]) == ("box", "360", 216_000)
    assert (summary["source"], summary["read_on"]) == ("our bill", "2026-11-01")
    assert [each["break_even"] for each in summary["against"]] == [9_000, 27_335]


def test_a_manifest_says_what_the_api_takes(imagegen: Imagegen, tmp_path: Path) -> None:
    """The average of what its plan would buy; its own pictures are a volume. What it draws itself does not count."""
    rows = (
        [f"m{n},dall-e-3," for n in range(6)]
        + [f"t{n},flux-schnell," for n in range(4)]
        + ["p,,placeholder", "s,sdxl,local"]
    )
    (tmp_path / "shop.csv").write_text("\n".join(["prompt,model,provider", *rows, ""]))
    done = imagegen("break-even", "shop.csv", "--routes", "guide", "--gpu", "a100", "--json")
    summary = events(done.stdout, "break_even")[0]
    assert (done.stderr, len(summary["notes"])) == ("", 2)
    against = summary["against"][0]
    assert (against["api_usd"], summary["manifest_pictures"]) == ("0.0252", 10)
    assert against["break_even"] == 108_572
    assert against["serverless_usd"] == ["0.00585", "0.00585"]  # today's, whatever the guide says of sdxl
    months = events(done.stdout, "month")
    assert [month["pictures"] for month in months] == [10, 5_000, 50_000, 68_400, 200_000]
    assert months[0]["api_usd"] == "0.252"
    shown = imagegen("break-even", "shop.csv", "--routes", "guide", "--gpu", "a100")
    assert "retired models are priced as they were" in shown.stderr
    said = lines(shown.stdout)
    assert "10 * $0.252 ~$0.0585 1 $2,736.00 0 % serverless" in said
    assert "* shop.csv" in said


def test_machines_get_every_gpu_and_every_month(imagegen: Imagegen) -> None:
    """Money as text; `break_even` is null where it is never."""
    done = imagegen("break-even", "--against", "flux-schnell", "--json")
    assert done.stderr == ""
    gpus = {(each["prices"], each["gpu"]): each for each in events(done.stdout, "gpu")}
    assert (gpus["guide", "a100"]["break_even"], gpus["guide", "a100"]["would_take"]) == (None, 912_000)
    assert gpus["today", "rtx-4090"]["break_even"] == 36_000
    assert len(gpus) == 14
    assert len(events(done.stdout, "month")) == 8
    summary = events(done.stdout, "break_even")[0]
    assert summary["hours"] == 720
    assert [side["prices"] for side in summary["against"]] == ["guide", "today"]
    assert summary["against"][0]["serverless_usd"] == ["0.003", "0.008"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gpu", "a101"], "no GPU is called 'a101'; did you mean a10g?"),
        (["--gpu-price", "3"], "--gpu-price alone is no GPU; add --images-per-hour N, or --gpu NAME"),
        (["--api-price", "free"], "--api-price 'free' is no amount of money"),
        (["--gpu-price", "1e30", "--gpu", "l4"], "--gpu-price '1e30' is no amount of money"),
        (["--against", "dall-e-3", "--api-price", "1"], "--against and --api-price each say what the API takes"),
        (["--volume", "10,000"], "--volume 10,000 may be one number or 2; write 10000"),
        (["--routes", "guide"], "--routes says how a manifest is routed; name the manifest"),
        (["drawn.csv"], "drawn.csv would buy no picture from an API; say what the API takes"),
        (["--catalog", "none.yaml"], "none.yaml"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_what_is_wrong_is_one_line(imagegen: Imagegen, tmp_path: Path, words: list[str], said: str) -> None:
    """Exit code 2, what is wrong and what to do."""
    (tmp_path / "drawn.csv").write_text("prompt,provider\nx,placeholder\n")
    done = imagegen("break-even", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_a_free_api_is_never_beaten(imagegen: Imagegen) -> None:
    """And it is said why."""
    said = lines(imagegen("break-even", "--gpu", "l4", "--api-price", "0").stdout)
    assert "L4 (GCP) $0.80 $576.00 129,600 never" in said
    assert "never: nothing is cheaper than an API that is free." in said
