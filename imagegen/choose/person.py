"""The scorer `person`: it waits until somebody has decided; and the file that decisions are written in.

    {"imagegen_decisions": 1,
     "decisions": {"mug": {"picture": 2, "note": "the handle", "by": "Ann"}, "bowl": {"picture": null}}}

`picture` counts from 1 as people do; null: none of them is good.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imagegen.choose.terms import NOTHING, Candidate, Decision, Given, Score, Waits, Wish
from imagegen.errors import SettingsError

VERSION = 1
_FIELDS = {"picture", "note", "by", "pictures"}


class Person:
    """Scores nothing: the picture that a person named is 1, the others are 0."""

    name, version = "person", "1"

    def refuses(self, wish: Wish) -> str | None:
        """Never: rows wait."""
        return None

    def score(self, candidates: Sequence[Candidate], wish: Wish, given: Given = NOTHING) -> list[Score] | Waits:
        """Waits without a decision, with one about other pictures, and with one that names none of these."""
        decision = given.decision
        if decision is None:
            return Waits(f"a person chooses among {len(candidates)}")
        if decision.pictures and decision.pictures != tuple(each.digest for each in candidates):
            return Waits("the pictures have changed since a person decided")
        if decision.index is not None and decision.index not in {each.index for each in candidates}:
            return Waits(f"the decision names picture {decision.index + 1}, which is not there")
        who = decision.by or "a person"
        why = f"{who}: {decision.note}" if decision.note else f"{who} decided"
        return [Score(float(each.index == decision.index), (why,)) for each in candidates]


def read(path: Path) -> dict[str, Decision]:
    """The decisions in the file at `path` by row id; none where it is not there. Raises SettingsError, one line,
    for a file that says anything else."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as problem:
        raise _wrong(path, f"cannot be read: {problem}") from problem
    if not isinstance(told, dict) or told.get("imagegen_decisions") != VERSION:
        raise _wrong(path, f'does not begin with "imagegen_decisions": {VERSION}')
    decisions = told.get("decisions")
    if not isinstance(decisions, dict):
        raise _wrong(path, 'has no "decisions" by row id')
    return {row: _decision(path, row, each) for row, each in decisions.items()}


def written(decisions: Mapping[str, Decision]) -> str:
    """`decisions` as the text of such a file."""
    told = {row: _told(decision) for row, decision in decisions.items()}
    return json.dumps({"imagegen_decisions": VERSION, "decisions": told}, ensure_ascii=False, indent=1) + "\n"


def _told(decision: Decision) -> dict[str, Any]:
    told: dict[str, Any] = {"picture": None if decision.index is None else decision.index + 1}
    more = {"note": decision.note, "by": decision.by, "pictures": list(decision.pictures)}
    return told | {name: value for name, value in more.items() if value}


def _decision(path: Path, row: str, told: Any) -> Decision:
    if not isinstance(told, dict) or "picture" not in told:
        raise _wrong(path, f'row {row} has no "picture": a number from 1, or null for none')
    picture, unknown = told["picture"], sorted(set(told) - _FIELDS)
    if unknown:
        raise _wrong(path, f"row {row} has {unknown[0]}, which is none of {', '.join(sorted(_FIELDS))}")
    if picture is not None and (type(picture) is not int or picture < 1):
        raise _wrong(path, f"row {row}: picture is {picture!r}, not a number from 1 or null")
    note, by, pictures = told.get("note", ""), told.get("by", ""), told.get("pictures", [])
    if not isinstance(note, str) or not isinstance(by, str):
        raise _wrong(path, f"row {row}: note and by are texts")
    if not isinstance(pictures, list) or not all(isinstance(each, str) for each in pictures):
        raise _wrong(path, f"row {row}: pictures is a list of SHA-256 digests")
    return Decision(None if picture is None else picture - 1, note, by, tuple(pictures))


def _wrong(path: Path, what: str) -> SettingsError:
    return SettingsError(f"the decisions {path}: {what}", "mend or remove the file")
