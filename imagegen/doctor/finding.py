"""Finding: one line of what the doctor saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at (`about`), what was seen, and what mends it. A problem stops a run; a note does not."""

    state: State
    about: str
    text: str
    mend: str = ""


def ok(about: str, text: str) -> Finding:
    """As it should be."""
    return Finding("ok", about, text)


def note(about: str, text: str, mend: str = "") -> Finding:
    """Good to know."""
    return Finding("note", about, text, mend)


def problem(about: str, text: str, mend: str) -> Finding:
    """To be mended before a run can work."""
    return Finding("problem", about, text, mend)
