"""A plan as a contract: made in one place, carried out in another, and nothing else is bought."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cloud import Cloud
from tests.e2e.conftest import Imagegen, Write, files, manifest, pictures

#: What a person may write for one picture, to be the same after a detour through a plan.
RICH = (
    'id: "ü/1", prompt: "A mug, \\"SALE\\" \\u2028 50 %", use_case: product_shot, size: 1024x1024, format: webp, '
    "encode_quality: 80, tags: [a, b], max_price: 0.50, priority: 1, n: 2, options: {openai: {moderation: low}}"
)


def plan_of(run: Imagegen, write: Write, text: str, *flags: str) -> str:
    """The plan of a manifest that is gone afterwards."""
    path = write("shop.yaml", text)
    made = run("plan", "shop.yaml", "-o", "plan.jsonl", *flags)
    assert made.code == 0, made.err
    path.unlink()
    return "plan.jsonl"


def summary_of(run: Imagegen, *args: str, **env: str) -> dict[str, Any]:
    """The summary of a run that went well."""
    ran = run("run", *args, "--json", **env)
    assert ran.code == 0, ran.err
    return ran.summary


def test_a_plan_is_run_without_its_manifest(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """Same rows, same files, same keys, into the folder that the manifest's own run would use; what it planned to
    spend is what it may spend; once more costs nothing, and so does the manifest when it is back."""
    rows = manifest(*pictures(3), RICH, head='output: {name: "shots/{{ id }}", renditions: {card: 256x256}}')
    plan_of(paid, write, rows)
    *lines, totals = [json.loads(line) for line in (tmp_path / "plan.jsonl").read_text("utf-8").split("\n")[1:-1]]
    assert totals["totals"]["buy"] == 5
    ran = paid("run", "plan.jsonl", "--json")
    assert (ran.code, ran.summary["made"]) == (0, 5), ran.err
    assert cloud.bill <= int(float(totals["totals"]["at_most_usd"]) * 10**9)
    results = [json.loads(line) for line in (tmp_path / "out/shop/results.jsonl").read_text("utf-8").splitlines()]
    assert {result["key"] for result in results} == {line["key"] for line in lines}
    assert {result["place"] for result in results} == {f"shop.yaml:{n}" for n in range(4, 8)}
    folder = tmp_path / "out/shop"
    shots = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if "shots" in path.parts}
    assert {"shots/p0.png", "shots/p1.png", "shots/ü/1-1.webp", "shots/ü/1-2.webp"} <= shots
    assert len([name for name in shots if "card" in name and name.endswith((".png", ".webp"))]) == 5
    assert summary_of(paid, "plan.jsonl")["kept"] == 5
    write("shop.yaml", rows)
    assert summary_of(paid, "shop.yaml")["kept"] == 5
    assert len(cloud.charges) == 5


def test_a_plan_made_in_another_home_is_run_in_this(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """A pull request's job without a key plans, with another home; after the merge it is carried out."""
    write("shop.yaml", manifest(*pictures(2)))
    planned = paid("plan", "shop.yaml", "-o", "plan.jsonl", OPENAI_API_KEY="", IMAGEGEN_HOME=str(tmp_path / "ci"))
    assert planned.code == 0, planned.err
    (tmp_path / "merged").mkdir()
    shutil.move(tmp_path / "plan.jsonl", tmp_path / "merged/plan.jsonl")
    assert summary_of(paid, "merged/plan.jsonl")["made"] == 2
    assert len(files(tmp_path / "out/shop")) == 2


def test_what_is_there_meanwhile_is_taken_for_nothing(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """One of three was bought by another manifest: two are bought."""
    plan_of(paid, write, manifest(*pictures(3)))
    write("other.yaml", manifest(*pictures(1)))
    assert summary_of(paid, "other.yaml")["made"] == 1
    found = summary_of(paid, "plan.jsonl")
    assert (found["cached"], found["made"], len(cloud.charges)) == (1, 2, 3)


def test_the_total_is_the_cap(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """The lesser of the plan's total and --budget stops the run."""
    plan_of(paid, write, manifest(*pictures(3)))
    ran = paid("run", "plan.jsonl", "--budget", "0.08", "--json")
    assert (ran.code, ran.summary["made"], ran.summary["skipped"]) == (4, 2, 1)
    write("two.yaml", manifest(*pictures(2)))
    assert paid("plan", "two.yaml", "-o", "two.jsonl", "--output", "out/two").code == 0
    ran = paid("run", "two.jsonl", "--budget", "100", "--redo", "p0", "--redo", "p1", "--json")
    assert ran.code == 2, "they are in the cache: the plan has no money to make them anew"
    assert "row 'p0' was there when the plan was made" in ran.err


def test_a_large_plan_needs_no_yes(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """Whoever runs a plan has seen its total; a manifest of the same rows asks."""
    rows = manifest(
        "id: many, prompt: A mug, model: dall-e-3, n: 100", "id: more, prompt: A cup, model: dall-e-3, n: 30"
    )
    plan_of(paid, write, rows)
    write("shop.yaml", rows)
    assert paid("run", "shop.yaml").code == 2
    assert summary_of(paid, "plan.jsonl", "--workers", "32")["made"] == 130


def test_a_run_of_a_plan_is_resumed(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """`resume` goes on with the plan and the folder, from anywhere."""
    plan_of(paid, write, manifest(*pictures(3)))
    first = paid("run", "plan.jsonl", "--max-failures", "1", "--budget", "0.05", "--json")
    assert (first.code, first.summary["made"]) == (4, 1)
    again = paid("resume", "--json")
    assert (again.code, again.summary["kept"], again.summary["made"]) == (4, 1, 1), again.err
    assert len(files(tmp_path / "out/shop")) == 2


def test_another_catalogue_is_refused(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """Models or prices have changed: exit 2 and one line, before anything is done. The plan's own catalogue files
    are found beside it."""
    write("own.yaml", "models: {dall-e-3: {title: Mine}}\n")
    plan_of(paid, write, manifest(*pictures(1)), "--catalog", "own.yaml")
    assert paid("cost-estimate", "plan.jsonl").code == 0
    write("own.yaml", "models: {dall-e-3: {title: Yours}}\n")
    ran = paid("run", "plan.jsonl")
    [line] = ran.errors
    assert ran.code == 2
    assert line.startswith("error: plan.jsonl:1: the plan was made on 2")
    assert "with another catalogue" in line
    assert "imagegen plan shop.yaml -o plan.jsonl" in line
    assert cloud.charges == []


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}, "row 'p0' is to be bought from openai, which is not enabled"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "row 'p0' was planned for another address of openai"),
    ],
)
def test_what_cannot_be_kept_is_said_at_its_row(
    imagegen: Imagegen, write: Write, tmp_path: Path, env: dict[str, str], said: str
) -> None:
    """A key that is missing, or another address: exit 2 with the plan's line and the first row that differs."""
    write("shop.yaml", manifest("id: p0, prompt: A mug, model: gpt-image-2.5-flare"))
    assert imagegen("plan", "shop.yaml", "-o", "plan.jsonl", OPENAI_API_KEY="sk-test").code == 0
    ran = imagegen("run", "plan.jsonl", **{"OPENAI_API_KEY": "sk-test"} | env)
    assert ran.code == 2
    [line] = ran.errors
    assert line.startswith(f"error: plan.jsonl:2: {said}"), line
    assert not (tmp_path / "out").exists()


def test_what_was_there_and_is_not_is_not_bought(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """The plan counted a picture as there that another home lacks: it is in no total, so nothing begins."""
    write("shop.yaml", manifest(*pictures(2)))
    assert summary_of(paid, "shop.yaml")["made"] == 2
    plan_of(paid, write, manifest(*pictures(3)))
    ran = paid("run", "plan.jsonl", IMAGEGEN_HOME=str(tmp_path / "new"))
    assert ran.code == 2
    assert "row 'p0' was there when the plan was made and would have to be bought now, for $0.04" in ran.err
    assert len(cloud.charges) == 2
    assert summary_of(paid, "plan.jsonl")["made"] == 1


def test_refused_rows_stay_refused(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """As with a manifest: exit 2, or with --skip-refused the rest and exit 3."""
    plan_of(paid, write, manifest(*pictures(1), "id: wide, prompt: A mug, model: dall-e-3, size: 4000x100"))
    assert paid("run", "plan.jsonl").code == 2
    ran = paid("run", "plan.jsonl", "--skip-refused", "--json")
    assert (ran.code, ran.states) == (3, {"wide": "refused", "p0": "made"})


@pytest.mark.parametrize("flags", [["--routes", "guide"], ["--model", "sdxl"], ["--optimize", "cost"]])
def test_what_the_plan_decides_cannot_be_said_again(imagegen: Imagegen, write: Write, flags: list[str]) -> None:
    """Routes, models and providers are in the plan."""
    write("shop.yaml", manifest("id: p0, prompt: A mug, provider: placeholder"))
    assert imagegen("plan", "shop.yaml", "-o", "plan.jsonl").code == 0
    ran = imagegen("run", "plan.jsonl", *flags)
    assert ran.code == 2
    assert f"error: plan.jsonl: {flags[0]} is decided by the plan; leave it out" in ran.err


def test_part_of_a_plan_can_be_run(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """`--only` and `--limit` take rows of the plan as they take a manifest's."""
    plan_of(paid, write, manifest(*pictures(4)))
    assert set(paid("run", "plan.jsonl", "--only", "p2", "--json").states) == {"p2"}
    assert summary_of(paid, "plan.jsonl", "--limit", "2")["made"] == 2
    assert len(cloud.charges) == 3


def test_a_cut_plan_buys_nothing(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """Exit 2 with file and line, whatever stands before."""
    plan_of(paid, write, manifest(*pictures(3)))
    text = (tmp_path / "plan.jsonl").read_text("utf-8")
    for cut, line in ((text[:-200], 4), (text.replace("number 1", "number 7"), 3)):
        (tmp_path / "plan.jsonl").write_text(cut, "utf-8")
        ran = paid("run", "plan.jsonl")
        assert ran.code == 2
        assert ran.errors[0].startswith(f"error: plan.jsonl:{line}: "), ran.err
    assert cloud.charges == []


def test_a_changed_manifest_is_a_note(imagegen: Imagegen, write: Write) -> None:
    """The plan is what counts, and whoever runs it should know."""
    write("shop.yaml", manifest("id: p0, prompt: A mug, provider: placeholder"))
    assert imagegen("plan", "shop.yaml", "-o", "plan.jsonl").code == 0
    write("shop.yaml", manifest("id: p0, prompt: A cup, provider: placeholder"))
    ran = imagegen("run", "plan.jsonl")
    assert ran.code == 0
    assert "shop.yaml has changed since the plan was made; the plan is what counts" in ran.err
