"""Texts: a plan as people read it, in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imagegen.domain.money import nano, show
from imagegen.domain.words import pictures

if TYPE_CHECKING:
    from imagegen.api.plans import Group, Plan

_HEAD = ("Model", "Provider", "Pictures", "There", "Each", "Cost")
_THERE = 3


def headline(plan: Plan) -> str:
    """ "~$0.0558 for 3 pictures (shop)"."""
    every = plan.summary
    unpriced = f", and {every.unpriced:,} of unknown price" if every.unpriced else ""
    return f"{money(every)} for {pictures(every.pictures)}{unpriced} ({plan.project.name})"


def table(plan: Plan) -> list[tuple[str, ...]]:
    """A line of cells for each model, the dearest first, below a line of names; empty where nothing is planned. Names
    stand in the first two cells, figures in the others."""
    groups = plan.by("model")
    lines: list[tuple[str, ...]] = [_HEAD] if groups else []
    lines.extend(
        (
            group.name or "not known",
            group.provider or "",
            f"{group.pictures:,}",
            f"{group.there:,}",
            f"{'' if group.exact else '~'}{show(nano(group.cost) // group.buy)}" if group.buy else "",
            money(group) if group.pictures else "price unknown",
        )
        for group in groups
    )
    return lines if plan.summary.there else [(*line[:_THERE], *line[_THERE + 1 :]) for line in lines]


def remarks(plan: Plan) -> Iterator[str]:
    """What belongs to the figures, a sentence each."""
    if not plan.exact:
        yield "~ is an estimate: charged by use."
    if plan.stands_for:
        yield f"Placeholders cost nothing; on the models that they stand for: {show(nano(plan.stands_for))}."
    if plan.premium:
        yield f"All on {plan.premium[0]}: {show(nano(plan.premium[1]))}."
    if plan.summary.shared:
        yield f"Shared: {pictures(plan.summary.shared)} equal to another row's, paid for once."
    if plan.unknown:
        yield f"Unknown: {pictures(plan.unknown)} may have been paid for already and will not be bought again."
    if plan.flawed:
        yield f"Flawed: {pictures(plan.flawed)} paid for before and no use; redo=ID buys one anew."
    if plan.refused:
        yield f"Refused: {pictures(plan.refused)}, not counted above; the plan's rows say why."
    if plan.budget is not None:
        over = plan.total - plan.budget
        yield f"Budget: {show(nano(plan.budget))}; " + (
            f"exceeded by {show(nano(over))}." if over > 0 else "within the budget."
        )
    if plan.time:
        yield f"Time: {plan.time}."
    yield from (f"Note: {note}." for note in plan.notes)


def plan_text(plan: Plan) -> str:
    """The plan in lines."""
    lines, said = _columns(table(plan)), list(remarks(plan))
    return "\n".join([headline(plan), *(["", *lines] if lines else []), *(["", *said] if said else [])])


def _columns(lines: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left = 2  # names to the left, figures to the right
    return [
        "  ".join(
            cell.ljust(width) if n < left else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def money(group: Group) -> str:
    """The cost of a group, marked where it is an estimate."""
    return f"{'' if group.exact else '~'}{show(nano(group.cost))}"
