"""Estimate: what a plan adds up to, and what one premium model would have cost. Pure; see `pace` for how long it takes.

Counts one planned picture at a time and keeps none of them, so a million rows fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from typing import Literal

from imagegen.blueprint import PLACEHOLDER
from imagegen.domain.counts import PlanCounts
from imagegen.domain.judge import Judging
from imagegen.domain.money import Nano, plain
from imagegen.domain.row import Place
from imagegen.planned import Planned, PlannedState
from imagegen.routing import Loser

#: So many refusals are kept with their reasons; the others are only counted.
FIRST = 5

#: What totals may be grouped by.
Grouping = Literal["model", "provider", "use_case"]

#: A planned state, or `shared`: the same picture as an earlier row's, bought with that one.
Counted = PlannedState | Literal["shared"]


@dataclass(slots=True)
class Line:
    """The totals of one group, in nanodollars. `pictures` are all that will be there afterwards: `paid` are
    bought (or, as placeholders, drawn), `there` are there already, `shared` are bought with an equal row. `drafts`
    of the pictures are made only to choose from.
    `guessed` is the part of `cost` that is no exact price. `unpriced` cannot be bought: nobody knows for how much."""

    model: str
    provider: str
    use_case: str
    pictures: int = 0
    paid: int = 0
    there: int = 0
    shared: int = 0
    drafts: int = 0
    cost: Nano = 0
    guessed: Nano = 0
    unpriced: int = 0

    def merge(self, other: Line) -> None:
        """Count a whole group in."""
        for name in ("pictures", "paid", "there", "shared", "drafts", "cost", "guessed", "unpriced"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def is_placeholder(self) -> bool:
        """Whether these are placeholders, which cost nothing."""
        return self.provider == PLACEHOLDER


@dataclass(frozen=True, slots=True)
class Refusal:
    """A picture that planning refuses, where its row stands, and why."""

    id: str
    place: Place
    reason: str


@dataclass(frozen=True, slots=True)
class Saving:
    """What is not spent (negative: what is spent above it), in nanodollars and exactly in percent."""

    amount: Nano
    percent: Decimal

    @property
    def whole_percent(self) -> int:
        """The percentage as people are told it: 79.875 is 80."""
        return int(self.percent.quantize(Decimal(1), ROUND_HALF_UP))


@dataclass(slots=True)
class Totals:
    """What was planned so far. `premium` is what all pictures would cost on the comparison model (None: not
    known for some); `real` what the placeholders' own models would cost, `real_unknown` of them without a
    known price; `dearest` the dearest single picture. `unknown` may have been paid for and `flawed` were,
    for nothing: neither is bought again. `queued` are bought through a queue, which spares `spared`."""

    rows: int = 0
    refused: int = 0
    unknown: int = 0
    flawed: int = 0
    premium: Nano | None = 0
    real: Nano = 0
    real_unknown: int = 0
    dearest: Nano = 0
    queued: int = 0
    spared: Nano = 0
    refusals: list[Refusal] = field(default_factory=list)
    _lines: dict[tuple[str, str, str], Line] = field(default_factory=dict)
    _bought: set[int] = field(default_factory=set)

    def add(self, planned: Planned) -> Counted:
        """Count `planned` in, and say as what."""
        draft, state = planned.draft, planned.state
        self.rows += draft.sample == 0
        if state == "buy":
            return self._buy(planned)
        if state == "refused":
            self._refuse(planned)
            return state
        self._compare(draft.blueprint.premium)
        if state == "unknown":
            self.unknown += 1
        elif state == "flawed":
            self.flawed += 1
        else:
            line = self._line_of(planned)
            line.pictures += 1
            line.there += 1
            line.drafts += draft.is_draft
        return state

    def _buy(self, planned: Planned) -> Counted:
        blueprint, cost, key = planned.draft.blueprint, planned.cost, planned.draft.key
        line = self._line_of(planned)
        if cost is None:
            line.unpriced += 1
            return "buy"
        self._compare(blueprint.premium)
        line.pictures += 1
        line.drafts += planned.draft.is_draft
        mark = int(key[:15], 16) if key else 0  # 60 bits: the largest int that takes no more than 32 bytes
        if mark in self._bought:
            line.shared += 1
            return "shared"
        self._bought.add(mark)
        line.paid += 1
        self.dearest = max(self.dearest, cost)
        if planned.asks:
            cost -= self._judge(planned.asks, planned.row.use_case)
        line.cost += cost
        if blueprint.unit.basis != "exact":
            line.guessed += cost
        if blueprint.lane == "batch":
            self.queued += 1
            self.spared += (blueprint.live_price(planned.row, planned.draft.inputs).expected or cost) - cost
        if line.is_placeholder:
            self._stand_in(planned)
        return "buy"

    def _judge(self, asks: Judging, use_case: str | None) -> Nano:
        """Count in what choosing among a picture's drafts takes: no picture, only money."""
        line, cost = self._line(asks.judge.name, asks.judge.provider, use_case), asks.price.expected or 0
        line.cost += cost
        line.guessed += cost
        return cost

    def _stand_in(self, planned: Planned) -> None:
        real = planned.draft.blueprint.real(planned.row)
        self.real += real or 0
        self.real_unknown += real is None

    def _refuse(self, planned: Planned) -> None:
        self.refused += 1
        if len(self.refusals) < FIRST:
            self.refusals.append(Refusal(planned.row.id, planned.draft.place, planned.reason))
        lacking = unpriced(planned)
        if lacking:
            self._line(lacking.model, lacking.provider, planned.row.use_case).unpriced += 1

    def _compare(self, premium: Nano | None) -> None:
        if self.premium is not None:
            self.premium = None if premium is None else self.premium + premium

    def _line_of(self, planned: Planned) -> Line:
        return self._line(*asked(planned), planned.row.use_case)

    def _line(self, model: str, provider: str, use_case: str | None) -> Line:
        names = (model, provider, use_case or "")
        line = self._lines.get(names)
        if line is None:
            line = self._lines[names] = Line(*names)
        return line

    @property
    def all(self) -> Line:
        """Everything as one group."""
        return _merged(self._lines.values(), lambda line: ("", "", ""))[0] if self._lines else Line("", "", "")

    def counts(self) -> PlanCounts:
        """The figures for machines; money in USD as text."""
        everything = self.all
        found: PlanCounts = {
            "rows": self.rows,
            "pictures": everything.pictures,
            "buy": everything.paid,
            "there": everything.there,
            "shared": everything.shared,
            "refused": self.refused,
            "unknown": self.unknown,
            "flawed": self.flawed,
            "unpriced": everything.unpriced,
            "cost_usd": plain(everything.cost),
        }
        if everything.drafts:
            found["drafts"] = everything.drafts
        return found

    @property
    def saving(self) -> Saving | None:
        """The premium model's bill less this one; None when there is nothing to compare."""
        if not self.premium:
            return None
        amount = self.premium - self.all.cost
        return Saving(amount, Decimal(100 * amount) / self.premium)

    def by(self, grouping: Grouping) -> list[Line]:
        """One Line a group, the dearest first, then the largest, then by name. Models are told apart by provider."""
        keep = {
            "model": lambda line: (line.model, line.provider, ""),
            "provider": lambda line: ("", line.provider, ""),
            "use_case": lambda line: ("", "", line.use_case),
        }[grouping]
        return _merged(self._lines.values(), keep)


def _merged(lines: Iterable[Line], keep: Callable[[Line], tuple[str, str, str]]) -> list[Line]:
    found: dict[tuple[str, str, str], Line] = {}
    for line in lines:
        names = keep(line)
        found.setdefault(names, Line(*names)).merge(line)
    return sorted(found.values(), key=lambda each: (-each.cost, -each.pictures, *_names(each)))


def _names(line: Line) -> tuple[str, str, str]:
    return line.model, line.provider, line.use_case


def asked(planned: Planned) -> tuple[str, str]:
    """The model and the provider that a picture is counted under: a kept one stays what it is, whatever routes say
    today, and a placeholder counts under the model that it stands for."""
    blueprint = planned.draft.blueprint
    if planned.state == "kept" and planned.seen:
        return planned.seen.evidence.model, planned.seen.evidence.provider
    if blueprint.provider == PLACEHOLDER and blueprint.choice:
        return blueprint.choice.model.name, PLACEHOLDER
    return blueprint.model, blueprint.provider


def unpriced(planned: Planned) -> Loser | None:
    """The offer that nobody knows the price of, where that keeps a picture from being made."""
    blueprint = planned.draft.blueprint
    if blueprint.choice is not None:
        return None
    return next((loser for loser in blueprint.losers if loser.kind == "unpriced"), None)


def after_hits(cost: Nano, percent: Decimal) -> Nano:
    """What remains of `cost` when `percent` per cent of the pictures are found in the cache; rounded up."""
    return ceil(cost * (100 - percent) / 100)
