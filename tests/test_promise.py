"""Promises: a plan's rows come back as they were, and what differs on the day of the run is said at its line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagegen import contract
from imagegen.context import Context
from imagegen.domain.inputs import Inputs, named
from imagegen.domain.money import nano
from imagegen.errors import ManifestError
from imagegen.estimate import Totals
from imagegen.planfile import open_plan, writing
from imagegen.planned import Planned, Seen
from imagegen.planner import plan
from imagegen.promise import Promise
from imagegen.settings import load
from imagegen.wiring import Project, open_project

MANIFEST = """imagegen: 1
routes: {product_shot: {size: 1024x1024}}
budget: {run: 5, day: 9}
output: {name: "x/{{ id }}", renditions: {card: {size: 200x100, fit: cover}}}
concurrency: {openai: 2}
rows:
  - {id: "1", prompt: "  A mug, ü  ", max_price: 0.10, tags: "a, b", use_case: product_shot}
  - {prompt: no id, model: gpt-image-2.5-flare, seed: null, n: 2, fit: auto}
  - {id: e, prompt: p, image: [a.png, b.png], mask: m.png, strength: 0.3, guidance: 7.5, lora: {path: l, weight: 0.1}}
  - {id: o, prompt: p, text: Sale, options: {openai: {moderation: low, big: 12345678901234567890, f: 1.5e-7}}}
  - {id: r, prompt: p, refiner: true, accept: {text: true}, needs_text: false}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A manifest with all kinds of fields, and a key."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    (tmp_path / "shop.yaml").write_text(MANIFEST)
    for name in ("a.png", "b.png", "m.png"):
        Image.new("RGB", (8, 8), "red").save(tmp_path / name)
    return open_project(Path("shop.yaml"), today=date(2026, 11, 22))


def write(project: Project, look: Any = None) -> Path:
    """The plan file of `project`."""
    totals, sums, path = Totals(), contract.Sums(), Path("plan.jsonl")
    with writing(path) as writer:
        writer.put(contract.head(project, Path("out/shop"), Path()))
        planned = plan(project.manifest.rows(), project.context, look=look)
        for _ in contract.written(((each, totals.add(each)) for each in planned), writer, sums):
            pass
        writer.put(contract.totals_line(totals, sums.most))
    return path


def test_rows_come_back_as_they_were(project: Project) -> None:
    """Every field with its type, which fields were set, the place in the manifest and the name of the file."""
    again = open_project(write(project))
    before, after = list(project.manifest.rows()), list(again.manifest.rows())
    assert before == after
    assert [each.row.model_fields_set for each in before] == [each.row.model_fields_set for each in after]
    assert after[0].place == ("shop.yaml", 7, 5)


def test_the_project_is_that_of_the_manifest(project: Project) -> None:
    """Routes, renditions, limits, folder and Keys; the plan's total is the most that a run may spend."""
    again = open_project(write(project), today=date(2027, 6, 1))
    assert again.routes == project.routes
    assert again.context.renditions == project.context.renditions
    assert (again.settings.concurrency, again.output) == ({"openai": 2}, Path("out/shop"))
    assert again.context.today == date(2026, 11, 22)
    keys = [[each.draft.key for each in plan(one.manifest.rows(), one.context)] for one in (project, again)]
    assert keys[0] == keys[1]
    most = nano(open_plan(Path("plan.jsonl")).totals["at_most_usd"])
    assert 0 < most < nano("5")
    assert again.settings.budgets == {"run": most, "day": nano("9")}


@pytest.mark.parametrize(("flag", "cap"), [("0.01", "0.01"), ("100", None)])
def test_the_lesser_of_two_caps(project: Project, flag: str, cap: str | None) -> None:
    """`--budget` lowers the cap and never raises it."""
    path = write(project)
    most = nano(open_plan(path).totals["at_most_usd"])
    assert open_project(path, {"budget": {"run": flag}}).budget.run == (nano(cap) if cap else most)


def held(project: Project, look: Any = None, **now: Any) -> Callable[[list[Planned]], list[Planned]]:
    """What a run of the plan of `project` must pass, where `now` differs from the day of the plan."""
    return Promise(open_plan(write(project, look)), replace(project.context, **now)).keeper()


def pictures(project: Project, context: Context | None = None, **said: Any) -> list[Planned]:
    """What a run would do."""
    return list(plan(project.manifest.rows(), context or project.context, **said))


def test_the_same_is_let_pass(project: Project) -> None:
    """All at once, in parts, or some of them."""
    found = pictures(project)
    assert held(project)(found) == found
    keep = held(project)
    assert [*keep(found[:2]), *keep(found[3:])] == [*found[:2], *found[3:]]


def told(keep: Callable[[list[Planned]], list[Planned]], found: list[Planned]) -> str:
    """What is wrong."""
    with pytest.raises(ManifestError) as caught:
        keep(found)
    assert "plan anew: imagegen plan shop.yaml -o plan.jsonl" in caught.value.todo
    return str(caught.value)


@pytest.mark.parametrize(
    ("then", "now", "what"),
    [
        ("buy", "cached", None),
        ("buy", "kept", None),
        ("buy", "unknown", None),
        ("cached", "kept", None),
        ("cached", "flawed", None),
        ("cached", "buy", "was there when the plan was made and would have to be bought now, for $0.00"),
        ("unknown", "buy", "was unknown when the plan was made"),
        ("unknown", "cached", None),
    ],
)
def test_states_on_the_day_of_the_run(project: Project, then: str, now: str, what: str | None) -> None:
    """What is there is taken, and what the plan does not pay for is not bought."""

    def look(state: str) -> Any:
        seen: Any = None if state == "buy" else Seen(state)  # type: ignore[arg-type]
        return lambda drafts: [seen if draft.row.id == "1" else None for draft in drafts]

    keep, found = held(project, look(then)), pictures(project, look=look(now))
    if what is None:
        assert keep(found) == found
    else:
        assert told(keep, found).startswith(f"plan.jsonl:2: row '1' {what[:40]}")


def test_a_model_that_is_gone_is_not_asked(project: Project) -> None:
    """It was alive on the day of the plan; --allow-retired asks it all the same."""
    catalog = project.catalog
    model = catalog.models["gpt-image-2.5-flare"]
    mortal = {**catalog.models, model.name: replace(model, shutdown_on=date(2026, 12, 1))}
    dying = replace(project, context=replace(project.context, catalog=replace(catalog, models=mortal)))
    found = pictures(dying)
    assert held(dying, today=date(2026, 11, 30))(found) == found
    assert held(dying, today=date(2026, 12, 1), allow_retired=True)(found) == found
    assert "which was shut down on 2026-12-01" in told(held(dying, today=date(2026, 12, 1)), found)


def test_what_would_be_asked_for_differently_is_named(project: Project) -> None:
    """Which parameter, what it was and what it would be."""
    entry = {"model": "gpt-image-2.5-flare", "quality": "low"}
    routes = open_project(Path("shop.yaml"), {"routes": {"product_shot": {"models": [entry]}}}).routes
    context = replace(project.context, routes=routes)
    made = pictures(project, context, look=lambda drafts: [Seen("kept")] * len(drafts))
    assert held(project)(made) == made, "what is made stays made"
    said = told(held(project), pictures(project, context))
    assert "row '1' would be asked for differently now: quality medium → low" in said


def test_a_price_that_moved_without_the_catalogue_is_refused(project: Project) -> None:
    """The catalogue's digest tells first; a price that comes from elsewhere is told at the row."""
    found = pictures(project)
    said = told(held(project), [found[0]._replace(cost=nano("0.05"), most=nano("0.05"))])
    assert "row '1' was planned for $0.0132 and would cost $0.05 now" in said


@pytest.mark.parametrize(
    ("then", "prompt", "what"),
    [
        (named, "A mug", None),
        (named, "A cup", "prompt A mug → A cup"),
        (lambda row, place: Inputs(("a" * 64,)), "A mug", "images "),
    ],
)
def test_a_picture_by_url_is_known_only_when_it_was_fetched(
    project: Project, then: Any, prompt: str, what: str | None
) -> None:
    """A plan made before that lets any content pass; all else still counts, and so does a content that was known."""
    Path("shop.yaml").write_text("imagegen: 1\nrows: [{id: u, prompt: A mug, image: https://a.test/b.png}]\n")
    project = open_project(Path("shop.yaml"), today=date(2026, 11, 22))
    keep = held(replace(project, context=replace(project.context, inputs=then)))
    Path("shop.yaml").write_text(f"imagegen: 1\nrows: [{{id: u, prompt: {prompt}, image: https://a.test/b.png}}]\n")
    now = replace(project.context, inputs=lambda row, place: Inputs(("b" * 64,)))
    found = pictures(open_project(Path("shop.yaml")), now)
    assert [each.state for each in found] == ["buy"]
    if what is None:
        assert keep(found) == found
    else:
        assert f"row 'u' would be asked for differently now: {what}" in told(keep, found)


def test_settings_have_no_say_in_what_the_plan_decides(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a variable."""
    path = write(project)
    monkeypatch.setenv("IMAGEGEN_ROUTES", "guide")
    assert open_project(path).routes == project.routes
    assert load().routes == "guide"
