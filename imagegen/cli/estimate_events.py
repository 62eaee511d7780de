"""An estimate for machines: a line a group, and last the whole. Money in USD as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from imagegen.cli import look
from imagegen.cli.bill import NAMES
from imagegen.domain.events import Estimate, EstimateLane, EstimateRenditions, Figures, SoldFigures
from imagegen.domain.gpuevents import EstimateForecast, EstimateGpu
from imagegen.domain.money import plain
from imagegen.domain.queue import DAY
from imagegen.estimate import Line, after_hits
from imagegen.forecast.speed import HOUR
from imagegen.whatif.lanes import Lanes, Sold
from imagegen.whatif.renditions import Renditions

if TYPE_CHECKING:
    from imagegen.cli.estimate import Answer
    from imagegen.comparing import Compared
    from imagegen.whatif.gpu import OnGpu

Grouping = Literal["model", "provider", "use_case"]
_GROUPINGS: tuple[Grouping, ...] = ("model", "provider", "use_case")


def events(answer: Answer) -> Iterator[Mapping[str, Any]]:
    """A line a group, a line a model and a line a preset where these were asked for, and the whole."""
    totals = answer.totals
    for grouping in _GROUPINGS:
        for line in totals.by(grouping):
            names = {name: getattr(line, name) for name in NAMES if getattr(line, name) or name == grouping}
            yield {"event": "group", "by": grouping, **names, **_figures(line)}
    for sold in answer.lanes.sold() if answer.lanes else ():
        yield {"event": "lanes", "model": sold.model, "provider": sold.provider, **_sold(sold)}
    for each in answer.routes:
        yield _route(each)
    yield _whole(answer)


def _whole(answer: Answer) -> Estimate:
    project, totals, time = answer.project, answer.totals, answer.time
    saving, everything = totals.saving, totals.all
    budget = project.settings.budgets.get("run")
    queued = answer.totals.queued > 0
    seconds = round(time.seconds) if time.slowest and time.seconds != float("inf") else None
    return {
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
        "seconds": DAY if queued else seconds,
        "duration": "up to 24 hours in the provider's queue" if queued else time.said,
        "budget_usd": None if budget is None else plain(budget),
        "within_budget": None if budget is None else everything.cost <= budget,
        "after_hits_usd": {str(percent): plain(after_hits(everything.cost, percent)) for percent in answer.hits},
        "renditions": _renditions(answer.renditions),
        "lane": _lane(answer.lanes) if answer.lanes else None,
        "gpu": _gpu(answer.gpu) if answer.gpu else None,
        "notes": look.notes(project, totals),
    }


def _figures(line: Line) -> Figures:
    found: Figures = {
        "pictures": line.pictures,
        "paid": line.paid,
        "there": line.there,
        "shared": line.shared,
        "unpriced": line.unpriced,
        "cost_usd": plain(line.cost),
        "estimated_usd": plain(line.guessed),
    }
    if line.drafts:
        found["drafts"] = line.drafts
    return found


def _renditions(found: Renditions) -> EstimateRenditions:
    """`compared` null: every picture was compared, else only the first so many with the others."""
    spare = found.spare()
    compared = found.remembered if found.full else None
    return {"pictures": spare.pictures, "would_save_usd": plain(spare.cost), "compared": compared}


def _sold(sold: Sold) -> SoldFigures:
    return {
        "pictures": sold.pictures,
        "live_usd": plain(sold.live),
        "queued": sold.queued,
        "queue_usd": plain(sold.live - sold.save) if sold.queued else None,
        "would_save_usd": plain(sold.save),
        "late": sold.late,
    }


def _lane(lanes: Lanes) -> EstimateLane:
    return {"lane": lanes.lane, **_sold(lanes.all)}


def _gpu(found: OnGpu) -> EstimateGpu:
    return {
        "gpu": found.gpu.name,
        "title": found.gpu.title,
        "model": found.comparison.makes,
        "pictures": found.pictures,
        "hours": round(found.hours, 4),
        "cost_usd": plain(found.cost),
        "in_place_of_usd": plain(found.replaced),
        "others": found.others,
        "others_usd": plain(found.left),
        "others_why": found.why or None,
        "hourly_usd": plain(found.gpu.hourly),
        "images_per_hour": found.gpu.images_per_hour,
        "steps": found.comparison.steps,
        "source": found.gpu.source,
        "read_on": found.gpu.read_on.isoformat(),
        "memory_gb": found.gpu.memory_gb,
        "forecast": _forecast(found),
        "can_run": True,
    }


def _forecast(found: OnGpu) -> EstimateForecast | None:
    usual = found.usual
    if usual is None:
        return None
    slow, fast = usual.per_hour()
    return {
        "mode": usual.setting.mode,
        "peak_tflops": usual.device.peak,
        "mfu_least": round(usual.mfu[0], 4),
        "mfu_most": round(usual.mfu[1], 4),
        "tflop": round(found.tflop, 3),
        "guided": found.guided,
        "images_per_hour_least": int(slow),
        "images_per_hour_most": int(fast),
        "hours_least": round(found.least / HOUR, 4),
        "hours_most": round(found.most / HOUR, 4),
        "cost_least_usd": plain(found.costs[0]),
        "cost_most_usd": plain(found.costs[1]),
        "source": found.gpu.peak_source,
    }


def _route(each: Compared) -> dict[str, Any]:
    line = {"pictures": None, "cost_usd": None} if each.line is None else _figures(each.line)
    return {"event": "routes", "routes": each.name, "own": each.own, **line, "refused": each.refused} | {
        "reason": each.why or None
    }
