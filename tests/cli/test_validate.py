"""`imagegen validate`: one line when all is well, one line with the place when it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Imagegen


def test_a_good_manifest_is_counted(imagegen: Imagegen, tmp_path: Path, home: Path) -> None:
    """Rows are counted, pictures where they are more; nothing is created."""
    (tmp_path / "rows.csv").write_text("prompt,n\na mug,1\na cup,3\n")
    done = imagegen("validate", "rows.csv")
    assert (done.returncode, done.stdout) == (0, "rows.csv: 2 rows, all well-formed; they make 4 pictures\n")
    assert not home.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_columns_that_are_not_used_are_said_once(imagegen: Imagegen, tmp_path: Path) -> None:
    """A column that is no row field is a note, with what it was meant to be."""
    (tmp_path / "rows.csv").write_text("prompt,usecase,colour\na mug,thumbnail,red\n")
    done = imagegen("validate", "rows.csv")
    assert done.returncode == 0
    assert done.stderr == "note: columns not used: usecase (did you mean use_case?), colour\n"


def test_machines_get_one_line_of_json(imagegen: Imagegen, tmp_path: Path) -> None:
    """What people are told on two streams is one object."""
    (tmp_path / "rows.csv").write_text("prompt,colour\na mug,red\n")
    done = imagegen("validate", "rows.csv", "--json")
    assert json.loads(done.stdout) == {
        "event": "manifest",
        "file": "rows.csv",
        "rows": 1,
        "pictures": 1,
        "notes": ["columns not used: colour"],
    }
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("rows.yaml", "imagegen: 1\nrows:\n  - {promt: a}\n", "rows.yaml:3:6: unknown field promt; did you mean"),
        ("rows.csv", "prompt,size\na mug,wide\n", "rows.csv:2:7: size: "),
        ("rows.csv", "id,prompt\na,x\na,y\n", "rows.csv:3:1: the id 'a' is used twice"),
        ("rows.csv", "prompt,use_case\na mug,heros\n", "rows.csv:2:1: unknown use case 'heros'"),
        ("rows.csv", "prompt,model\na,dalle-3\n", "rows.csv:2:1: no model is called 'dalle-3'; did you mean dall-e-3?"),
        ("rows.yaml", "imagegen: 1\nroutes: guid\nrows: []\n", "did you mean guide?"),
        ("rows.txt", "a mug\n", "rows.txt: .txt is not read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_with_its_place(
    imagegen: Imagegen, tmp_path: Path, name: str, text: str, said: str
) -> None:
    """Broken, doubled and misspelt things end with exit code 2 and nothing on stdout."""
    (tmp_path / name).write_text(text)
    done = imagegen("validate", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_manifest_that_is_not_there_is_said(imagegen: Imagegen) -> None:
    """No traceback, no help text: the name and what is the matter."""
    done = imagegen("validate", "nothing.yaml")
    assert (done.returncode, done.stderr) == (2, "error: nothing.yaml: is not there; check the name and the folder\n")
