"""A break-even in words: the GPUs against what an API takes, then month by month; the same for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from imagegen.breakeven import HOURS, Even, Month, Price, Sides, View, break_even, capacity, month, monthly
from imagegen.catalog import Catalog, Gpu
from imagegen.domain.money import Nano, plain, show

if TYPE_CHECKING:
    from rich.table import Table

_TITLES = {"guide": "At the guide's prices", "today": "At today's prices", "yours": "At this price"}
_HEADS = {"guide": "Guide", "today": "Now", "yours": "At"}


def show_all(gpus: Sequence[Gpu], main: Gpu, sides: Sides, at: Sequence[int], book: Catalog) -> None:
    """Print everything. `main` is the GPU that volumes are compared for."""
    from imagegen.cli.sheet import cell, put

    views = sides.views
    put(cell("Pictures a month from which a GPU costs no more than an API", style="bold"))
    put(*(cell(_legend(view)) for view in views))
    put("", _gpus(gpus, views), "", *map(cell, _remarks(gpus, views)))
    for view in views:
        put("", cell(f"{_TITLES[view.when]}, {main.title}: {_api(view)}", style="bold"))
        put(_months(main, view, at, sides.pictures))
        if sides.pictures:
            put(cell(f"* {view.api.name}"))
        if view.serverless:
            put(
                cell(
                    f"Serverless: {view.serverless.name}, {_each(view.serverless)} a picture ({view.serverless.about})."
                )
            )
    put("", *map(cell, _closing(main, book)))


def _gpus(gpus: Sequence[Gpu], views: Sequence[View]) -> Table:
    from imagegen.cli.sheet import cell, sheet

    heads = [_head(view) for view in views]
    figures = ["An hour", "A month", "Can make", *heads]
    table = sheet("GPU", *figures, right=figures, keep=figures)
    for gpu in gpus:
        said = [show(gpu.hourly), show(monthly(gpu)), f"{capacity(gpu):,}"]
        said += [_volume(break_even(gpu, view.api.most)) for view in views]
        table.add_row(cell(gpu.title), *map(cell, said))
    return table


def _head(view: View) -> str:
    return f"{_HEADS[view.when]} {_each(view.api)}"


def _legend(view: View) -> str:
    name = f"{view.api.name}, " if view.api.name else ""
    return f"{_head(view)}: {name}{view.api.about}"


def _volume(even: Even) -> str:
    if even.reached:
        return f"{even.volume:,}"
    return "never" if even.volume is None else f"never ({_short(even.volume)})"


def _short(volume: int) -> str:
    """A volume that nobody reaches, short: "912,000", "1.21M"."""
    return f"{volume:,}" if volume < 10**6 else f"{volume / 10**6:,.2f}M"


def _remarks(gpus: Sequence[Gpu], views: Sequence[View]) -> Iterator[str]:
    evens = [break_even(gpu, view.api.most) for gpu in gpus for view in views]
    yield f"A month is {HOURS} hours, paid for whether the GPU works or not."
    if any(even.volume is not None and not even.reached for even in evens):
        yield "never (N): it would take N pictures, more than the GPU can make."
    if any(even.volume is None for even in evens):
        yield "never: nothing is cheaper than an API that is free."
    for gpu in gpus:
        if gpu.note:
            yield f"{gpu.title}: {gpu.note}."


def _months(gpu: Gpu, view: View, at: Sequence[int], pictures: int) -> Table:
    from imagegen.cli.sheet import cell, sheet

    figures = ["Pictures", "API", *(["Serverless"] if view.serverless else []), "GPUs", "Own GPU", "Busy"]
    table = sheet(*figures, "Cheapest", right=figures, keep=[*figures, "Cheapest"])
    for volume in at:
        found = month(gpu, view, volume)
        said = [f"{volume:,}{' *' if volume == pictures else ''}", _about(found.api, view.api.guessed)]
        if view.serverless and found.serverless:
            said.append(_between(*found.serverless, view.serverless.guessed))
        said += [f"{found.gpus:,}", show(found.own), f"{100 * found.busy:.0f} %", found.cheapest]
        table.add_row(*map(cell, said))
    return table


def _closing(gpu: Gpu, book: Catalog) -> Iterator[str]:
    usual = book.comparison
    assert usual is not None, "our own data say what to compare with"
    source = gpu.source if gpu.name == "own" else f"{gpu.source}, read {gpu.read_on}"
    yield (
        f"~{gpu.images_per_hour:,} pictures an hour on {gpu.title} ({source}). "
        f"GPU and serverless make {usual.makes} pictures, 1024x1024 in {usual.steps} steps; the API makes its own "
        "model's. Look at both before you decide."
    )


def _each(price: Price) -> str:
    return _between(price.least, price.most, price.guessed)


def _between(least: Nano, most: Nano, guessed: bool) -> str:
    return _about(most, guessed) if least == most else f"{_about(least, guessed)}..{show(most)}"


def _about(amount: Nano, guessed: bool) -> str:
    return f"{'~' if guessed else ''}{show(amount)}"


def _api(view: View) -> str:
    return f"{view.api.name}{' at ' if view.api.name else ''}{_each(view.api)} a picture"


def events(gpus: Sequence[Gpu], main: Gpu, sides: Sides, at: Sequence[int]) -> Iterator[dict[str, Any]]:
    """For machines: a line a GPU and price, a line a volume and price, and last what was compared."""
    views = sides.views
    for view in views:
        for gpu in gpus:
            yield {"event": "gpu", "prices": view.when, **_gpu(gpu), **_even(gpu, view)}
    for view in views:
        for volume in at:
            yield {"event": "month", "prices": view.when, "gpu": main.name, **_month(month(main, view, volume))}
    yield {
        "event": "break_even",
        "hours": HOURS,
        "volumes": list(at),
        "manifest_pictures": sides.pictures or None,
        **_gpu(main),
        "against": [{"prices": view.when, **_even(main, view), **_sides(view)} for view in views],
        "notes": list(sides.notes),
    }


def _gpu(gpu: Gpu) -> dict[str, Any]:
    return {
        "gpu": gpu.name,
        "title": gpu.title,
        "hourly_usd": plain(gpu.hourly),
        "images_per_hour": gpu.images_per_hour,
        "monthly_usd": plain(monthly(gpu)),
        "capacity": capacity(gpu),
        "per_image_usd": plain(gpu.per_image),
        "note": gpu.note,
        "source": gpu.source,
        "read_on": gpu.read_on.isoformat(),
    }


def _even(gpu: Gpu, view: View) -> dict[str, Any]:
    """`break_even` null: never; `would_take` is the volume that the GPU cannot make then."""
    even = break_even(gpu, view.api.most)
    return {
        "model": view.api.name or None,
        "api_usd": plain(view.api.most),
        "break_even": even.volume if even.reached else None,
        "would_take": even.volume,
    }


def _sides(view: View) -> dict[str, Any]:
    other = view.serverless
    return {
        "api_estimated": view.api.guessed,
        "api_about": view.api.about,
        "serverless": other and other.name,
        "serverless_usd": other and [plain(other.least), plain(other.most)],
        "serverless_about": other and other.about,
    }


def _month(found: Month) -> dict[str, Any]:
    return {
        "pictures": found.volume,
        "api_usd": plain(found.api),
        "serverless_usd": found.serverless and [plain(amount) for amount in found.serverless],
        "own_usd": plain(found.own),
        "gpus": found.gpus,
        "busy": round(found.busy, 4),
        "cheapest": found.cheapest,
    }
