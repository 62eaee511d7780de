"""`imagegen plan MANIFEST`: what would be done for each picture, a line each, streamed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imagegen.cli import look, say
from imagegen.cli.plan_lines import asked, print_lines
from imagegen.domain.events import PlanRow, PlanSummary
from imagegen.domain.money import plain
from imagegen.domain.words import pictures

if TYPE_CHECKING:
    from imagegen.estimate import Counted, Totals
    from imagegen.planned import Planned
    from imagegen.wiring import Project

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N of these rows.")]
Only = Annotated[list[str] | None, typer.Option(metavar="ID|TAG", help="Only rows of this id or tag.")]
Write = Annotated[
    Path | None, typer.Option("--write", "-o", metavar="FILE", help="Write the plan to this file, for `run FILE`.")
]
Against = Annotated[Path | None, typer.Option(metavar="FILE", help="Say what has changed since this plan.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="With --against: as Markdown, for a pull request.")]
Retired = Annotated[
    bool, typer.Option("--allow-retired", help="With -o, --against: plan for models that were shut down all the same.")
]


@app.command(help="What would be done for each row, and for how much.")
def plan(
    manifest: look.Manifest,
    write: Write = None,
    against: Against = None,
    routes: look.Routes = None,
    model: look.Model = None,
    provider: look.Provider = None,
    n: look.Number = None,
    optimize: look.Optimize = None,
    lane: look.Lane = None,
    catalog: look.Catalog = None,
    budget: look.Budget = None,
    only: Only = None,
    limit: Limit = None,
    output: look.Output = None,
    allow_retired: Retired = False,
    markdown: Markdown = False,
    as_json: look.AsJson = False,
) -> int:
    """Plan, print line by line, add up."""
    from imagegen.estimate import Totals
    from imagegen.selection import Selection

    selection, binding = Selection(frozenset(only or ()), limit), write is not None or against is not None
    _check(write, against, output, bool(selection), markdown, as_json)
    project = look.opened(
        manifest,
        routes=routes,
        model=model,
        provider=provider,
        n=n,
        optimize=optimize,
        catalog=catalog,
        budget=budget,
        lane=lane,
        estimating=not binding,
        allow_retired=allow_retired,
    )
    rows = selection.rows(project.manifest.rows())
    if binding:
        from imagegen.cli.plan_contract import Form, carry_out

        form: Form = "markdown" if markdown else "json" if as_json else "text"
        return carry_out(project, rows, output, write, against, form)
    totals = Totals()
    with look.planning(project, output, rows) as planned:
        remarks = put_lines(((picture, totals.add(picture)) for picture in planned), as_json)
    if as_json:
        say.event(summary(project, totals))
    else:
        close(project, totals, remarks)
    return 0


def _check(
    write: Path | None, against: Path | None, output: Path | None, partly: bool, markdown: bool, as_json: bool
) -> None:
    """Raises UsageError for flags that do not go together."""
    from imagegen.errors import UsageError

    if output and output.suffix == ".jsonl":
        raise UsageError(f"--output {output}: is the folder whose pictures count", "-o (--write) writes the plan")
    if markdown and (as_json or not against):
        raise UsageError("--markdown is for --against, and without --json", "leave one of them out")
    if against and partly:
        raise UsageError("--against compares all rows", "leave --only and --limit out")


def put_lines(counted: Iterator[tuple[Planned, Counted]], as_json: bool) -> dict[str, int]:
    """Print a line a picture. Returns remarks and of how many pictures they are."""
    if not as_json:
        return print_lines(counted)
    for picture, state in counted:
        say.event(as_event(picture, state))
    return {}


def close(project: Project, totals: Totals, remarks: dict[str, int]) -> None:
    """The totals, and what holds for many pictures, said once."""
    from imagegen.cli.bill import closing, headline
    from imagegen.cli.sheet import cell, put

    put("", cell(headline(project, totals), style="bold"))
    put(*map(cell, closing(project, totals, refusals=False)))
    sys.stdout.flush()
    look.say_notes(look.notes(project, totals, retired=False))
    look.say_notes(f"{note} ({pictures(count)})" for note, count in remarks.items())


def as_event(planned: Planned, state: Counted) -> PlanRow:
    """A picture for machines. Money in USD as text; `cost_usd` null: nobody knows."""
    from imagegen.domain.request import canonical

    draft, blueprint = planned.draft, planned.draft.blueprint
    request, finish = planned.request, blueprint.finish
    model, provider = asked(planned)
    cost = 0 if state == "shared" else planned.cost
    event: PlanRow = {
        "event": "row",
        "id": draft.row.id,
        "sample": draft.sample,
        "state": state,
        "model": model.partition("@")[0] or None,
        "provider": provider or None,
        "lane": blueprint.lane if blueprint.provider else None,
        "quality": blueprint.choice.quality if blueprint.choice else None,
        "use_case": draft.row.use_case,
        "key": draft.key,
        "hit": state in ("cached", "kept"),
        "cost_usd": None if cost is None else plain(cost),
        "at_most_usd": None if planned.most is None else plain(planned.most if state in ("buy", "cached") else 0),
        "basis": blueprint.unit.basis if state == "buy" else None,
        "parameters": canonical(request) if request else None,
        "finish": {"width": finish.width, "height": finish.height, "fit": finish.fit, "format": finish.format},
        "why": blueprint.choice.why if blueprint.choice else None,
        "reason": planned.reason or None,
        "notes": list(planned.notes),
        "place": ":".join(str(part) for part in draft.place if part),
    }
    if draft.part:
        event["role"] = draft.part.role
    return event


def summary(project: Project, totals: Totals) -> PlanSummary:
    """The totals for machines."""
    return {
        "event": "plan",
        "manifest": str(project.manifest.path),
        "routes": project.routes.name,
        "catalogue": project.catalog.digest,
        **totals.counts(),  # type: ignore[typeddict-item]  # at_most_usd is a plan file's, and not in it
        "notes": look.notes(project, totals),
    }
