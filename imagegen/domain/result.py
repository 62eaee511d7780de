"""Result: what became of one picture of one row in one run. Results files, report and events are made of these."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from imagegen.domain.money import Nano

#: made: bought (or drawn) now · cached: the cache had it · kept: it was already in the folder ·
#: refused: planning or the provider's policy said no · failed · unknown: possibly charged ·
#: waiting: in a provider's queue or for a person · skipped: not reached (budget, interrupt, provider stop).
State = Literal["made", "cached", "kept", "refused", "failed", "unknown", "waiting", "skipped"]

#: States in which the picture lies in the output folder.
PRESENT = frozenset({"made", "cached", "kept"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One picture's line. `file` is relative to the output folder. `cost` is what this run paid for it
    (0 when cached or kept, None when not known); `estimate` what it was expected to cost;
    `premium` what the comparison model would have cost. `reason` explains every state that is not PRESENT.
    `renditions` are further files of the same picture by name, relative to the output folder. `role` is draft or
    refine in a row with drafts: a draft has its `score` and whether it was `chosen`, the refined one why."""

    id: str
    sample: int = 0
    state: State
    prompt: str
    file: str | None = None
    use_case: str | None = None
    model: str | None = None
    provider: str | None = None
    stands_for: str | None = None
    why: str | None = None
    reason: str | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    seed: int | None = None
    key: str | None = None
    digest: str | None = None
    cost: Nano | None = 0
    estimate: Nano | None = None
    premium: Nano | None = None
    original: str | None = None
    renditions: dict[str, str] = field(default_factory=dict)
    place: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    role: str | None = None
    score: dict[str, Any] | None = None
    chosen: bool | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A run's last line: counts by state and the money. `premium` is what everything would
    cost on `premium_model`, `stand_ins` what the placeholders would cost on the models they stand in for. `drafts`
    are those of `counts` that were made only to choose from, by state; `deciding` pictures wait for a person's
    choice among theirs."""

    exit_code: int
    rows: int
    counts: dict[str, int]
    estimated: Nano
    spent: Nano
    unknown_at_most: Nano = 0
    premium: Nano | None = None
    premium_model: str | None = None
    stand_ins: Nano | None = None
    seconds: float = 0.0
    run: str = ""
    manifest: str = ""
    output: str = ""
    stopped_by: str | None = None
    notes: tuple[str, ...] = ()
    drafts: dict[str, int] = field(default_factory=dict)
    deciding: int = 0

    def pictures(self, state: State) -> int:
        """How many pictures are in `state`, drafts not counted: whether their picture came is what matters."""
        return self.counts.get(state, 0) - self.drafts.get(state, 0)

    def noted(self, state: State) -> int:
        """How many of a state people are told of: pictures, and of drafts those that may have been paid for."""
        return self.counts.get(state, 0) if state == "unknown" else self.pictures(state)
