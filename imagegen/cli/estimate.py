"""`imagegen cost-estimate MANIFEST`: the bill before it is run up."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from imagegen.cli import look, say

if TYPE_CHECKING:
    from rich.table import Table

    from imagegen.estimate import Line, Totals
    from imagegen.pace import Duration
    from imagegen.wiring import Project

app = typer.Typer(add_completion=False, rich_markup_mode=None)

By = Annotated[Literal["model", "provider", "use_case"] | None, typer.Option(help="Only this table.")]
Hits = Annotated[str | None, typer.Option(help="Cache hits to reckon with, in percent: 15 or 15..40.")]
_NAMES = {"model": "Model", "provider": "Provider", "use_case": "Use case"}


@app.command(help="What a manifest would cost, by model, provider and use case.")
def cost_estimate(
    manifest: look.Manifest,
    routes: look.Routes = None,
    model: look.Model = None,
    provider: look.Provider = None,
    optimize: look.Optimize = None,
    catalog: look.Catalog = None,
    budget: look.Budget = None,
    expect_hits: Hits = None,
    by: By = None,
    output: look.Output = None,
    as_json: look.AsJson = False,
) -> int:
    """Add the plan up, print."""
    from imagegen.estimate import Totals
    from imagegen.pace import duration

    hits = _percents(expect_hits)
    project = look.opened(
        manifest, routes=routes, model=model, provider=provider, optimize=optimize, catalog=catalog, budget=budget
    )
    totals = Totals()
    with look.planning(project, output) as planned:
        for picture in planned:
            totals.add(picture)
    time = duration(totals, project.catalog, project.settings, project.settings.budgets)
    if as_json:
        for line in _events(project, totals, time, hits):
            say.event(line)
        return 0
    look.say_notes(look.notes(project, totals))
    _show(project, totals, time, hits, by)
    return 0


def _show(project: Project, totals: Totals, time: Duration, hits: list[Decimal], by: str | None) -> None:
    from imagegen.cli.sheet import cell, put

    put(cell(headline(project, totals), style="bold"))
    for grouping in [by] if by else ["model", "use_case"]:
        if totals.by("provider"):
            put("", table(totals, grouping))
    said = [*closing(project, totals), *_hits(totals, hits)]
    if time.said:
        said.append(f"Time: {time.said}.")
    if said:
        put("", *map(cell, said))


def headline(project: Project, totals: Totals) -> str:
    """ "$161.00 for 10,000 pictures (catalog.csv, routes guide)"."""
    everything = totals.all
    where = f"{project.manifest.path.name}, routes {project.routes.name}"
    unpriced = f", and {everything.unpriced:,} of unknown price" if everything.unpriced else ""
    return f"{_money(everything)} for {_pictures(everything.pictures)}{unpriced} ({where})"


def table(totals: Totals, grouping: Any) -> Table:
    """One line a group, the dearest first."""
    from imagegen.cli.sheet import cell, sheet

    lines = totals.by(grouping)
    there, shared = any(line.there for line in lines), any(line.shared for line in lines)
    names = [_NAMES[grouping], *(["Provider"] if grouping == "model" else [])]
    figures = ["Pictures", *(["There"] if there else []), *(["Shared"] if shared else []), "Each", "Cost"]
    found = sheet(*names, *figures, right=figures, keep=figures)
    for line in lines:
        said = [_name(line, grouping), *([line.provider] if grouping == "model" else [])]
        said += [
            f"{line.pictures:,}",
            *([f"{line.there:,}"] if there else []),
            *([f"{line.shared:,}"] if shared else []),
        ]
        found.add_row(*map(cell, [*said, _each(line), _amount(line)]))
    return found


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
        return _money(line)
    return f"{_money(line)}, {line.unpriced:,} unknown" if line.pictures else "price unknown"


def _money(line: Line) -> str:
    from imagegen.domain.money import show

    return f"{'~' if line.guessed else ''}{show(line.cost)}"


def _pictures(count: int) -> str:
    return f"{count:,} {'picture' if count == 1 else 'pictures'}"


def closing(project: Project, totals: Totals, refusals: bool = True) -> Iterator[str]:
    """The sentences below the tables: what is compared, what is there, what is refused (each with
    `refusals`), the budget."""
    from imagegen.domain.money import show

    everything = totals.all
    if everything.guessed:
        exact = everything.cost - everything.guessed
        yield f"~ is an estimate: {show(everything.guessed)} of it is charged by use, {show(exact)} is exact."
    yield from _comparison(project, totals)
    if everything.there:
        yield f"There already: {_pictures(everything.there)}, at $0.00."
    if everything.shared:
        yield f"Shared: {_pictures(everything.shared)} equal to another row's, paid for once."
    if totals.unknown:
        yield f"Unknown: {_pictures(totals.unknown)} may have been paid for already; see `imagegen unknown`."
    if totals.flawed:
        yield f"Flawed: {_pictures(totals.flawed)} paid for before and no use; `--redo ID` buys one anew."
    if totals.refused:
        yield f"Refused: {_pictures(totals.refused)}, not counted above."
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
        yield f"Placeholders: {_pictures(drawn)} cost nothing; on the models they stand for: {show(totals.real)}{more}."
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


def _percents(text: str | None) -> list[Decimal]:
    """ "15..40%" as [15, 40]. Raises UsageError."""
    from imagegen.errors import UsageError

    if text is None:
        return []
    try:
        found = [Decimal(part.strip().removesuffix("%")) for part in text.split("..")]
    except ArithmeticError:
        found = []
    if not 1 <= len(found) <= 2 or not all(each.is_finite() and 0 <= each <= 100 for each in found):
        raise UsageError(f"--expect-hits {text!r} is no percentage", "write 15, or 15..40")
    return found


def _hits(totals: Totals, percents: list[Decimal]) -> Iterator[str]:
    from imagegen.domain.money import show
    from imagegen.estimate import after_hits

    for percent in percents:
        yield f"With {percent} % cache hits: {show(after_hits(totals.all.cost, percent))}."


def _events(project: Project, totals: Totals, time: Duration, hits: list[Decimal]) -> Iterator[dict[str, Any]]:
    """For machines: a line a group, and last the whole. Money in USD as text."""
    from imagegen.domain.money import plain
    from imagegen.estimate import after_hits

    groupings: tuple[Literal["model", "provider", "use_case"], ...] = ("model", "provider", "use_case")
    for grouping in groupings:
        for line in totals.by(grouping):
            names = {name: getattr(line, name) for name in _NAMES if getattr(line, name) or name == grouping}
            yield {"event": "group", "by": grouping, **names, **_figures(line)}
    saving, everything = totals.saving, totals.all
    budget = project.settings.budgets.get("run")
    yield {
        "event": "estimate",
        "manifest": str(project.manifest.path),
        "routes": project.routes.name,
        "catalogue": project.catalog.digest,
        "rows": totals.rows,
        **_figures(everything),
        "refused": totals.refused,
        "unknown": totals.unknown,
        "flawed": totals.flawed,
        "premium_model": project.context.premium[0].name,
        "premium_usd": None if totals.premium is None else plain(totals.premium),
        "saved_usd": plain(saving.amount) if saving else None,
        "saved_percent": str(saving.percent) if saving else None,
        "stands_for_usd": plain(totals.real),
        "seconds": round(time.seconds) if time.slowest and time.seconds != float("inf") else None,
        "duration": time.said,
        "budget_usd": None if budget is None else plain(budget),
        "within_budget": None if budget is None else everything.cost <= budget,
        "after_hits_usd": {str(percent): plain(after_hits(everything.cost, percent)) for percent in hits},
        "notes": look.notes(project, totals),
    }


def _figures(line: Line) -> dict[str, Any]:
    from imagegen.domain.money import plain

    return {
        "pictures": line.pictures,
        "paid": line.paid,
        "there": line.there,
        "shared": line.shared,
        "unpriced": line.unpriced,
        "cost_usd": plain(line.cost),
        "estimated_usd": plain(line.guessed),
    }
