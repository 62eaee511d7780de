"""An estimate for people: the bill, then what else could be done with the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imagegen.cli.bill import closing, headline, table
from imagegen.cli.sheet import cell, put, sheet
from imagegen.domain.money import Nano, show
from imagegen.domain.words import pictures
from imagegen.estimate import after_hits
from imagegen.forecast.speed import HOUR
from imagegen.pace import clock
from imagegen.whatif.lanes import reasons

if TYPE_CHECKING:
    from rich.table import Table

    from imagegen.cli.estimate import Answer
    from imagegen.comparing import Compared
    from imagegen.whatif.gpu import OnGpu
    from imagegen.whatif.lanes import Lanes, Sold


def show_all(answer: Answer, by: str | None) -> None:
    """Print everything. With `by` only that table of the plan's."""
    put(cell(headline(answer.project, answer.totals), style="bold"))
    for grouping in [by] if by else ["model", "use_case"]:
        if answer.totals.by("provider"):
            put("", table(answer.totals, grouping))
    said = [*closing(answer.project, answer.totals), *_hits(answer), *_renditions(answer), *_time(answer)]
    if said:
        put("", *map(cell, said))
    if answer.lanes:
        _show_lanes(answer.lanes)
    if answer.gpu:
        _show_gpu(answer.gpu)
    if answer.routes:
        _show_routes(answer.routes)


def _hits(answer: Answer) -> Iterator[str]:
    for percent in answer.hits:
        yield f"With {percent} % cache hits: {show(after_hits(answer.totals.all.cost, percent))}."


def _renditions(answer: Answer) -> Iterator[str]:
    spare = answer.renditions.spare()
    if not spare.pictures:
        return
    differ = "1 picture differs" if spare.pictures == 1 else f"{spare.pictures:,} pictures differ"
    said = f"{differ} from another row's only in size: as renditions of it {'it' if spare.pictures == 1 else 'they'}"
    among = f" Among the first {answer.renditions.remembered:,} pictures." if answer.renditions.full else ""
    yield f"{said} would save {'~' if answer.totals.all.guessed else ''}{show(spare.cost)}.{among}"


def _time(answer: Answer) -> Iterator[str]:
    if answer.totals.queued:
        yield "Time: up to 24 hours in the provider's queue."
    elif answer.time.said:
        yield f"Time: {answer.time.said}."


def _show_lanes(lanes: Lanes) -> None:
    figures = ["Pictures", "Live", "Batch", "Saves"]
    found = sheet("Model", "Provider", *figures, right=figures, keep=figures)
    for sold in lanes.sold():
        found.add_row(*map(cell, [sold.model, sold.provider, *_sold(sold)]))
    put("", cell("Live beside batch, the provider's queue of at most 24 hours", style="bold"))
    whole = lanes.all
    if lanes.sold():
        put(found)
    why = ", ".join(reasons(whole))
    could = f"{whole.queued:,} of {pictures(whole.pictures)} could wait in batches{f' ({why})' if why else ''}."
    put(cell(f"{could} All live: {show(whole.live)}; in batches where possible: {show(whole.live - whole.save)}."))
    if lanes.lane == "batch":
        put(cell("Every row is planned for batches: a model that is not sold so is passed over."))


def _sold(sold: Sold) -> list[str]:
    """Pictures, live, in batches and what that saves."""
    if not sold.queued:
        return [f"{sold.pictures:,}", show(sold.live), "deadline" if sold.late else "not sold so", ""]
    return [f"{sold.pictures:,}", show(sold.live), show(sold.live - sold.save), show(sold.save)]


def _show_gpu(found: OnGpu) -> None:
    gpu = found.gpu
    if found.pictures:
        whole = f"{pictures(found.pictures)} with {found.comparison.makes}, in place of {show(found.replaced)}"
        put("", cell(f"On {gpu.title} at {show(gpu.hourly)} an hour: {whole}", style="bold"))
        put(_gpu_table(found), "", *map(cell, _inputs(found)))
    else:
        put("", cell(f"On {gpu.title}: nothing to make."))
    if found.others:
        put(cell(f"Not there: {pictures(found.others)}, {show(found.left)}; the first is {found.why}."))


def _gpu_table(found: OnGpu) -> Table:
    """By arithmetic, where that is possible, and by the catalogue's figure."""
    figures = ["Pictures an hour", "Time", "Cost"]
    table = sheet("By", *figures, right=figures, keep=figures)
    if found.usual:
        rates = (f"{int(rate):,}" for rate in found.usual.per_hour())
        times, costs = map(clock, (found.least, found.most)), map(show, found.costs)
        table.add_row(*map(cell, ["arithmetic", _span(*rates), _span(*times), f"~{_span(*costs)}"]))
    stated = [f"~{found.gpu.images_per_hour:,}", clock(HOUR * found.hours), f"~{show(found.cost)}"]
    table.add_row(*map(cell, ["catalogue", *stated]))
    return table


def _inputs(found: OnGpu) -> Iterator[str]:
    """What the figures are from, and what they are not."""
    gpu, usual = found.gpu, found.usual
    yield f"Estimate, not measured. Pictures an hour: 1024x1024, {found.comparison.steps} steps, guidance (CFG)."
    if usual is None:
        yield f"Arithmetic: none; it needs `peak_tflops:` of {gpu.title} and a model whose layers are known."
    else:
        share = _span(*(f"{100 * part:.0f}" for part in usual.mfu))
        wide = "" if gpu.mfu_scale else "; what share this GPU reaches is not known to us, hence the range"
        yield (
            f"Arithmetic: {found.tflop:,.0f} TFLOP, {found.guided:,} of {pictures(found.pictures)} with CFG; "
            f"MFU {share} % ({usual.setting.mode} compile) of {usual.device.peak:g} TFLOP/s "
            f"({gpu.peak_source or gpu.source}){wide}."
        )
    note = f"; {gpu.note}" if gpu.note else ""
    yield f"Catalogue: by pixels and steps ({gpu.source}, read {gpu.read_on}{note})."


def _span(least: str, most: str) -> str:
    return least if least == most else f"{least} to {most}"


def _show_routes(routes: list[Compared]) -> None:
    figures = ["Pictures", "Refused", "Each", "Cost", "Difference"]
    found = sheet("Routes", *figures, right=figures, keep=figures)
    own = routes[0].line
    for each in routes:
        name = f"{each.name} *" if each.own else each.name
        if each.line is None:
            found.add_row(cell(name, each.why))
            continue
        line = each.line
        unpriced = f", {line.unpriced:,} unknown" if line.unpriced else ""
        price = f"{_about(line.cost // line.paid, line.guessed)}" if line.paid else ""
        more = "" if each.own or own is None else _difference(line.cost - own.cost)
        said = [f"{line.pictures:,}", f"{each.refused:,}", price, _about(line.cost, line.guessed) + unpriced, more]
        found.add_row(cell(name), *map(cell, said))
    put("", cell("The same rows under each preset, as if nothing were there yet", style="bold"), found)
    put(cell("* this manifest's routes"))


def _about(amount: Nano, guessed: Nano) -> str:
    return f"{'~' if guessed else ''}{show(amount)}"


def _difference(amount: Nano) -> str:
    return f"{'+' if amount > 0 else ''}{show(amount)}" if amount else "the same"
