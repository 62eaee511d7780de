"""The big figures, the bar and the tables of the report, from a Summary and a Tally."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from imagegen.domain.money import show
from imagegen.domain.result import PRESENT, State, Summary
from imagegen.domain.words import counted
from imagegen.report.tally import Line, Tally, duration, ranked, saving

#: Every state in the order of the bar: what is there first, then what is missing, the gravest first.
STATES: tuple[State, ...] = ("made", "cached", "kept", "unknown", "failed", "refused", "waiting", "skipped")
#: Units of the bar's width; every state that has any gets at least `_LEAST` of them, so that one in a
#: hundred thousand is still seen.
_WIDTH = 1000
_LEAST = 6


@dataclass(frozen=True, slots=True)
class Figure:
    """A big number with its name above and a remark below."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the bar: `x` and `width` in thousandths."""

    state: str
    count: int
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Table:
    """Totals of one grouping. `shares` are each line's part of the money (or of the pictures) in percent."""

    title: str
    lines: list[tuple[Line, int]]


def figures(summary: Summary, count: Tally) -> list[Figure]:
    """Pictures, money, what the premium model would have cost, and time."""
    return [_pictures(summary), _spent(summary), *_comparison(summary, count), _time(summary)]


def _pictures(summary: Summary) -> Figure:
    present = {state: summary.pictures(state) for state in STATES if state in PRESENT}
    note = ", ".join(f"{number:,} {state}" for state, number in present.items() if number)
    drafts = sum(number for state, number in summary.drafts.items() if state in PRESENT)
    note = ", ".join(part for part in (note, f"from {counted(drafts, 'draft')}" if drafts else "") if part)
    return Figure("Pictures", f"{sum(present.values()):,}", note or "none yet")


def _spent(summary: Summary) -> Figure:
    note = f"estimated {show(summary.estimated)}"
    if summary.unknown_at_most:
        note += f", perhaps {show(summary.unknown_at_most)} more"
    return Figure("Spent", show(summary.spent), note)


def _comparison(summary: Summary, count: Tally) -> Iterator[Figure]:
    against, model = saving(summary), summary.premium_model or "the premium model"
    if against is None or summary.premium is None:
        return
    bill = show(summary.premium)
    # A placeholder costs nothing and is no picture yet: to call that a saving would be a boast.
    if count.placeholders:
        yield Figure("On the premium model", bill, f"these rows on {model}")
    elif against.amount >= 0:
        yield Figure("Saved", show(against.amount), f"{against.percent} % of {bill} on {model}")
    else:
        yield Figure("Above the premium model", show(-against.amount), f"{bill} on {model}")


def _time(summary: Summary) -> Figure:
    made = summary.counts.get("made", 0)
    pace = f"{made / summary.seconds:,.1f} pictures a second" if made and summary.seconds > 0 else ""
    if made and summary.seconds > made:
        pace = f"{duration(summary.seconds / made)} a picture"
    return Figure("Time", duration(summary.seconds), pace)


def segments(summary: Summary) -> list[Segment]:
    """The bar of states: widths that add up to the whole, nothing too thin to be seen."""
    counts = {state: summary.noted(state) for state in STATES if summary.noted(state)}
    total = sum(counts.values())
    widths = {state: max(_LEAST, _WIDTH * count // total) for state, count in counts.items()}
    if widths:
        widths[max(widths, key=widths.__getitem__)] += _WIDTH - sum(widths.values())
    starts = accumulate(widths.values(), initial=0)
    return [Segment(state, counts[state], x, widths[state]) for state, x in zip(widths, starts, strict=False)]


def tables(count: Tally) -> list[Table]:
    """Totals by model and by use case; a grouping of one nameless group says nothing and is left out."""
    both = (("By model", count.by_model), ("By use case", count.by_use_case))
    return [
        Table(title, [(line, _share(line, count.total)) for line in ranked(groups)])
        for title, groups in both
        if groups and set(groups) != {"no use case"}
    ]


def _share(line: Line, total: Line) -> int:
    if total.spent:
        return round(100 * line.spent / total.spent)
    return round(100 * line.pictures / total.pictures) if total.pictures else 0
