"""A first pass over results: totals by model and by use case. Holds one line per group, never the results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from imagegen.domain.money import Nano
from imagegen.domain.result import PRESENT, Result, Summary

#: Groups shown by name in a table; the rest are one line.
SHOWN = 40


@dataclass(slots=True)
class Line:
    """The totals of one group. Money in nanodollars; what nobody knows is counted in `unpriced`, not as 0.
    `drafts` of the pictures were made only to choose from."""

    name: str
    pictures: int = 0
    drafts: int = 0
    made: int = 0
    missing: int = 0
    spent: Nano = 0
    estimated: Nano = 0
    unpriced: int = 0

    @property
    def reused(self) -> int:
        """Pictures that were there already: cached or kept."""
        return self.pictures - self.made

    def add(self, result: Result) -> None:
        """Count `result` in."""
        self.pictures += result.state in PRESENT
        self.drafts += result.state in PRESENT and result.role == "draft"
        self.made += result.state == "made"
        self.missing += result.state not in PRESENT
        self.spent += result.cost or 0
        self.estimated += result.estimate or 0
        self.unpriced += result.cost is None

    def merge(self, other: Line) -> None:
        """Count a whole group in."""
        for name in ("pictures", "drafts", "made", "missing", "spent", "estimated", "unpriced"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Tally:
    """What one pass over the results counted."""

    total: Line = field(default_factory=lambda: Line("All"))
    placeholders: int = 0
    by_model: dict[str, Line] = field(default_factory=dict)
    by_use_case: dict[str, Line] = field(default_factory=dict)


def tally(results: Iterable[Result]) -> Tally:
    """Count `results`, keeping none of them."""
    count = Tally()
    for result in results:
        count.total.add(result)
        count.placeholders += result.stands_for is not None and result.state in PRESENT
        model, use_case = model_label(result), result.use_case or "no use case"
        count.by_model.setdefault(model, Line(model)).add(result)
        count.by_use_case.setdefault(use_case, Line(use_case)).add(result)
    return count


def ranked(groups: dict[str, Line], shown: int = SHOWN) -> list[Line]:
    """The groups, dearest first, then largest, then by name; those after the first `shown` as one line."""
    lines = sorted(groups.values(), key=lambda line: (-line.spent, -line.pictures, line.name))
    if len(lines) <= shown:
        return lines
    rest = Line(f"{len(lines) - shown:,} others")
    for line in lines[shown:]:
        rest.merge(line)
    return [*lines[:shown], rest]


def model_label(result: Result) -> str:
    """The model as a reader groups by it: a placeholder under the model that it stands in for."""
    if result.stands_for:
        return f"{result.stands_for} (placeholder)"
    return result.model or "no model"


@dataclass(frozen=True, slots=True)
class Saving:
    """What was not spent, in nanodollars (negative: more was spent) and in whole percent."""

    amount: Nano
    percent: int


def saving(summary: Summary) -> Saving | None:
    """The premium model's bill less this run's; None when there is nothing to compare with."""
    if not summary.premium:
        return None
    amount = summary.premium - summary.spent
    return Saving(amount, (200 * amount + summary.premium) // (2 * summary.premium))


def duration(seconds: float) -> str:
    """`seconds` for people: "0.4 s", "12 s", "3 min 20 s", "1 h 02 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02} min"
