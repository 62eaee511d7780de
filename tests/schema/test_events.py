"""What run, plan and cost-estimate print with --json is what `imagegen schema events` says, key for key."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from imagegen.schema import schema
from tests.cli.conftest import Imagegen

MANIFEST = """imagegen: 1
defaults: {use_case: product_card}
output: {renditions: {card: 256x256}}
rows:
  - {id: mug, prompt: A mug}
  - {id: same, prompt: A mug}
  - {id: dear, prompt: A mug, model: dall-e-3}
  - {id: free, prompt: A bowl, provider: placeholder}
"""


@cache
def events() -> dict[str, Any]:
    return schema("events")


def lines(said: Any) -> list[dict[str, Any]]:
    """Every line of stdout, parsed."""
    found = [json.loads(line) for line in said.stdout.splitlines()]
    assert found, said.stderr
    return found


def check(command: str, printed: list[dict[str, Any]]) -> set[str]:
    """Each line fits its own definition, and the whole schema takes it. Returns the names of the events."""
    whole = jsonschema.Draft202012Validator(events())
    for line in printed:
        name = f"{command}.{line['event']}"
        own = jsonschema.Draft202012Validator(events()["$defs"][name])
        assert [error.message for error in own.iter_errors(line)] == [], line
        assert whole.is_valid(line)
    return {line["event"] for line in printed}


def test_of_plan_and_cost_estimate(imagegen: Imagegen, tmp_path: Path) -> None:
    """Rows bought, shared and drawn; groups, lanes, presets, a GPU and the whole."""
    (tmp_path / "m.yaml").write_text(MANIFEST)
    assert check("plan", lines(imagegen("plan", "m.yaml", "--json"))) == {"row", "plan"}
    assert check("plan", lines(imagegen("plan", "m.yaml", "--limit", "1", "--json"))) == {"row", "plan"}
    (tmp_path / "n.yaml").write_text(MANIFEST.replace("A mug}", "A cup}") + "  - {id: new, prompt: A jug}\n")
    imagegen("plan", "m.yaml", "-o", "m.jsonl")
    compared = imagegen("plan", "n.yaml", "--against", "m.jsonl", "--json", "--model", "gpt-image-2.5-sunburst")
    assert check("plan", lines(compared)) == {"change", "comparison"}
    asked = (
        "--json",
        "--lane",
        "auto",
        "--gpu",
        "a100",
        "--compare-routes",
        "--expect-hits",
        "15..40",
        "--budget",
        "1",
    )
    found = check("cost-estimate", lines(imagegen("cost-estimate", "m.yaml", *asked)))
    assert found == {"group", "lanes", "routes", "estimate"}
    assert check("cost-estimate", lines(imagegen("cost-estimate", "m.yaml", "--json"))) == {"group", "estimate"}


def test_of_run(imagegen: Imagegen, tmp_path: Path) -> None:
    """Pictures drawn with renditions, and the same again, when they are there."""
    (tmp_path / "m.yaml").write_text(MANIFEST)
    for _ in range(2):
        said = imagegen("run", "m.yaml", "--provider", "placeholder", "--allow-retired", "--json")
        printed = lines(said)
        assert check("run", printed) == {"row", "summary"}
        assert printed[0]["renditions"]["card"]


def test_a_line_that_is_none_is_refused() -> None:
    """A key too many, one too few, money as a number."""
    whole = jsonschema.Draft202012Validator(events())
    row: dict[str, Any] = {"event": "row", "id": "a", "sample": 0, "state": "made", "file": "a.png", "model": "m"}
    row |= {"provider": "p", "cost_usd": "0.04", "cached": False, "key": None, "reason": None}
    assert whole.is_valid(row)
    assert not whole.is_valid({**row, "more": 1})
    assert not whole.is_valid({key: value for key, value in row.items() if key != "reason"})
    assert not whole.is_valid({**row, "cost_usd": 0.04})
    assert not whole.is_valid({**row, "state": "lost"})


def unexplained(found: Any) -> set[str]:
    """Keys within a schema that have no description."""
    if not isinstance(found, dict):
        return set()
    keys = {name for name, each in found.get("properties", {}).items() if not each.get("description")}
    inner = [*found.get("properties", {}).values(), *found.get("$defs", {}).values()]
    inner += [found.get("items"), found.get("additionalProperties")]
    return keys.union(*map(unexplained, inner))


@pytest.mark.parametrize("kind", ["manifest", "catalog", "events"])
def test_every_key_is_explained(kind: Any) -> None:
    """Its words come from the pages, so each stands on one. Subjects explain themselves."""
    from imagegen.routing.presets import SUBJECTS

    assert unexplained(schema(kind)) <= SUBJECTS
