"""Looking at what a manifest would do: the flags that commands share, what is there already, and the notes.

Only reads: no call goes out and nothing is created, not even in an empty home.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from imagegen.cli import say

if TYPE_CHECKING:
    from imagegen.domain.row import Placed
    from imagegen.estimate import Totals
    from imagegen.planner import Planned, Refuses
    from imagegen.shelf import Shelf
    from imagegen.wiring import Project

Manifest = Annotated[Path, typer.Argument(help="A YAML, CSV, TSV or JSONL file of prompts.", show_default=False)]
Routes = Annotated[str | None, typer.Option(help="Routing preset: current or guide.")]
Model = Annotated[str | None, typer.Option(help="Plan every row for this model.")]
Provider = Annotated[str | None, typer.Option(help="Plan every row for this provider; placeholder costs nothing.")]
Optimize = Annotated[
    Literal["route", "cost"] | None, typer.Option(help="route: the first that can; cost: the cheapest.")
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
    optimize: str | None = None,
    catalog: list[Path] | None = None,
    budget: str | None = None,
) -> Project:
    """The manifest and all that goes with it, for looking only: no key is needed and retired models have prices."""
    from imagegen.wiring import open_project

    flags: dict[str, Any] = {
        "routes": routes,
        "optimize": optimize,
        "catalog": [str(path.absolute()) for path in catalog] if catalog else None,
        "budget": {"run": budget} if budget is not None else None,
    }
    set_fields = {name: value for name, value in (("model", model), ("provider", provider)) if value}
    return open_project(manifest, flags, set_fields=set_fields, estimating=True)


@contextmanager
def planning(
    project: Project, output: Path | None = None, rows: Iterable[Placed] | None = None
) -> Iterator[Iterator[Planned]]:
    """What would be done for `rows` (all of the manifest's), streamed, with what is there already taken into account.
    Raises StorageError when the ledger cannot be read."""
    from imagegen.planner import plan

    folder = output or Path("out") / project.name
    with shelf(project, folder) as there:
        look = there.look if there else None
        every = project.manifest.rows() if rows is None else rows
        refuses, asked = refusing(project)
        yield plan(every, project.context, look=look, refuses=refuses, asked=asked)


@contextmanager
def shelf(project: Project, folder: Path) -> Iterator[Shelf | None]:
    """What the home and the output `folder` have already; None for a home that was never used."""
    home = project.settings.home
    if not (home / "ledger.db").exists() and not (home / "cache").exists():
        yield None
        return
    from imagegen.errors import StorageError
    from imagegen.ledger import holdings
    from imagegen.output import OutputFolder
    from imagegen.shelf import Shelf
    from imagegen.wiring import open_store

    with ExitStack() as stack:
        try:
            reader = stack.enter_context(_books(home / "ledger.db"))
            known = OutputFolder(folder).collection() or holdings.collection_at(reader, str(folder.absolute()))
            store = open_store(home)
            stack.callback(_let_go, store)
            yield Shelf(project.settings, store, reader, known)
        except sqlite3.DatabaseError as problem:
            what = f"the ledger {home / 'ledger.db'} cannot be read: {problem}"
            raise StorageError(what, "restore a copy of it, or set IMAGEGEN_HOME to another folder") from problem


@contextmanager
def _books(path: Path) -> Iterator[sqlite3.Connection]:
    """The ledger for reading; an empty one in memory where there is none (a cache that was copied alone)."""
    from imagegen.ledger import schema

    reader = schema.read_only(path) if path.exists() else sqlite3.connect(":memory:")
    try:
        if not path.exists() or reader.execute("PRAGMA user_version").fetchone()[0] == 0:
            reader.close()
            reader = sqlite3.connect(":memory:")
            reader.executescript(schema.TABLES)
        yield reader
    finally:
        reader.close()


def _let_go(store: Any) -> None:
    from imagegen.errors import StorageError

    with suppress(StorageError):  # what the index missed is found again the next time
        store.close()


def refusing(project: Project) -> tuple[Refuses, frozenset[str]]:
    """Asks a provider what it would refuse; and those that this version can ask. No key is needed for that."""
    from dataclasses import replace

    from imagegen.clock import SystemClock
    from imagegen.settings import KEY_VARIABLES, Secret
    from imagegen.wiring import providers

    keys = dict.fromkeys(KEY_VARIABLES, Secret("none"))
    known = providers(replace(project.settings, keys=keys), project.catalog, SystemClock())

    return lambda request: known[request.provider].refuses(request), frozenset(known)


def notes(project: Project, totals: Totals, retired: bool = True) -> list[str]:
    """What a reader of the figures should know about keys, the manifest and (with `retired`) dates, a line each."""
    used = [line for line in totals.by("model") if line.paid and not line.is_placeholder]
    return [
        *project.manifest.notes,
        *_keys(project, sorted({line.provider for line in used})),
        *(_retired(project, [(line.model, line.provider) for line in used]) if retired else ()),
    ]


def _keys(project: Project, providers: list[str]) -> list[str]:
    context = project.context
    if context.enabled is None:
        why = "no key is set" if not project.settings.keys else "no key of a provider that this version calls is set"
        return [f"{why}: every provider is assumed"] if providers else []
    lacking = [f"{name} ({context.missing.get(name, 'no key')})" for name in providers if name not in context.enabled]
    return [f"planned as if it were set up: {', '.join(lacking)}"] if lacking else []


def _retired(project: Project, used: list[tuple[str, str]]) -> list[str]:
    context, gone = project.context, {}
    for name, provider in used:
        model = project.catalog.models[name]
        offer = model.offer(provider)
        if provider not in context.served_elsewhere and model.gone(context.today, offer):
            days = [day for day in (offer.shutdown_on if offer else None, model.shutdown_on) if day]
            since = f"shut down {min(days)}" if days else "retired"
            gone[name] = f"{name} ({since}{f', use {model.replaced_by}' if model.replaced_by else ''})"
    return [f"retired models are priced as they were: {', '.join(gone.values())}"] if gone else []


def say_notes(lines: Iterable[str]) -> None:
    """Notes, one line each, on stderr."""
    for line in lines:
        say.note(line)
