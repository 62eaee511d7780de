"""What was measured, as JSON, as tables for people, and as Markdown for an issue or a page. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from imagegen.domain.money import plain, show
from imagegen.forecast.anchors import Anchor, published
from imagegen.providers.local.measured import Cell, Measured
from imagegen.providers.local.stages import STAGES

#: What a cell says where nothing is known.
UNKNOWN = "-"
RANDOM = "Random weights: they paint noise, and their speed says nothing of a real model's."


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text below `columns`; columns from `right` on are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: int = 1


def headline(found: Measured) -> str:
    """The line that comes first."""
    asked, best = found.asked, found.best
    what = f"{asked.model} on {asked.device}, {asked.dtype}, {asked.width}x{asked.height}"
    what += f", {asked.steps} step{'' if asked.steps == 1 else 's'}"
    if best is None or best.seconds is None:
        return f"{what}: nothing could be measured"
    cost = found.cost(best)
    price = f", {show(cost)} each" if cost is not None else ""
    rate = f"{best.seconds:.3g} s a picture, {_count(best.per_hour)} an hour{price}"
    return f"{what}: {rate} (measured; {best.mode}, {best.batch} at once)"


def tables(found: Measured, guide: Anchor | None) -> tuple[Table, ...]:
    """Speed, where the time goes, and what others have. `guide`: its figure, to stand beside."""
    return _speed(found), _stages(found), _others(found, guide)


def notes(found: Measured) -> list[str]:
    """What the tables do not say: a sentence each."""
    return [
        *([RANDOM] if found.asked.random else []),
        *(_of(cell) for cell in found.cells if cell.why or cell.flawed),
        *(
            f"{mode}: {each.graphs} graphs compiled in the first calls, {each.recompiles} after them"
            for mode, each in found.compiled.items()
            if mode != "eager"
        ),
        f"Weights loaded in {', '.join(f'{taken:.1f} s ({mode})' for mode, taken in found.load.items())}."
        if found.load
        else "",
        _limit(found),
        _price(found),
        "Measured: seconds, memory, graphs. Warm: median of calls in turns, text encoding included, PNG and disk not. "
        "Shares are of one more call that waits for the device after each stage. Estimates are called so.",
        "Versions: " + ", ".join(f"{name} {number}" for name, number in found.asked.versions.items()),
    ]


def markdown(found: Measured, guide: Anchor | None) -> str:
    """All of it as Markdown."""
    lines = [f"**{_escaped(headline(found))}**", ""]
    for table in tables(found, guide):
        lines += [f"### {table.title}", "", _row(table.columns)]
        lines.append(_row(["---" if n < table.right else "---:" for n in range(len(table.columns))]))
        lines += [*map(_row, table.rows), ""]
    lines += [f"- {_escaped(note)}" for note in notes(found) if note]
    return "\n".join([*lines, ""])


def document(found: Measured, guide: Anchor | None) -> dict[str, Any]:
    """All of it for machines. Seconds, bytes and shares as numbers, money as text; null: not known."""
    asked = found.asked
    return {
        "event": "bench",
        "model": asked.model,
        "architecture": asked.counted,
        "revision": asked.revision,
        "random_weights": asked.random,
        "size": f"{asked.width}x{asked.height}",
        "steps": asked.steps,
        "guidance": asked.guidance,
        "device": asked.device,
        "gpu": asked.gpu.name if asked.gpu else None,
        "dtype": asked.dtype,
        "versions": dict(asked.versions),
        "tflop_per_image": asked.work.tflop if asked.work else None,
        "peak_tflops": found.peak,
        "hourly_usd": None if asked.hourly is None else plain(asked.hourly),
        "measured": [cell_event(found, cell) for cell in found.cells],
        "compiled": {
            mode: {"graphs": each.graphs, "recompiles": each.recompiles} for mode, each in found.compiled.items()
        },
        "load_seconds": dict(found.load),
        "estimated": list(_forecasts(found)),
        "published": list(_published(found, guide)),
        "notes": [note for note in notes(found) if note],
    }


def cell_event(found: Measured, cell: Cell) -> dict[str, Any]:
    """One mode with one batch size, for machines."""
    cost = found.cost(cell)
    return {
        "event": "cell",
        "mode": cell.mode,
        "batch": cell.batch,
        "first_call_seconds": cell.cold,
        "seconds": cell.seconds,
        "seconds_least": min(cell.warm, default=None),
        "seconds_most": max(cell.warm, default=None),
        "calls": len(cell.warm),
        "images_per_hour": cell.per_hour,
        "share_of_limit": found.share_of_limit(cell),
        "cost_usd": None if cost is None else plain(cost),
        "shares": cell.shares or None,
        "memory_bytes": cell.memory,
        "flawed": cell.flawed,
        "reason": cell.why or None,
    }


def _speed(found: Measured) -> Table:
    columns = ("Mode", "Batch", "First call", "Warm s", "Range", "Images/h", "Limit", "Cost")
    rows = []
    for cell in found.cells:
        share, cost = found.share_of_limit(cell), found.cost(cell)
        if cell.seconds is None:
            rows.append((cell.mode, str(cell.batch), *[UNKNOWN] * 6))
            continue
        spread = f"{min(cell.warm):.3g}..{max(cell.warm):.3g}"
        rate, limit = _count(cell.per_hour), UNKNOWN if share is None else f"{share:.0%}"
        price = UNKNOWN if cost is None else show(cost)
        first = UNKNOWN if cell.cold is None else f"{cell.cold:.3g} s"
        rows.append((cell.mode, str(cell.batch), first, f"{cell.seconds:.3g}", spread, rate, limit, price))
    return Table("Speed, measured", columns, tuple(rows))


def _stages(found: Measured) -> Table:
    columns = ("Mode", "Batch", *(name.capitalize() for name in STAGES), "Rest", "GPU memory")
    rows = []
    for cell in found.cells:
        shares = [f"{cell.shares[name]:.1%}" if cell.shares else UNKNOWN for name in (*STAGES, "rest")]
        memory = UNKNOWN if cell.memory is None else f"{cell.memory / 1e9:.1f} GB"
        rows.append((cell.mode, str(cell.batch), *shares, memory))
    return Table("Where the time goes, measured", columns, tuple(rows))


def _others(found: Measured, guide: Anchor | None) -> Table:
    """Ours, the estimate for this GPU, the guide's figure, and what others published."""
    asked, best = found.asked, found.best
    rows: list[tuple[str, ...]] = []
    if best is not None and best.seconds is not None:
        what = f"here: {best.mode}, {best.batch} at once"
        rows.append((what, "measured", str(asked.steps), f"{best.seconds:.3g}", *[_count(best.per_hour)] * 2))
    for each in _forecasts(found):
        low, high = each["images_per_hour"]
        rate = f"{_count(low)}..{_count(high)}"
        seconds = f"{each['seconds'][0]:.3g}..{each['seconds'][1]:.3g}"
        rows.append((f"{each['gpu']}: {each['mode']}", "estimate", str(asked.steps), seconds, rate, rate))
    for each in _published(found, guide):
        scaled = each["images_per_hour_at_these_steps"]
        seconds = f"{each['seconds']:.3g}"
        what = f"{each['gpu']}: {each['setting']}"
        at = UNKNOWN if scaled is None else f"~{_count(scaled)}"
        rows.append((what, each["by"], str(each["steps"]), seconds, _count(each["images_per_hour"]), at))
    columns = ("What", "Figure", "Steps", "Seconds", "Images/h", "At your work")
    return Table("Beside others (last column: an estimate by arithmetic)", columns, tuple(rows), right=2)


def _forecasts(found: Measured) -> Iterator[dict[str, Any]]:
    for mode in dict.fromkeys(cell.mode for cell in found.cells):
        batch = max(cell.batch for cell in found.cells)
        each = found.forecast(mode, batch)
        if each is not None and found.asked.gpu is not None:
            yield {
                "gpu": found.asked.gpu.name,
                "mode": mode,
                "seconds": list(each.seconds),
                "images_per_hour": list(each.per_hour()),
                "mfu": list(each.mfu),
            }


def _published(found: Measured, guide: Anchor | None) -> Iterator[dict[str, Any]]:
    asked = found.asked
    tflop = asked.work.tflop if asked.work else 0.0
    model = asked.counted or "sdxl"
    if guide is not None and guide.model == model:
        yield _figure(guide, tflop, "guide")
    for each in published(model):
        yield _figure(each, tflop, "published")


def _figure(anchor: Anchor, tflop: float, by: str) -> dict[str, Any]:
    return {
        "by": by,
        "gpu": anchor.gpu,
        "setting": anchor.setting,
        "steps": anchor.steps,
        "seconds": anchor.seconds,
        "images_per_hour": anchor.per_hour,
        "images_per_hour_at_these_steps": anchor.at(tflop),
        "mfu": anchor.mfu,
        "source": anchor.source,
    }


def _of(cell: Cell) -> str:
    said = [cell.why, f"{cell.flawed} pictures came out broken" if cell.flawed else ""]
    return f"{cell.mode}, {cell.batch} at once: {'; '.join(filter(None, said))}"


def _limit(found: Measured) -> str:
    asked = found.asked
    if asked.work is None:
        return "Limit: not known, since the arithmetic of these weights is not."
    if found.peak is None or asked.gpu is None:
        return f"Limit: not known, since this device's peak is not ({asked.work.tflop:.1f} TFLOP a picture)."
    peak = f"{asked.gpu.name}'s {found.peak:g} TFLOP/s (bf16, dense)"
    return f"Limit: the share of {peak} that {asked.work.tflop:.1f} TFLOP a picture take; good software reaches half."


def _price(found: Measured) -> str:
    asked = found.asked
    if asked.hourly is None:
        return "Cost: not known; say what an hour costs with --hourly."
    return f"Cost: at {show(asked.hourly)} an hour, fully used."


def _count(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
