"""Looking at what a manifest would do: the flags that commands share, what is there already, and the notes.

Only reads: no call goes out and nothing is created, not even in an empty home.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from imagegen.cli import say

if TYPE_CHECKING:
    from imagegen.domain.row import Placed
    from imagegen.estimate import Totals
    from imagegen.planned import Planned
    from imagegen.wiring import Project

Manifest = Annotated[
    Path, typer.Argument(help="A YAML, CSV, TSV, JSONL or Parquet file of prompts.", show_default=False)
]
Routes = Annotated[str | None, typer.Option(help="Routing preset: current or guide.")]
Model = Annotated[str | None, typer.Option(help="Plan every row for this model.")]
Provider = Annotated[str | None, typer.Option(help="Plan every row for this provider; placeholder costs nothing.")]
Number = Annotated[int | None, typer.Option("--n", min=1, max=100, help="Count so many pictures of every row.")]
Optimize = Annotated[
    Literal["route", "cost"] | None, typer.Option(help="route: the first that can; cost: the cheapest.")
]
Lane = Annotated[
    Literal["live", "batch", "local", "auto"] | None,
    typer.Option(help="Plan for live calls, for half-price batches, or for these where possible."),
]
Catalog = Annotated[list[Path] | None, typer.Option(help="A catalogue file of your own (models, prices, routes).")]
Budget = Annotated[str | None, typer.Option(help="What a run may spend, in USD.")]
Output = Annotated[Path | None, typer.Option(help="The folder whose pictures count [out/<manifest name>].")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")]


def opened(
    manifest: Path,
    *,
    routes: str | None = None,
    model: str | None = None,
    provider: str | None = None,
    n: int | None = None,
    optimize: str | None = None,
    catalog: list[Path] | None = None,
    budget: str | None = None,
    lane: str | None = None,
    estimating: bool = True,
    allow_retired: bool = False,
) -> Project:
    """The manifest and all that goes with it, for looking only: no key is needed and retired models have prices.
    Without `estimating` keys and dates count, as in a run."""
    from imagegen.wiring import open_project

    flags: dict[str, Any] = {
        "routes": routes,
        "optimize": optimize,
        "catalog": [str(path.absolute()) for path in catalog] if catalog else None,
        "budget": {"run": budget} if budget is not None else None,
    }
    given = (("model", model), ("provider", provider), ("lane", lane), ("n", n))
    set_fields = {name: value for name, value in given if value}
    return open_project(manifest, flags, set_fields=set_fields, estimating=estimating, allow_retired=allow_retired)


def planning(
    project: Project, output: Path | None = None, rows: Iterable[Placed] | None = None
) -> AbstractContextManager[Iterator[Planned]]:
    """See `imagegen.preview.planning`."""
    from imagegen import preview

    return preview.planning(project, output, rows)


def notes(project: Project, totals: Totals, retired: bool = True) -> list[str]:
    """See `imagegen.preview.notes`."""
    from imagegen import preview

    return preview.notes(project, totals, retired)


def say_notes(lines: Iterable[str]) -> None:
    """Notes, one line each, on stderr."""
    for line in lines:
        say.note(line)
