"""What a plan asks of scorers and of the rules of acceptance, before anything is bought."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from imagegen.context import Scoring
from imagegen.domain.row import Row
from imagegen.errors import SettingsError

if TYPE_CHECKING:
    from imagegen.choose import Scorer


def scorers(name: str, row: Row) -> Scoring:
    """What the scorer `name` is here, and why it cannot serve `row`. Asked only of rows that have drafts."""
    from imagegen.choose import Wish

    if name == "llm":
        return Scoring("", "choose: llm asks a vision model, which this version cannot buy; use auto, first or person")
    try:
        found = _found(name)
    except SettingsError as problem:
        return Scoring("", f"choose: {problem}")
    return Scoring(found.version, found.refuses(Wish.of(row)) or "")


@lru_cache
def _found(name: str) -> Scorer:
    """Looked up once: a manifest may have a million rows."""
    from imagegen.choose import scorer

    return scorer(name)


@lru_cache
def backgrounds() -> tuple[str, str]:
    """What tells subjects from backgrounds here, and why nothing can."""
    from imagegen.background import state

    return state()


def accepts(row: Row) -> str:
    """Why the row's rules of acceptance cannot be followed; "" when they can."""
    from imagegen.choose import refuses

    return refuses(row.accept, row.text) or ""
