"""The bill in words: the sum, a table by model and use case, and the sentences below them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from imagegen.domain.words import pictures, with_drafts

if TYPE_CHECKING:
    from rich.table import Table

    from imagegen.estimate import Line, Totals
    from imagegen.wiring import Project

#: What is grouped by, and its column's title.
NAMES = {"model": "Model", "provider": "Provider", "use_case": "Use case"}


def headline(project: Project, totals: Totals) -> str:
    """ "$161.00 for 10,000 pictures (catalog.csv, routes guide)"; drafts are no pictures."""
    everything = totals.all
    where = f"{project.manifest.path.name}, routes {project.routes.name}"
    unpriced = f", and {everything.unpriced:,} of unknown price" if everything.unpriced else ""
    return f"{money(everything)} for {with_drafts(everything.pictures, everything.drafts)}{unpriced} ({where})"


def table(totals: Totals, grouping: Any) -> Table:
    """One line a group, the dearest first."""
    from imagegen.cli.sheet import cell, sheet

    lines = totals.by(grouping)
    there, shared = any(line.there for line in lines), any(line.shared for line in lines)
    names = [NAMES[grouping], *(["Provider"] if grouping == "model" else [])]
    drafts = any(line.drafts for line in lines)
    figures = [
        "Pictures",
        *(["Drafts"] if drafts else []),
        *(["There"] if there else []),
        *(["Shared"] if shared else []),
        "Each",
        "Cost",
    ]
    found = sheet(*names, *figures, right=figures, keep=figures)
    for line in lines:
        said = [_name(line, grouping), *([line.provider] if grouping == "model" else [])]
        said += [
            _number(line.pictures - line.drafts, not drafts),
            *([_number(line.drafts)] if drafts else []),
            *([f"{line.there:,}"] if there else []),
            *([f"{line.shared:,}"] if shared else []),
        ]
        found.add_row(*map(cell, [*said, _each(line), _amount(line)]))
    return found


def _number(number: int, zero: bool = False) -> str:
    return f"{number:,}" if number or zero else ""


def _name(line: Line, grouping: str) -> str:
    if grouping == "use_case":
        return line.use_case or "none stated"
    return line.provider if grouping == "provider" else line.model or "not known"


def _each(line: Line) -> str:
    from imagegen.domain.money import show

    if not line.paid:
        return ""
    return f"{'~' if line.guessed else ''}{show(line.cost // line.paid)}"


def _amount(line: Line) -> str:
    """The cost of a group; what nobody knows the price of is said, never shown as $0."""
    if not line.unpriced:
        return money(line)
    return f"{money(line)}, {line.unpriced:,} unknown" if line.pictures else "price unknown"


def money(line: Line) -> str:
    """What a group costs; ~ where some of it is an estimate."""
    from imagegen.domain.money import show

    return f"{'~' if line.guessed else ''}{show(line.cost)}"


def closing(project: Project, totals: Totals, refusals: bool = True) -> Iterator[str]:
    """The sentences below the tables: what is compared, what is there, what is refused (each with
    `refusals`), the budget."""
    from imagegen.domain.money import show

    everything = totals.all
    if everything.guessed:
        exact = everything.cost - everything.guessed
        yield f"~ is an estimate: {show(everything.guessed)} of it is charged by use, {show(exact)} is exact."
    yield from _comparison(project, totals)
    if totals.queued:
        yield f"In batches, within a day: {pictures(totals.queued)}, {show(totals.spared)} less than live."
    if everything.there:
        yield f"There already: {pictures(everything.there)}, at $0.00."
    if everything.shared:
        yield f"Shared: {pictures(everything.shared)} equal to another row's, paid for once."
    if totals.unknown:
        yield f"Unknown: {pictures(totals.unknown)} may have been paid for already; see `imagegen unknown`."
    if totals.flawed:
        yield f"Flawed: {pictures(totals.flawed)} paid for before and no use; `--redo ID` buys one anew."
    if totals.refused:
        yield f"Refused: {pictures(totals.refused)}, not counted above."
        yield from _refusals(totals) if refusals else ()
    limit = project.settings.budgets.get("run")
    if limit is not None:
        over = everything.cost - limit
        yield f"Budget: {show(limit)}; " + (f"exceeded by {show(over)}." if over > 0 else "within the budget.")


def _comparison(project: Project, totals: Totals) -> Iterator[str]:
    from imagegen.domain.money import show

    saving, title = totals.saving, project.context.premium[0].title
    placeholders = [line for line in totals.by("provider") if line.is_placeholder]
    drawn = sum(line.paid for line in placeholders)
    if drawn:
        more = f", and {totals.real_unknown:,} of unknown price" if totals.real_unknown else ""
        yield f"Placeholders: {pictures(drawn)} cost nothing; on the models they stand for: {show(totals.real)}{more}."
    if saving is None or totals.premium is None:
        return
    bill = f"All on {title}: {show(totals.premium)}"
    if placeholders:  # a placeholder is no picture yet: to call that a saving would be a boast
        yield f"{bill}."
    elif saving.amount >= 0:
        yield f"{bill}; saved {show(saving.amount)}, {saving.whole_percent} %."
    else:
        yield f"{bill}; this is {show(-saving.amount)} more."


def _refusals(totals: Totals) -> Iterator[str]:
    for refusal in totals.refusals:
        where = ":".join(str(part) for part in refusal.place if part)
        yield f"  {where}: {refusal.id}: {refusal.reason}"
    if totals.refused > len(totals.refusals):
        yield f"  … and {totals.refused - len(totals.refusals):,} more; `imagegen plan` lists them"
