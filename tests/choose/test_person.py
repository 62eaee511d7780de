"""The file of decisions: what is written is read again, and what is wrong in it is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagegen.choose import Decision
from imagegen.choose.person import read, written
from imagegen.errors import SettingsError


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Pictures count from 1 there; null is none; no file, no decisions."""
    path = tmp_path / "decisions.json"
    assert read(path) == {}
    decisions = {"mug": Decision(1, "the händle", "Ann", ("ab", "cd")), "bowl": Decision(None)}
    path.write_text(written(decisions), encoding="utf-8")
    assert json.loads(path.read_bytes())["decisions"]["mug"]["picture"] == 2
    assert json.loads(path.read_bytes())["decisions"]["bowl"] == {"picture": None}
    assert read(path) == decisions


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read: "),
        ("[" * 100_000, "cannot be read: "),
        ("[]", 'does not begin with "imagegen_decisions": 1'),
        ('{"imagegen_decisions": 2, "decisions": {}}', 'does not begin with "imagegen_decisions": 1'),
        ('{"imagegen_decisions": 1}', 'has no "decisions" by row id'),
        ('{"imagegen_decisions": 1, "decisions": {"mug": 2}}', 'row mug has no "picture"'),
        ('{"imagegen_decisions": 1, "decisions": {"mug": {}}}', 'row mug has no "picture"'),
        ('{"imagegen_decisions": 1, "decisions": {"mug": {"picture": 0}}}', "picture is 0, not a number from 1"),
        ('{"imagegen_decisions": 1, "decisions": {"mug": {"picture": true}}}', "picture is True, not a number"),
        ('{"imagegen_decisions": 1, "decisions": {"mug": {"picture": 1, "pic": 1}}}', "row mug has pic, which is none"),
        ('{"imagegen_decisions": 1, "decisions": {"mug": {"picture": 1, "by": 3}}}', "note and by are texts"),
        ('{"imagegen_decisions": 1, "decisions": {"mug": {"picture": 1, "pictures": "a"}}}', "pictures is a list"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    """The file, the row, and what to do."""
    path = tmp_path / "decisions.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as problem:
        read(path)
    said = str(problem.value)
    assert said.startswith(f"the decisions {path}: ")
    assert says in said
    assert said.endswith("; mend or remove the file")
    assert "\n" not in said
