"""What is not a picture yet: the states that need someone, the gravest first, and what to do about each."""

from __future__ import annotations

from dataclasses import dataclass

from imagegen.domain.money import show
from imagegen.domain.result import State, Summary


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
        (
            "waiting",
            "In a provider's queue or with a person. imagegen collect fetches what is ready.",
            False,
        ),
        ("skipped", "Not reached. Run the same command again to go on.", False),
    )
    counts = summary.counts
    return [Need(state, counts[state], todo, grave) for state, todo, grave in todos if counts.get(state)]


def _unknown(summary: Summary) -> str:
    most = f", at most {show(summary.unknown_at_most)}" if summary.unknown_at_most else ""
    return f"Possibly charged{most}; imagegen unknown lists them. None is bought again unless you say so."
