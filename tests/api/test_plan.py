"""`imagegen.plan`: the figures of the command line, as objects."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import imagegen
from tests.api.conftest import rows
from tests.cli.conftest import Imagegen
from tests.cli.conftest import imagegen as command  # noqa: F401  a fixture

ROWS: list[dict[str, Any]] = [
    {"id": "mug", "prompt": "A mug", "use_case": "product_shot"},
    {"id": "hero", "prompt": "A mug", "use_case": "hero_image", "n": 2},
    {"id": "twin", "prompt": "A mug", "use_case": "product_shot"},
    {"id": "old", "prompt": "A bowl", "model": "dall-e-3", "tags": ["old"]},
    {"id": "never", "prompt": "A lid", "model": "dall-e-3", "size": "3000x3000"},
]


def test_the_figures_are_those_of_the_command_line(command: Imagegen, tmp_path: Path) -> None:  # noqa: F811
    """Total, groups and lines agree with `cost-estimate --json` and `plan --json` of the same rows."""
    lines = "".join(f"{json.dumps(row)}\n" for row in ROWS)
    (tmp_path / "shop.jsonl").write_text(lines)
    plan = imagegen.plan(imagegen.load(ROWS, name="shop"))
    *groups, whole = map(json.loads, command("cost-estimate", "shop.jsonl", "--json").stdout.splitlines())
    assert plan.total == Decimal(whole["cost_usd"])
    assert plan.seconds == pytest.approx(whole["seconds"], abs=1)
    assert (plan.time, plan.refused, list(plan.notes)) == (whole["duration"], whole["refused"], whole["notes"])
    assert plan.premium == (whole["premium_model"], Decimal(whole["premium_usd"]))
    for grouping in ("model", "provider", "use_case"):
        mine = [(each.name, each.pictures, each.buy, each.shared, each.cost) for each in plan.by(grouping)]
        assert mine == [
            (each.get(grouping, ""), each["pictures"], each["paid"], each["shared"], Decimal(each["cost_usd"]))
            for each in groups
            if each["by"] == grouping
        ]
    *events, _ = map(json.loads, command("plan", "shop.jsonl", "--json").stdout.splitlines())
    for row, event in zip(plan.rows, events, strict=True):
        same = ("id", "sample", "state", "model", "provider", "quality", "use_case", "key", "why", "reason")
        assert [getattr(row, name) for name in same] == [event[name] for name in same]
        assert row.cost == (None if event["cost_usd"] is None else Decimal(event["cost_usd"]))
        assert row.at_most == (None if event["at_most_usd"] is None else Decimal(event["at_most_usd"]))


def test_rows_are_told_in_a_line_each() -> None:
    """State, model, size and price; a refused one says why; the place is the row's number."""
    told = [str(row) for row in imagegen.plan(ROWS).rows]
    assert told[0] == "mug: buy, gpt-image-2.5-flare, 1024x1024, $0.0132"
    assert told[3] == "twin: shared, gpt-image-2.5-flare, 1024x1024, $0.00"
    assert told[5].startswith("never: refused, ")
    assert [row.place for row in imagegen.plan(ROWS).rows][-1] == "rows[4]"


def test_what_is_there_costs_nothing() -> None:
    """After a run the plan finds its pictures in the folder; from another folder, in the cache."""
    project = imagegen.load(ROWS[:2], provider="placeholder", name="shop")
    assert imagegen.run(project).result().ok
    plan = imagegen.plan(project)
    assert ([row.state for row in plan.rows], plan.summary.there) == (["kept"] * 3, 3)
    elsewhere = imagegen.plan(imagegen.load(ROWS[:2], provider="placeholder", output="elsewhere"))
    assert [row.state for row in elsewhere.rows] == ["cached"] * 3


def test_a_plan_may_be_of_some_rows() -> None:
    """By id, by tag, by number; a name that is not there is an error in Python's words."""
    assert [row.id for row in imagegen.plan(ROWS, only="old").rows] == ["old"]
    assert [row.id for row in imagegen.plan(ROWS, only=["twin", "mug"], limit=1).rows] == ["mug"]
    assert imagegen.plan(ROWS, only=["mug", "twin"]).summary.pictures == 2
    with pytest.raises(imagegen.UsageError, match=r"^only: no row has the id or the tag 'mugg'"):
        imagegen.plan(ROWS, only=["mugg"])
    with pytest.raises(imagegen.UsageError, match="not grouped by 'colour'; use model, provider, use_case"):
        imagegen.plan(ROWS).by("colour")  # type: ignore[arg-type]


def test_a_row_that_names_nothing_is_an_error() -> None:
    """A model that is not there is said with its row."""
    with pytest.raises(imagegen.ManifestError, match=r"^rows\[1\]: .*dall-e-33") as caught:
        imagegen.plan(["A mug", {"prompt": "A bowl", "model": "dall-e-33"}])
    assert caught.value.todo


def test_a_plan_in_lines() -> None:
    """A headline, a table, and what belongs to the figures; a budget is compared."""
    lines = str(imagegen.plan(imagegen.load(rows(2), budget="0.001", name="shop"))).splitlines()
    assert lines[0].startswith("~$0.00")
    assert lines[0].endswith(" for 2 pictures (shop)")
    assert lines[2].split() == ["Model", "Provider", "Pictures", "Each", "Cost"]
    assert lines[3].split()[:3] == ["gpt-image-2.5-flare", "openai", "2"]
    assert len({len(line) for line in lines[2:4]}) == 1
    assert any(line.startswith("Budget: $0.001; exceeded by $0.0") for line in lines)
    assert lines[-1] == "Note: no key is set: every provider is assumed."
    assert str(imagegen.plan([])) == "$0.00 for 0 pictures (rows)"
    assert repr(imagegen.plan([])) == "<imagegen.Plan rows: 0 pictures, $0.00>"
