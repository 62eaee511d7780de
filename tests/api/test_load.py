"""`imagegen.load`: files and rows in memory become projects, and whatever is wrong is said at once."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import imagegen
from tests.cli.conftest import Imagegen
from tests.cli.conftest import imagegen as command  # noqa: F401  a fixture

MANIFEST = """imagegen: 1
provider: placeholder
rows:
  - {id: mug, prompt: A mug}
  - {id: bowl, prompt: A bowl}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A manifest of two rows."""
    path = tmp_path / "shop.yaml"
    path.write_text(MANIFEST)
    return path


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_becomes_a_project(shop: Path, kind: type) -> None:
    """By text or by path; it knows its name, its rows and where its pictures will go, and reads rows anew."""
    project = imagegen.load(kind("shop.yaml"))
    assert (project.name, project.output, len(project), bool(project)) == ("shop", Path("out/shop"), 2, True)
    assert [row.id for row in project.rows] == ["mug", "bowl"]
    shop.write_text(MANIFEST + "  - {id: lid, prompt: A lid}\n")
    assert [row.id for row in project.rows] == ["mug", "bowl", "lid"]
    assert repr(project) == "<imagegen.Project shop: 2 rows, to out/shop>"


def test_rows_in_memory_become_a_project() -> None:
    """They have a name of their own, for messages and the folder; an empty list is a project too."""
    project = imagegen.load([{"prompt": "A mug"}], name="shop", output="pictures")
    assert (project.name, project.output, len(project)) == ("shop", Path("pictures"), 1)
    empty = imagegen.load([])
    assert (empty.name, empty.output, len(empty), bool(empty)) == ("rows", Path("out/rows"), 0, True)


def test_arguments_are_settings(home: Path) -> None:
    """Above the manifest's own: provider, model, routes, optimize, budgets and workers reach the plan."""
    rows = {"budget": {"run": 1, "day": 9}, "rows": [{"prompt": "A mug", "use_case": "hero_image"}]}
    project = imagegen.load(
        rows, routes="guide", optimize="cost", budget=Decimal("2.5"), workers=7, allow_retired=True, model="dall-e-3"
    )
    opened = project.opened(estimating=True, budget={"hour": 4})
    assert opened.settings.budgets == {"run": 2_500_000_000, "day": 9 * 10**9, "hour": 4 * 10**9}
    assert (opened.settings.workers, opened.settings.optimize, opened.routes.name) == (7, "cost", "guide")
    assert opened.context.allow_retired
    assert next(iter(project.rows)).model == "dall-e-3"
    row = {"prompt": "A mug", "use_case": "product_shot"}
    [planned] = imagegen.plan(imagegen.load([row], routes={"product_shot": {"models": ["imagen-3"]}})).rows
    assert planned.model == "imagen-3"


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"budget": -1}, imagegen.SettingsError, "budget.run is negative; give US dollars"),
        ({"budget": {"week": 1}}, imagegen.SettingsError, "budget.week is not a budget"),
        ({"budget": "lots"}, imagegen.SettingsError, "budget.run: not an amount of money"),
        ({"workers": 0}, imagegen.SettingsError, "workers is 0; give a whole number from 1"),
        ({"optimize": "speed"}, imagegen.SettingsError, "optimize is 'speed'; write route or cost"),
        ({"routes": "gudie"}, imagegen.SettingsError, "guide"),
        ({"catalog": "none.yaml"}, imagegen.SettingsError, "none.yaml"),
        ({"provider": ""}, imagegen.ManifestError, "provider"),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments: dict[str, Any], error: type[Exception], says: str) -> None:
    """Before anything is read or planned; the words are those of Python."""
    with pytest.raises(error) as caught:
        imagegen.plan(imagegen.load(["A mug"], **arguments))
    assert says in str(caught.value)
    assert "--" not in str(caught.value)
    assert "command line" not in str(caught.value)


def test_a_wrong_file_says_where_and_what_to_do(shop: Path) -> None:
    """The error carries file, line, column, what is wrong and what to do; it is one of ours, and exits with 2."""
    shop.write_text(MANIFEST.replace("prompt: A bowl", "promt: A bowl"))
    with pytest.raises(imagegen.ManifestError) as caught:
        imagegen.load("shop.yaml")
    problem = caught.value
    assert (problem.file, problem.line, problem.column) == ("shop.yaml", 5, 16)
    assert (problem.what, problem.todo) == ("shop.yaml:5:16: unknown field promt", "did you mean prompt?")
    assert isinstance(problem, imagegen.ImagegenError)
    assert problem.exit_code == 2
    with pytest.raises(imagegen.ManifestError, match=r"none\.yaml: is not there; check the name"):
        imagegen.load("none.yaml")


def test_a_plan_file_is_a_project(command: Imagegen, shop: Path) -> None:  # noqa: F811
    """What `plan -o` wrote is loaded like a manifest, and its run does what it says."""
    assert command("plan", "shop.yaml", "-o", "plan.jsonl").returncode == 0
    project = imagegen.load("plan.jsonl")
    assert (len(project), project.output.absolute()) == (2, Path("out/shop").absolute())
    assert imagegen.run(project).result().counts == {"made": 2}


def test_looking_writes_nothing(home: Path, tmp_path: Path) -> None:
    """After load, plan and rows there is no home, no output folder and no file."""
    project = imagegen.load(["A mug", "A bowl"])
    plan = imagegen.plan(project)
    assert len(list(plan.rows)) == len(project)
    assert str(plan)
    assert plan._repr_html_()
    assert os.listdir(tmp_path) == []
