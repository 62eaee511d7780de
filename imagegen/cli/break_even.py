"""`imagegen break-even [MANIFEST]`: from how many pictures a month a GPU of one's own costs less than an API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imagegen.cli import look, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from imagegen.breakeven import Sides, View
    from imagegen.catalog import Catalog, Gpu
    from imagegen.domain.money import Nano
    from imagegen.settings import Settings
    from imagegen.wiring import Project


app = typer.Typer(add_completion=False, rich_markup_mode=None)

Manifest = Annotated[
    Path | None, typer.Argument(help="Take the API's price from this manifest's own plan.", show_default=False)
]
Volumes = Annotated[
    list[str] | None, typer.Option("--volume", help="Pictures a month to compare at: 20000, 20k; more than once.")
]
GpuName = Annotated[str | None, typer.Option("--gpu", help="A GPU of the catalogue: a100, l4, 4090.")]
GpuPrice = Annotated[str | None, typer.Option(help="What an hour of the GPU costs, in USD.")]
Images = Annotated[
    int | None, typer.Option("--images-per-hour", min=1, max=10**9, help="Pictures the GPU makes in an hour.")
]
Against = Annotated[str | None, typer.Option(help="The API's model: MODEL, PROVIDER/MODEL, MODEL@QUALITY.")]
ApiPrice = Annotated[str | None, typer.Option(help="What the API takes for a picture, in USD.")]


@app.command(help="From how many pictures a month a GPU of your own costs less than an API.")
def break_even(
    manifest: Manifest = None,
    volume: Volumes = None,
    gpu: GpuName = None,
    gpu_price: GpuPrice = None,
    images_per_hour: Images = None,
    against: Against = None,
    api_price: ApiPrice = None,
    routes: look.Routes = None,
    catalog: look.Catalog = None,
    as_json: look.AsJson = False,
) -> int:
    """Gather the two sides, compare, print."""
    from datetime import UTC, datetime

    from imagegen import catalog as catalogs
    from imagegen.breakeven import Sides, own_gpu, volumes
    from imagegen.catalog.gpus import named
    from imagegen.cli import break_even_tables as tables
    from imagegen.cli.amounts import dollars
    from imagegen.errors import UsageError

    said = [
        name for name, given in (("MANIFEST", manifest), ("--against", against), ("--api-price", api_price)) if given
    ]
    if len(said) > 1:
        raise UsageError(f"{' and '.join(said)} each say what the API takes", "give one of them")
    if routes and not manifest:
        raise UsageError("--routes says how a manifest is routed", "name the manifest, or use --against MODEL")
    hourly = dollars("--gpu-price", gpu_price, "3.80 or 0.04")
    own = dollars("--api-price", api_price, "3.80 or 0.04")
    if manifest:
        project = look.opened(manifest, routes=routes, catalog=catalog)
        sides, book, today = _planned(project), project.catalog, project.context.today
    else:
        given = _settings(catalog)
        book, today = catalogs.load(given.catalogs), datetime.now(UTC).date()
        sides = Sides(_views(book, against, own, today, given.catalogs))
    chosen = own_gpu(named(book.gpus, gpu) if gpu else None, hourly, images_per_hour, today)
    machines = (chosen,) if chosen else book.gpus
    usual = book.comparison.volumes if book.comparison else ()
    at = volumes(volume or (), usual, [sides.pictures] if sides.pictures else ())
    main = chosen or _usual(book)
    if as_json:
        for line in tables.events(machines, main, sides, at):
            say.event(line)
        return 0
    look.say_notes(sides.notes)
    tables.show_all(machines, main, sides, at, book)
    return 0


def _usual(book: Catalog) -> Gpu:
    from imagegen.catalog.gpus import named

    assert book.comparison, "our own data say what to compare with"
    return named(book.gpus, book.comparison.gpu)


def _settings(extra: list[Path] | None) -> Settings:
    from imagegen import settings

    flags = {"catalog": [str(path.absolute()) for path in extra] if extra else None}
    return settings.load({}, flags, beside=Path.cwd())


def _views(book: Catalog, against: str | None, own: Nano | None, today: date, extra: Sequence[Path]) -> list[View]:
    from imagegen.breakeven import Price, View, serverless, views
    from imagegen.routing import load_routes

    if own is not None:
        return [View("yours", Price("", own, own, "your price a picture"), serverless(book, today))]
    return views(book, book.repriced(load_routes("guide", extra).prices), against, today)


def _planned(project: Project) -> Sides:
    """The manifest's average price a picture, as if nothing of it were there yet, and how many it makes.
    Raises UsageError where no API would be paid."""
    from imagegen import catalog as catalogs
    from imagegen.breakeven import Price, Sides, View, serverless
    from imagegen.errors import UsageError
    from imagegen.estimate import Totals
    from imagegen.planner import plan
    from imagegen.preview import refusing

    totals = Totals()
    refuses, asked = refusing(project)
    for picture in plan(project.manifest.rows(), project.context, refuses=refuses, asked=asked):
        totals.add(picture)
    lines = [line for line in totals.by("model") if line.paid and line.provider != "local" and not line.is_placeholder]
    paid = sum(line.paid for line in lines)
    if not paid:
        what = f"{project.manifest.path.name} would buy no picture from an API"
        raise UsageError(what, "say what the API takes: --against MODEL or --api-price USD")
    each = -(-sum(line.cost for line in lines) // paid)
    names = ", ".join(dict.fromkeys(line.model for line in lines))
    about = f"the average of its {paid:,} pictures, routes {project.routes.name}: {names}"
    price = Price(project.manifest.path.name, each, each, about, any(line.guessed for line in lines))
    # The project's catalogue has the prices of its routes; what nothing is routed to costs what it costs today.
    today = serverless(catalogs.load(project.settings.catalogs), project.context.today)
    return Sides([View("yours", price, today)], paid, look.notes(project, totals))
