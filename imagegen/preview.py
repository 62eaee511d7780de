"""Preview: what a manifest would do, and what a reader of the figures should know.

Only reads: no call goes out and nothing is created, not even in an empty home.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from imagegen.clock import SystemClock
from imagegen.crew import providers
from imagegen.domain.given import Given
from imagegen.domain.handoff import BY_HAND, HANDED, HANDOFF
from imagegen.domain.request import Request
from imagegen.domain.row import Placed
from imagegen.domain.words import pictures
from imagegen.errors import StorageError
from imagegen.estimate import Line, Totals
from imagegen.ledger import holdings, schema
from imagegen.output import OutputFolder
from imagegen.planned import Planned
from imagegen.planner import Refuses, plan
from imagegen.runplan import asking
from imagegen.settings import KEY_VARIABLES, Secret
from imagegen.shelf import Shelf
from imagegen.stores import Store
from imagegen.wiring import Project, open_store


@contextmanager
def planning(
    project: Project,
    output: Path | None = None,
    rows: Iterable[Placed] | None = None,
    *,
    reroute: bool = False,
    redo: frozenset[str] = frozenset(),
) -> Iterator[Iterator[Planned]]:
    """What would be done for `rows` (all of the manifest's), streamed, with what is there already taken into account;
    `reroute` and `redo` as a run takes them. Raises StorageError when the ledger cannot be read."""
    folder = output or project.output
    with shelf(project, folder, reroute) as there:
        look = there.look if there else None
        every = project.manifest.rows() if rows is None else rows
        refuses, asked = refusing(project)
        context = replace(project.context, chosen=there.chosen) if there else project.context
        yield plan(every, context, look=look, refuses=refuses, asked=asked, redo=redo)


@contextmanager
def shelf(project: Project, folder: Path, reroute: bool = False) -> Iterator[Shelf | None]:
    """What the home and the output `folder` have already; None for a home that was never used."""
    home = project.settings.home
    if not (home / "ledger.db").exists() and not (home / "cache").exists():
        yield None
        return
    with ExitStack() as stack:
        try:
            reader = stack.enter_context(_books(home / "ledger.db"))
            known = OutputFolder(folder).collection() or holdings.collection_at(reader, str(folder.absolute()))
            store = open_store(home)
            stack.callback(_let_go, store)
            yield Shelf(project.settings, store, reader, known, reroute)
        except sqlite3.DatabaseError as problem:
            what = f"the ledger {home / 'ledger.db'} cannot be read: {problem}"
            raise StorageError(what, "restore a copy of it, or set IMAGEGEN_HOME to another folder") from problem


@contextmanager
def _books(path: Path) -> Iterator[sqlite3.Connection]:
    """The ledger for reading; an empty one in memory where there is none (a cache that was copied alone)."""
    reader = schema.read_only(path) if path.exists() else sqlite3.connect(":memory:")
    try:
        if not path.exists() or reader.execute("PRAGMA user_version").fetchone()[0] == 0:
            reader.close()
            reader = sqlite3.connect(":memory:")
            reader.executescript(schema.TABLES)
        yield reader
    finally:
        reader.close()


def _let_go(store: Store) -> None:
    with suppress(StorageError):  # what the index missed is found again the next time
        store.close()


def refusing(project: Project) -> tuple[Refuses, frozenset[str]]:
    """Asks a provider what it would refuse; and those that this version can ask. No key is needed for that."""
    keys = dict.fromkeys(KEY_VARIABLES, Secret("none"))
    known = providers(replace(project.settings, keys=keys), project.catalog, SystemClock())
    for name in project.settings.addresses:
        known.get(name)  # an address that cannot be one is told of, whether or not a row goes there
    context, provider_says = project.context, asking(known)

    def refuses(request: Request, given: Mapping[str, Given]) -> str | None:
        model = project.catalog.models.get(request.model)
        offer = model.offer(request.provider) if model else None
        here = request.provider not in context.served_elsewhere
        if context.estimating and here and model and model.gone(context.today, offer):
            return None  # it is priced as it was; nobody is asked for it
        return provider_says(request, given)

    return refuses, frozenset(known)


def notes(project: Project, totals: Totals, retired: bool = True) -> list[str]:
    """What a reader of the figures should know about keys, the manifest and (with `retired`) dates, a line each."""
    used = [line for line in totals.by("model") if line.paid and not line.is_placeholder]
    return [
        *project.manifest.notes,
        *_keys(project, sorted({line.provider for line in used} - {HANDOFF})),
        *(_retired(project, [(line.model, line.provider) for line in used]) if retired else ()),
        *(_by_hand(used) if retired else ()),
    ]


def _by_hand(used: Iterable[Line]) -> list[str]:
    count = sum(line.paid for line in used if line.provider == HANDOFF)
    return [f"{HANDED} ({pictures(count)})"] if count else []


def _keys(project: Project, providers: list[str]) -> list[str]:
    context = project.context
    if context.enabled is None:
        why = "no key is set" if not project.settings.keys else "no key of a provider that this version calls is set"
        return [f"{why}: every provider is assumed"] if providers else []
    lacking = [
        f"{name} ({why})"
        for name in providers
        if name not in context.enabled and (why := context.missing.get(name, "no key")) != BY_HAND
    ]
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
