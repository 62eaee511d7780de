"""`imagegen cost-estimate`: the bill for people and for machines, whatever keys and dates say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Imagegen

SHOP = """imagegen: 1
rows:
  - {id: mug, prompt: A stoneware mug, use_case: product_shot}
  - {id: mug-small, prompt: A stoneware mug, use_case: thumbnail}
  - {id: mug-again, prompt: A stoneware mug, use_case: thumbnail}
  - {id: wide, prompt: x, model: gpt-image-1, size: 4000x100}
  - {id: kontext, prompt: x, model: replicate/flux-kontext-pro}
"""


#: A size that each of these models made.
SIZES = {"imagen-3": "1024x1024", "imagen-4-ultra": "1024x1024", "flux-pro": "1024x1024", "dall-e-3-hd": "1792x1024"}


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """A manifest with equal rows, a refused one, and one whose price nobody knows."""
    (tmp_path / "shop.yaml").write_text(SHOP)
    return "shop.yaml"


def last(text: str) -> dict[str, Any]:
    """The last line's event."""
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found


def test_people_are_told_the_bill_in_one_screen(imagegen: Imagegen, shop: str, home: Path, tmp_path: Path) -> None:
    """Total, tables, comparison, what is shared, what is refused and why, and how long it takes."""
    done = imagegen("cost-estimate", shop, "--routes", "guide", COLUMNS="100")
    assert done.returncode == 0
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[0] == "$0.043 for 3 pictures, and 1 of unknown price (shop.yaml, routes guide)"
    assert "dall-e-3          openai            1       0   $0.04          $0.04" in lines
    assert "flux-schnell      replicate         2       1  $0.003         $0.003" in lines
    assert "flux-kontext-pro  replicate         0       0          price unknown" in lines
    assert "All on DALL-E 3 HD: $0.24; saved $0.197, 82 %." in lines
    assert "Shared: 1 picture equal to another row's, paid for once." in lines
    assert "Refused: 2 pictures, not counted above." in lines
    assert any(line.startswith("  shop.yaml:6:5: wide: gpt-image-1 makes no size") for line in lines)
    assert any(line.startswith("Time: about 10 s; openai sets the pace: 1 picture") for line in lines)
    assert max(map(len, lines)) <= 100
    assert not home.exists()
    assert [path.name for path in tmp_path.iterdir()] == [shop]


def test_notes_say_what_was_assumed(imagegen: Imagegen, shop: str) -> None:
    """Without a key, and with retired models, one line each on stderr."""
    done = imagegen("cost-estimate", shop, "--routes", "guide")
    assert done.stderr.splitlines() == [
        "note: no key is set: every provider is assumed",
        "note: retired models are priced as they were: dall-e-3 (shut down 2026-05-12, use gpt-image-2.5-flare)",
    ]


@pytest.mark.parametrize(
    ("model", "cost"), [("imagen-3", "0.04"), ("imagen-4-ultra", "0.06"), ("flux-pro", "0.05"), ("dall-e-3-hd", "0.12")]
)
def test_a_retired_model_is_priced_as_it_was(imagegen: Imagegen, tmp_path: Path, model: str, cost: str) -> None:
    """Whoever served it, and whatever that provider says of it today."""
    (tmp_path / "old.yaml").write_text(f"imagegen: 1\nrows: [{{prompt: x, model: {model}, size: {SIZES[model]}}}]\n")
    done = imagegen("cost-estimate", "old.yaml", "--json")
    assert last(done.stdout)["cost_usd"] == cost


def test_a_key_that_is_missing_is_named_where_others_are_set(imagegen: Imagegen, shop: str) -> None:
    """With one key set, what is planned at other providers all the same is said."""
    done = imagegen("cost-estimate", shop, "--routes", "guide", OPENAI_API_KEY="sk-test-123456")
    assert "note: planned as if it were set up: replicate (" in done.stderr
    assert done.stdout.startswith("$0.043 for 3 pictures")


def test_machines_get_groups_and_a_summary(imagegen: Imagegen, shop: str) -> None:
    """Money is text in dollars; notes are in the summary, stderr stays empty."""
    done = imagegen("cost-estimate", shop, "--routes", "guide", "--json", "--budget", "0.01", "--expect-hits", "50")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(each["event"], each.get("by")) for each in events} == {
        ("group", "model"),
        ("group", "provider"),
        ("group", "use_case"),
        ("estimate", None),
    }
    summary = events[-1]
    assert (summary["cost_usd"], summary["premium_usd"], summary["saved_usd"]) == ("0.043", "0.24", "0.197")
    assert (summary["rows"], summary["pictures"], summary["shared"], summary["refused"]) == (5, 3, 1, 2)
    assert (summary["budget_usd"], summary["within_budget"]) == ("0.01", False)
    assert summary["after_hits_usd"] == {"50": "0.0215"}
    assert len(summary["notes"]) == 2
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("budget", "said"),
    [("0.05", "Budget: $0.05; within the budget."), ("0.04", "Budget: $0.04; exceeded by $0.003.")],
)
def test_a_budget_is_compared_with(imagegen: Imagegen, shop: str, budget: str, said: str) -> None:
    """Whether a run could end within it."""
    assert said in imagegen("cost-estimate", shop, "--routes", "guide", "--budget", budget).stdout


def test_only_one_table_where_one_is_asked_for(imagegen: Imagegen, shop: str) -> None:
    """`--by provider` groups by provider and leaves the other tables out."""
    done = imagegen("cost-estimate", shop, "--routes", "guide", "--by", "provider", COLUMNS="100")
    assert "Provider   Pictures" in done.stdout
    assert "Use case" not in done.stdout
    assert "Model" not in done.stdout


def test_placeholders_cost_nothing_and_say_what_they_stand_for(imagegen: Imagegen, shop: str) -> None:
    """$0.00, and the real bill beside it; no saving is claimed."""
    done = imagegen("cost-estimate", shop, "--routes", "guide", "--provider", "placeholder", COLUMNS="100")
    assert done.stdout.startswith("$0.00 for 4 pictures (shop.yaml, routes guide)")
    assert "Placeholders: 4 pictures cost nothing; on the models they stand for: $0.046" in done.stdout
    assert "saved" not in done.stdout
    assert "Time" not in done.stdout


def test_a_second_estimate_after_a_run_finds_everything_there(imagegen: Imagegen, tmp_path: Path) -> None:
    """What a run has made counts as there, at $0, in the folder that it was made in."""
    (tmp_path / "two.csv").write_text("id,prompt,provider\na,x,placeholder\nb,y,placeholder\n")
    before = last(imagegen("cost-estimate", "two.csv", "--json").stdout)
    ran = imagegen("run", "two.csv")
    assert ran.returncode == 0, ran.stderr
    after = last(imagegen("cost-estimate", "two.csv", "--json").stdout)
    assert "saved" not in imagegen("cost-estimate", "two.csv").stdout
    elsewhere = imagegen("plan", "two.csv", "--json", "--output", "other").stdout
    assert (before["paid"], before["there"]) == (2, 0)
    assert (after["paid"], after["there"]) == (0, 2)
    assert [json.loads(line)["state"] for line in elsewhere.splitlines()[:-1]] == ["cached", "cached"]


def test_a_damaged_ledger_is_said_in_one_line(imagegen: Imagegen, shop: str, home: Path) -> None:
    """Exit code 7, the file and what to do; no traceback."""
    home.mkdir()
    (home / "ledger.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    done = imagegen("cost-estimate", shop)
    assert done.returncode == 7
    assert done.stderr.startswith("error: the ledger ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("hits", ["many", "-5", "40..101", "1..2..3"])
def test_hits_that_are_no_percentage_are_refused(imagegen: Imagegen, shop: str, hits: str) -> None:
    """Exit code 2 and how to write it."""
    done = imagegen("cost-estimate", shop, f"--expect-hits={hits}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "write 15, or 15..40" in done.stderr


def test_control_characters_are_shown_and_not_obeyed(imagegen: Imagegen, tmp_path: Path) -> None:
    """An id with a terminal code in it is text."""
    (tmp_path / "bad.jsonl").write_text(
        '{"id": "a\\u001b[31m", "prompt": "x", "model": "dall-e-3", "size": "9x4000"}\n'
    )
    done = imagegen("cost-estimate", "bad.jsonl")
    assert "\x1b" not in done.stdout
    assert "a\\x1b[31m" in done.stdout


def test_an_empty_plan_is_a_bill_of_nothing(imagegen: Imagegen, tmp_path: Path) -> None:
    """A table with no rows costs $0.00 and has no tables."""
    (tmp_path / "none.csv").write_text("prompt\n")
    done = imagegen("cost-estimate", "none.csv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "$0.00 for 0 pictures (none.csv, routes current)\n", "")
