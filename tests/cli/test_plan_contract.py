"""`imagegen plan -o` and `imagegen plan --against`: the file, and what people, machines and pull requests are told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from imagegen.domain.request import digest
from imagegen.planfile import open_plan
from tests.cli.conftest import Imagegen

KEY = {"OPENAI_API_KEY": "sk-test"}
SHOP = """imagegen: 1
defaults: {use_case: product_shot}
rows:
  - {id: mug, prompt: A stoneware mug}
  - {id: bowl, prompt: A stoneware bowl}
  - {id: hero, prompt: A market at dawn, use_case: hero_image}
  - {id: set, prompt: A set of plates, n: 2}
"""
FLARE = "gpt-image-2.5-flare"
RETIRED = f"models: {{{FLARE}: {{status: retired, shutdown_on: 2026-11-01}}}}\n"
DEAR = f"""source: our contract
read_on: 2026-11-20
models: {{{FLARE}: {{offers: {{openai: {{price: {{image: {{low: 0.01, medium: 0.05, high: 0.06}}}}}}}}}}}}
"""


@pytest.fixture
def shop(tmp_path: Path, imagegen: Imagegen) -> Path:
    """A manifest and its plan, old.jsonl."""
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP)
    done = imagegen("plan", "shop.yaml", "-o", "old.jsonl", **KEY)
    assert done.returncode == 0, done.stderr
    return path


def events(text: str) -> list[dict[str, Any]]:
    """JSON Lines."""
    return [json.loads(line) for line in text.splitlines()]


def against(imagegen: Imagegen, *flags: str, **env: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The changes since old.jsonl, and the summary."""
    done = imagegen("plan", "shop.yaml", "--against", "old.jsonl", "--json", *flags, **(KEY | env))
    assert done.returncode == 0, done.stderr
    *changes, summary = events(done.stdout)
    return changes, summary


def kinds(changes: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What happened to which row."""
    return [(change["kind"], change["id"]) for change in changes]


def test_the_file_says_everything(imagegen: Imagegen, shop: Path, tmp_path: Path) -> None:
    """Row as it was set, place, parameters and their key, prices, state and why; the totals are those of `plan`."""
    plan = open_plan(tmp_path / "old.jsonl")
    lines = [line.said for line in plan.lines()]
    assert [(line["id"], line["sample"]) for line in lines] == [
        ("mug", 0),
        ("bowl", 0),
        ("hero", 0),
        ("set", 0),
        ("set", 1),
    ]
    mug = lines[0]
    assert mug["row"] == {"prompt": "A stoneware mug", "use_case": "product_shot"}
    assert mug["key"] == digest(mug["parameters"])
    assert (mug["state"], mug["model"], mug["provider"], mug["quality"]) == ("buy", FLARE, "openai", "medium")
    assert (mug["place"], mug["finish"]["width"]) == (["shop.yaml", 4, 5], 1024)
    assert "first choice for product_shot" in mug["why"]
    *rows, summary = events(imagegen("plan", "shop.yaml", "--json", **KEY).stdout)
    assert [row["key"] for row in rows] == [line["key"] for line in lines]
    assert plan.totals["cost_usd"] == summary["cost_usd"]
    assert plan.head["catalogue"] == summary["catalogue"]
    assert (plan.head["output"], plan.head["enabled"]) == ("out/shop", ["openai"])
    assert "sk-test" not in (tmp_path / "old.jsonl").read_text()


def test_writing_a_plan_shows_it_too(imagegen: Imagegen, shop: Path, home: Path) -> None:
    """The same lines and totals, and what to do with the file; nothing else is written anywhere."""
    done = imagegen("plan", "shop.yaml", "-o", "new.jsonl", **KEY)
    assert done.stdout.splitlines()[0].split() == ["mug", "buy", f"{FLARE}@medium", "openai", "1024x1024", "~$0.0132"]
    said = " ".join(done.stdout.split())
    assert "Written to new.jsonl. `imagegen run new.jsonl` does just this and spends $0.1212 at most." in said
    assert not home.exists()
    summary = events(imagegen("plan", "shop.yaml", "-o", "new.jsonl", "--json", **KEY).stdout)[-1]
    assert (summary["event"], summary["at_most_usd"][:6]) == ("plan", "0.1211")


def test_dates_count_in_a_plan_that_is_to_be_run(imagegen: Imagegen, shop: Path, tmp_path: Path) -> None:
    """An estimate prices retired models as they were; a plan refuses them as `run` does, unless it is told not to."""
    shop.write_text("imagegen: 1\nrows: [{id: mug, prompt: A mug, model: dall-e-3}]\n")
    assert "buy" in imagegen("plan", "shop.yaml", **KEY).stdout
    done = imagegen("plan", "shop.yaml", "-o", "new.jsonl", **KEY)
    assert "dall-e-3 was shut down on 2026-05-12; use gpt-image-2.5-flare instead" in done.stdout
    assert open_plan(tmp_path / "new.jsonl").totals["refused"] == 1
    assert imagegen("plan", "shop.yaml", "-o", "new.jsonl", "--allow-retired", **KEY).returncode == 0
    assert open_plan(tmp_path / "new.jsonl").totals["at_most_usd"] == "0.04"


def test_without_a_key_what_is_assumed_is_said(imagegen: Imagegen, shop: Path) -> None:
    """Before somebody relies on the plan."""
    shop.write_text("imagegen: 1\nrows: [{id: a, prompt: A mug, model: sdxl, provider: local}]\n")
    done = imagegen("plan", "shop.yaml", "-o", "new.jsonl")
    assert done.returncode == 0
    assert "note: no key is set: every provider is assumed" in done.stderr


def test_a_reorder_is_no_change(imagegen: Imagegen, shop: Path) -> None:
    """Nothing but the order of the file."""
    head, rows = SHOP.split("rows:\n")
    shop.write_text(head + "rows:\n" + "\n".join(reversed(rows.splitlines())) + "\n")
    changes, summary = against(imagegen)
    assert (changes, summary["settings"]) == ([], {})
    assert summary["cost_usd"]["old"] == summary["cost_usd"]["new"]
    done = imagegen("plan", "shop.yaml", "--against", "old.jsonl", **KEY)
    assert done.stdout.startswith("No row has changed since old.jsonl of 2")
    assert done.stderr == ""


def test_one_changed_prompt(imagegen: Imagegen, shop: Path) -> None:
    """One change, with both prompts."""
    shop.write_text(SHOP.replace("A stoneware bowl", "A stoneware dish"))
    [change], summary = against(imagegen)
    assert (change["kind"], change["id"], change["place"]) == ("changed", "bowl", "shop.yaml:5:5")
    assert change["fields"] == {"prompt": {"old": "A stoneware bowl", "new": "A stoneware dish"}}
    assert (change["route"], change["price_usd"], change["state"]) == ({}, None, None)
    assert {kind: summary[kind] for kind in ("added", "changed", "rerouted", "repriced", "state", "gone")} == {
        "added": 0,
        "changed": 1,
        "rerouted": 0,
        "repriced": 0,
        "state": 0,
        "gone": 0,
    }


def test_one_removed_row(imagegen: Imagegen, shop: Path) -> None:
    """One row gone, and the bill less by its price."""
    shop.write_text(SHOP.replace("  - {id: hero, prompt: A market at dawn, use_case: hero_image}\n", ""))
    changes, summary = against(imagegen)
    assert kinds(changes) == [("gone", "hero")]
    assert changes[0]["cost_usd"] == {"old": changes[0]["price_usd"]["old"], "new": "0"}
    assert summary["buy"] == {"old": 5, "new": 4}


def test_a_retired_model(imagegen: Imagegen, shop: Path, tmp_path: Path) -> None:
    """Its rows go elsewhere or are refused, the others are as they were; nothing else."""
    (tmp_path / "own.yaml").write_text(RETIRED)
    changes, summary = against(imagegen, "--catalog", "own.yaml", OPENAI_API_KEY="")
    assert kinds(changes) == [("state", "mug"), ("state", "bowl"), ("state", "set")]
    assert all(change["state"] == {"old": "buy", "new": "refused"} for change in changes)
    assert all("was shut down on 2026-11-01" in change["why"] for change in changes)
    assert list(summary["settings"]) == ["catalogue"]
    shop.write_text(SHOP + "providers: [openai, replicate, bfl]\n")
    assert imagegen("plan", "shop.yaml", "-o", "old.jsonl").returncode == 0
    changes, _ = against(imagegen, "--catalog", "own.yaml", OPENAI_API_KEY="")
    assert kinds(changes) == [("rerouted", "mug"), ("rerouted", "bowl"), ("rerouted", "set")]
    assert all(change["route"]["model"]["old"] == FLARE for change in changes)


def test_a_new_price(imagegen: Imagegen, shop: Path, tmp_path: Path) -> None:
    """The rows of that model, with both prices; nothing else."""
    (tmp_path / "own.yaml").write_text(DEAR)
    changes, summary = against(imagegen, "--catalog", "own.yaml")
    assert kinds(changes) == [("repriced", "mug"), ("repriced", "bowl"), ("repriced", "set")]
    assert {change["price_usd"]["new"] for change in changes} == {"0.05"}
    assert all((change["fields"], change["route"], change["state"]) == ({}, {}, None) for change in changes)
    assert changes[2]["cost_usd"]["new"] == "0.1"
    assert list(summary["settings"]) == ["catalogue"]


def test_people_are_told_by_groups_and_then_row_by_row(imagegen: Imagegen, shop: Path, tmp_path: Path) -> None:
    """The bill before and after, how many rows for what, each row once, and what was set differently."""
    (tmp_path / "own.yaml").write_text(DEAR)
    shop.write_text(SHOP.replace("A stoneware bowl", "A red bowl") + "  - {id: cup, prompt: A cup}\n")
    done = imagegen("plan", "shop.yaml", "--against", "old.jsonl", "--catalog", "own.yaml", COLUMNS="120", **KEY)
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert re.fullmatch(
        r"\$0\.1209 → \$0\.3182 \(\+\$0\.1972\); to buy: 5 → 6 pictures, since old\.jsonl of [\d-]+", lines[0]
    ), lines[0]
    assert lines[2:6] == [
        "Change    Rows      Cost  What",
        f"added        1    +$0.05  {FLARE}@medium on openai",
        "changed      1  +$0.0368  prompt",
        f"repriced     2  +$0.1104  {FLARE}@medium on openai: $0.0132 → $0.05 each",
    ]
    assert lines[7:13] == [
        f"added     cup   {FLARE}@medium on openai, $0.05",
        "changed   bowl  prompt: A stoneware bowl → A red bowl",
        "                $0.0132 → $0.05 each",
        "repriced  mug   $0.0132 → $0.05 each",
        "repriced  set   $0.0132 → $0.05 each",
        "",
    ]
    assert lines[13].startswith("catalogue: ")


HOSTILE = (
    "<script>x</script> | `rm` @team #12 www.evil.test https://evil.test [a](b) ![c](d) **b** _i_ <!-- --> \\u202e"
)


def test_a_pull_request_shows_prompts_and_obeys_none(imagegen: Imagegen, shop: Path) -> None:
    """A short table, the rows folded; nothing in an id or a prompt is markup, a mention or a link, or ends a cell."""
    shop.write_text(
        SHOP.replace("prompt: A stoneware bowl", f'prompt: "{HOSTILE}"') + f'  - {{id: "{HOSTILE}", prompt: A cup}}\n'
    )
    done = imagegen("plan", "shop.yaml", "--against", "old.jsonl", "--markdown", **KEY)
    assert (done.returncode, done.stderr) == (0, "")
    page = done.stdout
    assert page.startswith("### Plan of shop.yaml\n\n**\\$0.1209 → ")
    assert page.count("<details>") == page.count("</details>") == page.count("<summary>") == 1
    assert "<summary>2 rows</summary>" in page
    rows = [line for line in page.splitlines() if line.startswith(("| added", "| changed"))]
    assert len(rows) == 4
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [5, 5, 4, 4]
    for row in rows[2:]:
        bare = re.sub(r"\\.|<br>|&#8203;", "", row)
        assert not re.search(r"[<>`*_\[\]!#]", bare), row
        assert not re.search(r"@\w|#\w|www\.|https?://|\u202e", row.replace("&#8203;", "\u200b")), row


def test_a_large_comparison_fits_into_a_comment(imagegen: Imagegen, shop: Path) -> None:
    """The rest is counted; JSON has it all."""
    shop.write_text(SHOP + "".join(f"  - {{id: new-{n}, prompt: x{'*' * 300}}}\n" for n in range(300)))
    page = imagegen("plan", "shop.yaml", "--against", "old.jsonl", "--markdown", **KEY).stdout
    assert len(page) < 65_000
    assert re.search(r"\n280 more rows: `imagegen plan --against`", page)
    text = imagegen("plan", "shop.yaml", "--against", "old.jsonl", **KEY).stdout
    assert "and 280 more; --json lists all" in text
    assert len(against(imagegen)[0]) == 300


def test_a_plan_is_compared_and_written_in_one_go(imagegen: Imagegen, shop: Path, tmp_path: Path) -> None:
    """Onto itself, too."""
    shop.write_text(SHOP.replace("A stoneware bowl", "A red bowl"))
    done = imagegen("plan", "shop.yaml", "--against", "old.jsonl", "-o", "old.jsonl", "--json", **KEY)
    assert kinds(events(done.stdout)[:-1]) == [("changed", "bowl")]
    assert against(imagegen)[0] == []


def test_without_a_key_the_old_plans_providers_count(imagegen: Imagegen, shop: Path) -> None:
    """A job of a fork has no secrets: that reroutes nothing."""
    done = imagegen("plan", "shop.yaml", "--against", "old.jsonl")
    assert done.stdout.startswith("No row has changed")
    assert "no key is set: the providers of old.jsonl are assumed" in done.stderr


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (["--against", "shop.yaml"], "shop.yaml: is no plan; imagegen plan MANIFEST -o FILE writes one"),
        (["--against", "none.jsonl"], "none.jsonl: is not there"),
        (["--against", "cut.jsonl"], "cut.jsonl:4: the plan ends here without its totals"),
        (["-o", "shop.yaml"], "-o shop.yaml: a file that is no plan is there"),
        (["--output", "plan.jsonl"], "--output plan.jsonl: is the folder whose pictures count; -o (--write) writes"),
        (["--markdown"], "--markdown is for --against"),
        (["--against", "old.jsonl", "--markdown", "--json"], "--markdown is for --against, and without --json"),
        (["--against", "old.jsonl", "--limit", "1"], "--against compares all rows"),
        (["-o", "x.jsonl", "--only", "nobody"], "--only: no row has the id or the tag 'nobody'"),
    ],
)
def test_what_does_not_go_is_said_in_a_line(
    imagegen: Imagegen, shop: Path, tmp_path: Path, args: list[str], what: str
) -> None:
    """Exit 2, what and what to do; the manifest is as it was, and no plan is written."""
    text = (tmp_path / "old.jsonl").read_text()
    (tmp_path / "cut.jsonl").write_text("".join(text.splitlines(keepends=True)[:4]))
    done = imagegen("plan", "shop.yaml", *args, **KEY)
    assert done.returncode == 2
    assert f"error: {what}" in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error")]) == 1
    assert (tmp_path / "shop.yaml").read_text() == SHOP
    assert (tmp_path / "old.jsonl").read_text() == text
    assert not (tmp_path / "x.jsonl").exists()


def test_part_of_a_manifest_is_planned(imagegen: Imagegen, shop: Path, tmp_path: Path) -> None:
    """`--only` and `--limit` hold for the file as for the screen."""
    assert imagegen("plan", "shop.yaml", "-o", "new.jsonl", "--only", "set", "--only", "mug", **KEY).returncode == 0
    plan = open_plan(tmp_path / "new.jsonl")
    assert ([line.said["id"] for line in plan.lines()], plan.totals["rows"]) == (["mug", "set", "set"], 2)


@pytest.mark.parametrize("command", ["cost-estimate", "validate", "plan"])
def test_a_plan_is_read_where_a_manifest_is(imagegen: Imagegen, shop: Path, command: str) -> None:
    """Its rows, at its prices."""
    shop.unlink()
    done = imagegen(command, "old.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    last = events(done.stdout)[-1]
    assert last["rows"] == 4
    assert last.get("cost_usd", "0.120935")[:6] == "0.1209"
