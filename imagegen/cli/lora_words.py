"""`imagegen lora train`: what is said before and after, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from imagegen.domain.money import Nano, plain, show
from imagegen.domain.words import counted
from imagegen.providers.local.training.forecast import LABEL, Forecast
from imagegen.report.tally import duration

if TYPE_CHECKING:
    from imagegen.providers.local.training.job import Done, Job
    from imagegen.providers.local.training.prepare import Basis, Prepared

#: Sizes that are named before the rest is only counted.
_SIZES = 3


def lines(prepared: Prepared, found: Forecast | None, basis: Basis) -> Iterator[str]:
    """What would be trained, and what it takes."""
    course = prepared.course
    yield f"{counted(len(prepared.album.shots), 'picture')} in {prepared.album.folder}, trained as {_sizes(prepared)}"
    word = f", called for by {prepared.album.trigger!r}" if prepared.album.trigger else ""
    each = course.batch * course.accumulate
    yield (
        f"{prepared.title}, rank {course.rank}, {counted(course.steps, 'step')} of {counted(each, 'picture')},"
        f" learning rate {course.learning_rate:g}{word}"
    )
    yield f"into {prepared.output}"
    yield _price(prepared, found, basis)


def _price(prepared: Prepared, found: Forecast | None, basis: Basis) -> str:
    if found is None:
        return f"how long it takes is not known: {prepared.no_forecast}"
    least, most = found.seconds
    what = f"{duration(least)} to {duration(most)}, {money_range(found.cost)} at {show(found.hourly)} an hour"
    machine = {"named": "", "this machine's": "this ", "for comparison": "for comparison, "}[basis]
    return f"{machine}{found.gpu.title}: {what} ({LABEL}; {found.tflop:,.0f} TFLOP)"


def _sizes(prepared: Prepared) -> str:
    sizes = prepared.sizes
    if len(sizes) == 1:
        return "{}x{}".format(*sizes[0][0])
    named = [f"{width}x{height} ({count})" for (width, height), count in sizes[:_SIZES]]
    more = [f"{len(sizes) - _SIZES} other sizes"] if len(sizes) > _SIZES else []
    return ", ".join(named + more)


def money_range(cost: tuple[Nano, Nano]) -> str:
    """ "$0.32 to $0.64", or one amount where both are shown alike."""
    least, most = (show(round(amount / 1e7) * 10**7 if amount >= 10**7 else amount) for amount in cost)
    return least if least == most else f"{least} to {most}"


def as_json(prepared: Prepared, found: Forecast | None, basis: Basis) -> dict[str, Any]:
    """The estimate for machines: seconds and dollars as the least and the most, null where nobody knows."""
    course = prepared.course
    return {
        "event": "estimate",
        "model": prepared.model,
        "weights": str(prepared.weights.folder) if prepared.weights else None,
        "pictures": len(prepared.album.shots),
        "sizes": {f"{width}x{height}": count for (width, height), count in prepared.sizes},
        "steps": course.steps,
        "rank": course.rank,
        "batch": course.batch * course.accumulate,
        "learning_rate": course.learning_rate,
        "trigger": prepared.album.trigger or None,
        "sheets": prepared.samples.sheets(course.steps),
        "gpu": found.gpu.name if found else None,
        "basis": basis if found else None,
        "tflop": round(found.tflop, 1) if found else None,
        "seconds": [round(each, 1) for each in found.seconds] if found else None,
        "hourly_usd": plain(found.hourly) if found else None,
        "cost_usd": [plain(each) for each in found.cost] if found else None,
        "label": LABEL if found else prepared.no_forecast,
        "output": str(prepared.output),
    }


def ending(job: Job, done: Done) -> Iterator[str]:
    """What came of it, and what to do next."""
    fell = f"; loss of the fixed look {done.losses[0]:.4f} -> {done.losses[-1]:.4f}" if len(done.losses) > 1 else ""
    yield f"{done.step:,} of {counted(job.course.steps, 'step')} done in {duration(done.seconds)}{fell}"
    if done.file is None:
        kept = f"step {done.step:,} is kept" if done.step else "nothing is kept yet"
        yield f"interrupted: {kept}; the same command with --resume goes on"
        return
    word = f", with {job.album.trigger!r} in the prompt" if job.album.trigger else ""
    yield f"in a manifest: lora: {{path: {done.file.name}, weight: 1}}{word}"


def summary(job: Job, done: Done, exit_code: int) -> dict[str, Any]:
    """The last event."""
    return {
        "event": "summary",
        "exit_code": int(exit_code),
        "steps": done.step,
        "of": job.course.steps,
        "file": str(done.file) if done.file else None,
        "folder": str(job.folder),
        "loss_first": done.losses[0] if done.losses else None,
        "loss_last": done.losses[-1] if done.losses else None,
        "seconds": round(done.seconds, 3),
    }
