"""Differences of plans: exactly what happened, and nothing else."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imagegen.context import Context, Winner
from imagegen.contract import record
from imagegen.domain.inputs import Inputs
from imagegen.domain.money import nano
from imagegen.domain.row import Placed
from imagegen.estimate import Totals
from imagegen.manifest import open_manifest
from imagegen.plandiff import Change, Unlisted, differences, settings_changed
from imagegen.planfile import PlanFile, open_plan, writing
from imagegen.planned import Draft, Seen
from imagegen.planner import plan
from tests.planning import placed, preset

#: The day of the plans, and a model that OpenAI serves on it.
BEFORE = date(2026, 11, 22)
MODEL = "gpt-image-2.5-flare"
ROWS: list[dict[str, Any]] = [
    {"id": "mug", "prompt": "A mug", "use_case": "product_shot"},
    {"id": "bowl", "prompt": "A bowl", "use_case": "product_shot"},
    {"id": "hero", "prompt": "A market", "use_case": "hero_image"},
    {"id": "set", "prompt": "A set", "n": 3},
]


def today(day: date = BEFORE, price: Any = None) -> Context:
    """What `run` plans with on `day` where OpenAI alone has a key; MODEL may have another `price`."""
    found = preset("current", estimating=False, today=day)
    return Context(
        catalog=found.catalog.repriced({MODEL: price} if price else {}),
        routes=found.routes,
        today=day,
        enabled=frozenset({"openai"}),
    )


def pictures(rows: Iterable[Any], context: Context | None = None, **said: Any) -> Iterator[dict[str, Any]]:
    """The lines of a plan of `rows`: dictionaries of fields, or rows that a manifest gave."""
    totals, rows = Totals(), list(rows)
    given: list[Placed] = rows if rows and isinstance(rows[0], Placed) else placed(rows)
    return (record(each, totals.add(each)) for each in plan(given, context or today(), **said))


def saved(path: Path, found: Iterable[dict[str, Any]]) -> PlanFile:
    """A plan file of these pictures."""
    with writing(path) as writer:
        writer.put({"imagegen_plan": 1, "header": {}})
        for each in found:
            writer.put(each)
        writer.put({"totals": {}})
    return open_plan(path)


@pytest.fixture
def old(tmp_path: Path) -> PlanFile:
    """The plan of ROWS."""
    return saved(tmp_path / "old.jsonl", pictures(ROWS))


def changes(old: PlanFile, new: Iterable[dict[str, Any]], unlisted: Unlisted | None = None) -> list[Change]:
    """All differences."""
    return list(differences(old, new, unlisted or Unlisted()))


def seen(states: dict[str, Seen]) -> Any:
    """A look that knows rows by id."""

    def look(drafts: Sequence[Draft]) -> list[Seen | None]:
        return [states.get(draft.row.id) for draft in drafts]

    return look


def test_the_same_rows_in_another_order_are_no_change(old: PlanFile) -> None:
    """Rows are matched by id, wherever they stand."""
    unlisted = Unlisted()
    assert changes(old, pictures(reversed(ROWS)), unlisted) == []
    assert (unlisted.made, unlisted.moved, unlisted.untouched) == (0, 0, 0)


def test_a_changed_prompt_is_one_change(old: PlanFile) -> None:
    """Its field, what it was and what it is; the price goes with it and is no change of its own."""
    [change] = changes(old, pictures([ROWS[0] | {"prompt": "A mug on a long oak table by the sea"}, *ROWS[1:]]))
    assert (change.kind, change.id, change.place) == ("changed", "mug", "rows.csv:2:1")
    assert change.fields == {"prompt": ("A mug", "A mug on a long oak table by the sea")}
    assert (change.route, change.state, change.was) == ({}, None, None)
    assert change.cost[1] > change.cost[0] > 0


def test_a_removed_row_is_gone(old: PlanFile) -> None:
    """With what it would have cost."""
    [change] = changes(old, pictures([ROWS[0], *ROWS[2:]]))
    assert (change.kind, change.id, change.pictures, change.cost[1]) == ("gone", "bowl", (1, 0), 0)
    assert change.cost[0] == change.price[0] > 0  # type: ignore[index]
    assert change.target == f"{MODEL}@medium on openai"


def test_a_new_row_is_added(old: PlanFile) -> None:
    """With all its pictures."""
    [change] = changes(old, pictures([*ROWS[:2], {"id": "new", "prompt": "A jug", "n": 2}, *ROWS[2:]]))
    assert (change.kind, change.id, change.pictures) == ("added", "new", (0, 2))
    assert change.cost == (0, 2 * (change.price or (0, 0))[1])  # type: ignore[operator]


def test_a_day_later_a_model_is_gone(tmp_path: Path) -> None:
    """The list's next model makes the row: rerouted, and why."""
    rows = [
        {"id": "mug", "prompt": "A mug", "use_case": "product_shot"},
        {"id": "cat", "prompt": "A cat", "model": MODEL},
    ]
    catalog = today().catalog
    models = dict(catalog.models)
    models[MODEL] = replace(models[MODEL], shutdown_on=date(2026, 12, 1))
    mortal = replace(today(), catalog=replace(catalog, models=models), enabled=None)
    old = saved(tmp_path / "old.jsonl", pictures(rows, mortal))
    assert changes(old, pictures(rows, replace(mortal, today=date(2026, 11, 30)))) == []
    rerouted, refused = changes(old, pictures(rows, replace(mortal, today=date(2026, 12, 1))))
    assert (rerouted.kind, rerouted.id, rerouted.before) == ("rerouted", "mug", f"{MODEL}@medium on openai")
    assert rerouted.route["model"][0] == MODEL != rerouted.route["model"][1]
    assert f"{MODEL} on openai was shut down on 2026-12-01" in rerouted.why
    assert (refused.kind, refused.id, refused.state) == ("state", "cat", ("buy", "refused"))
    assert "was shut down on 2026-12-01" in refused.why
    assert (refused.fields, refused.route, refused.cost[1]) == ({}, {}, 0)


def test_a_new_price_reprices_what_is_to_be_bought(old: PlanFile) -> None:
    """Only the rows of that model, old and new price of one picture; the row's cost counts all its pictures."""
    dear = {"low": "0.01", "medium": "0.05", "high": "0.06"}
    found = {change.id: change for change in changes(old, pictures(ROWS, today(price=dear)))}
    assert {change.kind for change in found.values()} == {"repriced"}
    assert set(found) == {"mug", "bowl", "set"}
    assert (found["mug"].price or ())[1:] == (nano("0.05"),)
    assert found["set"].cost[1] == nano("0.15")


def test_other_routes_reroute_and_change_nothing_else(old: PlanFile) -> None:
    """`--optimize cost` takes another model for some; quality and size are named where they differ."""
    found = changes(old, pictures(ROWS, replace(today(), optimize="cost", enabled=None)))
    assert found
    assert {change.kind for change in found} == {"rerouted"}
    assert all(set(change.route) <= {"model", "provider", "quality", "size", "wire_format"} for change in found)


def test_more_pictures_of_a_row_are_a_change_of_n(old: PlanFile) -> None:
    """n and the count of pictures."""
    [change] = changes(old, pictures([*ROWS[:3], ROWS[3] | {"n": 4}]))
    assert (change.kind, change.fields, change.pictures) == ("changed", {"n": (3, 4)}, (3, 4))


def test_a_field_set_to_what_it_is_anyway_is_no_change(old: PlanFile) -> None:
    """n: 1, fit: auto, no tags."""
    assert changes(old, pictures([ROWS[0] | {"n": 1, "fit": "auto", "tags": ()}, *ROWS[1:]])) == []


def test_what_was_made_meanwhile_is_no_change(old: PlanFile) -> None:
    """The bill goes down, and how far is known; what was there and is not any more is a change."""
    unlisted = Unlisted()
    there = seen({"mug": Seen("cached"), "bowl": Seen("cached")})
    assert changes(old, pictures(ROWS, look=there), unlisted) == []
    first = next(iter(old.lines())).said
    assert unlisted.made == -2 * nano(first["price_usd"])


def test_what_has_to_be_bought_again_is_a_change(tmp_path: Path) -> None:
    """It was cached and is not any more."""
    old = saved(tmp_path / "old.jsonl", pictures(ROWS, look=seen({"mug": Seen("cached")})))
    [change] = changes(old, pictures(ROWS))
    assert (change.kind, change.id, change.state) == ("state", "mug", ("cached", "buy"))


def test_kept_rows_are_not_touched_by_prices(tmp_path: Path) -> None:
    """They stay made; how many is counted."""
    kept = {row["id"]: Seen("kept", evidence=SimpleNamespace(model=MODEL, provider="openai")) for row in ROWS}
    old = saved(tmp_path / "old.jsonl", pictures(ROWS, look=seen(kept)))
    unlisted = Unlisted()
    dear = today(price={"medium": "0.05"})
    assert changes(old, pictures(ROWS, dear, look=seen(kept)), unlisted) == []
    assert unlisted.untouched == 3
    cached = seen({row["id"]: Seen("cached") for row in ROWS})
    assert changes(old, pictures(ROWS, dear, look=cached), unlisted) == []
    assert unlisted.untouched == 3, "of kept rows only"


def test_an_equal_picture_bought_for_another_row_is_no_change(tmp_path: Path) -> None:
    """Two equal rows share one purchase; when the first goes, the other is bought: one row gone, the bill as it was."""
    rows = [{"id": "a", "prompt": "A mug"}, {"id": "b", "prompt": "A mug"}]
    old = saved(tmp_path / "old.jsonl", pictures(rows))
    unlisted = Unlisted()
    [change] = changes(old, pictures(rows[1:]), unlisted)
    assert (change.kind, change.id) == ("gone", "a")
    assert unlisted.moved == change.cost[0]
    assert changes(old, pictures(reversed(rows))) == []


def manifest(path: Path, *prompts: str) -> list[Placed]:
    """Rows without ids, as a table gives them."""
    path.write_text("prompt\n" + "".join(f"{prompt}\n" for prompt in prompts))
    return list(open_manifest(path).rows())


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (("A", "B", "C"), []),
        (("C", "A", "B"), []),
        (("A", "B2", "C"), [("changed", "B2")]),
        (("A2", "B2", "C2"), [("changed", "A2"), ("changed", "B2"), ("changed", "C2")]),
        (("A", "C"), [("gone", "B")]),
        (("A", "X", "B", "C"), [("added", "X")]),
        (("A", "X", "B2", "C"), [("added", "X"), ("added", "B2"), ("gone", "B")]),
        (("C2", "A", "B"), [("added", "C2"), ("gone", "C")]),
    ],
)
def test_rows_without_ids(tmp_path: Path, now: tuple[str, ...], found: list[tuple[str, str]]) -> None:
    """A changed prompt is a change where the row stands alone between its neighbours, else one gone and one added."""
    old = saved(tmp_path / "old.jsonl", pictures(manifest(tmp_path / "old.csv", "A", "B", "C")))
    new = list(pictures(manifest(tmp_path / "new.csv", *now)))
    said = {each["id"]: each["row"]["prompt"] for each in [*new, *(line.said for line in old.lines())]}
    got = changes(old, new)
    assert [(change.kind, said[change.id]) for change in got] == found
    assert all((change.was is not None) == (change.kind == "changed") for change in got)


def test_an_input_picture_with_another_content_is_a_change(tmp_path: Path) -> None:
    """Under the same name; nothing is said while nobody knows what is in it."""
    rows = [{"id": "a", "prompt": "On white", "image": "a.png"}]

    def having(digest: str) -> Context:
        return replace(today(), inputs=lambda row, place: Inputs((digest,)))

    old = saved(tmp_path / "old.jsonl", pictures(rows, having("1" * 64)))
    assert changes(old, pictures(rows, having("1" * 64))) == []
    assert changes(old, pictures(rows, today())) == []
    [change] = changes(old, pictures(rows, having("2" * 64)))
    assert (change.kind, change.fields) == ("changed", {"content of images": (["1" * 64], ["2" * 64])})


@pytest.mark.parametrize(
    ("then", "now"), [("b", "c"), ("b", "a-mug-0123456789ab"), ("a-mug-0123456789ab", "c")], ids=["both", "old", "new"]
)
def test_ids_that_were_given_are_never_taken_for_another(tmp_path: Path, then: str, now: str) -> None:
    """A renamed row is one gone and one added, though it stands where it stood."""
    old = saved(tmp_path / "old.jsonl", pictures([{"id": "a"}, {"id": then}]))
    found = changes(old, pictures([{"id": "a"}, {"id": now}]))
    assert [(change.kind, change.id) for change in found] == [("added", now), ("gone", then)]


def test_settings_are_compared_by_name() -> None:
    """Of all that a heading says, what holds for every row."""
    old = {"routes": "current", "enabled": ["openai"], "manifest": "a", "header": {"budget": {"run": "1"}}}
    new = {"routes": "guide", "enabled": ["openai"], "manifest": "b", "header": {"output": {"name": "x"}}}
    assert settings_changed(old, new) == {
        "routes": ("current", "guide"),
        "budget": ({"run": "1"}, None),
        "output": (None, {"name": "x"}),
    }


def test_many_rows_take_little_memory(tmp_path: Path) -> None:
    """Of the earlier plan a few numbers a row, of today's nothing: 3,000 rows more take less than 250 bytes each."""
    one = next(pictures([ROWS[0]]))

    def lines(count: int) -> Iterator[dict[str, Any]]:
        return (one | {"id": f"p{n}"} for n in range(count))

    def peak(count: int) -> int:
        old = saved(tmp_path / f"{count}.jsonl", lines(count))
        tracemalloc.start()
        assert sum(1 for _ in differences(old, lines(count), Unlisted())) == 0
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert (peak(4_000) - peak(1_000)) / 3_000 < 250


def test_pictures_whose_drafts_have_served_are_compared_with_themselves(tmp_path: Path) -> None:
    """The earlier plan had drafts between the two pictures of the row; now one is there and the other's draft is
    chosen."""
    row = {"id": "mug", "prompt": "A mug", "n": 2, "strategy": "draft_refine", "model": "gpt-image-2.5-sunburst"}
    old = saved(tmp_path / "old.jsonl", pictures([row]))
    chosen = replace(today(), chosen=lambda slot: Winner("a" * 64, "a.png"))

    def look(drafts: Sequence[Draft]) -> list[Seen | None]:
        return [Seen("cached") if draft.sample == 0 else None for draft in drafts]

    now = list(pictures([row], chosen, look=look))
    assert [picture["state"] for picture in now] == ["cached", "buy"]
    assert changes(old, now) == []
