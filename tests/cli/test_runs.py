"""`imagegen runs list` and `runs show`, as people and scripts see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Imagegen
from imagegen.errors import Exit

ROWS = "imagegen: 1\nrows:\n  - {id: mug, prompt: A mug}\n  - {id: cup, prompt: A cup}\n"


@pytest.fixture
def ran(imagegen: Imagegen, tmp_path: Path) -> list[str]:
    """A home with a good run and one that could not begin; their ids, the newest first."""
    (tmp_path / "shop.yaml").write_text(ROWS)
    (tmp_path / "bad.yaml").write_text(ROWS + "  - {id: jug, prompt: A jug, model: dall-e-9}\n")
    assert imagegen("run", "shop.yaml", "--provider", "placeholder").returncode == 0
    assert imagegen("run", "bad.yaml").returncode == 2
    lines = [json.loads(line) for line in imagegen("runs", "list", "--json").stdout.splitlines()]
    return [line["run"] for line in lines]


def test_the_list(imagegen: Imagegen, ran: list[str]) -> None:
    """A line a run, the newest first, narrow enough for 80 columns and with more where there is room."""
    narrow, wide = (imagegen("runs", "list", COLUMNS=columns).stdout.splitlines() for columns in ("80", "160"))
    assert [line.split()[0] for line in narrow] == ["Run", *ran]
    assert narrow[0].split() == ["Run", "Started", "(UTC)", "Manifest", "End", "Pictures", "Spent"]
    assert narrow[1].split()[3:] == ["bad.yaml", "2", "not", "begun", "$0.00"]
    assert narrow[2].split()[3:] == ["shop.yaml", "0", "all", "there", "2", "of", "2", "$0.00"]
    assert {"Estimated", "Unknown"} <= set(wide[0].split())
    short = imagegen("runs", "list", "-n", "1").stdout.splitlines()
    assert short[1].split()[0] == ran[0]
    assert short[2] == "… and 1 earlier; -n 2 lists them all"


def test_one_run(imagegen: Imagegen, ran: list[str]) -> None:
    """Everything about it; `last` and the beginning of an id name it too."""
    bad, good = ran
    shown = imagegen("runs", "show", "last", COLUMNS="200").stdout
    assert f"Run {bad}\n" in shown
    assert "exit code 2: it could not begin; nothing was bought" in shown
    assert "Stopped by" in shown
    assert "no model is called 'dall-e-9'" in shown
    assert f"imagegen resume {bad}" in shown
    event = json.loads(imagegen("runs", "show", good[:6], "--json").stdout)
    assert (event["run"], event["state"], event["exit_code"], event["meaning"]) == (
        good, "ended", 0, "everything is there",
    )  # fmt: skip
    assert (event["counts"], event["spent_usd"], event["next"]) == ({"made": 2}, "0", [])
    assert Path(event["manifest"]).name == "shop.yaml"


@pytest.mark.parametrize(
    ("name", "said"), [("zz", "no run is called 'zz'"), ("", "no run is called ''"), ("last ", "no run is called")]
)
def test_a_run_that_is_not_there(imagegen: Imagegen, ran: list[str], name: str, said: str) -> None:
    """One line, exit 2."""
    done = imagegen("runs", "show", name)
    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert done.stderr.startswith(f"error: {said}")
    assert len(done.stderr.splitlines()) == 1


def test_an_empty_home_has_no_runs(imagegen: Imagegen, home: Path) -> None:
    """The list says so; to show one is an error; nothing is created."""
    assert imagegen("runs", "list").stdout == "Nothing was run in this home yet.\n"
    assert imagegen("runs", "list", "--json").stdout == ""
    done = imagegen("runs", "show", "last")
    assert done.returncode == Exit.USAGE
    assert "imagegen run MANIFEST starts a run" in done.stderr
    assert not home.exists()
