"""`imagegen plan MANIFEST`: what would be done for each picture, a line each, streamed."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from imagegen.cli import look, say
from imagegen.domain.money import plain, show

if TYPE_CHECKING:
    from imagegen.domain.row import Placed
    from imagegen.estimate import Counted, Totals
    from imagegen.planner import Planned
    from imagegen.wiring import Project

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Limit = Annotated[int | None, typer.Option(min=1, help="Only the first N rows.")]

#: The widths of columns are those of so many first lines.
MEASURED = 200


@app.command(help="What would be done for each row, and for how much.")
def plan(
    manifest: look.Manifest,
    routes: look.Routes = None,
    model: look.Model = None,
    provider: look.Provider = None,
    optimize: look.Optimize = None,
    catalog: look.Catalog = None,
    budget: look.Budget = None,
    limit: Limit = None,
    output: look.Output = None,
    as_json: look.AsJson = False,
) -> int:
    """Plan, print line by line, add up."""
    from imagegen.estimate import Totals

    project = look.opened(
        manifest, routes=routes, model=model, provider=provider, optimize=optimize, catalog=catalog, budget=budget
    )
    totals = Totals()
    rows: Iterable[Placed] = islice(project.manifest.rows(), limit)
    with look.planning(project, output, rows) as planned:
        counted = ((picture, totals.add(picture)) for picture in planned)
        if as_json:
            for picture, state in counted:
                say.event(as_event(picture, state))
        else:
            remarks = _print_lines(counted)
    if as_json:
        say.event(_summary(project, totals))
        return 0
    _close(project, totals, remarks)
    return 0


class Cells(NamedTuple):
    """One picture's line."""

    id: str
    state: str
    model: str
    provider: str
    size: str
    price: str


def cells(planned: Planned, state: Counted) -> Cells:
    """The line of `planned`, counted as `state`."""
    from imagegen.estimate import unpriced

    draft = planned.draft
    name = f"{draft.row.id} #{draft.sample + 1}" if draft.row.n > 1 else draft.row.id
    if state == "refused":
        return Cells(say.visible(name), state, "", "", "", "price unknown" if unpriced(planned) else "")
    model, provider = _asked(planned)
    return Cells(say.visible(name), state, model, provider, _sizes(planned), _price(planned, state))


def _asked(planned: Planned) -> tuple[str, str]:
    """Model@quality and provider; a placeholder under the model that it stands in for."""
    blueprint = planned.draft.blueprint
    if planned.state == "kept" and planned.seen:
        return planned.seen.evidence.model, planned.seen.evidence.provider
    chosen = blueprint.choice
    if chosen is None:
        return "", ""
    return f"{chosen.model.name}{f'@{chosen.quality}' if chosen.quality else ''}", blueprint.provider


def _sizes(planned: Planned) -> str:
    """What is generated, and what becomes of it."""
    chosen = planned.draft.blueprint.choice
    if chosen is None:
        return ""
    size = chosen.size_plan
    final = f"{size.width}x{size.height}" if size.width and size.height else str(size.size)
    return final if final == str(size.size) else f"{size.size} → {final}"


def _price(planned: Planned, state: Counted) -> str:
    if state == "shared":
        return show(0)
    if planned.cost is None:
        return "price unknown"
    guessed = state == "buy" and planned.draft.blueprint.unit.basis != "exact"
    return f"{'~' if guessed else ''}{show(planned.cost)}"


def _print_lines(counted: Iterator[tuple[Planned, Counted]]) -> dict[str, int]:
    """Print a line a picture, and what is special about it below. Returns remarks and of how many pictures."""
    remarks: dict[str, int] = {}
    first = list(islice(counted, MEASURED))
    show_cells = _columns([cells(*each) for each in first])
    for planned, state in chain(first, counted):
        print(show_cells(cells(planned, state)))  # noqa: T201
        if planned.reason:
            print(_below(planned.reason))  # noqa: T201
        for note in planned.notes:
            if note in remarks or len(remarks) < MEASURED:
                remarks[note] = remarks.get(note, 0) + 1
    return remarks


def _below(text: str) -> str:
    """A remark below a line, broken between words where the terminal ends."""
    if not sys.stdout.isatty():
        return f"  {say.visible(text)}"
    room = shutil.get_terminal_size().columns
    return textwrap.fill(say.visible(text), room, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _columns(lines: Sequence[Cells]) -> Any:
    """Writes one line's cells below the other's. Where the terminal is narrow the provider goes first, then the
    size that is generated, and at last the ends of long ids."""
    widths = [max((len(cell) for cell in column), default=0) for column in zip(*lines, strict=True)] or [0] * 6
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    chosen = [0, 1, 2, 3, 4, 5]
    if _total(widths, chosen) > room:
        chosen.remove(3)
    short = _total(widths, chosen) > room
    if short:
        widths[4] = max((len(_final(line.size)) for line in lines), default=0)
    widths[0] = max(8, min(widths[0], widths[0] - (_total(widths, chosen) - room)))

    def write(line: Cells) -> str:
        said = [*line]
        said[4] = _final(line.size) if short else line.size
        if len(said[0]) > widths[0] and room < 10_000:
            said[0] = f"{said[0][: widths[0] - 1]}…"
        parts = [said[n].rjust(widths[n]) if n == 5 else said[n].ljust(widths[n]) for n in chosen]
        return "  ".join(parts).rstrip()

    return write


def _total(widths: Sequence[int], chosen: Sequence[int]) -> int:
    return sum(widths[n] for n in chosen) + 2 * (len(chosen) - 1)


def _final(size: str) -> str:
    return size.rpartition(" → ")[2]


def _close(project: Project, totals: Totals, remarks: dict[str, int]) -> None:
    """The totals, and what holds for many pictures, said once."""
    from imagegen.cli.estimate import closing, headline
    from imagegen.cli.sheet import cell, put

    put("", cell(headline(project, totals), style="bold"))
    put(*map(cell, closing(project, totals, refusals=False)))
    sys.stdout.flush()
    look.say_notes(look.notes(project, totals, retired=False))
    look.say_notes(f"{note} ({count:,} {'picture' if count == 1 else 'pictures'})" for note, count in remarks.items())


def as_event(planned: Planned, state: Counted) -> dict[str, Any]:
    """A picture for machines. Money in USD as text; `cost_usd` null: nobody knows."""
    from imagegen.domain.request import canonical

    draft, blueprint = planned.draft, planned.draft.blueprint
    request, finish = planned.request, blueprint.finish
    model, provider = _asked(planned)
    cost = 0 if state == "shared" else planned.cost
    return {
        "event": "row",
        "id": draft.row.id,
        "sample": draft.sample,
        "state": state,
        "model": model.partition("@")[0] or None,
        "provider": provider or None,
        "quality": blueprint.choice.quality if blueprint.choice else None,
        "use_case": draft.row.use_case,
        "key": draft.key,
        "hit": state in ("cached", "kept"),
        "cost_usd": None if cost is None else plain(cost),
        "at_most_usd": None if planned.most is None else plain(planned.most if state == "buy" else 0),
        "basis": blueprint.unit.basis if state == "buy" else None,
        "parameters": canonical(request) if request else None,
        "finish": {"width": finish.width, "height": finish.height, "fit": finish.fit, "format": finish.format},
        "why": blueprint.choice.why if blueprint.choice else None,
        "reason": planned.reason or None,
        "notes": list(planned.notes),
        "place": ":".join(str(part) for part in draft.place if part),
    }


def _summary(project: Project, totals: Totals) -> dict[str, Any]:
    everything = totals.all
    return {
        "event": "plan",
        "manifest": str(project.manifest.path),
        "routes": project.routes.name,
        "catalogue": project.catalog.digest,
        "rows": totals.rows,
        "pictures": everything.pictures,
        "buy": everything.paid,
        "there": everything.there,
        "shared": everything.shared,
        "refused": totals.refused,
        "unknown": totals.unknown,
        "flawed": totals.flawed,
        "unpriced": everything.unpriced,
        "cost_usd": plain(everything.cost),
        "notes": look.notes(project, totals),
    }
