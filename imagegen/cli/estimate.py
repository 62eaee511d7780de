"""`imagegen cost-estimate MANIFEST`: the bill before it is run up."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from imagegen.cli import look, say

if TYPE_CHECKING:
    from imagegen.comparing import Compared
    from imagegen.estimate import Totals
    from imagegen.pace import Duration
    from imagegen.whatif.gpu import OnGpu
    from imagegen.whatif.lanes import Lanes
    from imagegen.whatif.renditions import Renditions
    from imagegen.wiring import Project

app = typer.Typer(add_completion=False, rich_markup_mode=None)

By = Annotated[Literal["model", "provider", "use_case"] | None, typer.Option(help="Only this table.")]
Hits = Annotated[str | None, typer.Option(help="Cache hits to reckon with, in percent: 15 or 15..40.")]
Lane = Annotated[
    Literal["live", "batch", "local", "auto"] | None,
    typer.Option(help="As if bought live, in the half-price queue, or there where possible; both side by side."),
]
GpuName = Annotated[str | None, typer.Option("--gpu", help="What a GPU of your own would take: a100, l4, 4090.")]
Compare = Annotated[bool, typer.Option("--compare-routes", help="The same rows under every preset.")]


@dataclass(slots=True)
class Answer:
    """All that an estimate says. `gpu` and `lanes` are None and `routes` empty where nobody asked."""

    project: Project
    totals: Totals
    time: Duration
    hits: list[Decimal]
    renditions: Renditions
    gpu: OnGpu | None = None
    lanes: Lanes | None = None
    routes: list[Compared] = field(default_factory=list)


@app.command(help="What a manifest would cost, by model, provider and use case.")
def cost_estimate(
    manifest: look.Manifest,
    routes: look.Routes = None,
    model: look.Model = None,
    provider: look.Provider = None,
    n: look.Number = None,
    optimize: look.Optimize = None,
    catalog: look.Catalog = None,
    budget: look.Budget = None,
    expect_hits: Hits = None,
    lane: Lane = None,
    gpu: GpuName = None,
    compare_routes: Compare = False,
    by: By = None,
    output: look.Output = None,
    as_json: look.AsJson = False,
) -> int:
    """Add the plan up, print."""
    from imagegen.comparing import compare
    from imagegen.estimate import Totals
    from imagegen.pace import duration
    from imagegen.whatif.renditions import Renditions

    hits = percents(expect_hits)
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
    )
    totals, renditions = Totals(), Renditions()
    on_gpu, lanes = _gpu(project, gpu), _lanes(project, lane)
    with look.planning(project, output) as planned:
        for picture in planned:
            state = totals.add(picture)
            renditions.add(picture, state)
            if on_gpu:
                on_gpu.add(picture, state)
            if lanes:
                lanes.add(picture, state)
    timed = project.context.own.timed if project.context.own else None
    time = duration(totals, project.catalog, project.settings, project.settings.budgets, timed)
    answer = Answer(project, totals, time, hits, renditions, on_gpu, lanes)
    if compare_routes:
        answer.routes = list(compare(project))
    if as_json:
        from imagegen.cli.estimate_events import events

        for line in events(answer):
            say.event(line)
        return 0
    from imagegen.cli.estimate_text import show_all

    look.say_notes(look.notes(project, totals))
    show_all(answer, by)
    return 0


def _gpu(project: Project, name: str | None) -> OnGpu | None:
    """Raises UsageError for a GPU that the catalogue does not know."""
    from imagegen.catalog.gpus import named
    from imagegen.whatif.gpu import OnGpu

    return OnGpu(named(project.catalog.gpus, name), project.context) if name else None


def _lanes(project: Project, lane: Literal["live", "batch", "local", "auto"] | None) -> Lanes | None:
    from imagegen.whatif.lanes import Lanes

    return Lanes(lane, project.context) if lane and lane != "local" else None


def percents(text: str | None) -> list[Decimal]:
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
