"""What is not a picture yet: the states that need someone, the gravest first, and what to do about each."""

from __future__ import annotations

from dataclasses import dataclass

from imagegen.domain.money import show
from imagegen.domain.result import Result, State, Summary

_OPEN: tuple[State, ...] = ("unknown", "failed", "refused", "waiting", "skipped")


@dataclass(frozen=True, slots=True)
class Need:
    """Results in one state that is not PRESENT: how many, and what to do. `grave` ones are always listed."""

    state: State
    count: int
    todo: str
    grave: bool


def needs(summary: Summary) -> list[Need]:
    """The states that need attention in this run, the gravest first."""
    todos: tuple[tuple[State, str, bool], ...] = (
        ("unknown", _unknown(summary), True),
        ("failed", "Run the same command again: what is made stays made and is not paid for twice.", True),
        ("refused", "Edit the rows in refused.csv and run that file.", True),
        ("waiting", _waiting(summary), False),
        ("skipped", "Not reached. Run the same command again to go on.", False),
    )
    counts = {state: summary.noted(state) for state in _OPEN}
    return [Need(state, counts[state], todo, grave) for state, todo, grave in todos if counts[state]]


def wanting(result: Result) -> bool:
    """Whether `result` needs attention. What becomes of a draft does not, but for its money: its picture tells."""
    return result.state in _OPEN and (result.role != "draft" or result.state == "unknown")


def _waiting(summary: Summary) -> str:
    choose = "imagegen review shows the drafts to choose among; then run the same command again."
    if summary.deciding == summary.pictures("waiting"):
        return f"With a person: {choose}"
    said = "In a provider's queue or with a person. imagegen collect fetches what is ready."
    return f"{said} {choose}" if summary.deciding else said


def _unknown(summary: Summary) -> str:
    most = f", at most {show(summary.unknown_at_most)}" if summary.unknown_at_most else ""
    return f"Possibly charged{most}; imagegen unknown lists them. None is bought again unless you say so."
