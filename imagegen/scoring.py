"""What a plan asks of scorers and of the rules of acceptance, before anything is bought."""

from __future__ import annotations

from imagegen.context import Scoring
from imagegen.domain.row import Row
from imagegen.errors import SettingsError


def scorers(name: str, row: Row) -> Scoring:
    """What the scorer `name` is here, and why it cannot serve `row`. Asked only of rows that have drafts."""
    from imagegen.choose import Wish, scorer

    if name == "llm":
        return Scoring("", "choose: llm asks a vision model, which this version cannot buy; use auto, first or person")
    try:
        found = scorer(name)
    except SettingsError as problem:
        return Scoring("", f"choose: {problem}")
    return Scoring(found.version, found.refuses(Wish.of(row)) or "")


def accepts(row: Row) -> str:
    """Why the row's rules of acceptance cannot be followed; "" when they can."""
    from imagegen.choose import refuses

    return refuses(row.accept, row.text) or ""
