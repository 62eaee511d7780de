"""Order: what a person asked of a run, and who hears what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from imagegen.domain.money import Nano
from imagegen.domain.request import Key
from imagegen.listener import Listener
from imagegen.planned import Planned
from imagegen.selection import Selection, Shard


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the person asked for besides the manifest. `flags` is what `resume` repeats. `brought`: the Keys of
    pictures that a person brings; then the run is about pictures made by hand and buys nothing (None: a usual run).
    `collects`: only what earlier runs paid for is brought home; nothing is bought."""

    output: Path
    yes: bool = False
    skip_refused: bool = False
    reroute: bool = False
    refetch: bool = False
    retry_unknown: bool = False
    redo: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    shard: Shard | None = None
    limit: int | None = None
    brought: frozenset[Key] | None = None
    collects: bool = False
    max_failures: int | None = None
    step_summary: Path | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)

    def selection(self) -> Selection:
        """The rows that it is about, to be asked once per row."""
        return Selection(self.only, self.limit, self.shard)


class Watcher(Listener, Protocol):
    """A Listener that also hears what happens around the loop."""

    every_row: bool

    def note(self, text: str) -> None:
        """Something the person should know."""

    def refused(self, planned: Planned) -> None:
        """Planning refuses a picture."""

    def staged(self, counts: dict[str, int], estimate: Nano, budget: Nano | None, drafts: int = 0) -> None:
        """The plan stands; work begins. `drafts` of what is to do are drafts."""

    def confirm(self, question: str) -> bool | None:
        """Ask the person; None when nobody is there to ask."""
