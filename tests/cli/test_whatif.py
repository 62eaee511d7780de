"""`imagegen cost-estimate` on what else could be done with the same rows: lanes, a GPU, renditions, other routes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Imagegen

SIZES = """imagegen: 1
defaults: {model: gpt-image-2.5-flare}
matrix: {number: [1, 2, 3]}
rows:
  - {id: "large-{{ number }}", prompt: "A mug {{ number }}", size: 1024x1024}
  - {id: "small-{{ number }}", prompt: "A mug {{ number }}", size: 512x512, deadline: 6h}
  - {id: "sale-{{ number }}", prompt: "A mug {{ number }}", text: SALE}
  - {id: "thumb-{{ number }}", prompt: "A bowl {{ number }}", model: flux-schnell}
"""


@pytest.fixture
def sizes(tmp_path: Path) -> str:
    """Twelve pictures: two sizes, one with a deadline, text, and a model that is sold live only."""
    (tmp_path / "sizes.yaml").write_text(SIZES)
    return "sizes.yaml"


def told(text: str) -> str:
    """The text on one line with single spaces."""
    return " ".join(text.split())


def last(text: str) -> dict[str, Any]:
    """The last line's event."""
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found


def test_rows_that_differ_only_in_size_are_told(imagegen: Imagegen, sizes: str) -> None:
    """How many, and what they would save; machines get the same figures."""
    said = told(imagegen("cost-estimate", sizes).stdout)
    assert "3 pictures differ from another row's only in size: as renditions of it they would save ~$0.0346." in said
    found = last(imagegen("cost-estimate", sizes, "--json").stdout)["renditions"]
    assert found == {"pictures": 3, "would_save_usd": "0.03459", "compared": None}


def test_nothing_is_said_where_nobody_asked_or_nothing_is_saved(imagegen: Imagegen, tmp_path: Path) -> None:
    """An estimate of rows that all differ is as short as before."""
    (tmp_path / "two.csv").write_text("prompt\na\nb\n")
    done = imagegen("cost-estimate", "two.csv")
    assert "rendition" not in done.stdout
    assert "batch" not in done.stdout
    event = last(imagegen("cost-estimate", "two.csv", "--json").stdout)
    assert (event["lane"], event["gpu"], event["renditions"]["pictures"]) == (None, None, 0)


def test_live_stands_beside_batch(imagegen: Imagegen, sizes: str) -> None:
    """By model what the queue would save, and for which rows it is possible."""
    live = last(imagegen("cost-estimate", sizes, "--json").stdout)
    done = imagegen("cost-estimate", sizes, "--lane", "auto", COLUMNS="100")
    said = told(done.stdout)
    assert "gpt-image-2.5-flare openai 9 $0.1139 $0.0742 $0.0397" in said
    assert "flux-schnell replicate 3 $0.009 not sold so" in said
    assert "6 of 12 pictures could wait in batches (3 not sold so, 3 held by their deadline)." in said
    assert "Time: up to 24 hours in the provider's queue." in said
    auto = last(imagegen("cost-estimate", sizes, "--lane", "auto", "--json").stdout)
    assert float(auto["cost_usd"]) < float(live["cost_usd"])
    assert (auto["lane"]["live_usd"], auto["lane"]["queue_usd"]) == (live["cost_usd"], auto["cost_usd"])
    assert (auto["seconds"], auto["lane"]["queued"], auto["lane"]["late"]) == (86_400, 6, 3)
    assert last(imagegen("cost-estimate", sizes, "--lane", "live", "--json").stdout)["cost_usd"] == live["cost_usd"]


def test_all_in_batches_asks_only_models_that_are_sold_so(imagegen: Imagegen, tmp_path: Path) -> None:
    """A row goes to the next model of its list; one that names a model that is not is refused with the reason."""
    (tmp_path / "rows.csv").write_text("id,prompt,use_case,model\na,x,thumbnail,\nb,y,,flux-schnell\n")
    done = imagegen("cost-estimate", "rows.csv", "--lane", "batch", COLUMNS="100")
    said = told(done.stdout)
    assert "gpt-image-2.5-flare openai 1" in said
    assert "b: flux-schnell is not sold through the batch lane" in said


def test_a_gpu_and_what_it_cannot_make(imagegen: Imagegen, sizes: str) -> None:
    """Hours and dollars with what they are reckoned from; the rest with its reason; that nothing runs there yet."""
    done = imagegen("cost-estimate", sizes, "--gpu", "4090", COLUMNS="160")
    said = told(done.stdout)
    assert "On RTX 4090 (own) at $0.15 an hour: 9 pictures with sdxl, in place of" in said
    assert "arithmetic 307 to 685 35 s to 79 s ~$0.0015 to $0.0033" in said
    assert "catalogue ~400 61 s ~$0.0025" in said
    assert "Estimate, not measured. Pictures an hour: 1024x1024, 30 steps, guidance (CFG)." in said
    assert "Arithmetic: 2,792 TFLOP, 9 of 9 pictures with CFG; MFU 22 to 48 % (regional compile) of" in said
    assert "of 165.2 TFLOP/s (NVIDIA, Ada architecture white paper); what share" in said
    assert "what share this GPU reaches is not known to us, hence the range." in said
    assert "Catalogue: by pixels and steps (the guide" in said
    assert "Not there: 3 pictures, $0.0398; the first is sale-1: sdxl cannot write readable text." in said
    gpu = last(imagegen("cost-estimate", sizes, "--gpu", "4090", "--json").stdout)["gpu"]
    assert (gpu["gpu"], gpu["pictures"], gpu["others"], gpu["can_run"]) == ("rtx-4090", 9, 3, True)
    assert (gpu["hours"], gpu["images_per_hour"], gpu["hourly_usd"]) == (0.0169, 400, "0.15")
    forecast = gpu["forecast"]
    assert (forecast["mode"], forecast["peak_tflops"], gpu["memory_gb"]) == ("regional", 165.2, 24.0)
    assert (forecast["images_per_hour_least"], forecast["images_per_hour_most"]) == (307, 685)
    assert 0 < forecast["hours_least"] < gpu["hours"] < forecast["hours_most"]
    assert float(forecast["cost_least_usd"]) == pytest.approx(0.15 * forecast["hours_least"], rel=0.01)


def test_a_gpu_whose_peak_is_published_and_one_whose_is_not(imagegen: Imagegen, sizes: str, tmp_path: Path) -> None:
    """The A100's share is known; a GPU of the user's has the catalogue's figure alone until its peak is told."""
    said = told(imagegen("cost-estimate", sizes, "--gpu", "a100", COLUMNS="160").stdout)
    assert "arithmetic 1,159 to 1,294" in said
    assert "MFU 43 to 48 % (regional compile) of 312 TFLOP/s (NVIDIA, A100 data sheet)." in said
    mine = tmp_path / "mine.yaml"
    box = "gpus: {box: {title: Box, hourly: 1, images_per_hour: 600, source: us, read_on: 2026-11-22%s}}\n"
    mine.write_text(box % "")
    said = told(imagegen("cost-estimate", sizes, "--gpu", "box", "--catalog", "mine.yaml", COLUMNS="160").stdout)
    assert "arithmetic" not in said
    assert "catalogue ~600" in said
    assert "Arithmetic: none; it needs `peak_tflops:` of Box and a model whose layers are known." in said
    mine.write_text(box % ", peak_tflops: 312")
    said = told(imagegen("cost-estimate", sizes, "--gpu", "box", "--catalog", "mine.yaml", COLUMNS="160").stdout)
    assert "of 312 TFLOP/s (us); what share" in said


def test_a_gpu_that_can_make_none_of_them(imagegen: Imagegen, tmp_path: Path) -> None:
    """No table and no figures: why not, and nothing else."""
    (tmp_path / "sale.csv").write_text("prompt,text\na,SALE\n")
    done = imagegen("cost-estimate", "sale.csv", "--gpu", "l4", COLUMNS="160")
    assert "On L4 (GCP): nothing to make.\nNot there: 1 picture, " in done.stdout
    assert "TFLOP" not in done.stdout


def test_a_gpu_that_nobody_knows_is_refused(imagegen: Imagegen, sizes: str) -> None:
    """Exit code 2 and the names there are."""
    done = imagegen("cost-estimate", sizes, "--gpu", "tpu")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no GPU is called 'tpu'; one of a100, a100-replicate, a10g, h100, l4, rtx-4090, t4" in done.stderr


def test_the_same_rows_under_every_preset(imagegen: Imagegen, tmp_path: Path) -> None:
    """The manifest's own routes first, then ours and a user's; a preset that lacks a use case says so."""
    (tmp_path / "house.yaml").write_text(
        "routes: {brand: {preset: guide, use_cases: {swatch: {tier: budget, models: [flux-schnell]}}}}\n"
    )
    (tmp_path / "shop.yaml").write_text(
        "imagegen: 1\nroutes: {preset: guide, thumbnail: dall-e-3}\ncatalog: [house.yaml]\n"
        "rows:\n  - {id: a, prompt: x, use_case: thumbnail}\n  - {id: b, prompt: y, use_case: product_shot}\n"
        "  - {id: c, prompt: z, model: gpt-image-1}\n"
    )
    events = [
        json.loads(line)
        for line in imagegen("cost-estimate", "shop.yaml", "--compare-routes", "--json").stdout.splitlines()
    ]
    found = [(each["routes"], each["own"], each["cost_usd"]) for each in events if each["event"] == "routes"]
    assert found[0] == ("shop.yaml", True, "0.1")
    assert (found[1][:2], float(found[1][2]) > 0.042) == (("current", False), True)  # gpt-image-1 at its real price
    assert found[2:] == [("brand", False, "0.063"), ("guide", False, "0.063")]
    said = told(imagegen("cost-estimate", "shop.yaml", "--compare-routes", COLUMNS="100").stdout)
    assert "shop.yaml * 3 0 $0.0333 $0.10" in said
    assert "guide 3 0 $0.021 $0.063 -$0.037" in said
    assert "* this manifest's routes" in said


def test_a_plan_file_has_no_other_routes(imagegen: Imagegen, tmp_path: Path) -> None:
    """Its models are decided: to compare them with themselves would say nothing."""
    (tmp_path / "one.csv").write_text("prompt\nx\n")
    planned = imagegen("plan", "one.csv", "-o", "one.jsonl")
    assert planned.returncode == 0, planned.stderr
    done = imagegen("cost-estimate", "one.jsonl", "--compare-routes")
    assert (done.returncode, done.stdout) == (2, "")
    assert "one.jsonl is a plan, its routes are decided; compare those of its manifest" in done.stderr


def test_a_use_case_that_only_one_preset_knows(imagegen: Imagegen, tmp_path: Path) -> None:
    """The others are not left out in silence, and nothing fails."""
    (tmp_path / "shop.yaml").write_text(
        "imagegen: 1\nroutes: {use_cases: {swatch: {tier: budget, models: [flux-schnell]}}}\n"
        "rows:\n  - {id: a, prompt: x, use_case: swatch}\n"
    )
    done = imagegen("cost-estimate", "shop.yaml", "--compare-routes", COLUMNS="100")
    assert done.returncode == 0
    assert told(done.stdout).count("unknown use case 'swatch'") == 2


def test_other_routes_are_compared_as_if_nothing_were_there(imagegen: Imagegen, tmp_path: Path) -> None:
    """What a run has made costs nothing under the manifest's routes; the comparison counts it all the same."""
    (tmp_path / "two.csv").write_text("id,prompt,provider\na,x,placeholder\nb,y,placeholder\n")
    ran = imagegen("run", "two.csv")
    assert ran.returncode == 0, ran.stderr
    done = imagegen("cost-estimate", "two.csv", "--compare-routes", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["there"] == 2
    assert [(each["pictures"], each["there"]) for each in events if each["event"] == "routes"] == [(2, 0), (2, 0)]
