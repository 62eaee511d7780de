"""`imagegen explain MANIFEST ROW`: why a row goes to its model, and why the others lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagegen.cli import look, say
from imagegen.cli.plan_lines import cells
from imagegen.domain.drafts import called, numbers
from imagegen.domain.money import show

if TYPE_CHECKING:
    from imagegen.domain.judge import Judging
    from imagegen.domain.row import Placed
    from imagegen.planned import Planned
    from imagegen.routing import Loser
    from imagegen.wiring import Project

app = typer.Typer(add_completion=False, rich_markup_mode=None)

#: So many ids are compared with one that is not there.
COMPARED = 50_000

Row = Annotated[str, typer.Argument(help="The id of a row, as `imagegen plan` shows it.", show_default=False)]


@app.command(help="Why a row goes to its model, and why the others lost.")
def explain(
    manifest: look.Manifest,
    row: Row,
    routes: look.Routes = None,
    model: look.Model = None,
    provider: look.Provider = None,
    optimize: look.Optimize = None,
    catalog: look.Catalog = None,
    output: look.Output = None,
    as_json: look.AsJson = False,
) -> int:
    """Find the row, plan it, print."""
    from imagegen.estimate import Totals

    project = look.opened(manifest, routes=routes, model=model, provider=provider, optimize=optimize, catalog=catalog)
    totals = Totals()
    with look.planning(project, output, [find(project, row)]) as planned:
        pictures = list(planned)
    for picture in pictures:
        totals.add(picture)
    if as_json:
        say.event(as_event(pictures))
        return 0
    look.say_notes(look.notes(project, totals, retired=False))
    _show(pictures)
    return 0


def find(project: Project, name: str) -> Placed:
    """The row called `name`. Raises UsageError, with the nearest id, when there is none."""
    from imagegen.errors import UsageError
    from imagegen.manifest.advice import nearest

    names: list[str] = []
    for placed in project.manifest.rows():
        if placed.row.id == name:
            return placed
        if len(names) < COMPARED:
            names.append(placed.row.id)
    meant = nearest(name, names)
    todo = f"did you mean {meant}?" if meant else f"`imagegen plan {project.manifest.path}` shows the ids"
    raise UsageError(f"{project.manifest.path.name}: no row is called {name!r}", todo)


def _show(pictures: list[Planned]) -> None:
    from imagegen.cli.sheet import cell, put, sheet

    first = pictures[0]
    put(cell(headline(first), style="bold"), "")
    facts = sheet("", "", keep=())
    for name, said in _facts(pictures):
        facts.add_row(cell(name, style="dim"), cell(said))
    put(facts)
    if first.draft.blueprint.losers:
        put("", cell("Not taken", style="bold"))
        losers = sheet("", "", keep=())
        for (name, reason), providers in _together(first.draft.blueprint.losers).items():
            losers.add_row(cell(f"{name} on {', '.join(providers)}"), cell(reason))
        put(losers)


def _together(losers: Iterable[Loser]) -> dict[tuple[str, str], list[str]]:
    """The providers at which a model lost for one reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for loser in losers:
        found.setdefault((loser.model, loser.reason), []).append(loser.provider)
    return found


def headline(planned: Planned) -> str:
    """ "mug: flux-schnell on replicate: the first choice for thumbnail"."""
    chosen = planned.draft.blueprint.choice
    if planned.state == "refused" or chosen is None:
        return f"{planned.row.id}: refused: {planned.reason}"
    return f"{planned.row.id}: {chosen.why}"


def _facts(pictures: list[Planned]) -> Iterator[tuple[str, str]]:
    first = pictures[0]
    row, blueprint = first.row, first.draft.blueprint
    chosen = blueprint.choice
    yield "Prompt", row.prompt if len(row.prompt) <= 300 else f"{row.prompt[:300]}…"
    yield "Stands at", ":".join(str(part) for part in first.draft.place if part)
    if chosen is None:
        return
    yield "Model", f"{chosen.model.title} ({chosen.model.name}), {chosen.tier} tier"
    if chosen.quality:
        yield "Quality", chosen.quality
    if blueprint.is_placeholder:
        yield "Provider", f"placeholder, in place of {chosen.offer.provider}"
    else:
        yield "Provider", f"{blueprint.provider}, which calls it {chosen.offer.api_name}"
    yield "Size", chosen.size_plan.note or f"{chosen.size_plan.size}, as it comes"
    yield "Saved as", blueprint.finish.format
    if blueprint.lane == "batch":
        live = blueprint.live_price(first.row, first.draft.inputs).expected
        yield "Lane", f"batch: within a day, for {show(first.cost or 0)}; live it would be {show(live or 0)}"
    yield "Price", _price(first)
    drafts = [planned for planned in pictures if planned.draft.is_draft]
    yield from _way(first, drafts)
    several = len(pictures) - len(drafts) > 1
    for planned in pictures:
        draft = numbers(planned.draft.sample)[1]
        name = called("Picture", planned.draft.sample, several, sign="")
        yield name if several else "State" if draft is None else f"Draft {draft + 1}", state(planned)
        if planned.draft.key and draft is None and not planned.held:
            yield "Key", planned.draft.key
    for note in first.notes:
        yield "Note", note


def _way(first: Planned, drafts: list[Planned]) -> Iterator[tuple[str, str]]:
    """How a picture with drafts comes to be."""
    part = first.draft.part
    if part is None:
        return
    each = [planned for planned in drafts if numbers(planned.draft.sample)[0] == 0]
    if each:
        line = cells(each[0], "buy")
        yield "Drafts", f"{len(each)} on {line.model}, {line.provider}, {line.size}; {_price(each[0])}"
    if part.won:
        yield "Chosen", f"draft {part.number + 1}: {part.reason}"
    else:
        yield "Chosen by", f"{part.scorer}, which asks {_asked(part.judging)}" if part.judging else part.scorer
    if part.edits:
        yield "Made from", "the chosen draft, as its input picture"


def _asked(judging: Judging) -> str:
    """Whom, and for how much."""
    judge, price = judging.judge, judging.price
    most = f", at most {show(price.most or 0)}"
    return f"{judge.name} on {judge.provider}; ~{show(price.expected or 0)} a choice{most} (as read on {judge.read_on})"


def _price(planned: Planned) -> str:
    blueprint = planned.draft.blueprint
    price, real = blueprint.price(planned.row, planned.draft.inputs), blueprint.real(planned.row)
    if blueprint.is_placeholder:
        return f"{show(0)}; the model itself: {'price unknown' if real is None else show(real)}"
    if price.expected is None or price.most is None:
        return "unknown"
    most = f", at most {show(price.most)}" if show(price.most) != show(price.expected) else ""
    source = blueprint.choice.offer.price if blueprint.choice else None
    since = f" (as read on {source.read_on})" if source else ""
    return f"{'~' if price.basis != 'exact' else ''}{show(price.expected)} a picture{most}{since}"


#: A planned state in words.
_WORDS = {
    "buy": "not there yet: would be made",
    "cached": "in the cache: costs nothing",
    "kept": "in the output folder: stays as it is",
    "refused": "refused",
    "unknown": "not bought again",
    "flawed": "not bought again",
}


def state(planned: Planned) -> str:
    """Whether the picture is there already."""
    words = _WORDS[planned.state]
    return f"{words}; {planned.reason}" if planned.reason else words


def as_event(pictures: list[Planned]) -> dict[str, Any]:
    """The row for machines: its pictures as `plan` gives them, and the losers."""
    from imagegen.cli.plan import as_event as picture

    losers = pictures[0].draft.blueprint.losers
    return {
        "event": "explain",
        "id": pictures[0].row.id,
        "pictures": [picture(planned, planned.state) for planned in pictures],
        "losers": [{"model": each.model, "provider": each.provider, "reason": each.reason} for each in losers],
    }
