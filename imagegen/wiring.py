"""Wiring: settings in, working parts out. The only importer of concrete providers and stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen import catalog as catalogs
from imagegen import scoring
from imagegen import settings as settings_of
from imagegen.blueprint import PLACEHOLDER
from imagegen.callbacks.address import checker
from imagegen.catalog import Catalog
from imagegen.catalog.fields import suggestion
from imagegen.context import Context
from imagegen.domain.handoff import BY_HAND, HANDOFF
from imagegen.domain.queue import LOCAL
from imagegen.domain.row import Placed, Row
from imagegen.errors import ManifestError, SettingsError
from imagegen.inputs import Sources
from imagegen.ledger.budgets import Budget
from imagegen.manifest import Manifest, open_manifest
from imagegen.ownmodels import OwnModels
from imagegen.planfile import is_plan
from imagegen.roster import BUILDERS, JUDGES
from imagegen.routing import Routes, load_routes
from imagegen.selection import Selection
from imagegen.servers import variable
from imagegen.settings import KEY_VARIABLES, Settings
from imagegen.stores import Store

if TYPE_CHECKING:
    from imagegen.modelcheck import Announced
    from imagegen.planned import Planned
    from imagegen.promise import Promise

#: Providers that this version can call; every other name is a server of the user's own.
SPOKEN = frozenset({*BUILDERS, LOCAL})


@dataclass(frozen=True)
class Project:
    """A manifest and everything that decides what becomes of it."""

    manifest: Manifest
    settings: Settings
    catalog: Catalog
    routes: Routes
    context: Context
    promise: Promise | None = None
    sources: Sources | None = None

    @property
    def name(self) -> str:
        """The manifest's file name without its ending."""
        return self.manifest.path.stem

    @property
    def output(self) -> Path:
        """The folder for the pictures where nobody says another."""
        return Path(self.promise.plan.head["output"]) if self.promise else Path("out") / self.name

    @property
    def budget(self) -> Budget:
        """The limits on spending, in nanodollars."""
        return Budget(**self.settings.budgets)

    def supplied(
        self,
        refetch: bool,
        wanted: Selection,
        heed: Callable[[], None],
        note: Callable[[str], None],
        doomed: Callable[[Row], bool],
    ) -> Iterator[Placed]:
        """The rows in order; the input pictures of those `wanted` are fetched on the way, unless the row is `doomed`
        all the same: see `Sources.fetched`."""
        rows = self.manifest.rows()
        if self.sources is None:
            return rows
        return self.sources.fetched(rows, wanted=wanted.takes, doomed=doomed, refetch=refetch, heed=heed, note=note)

    def keeper(self) -> Callable[[list[Planned]], list[Planned]]:
        """What the next pictures of a run must pass: see `Promise.keeper`; for a manifest it lets all pass."""
        return self.promise.keeper() if self.promise else list


def open_project(
    path: Path,
    flags: Mapping[str, Any] | None = None,
    *,
    set_fields: Mapping[str, Any] | None = None,
    estimating: bool = False,
    allow_retired: bool = False,
    today: date | None = None,
) -> Project:
    """Read the manifest or the plan file at `path` and all that goes with it. `estimating`: nothing will be bought,
    so keys and dates do not matter. Raises ManifestError or SettingsError."""
    if is_plan(path):
        return _open_plan(path, flags or {}, set_fields or {}, allow_retired, today)
    manifest = open_manifest(path, set_fields=set_fields or {})
    return project_of(manifest, flags, estimating=estimating, allow_retired=allow_retired, today=today)


def project_of(
    manifest: Manifest,
    flags: Mapping[str, Any] | None = None,
    *,
    estimating: bool = False,
    allow_retired: bool = False,
    today: date | None = None,
) -> Project:
    """An open manifest and all that goes with it, as `open_project`."""
    path = manifest.path
    settings = settings_of.load(manifest.settings(), flags, beside=path.absolute().parent)
    try:
        routes = load_routes(settings.routes, settings.catalogs)
    except SettingsError as problem:
        if settings.routes is None or settings.routes is not manifest.header.routes:
            raise
        raise ManifestError(path.name, 0, 0, f"routes: {problem.what}", problem.todo) from problem
    catalog = catalogs.load(settings.catalogs).repriced(routes.prices)
    _check_names(settings, catalog)
    context = context_of(settings, catalog, routes, estimating=estimating, allow_retired=allow_retired, today=today)
    sources = Sources(path.absolute().parent, settings.home, settings.picture_hosts)
    calls = _calls(settings, path, estimating)
    context = replace(context, renditions=manifest.header.output.made_renditions, inputs=sources.resolve, calls=calls)
    own = OwnModels(settings, catalog, path.absolute().parent)
    context = _with_own(replace(context, lane=manifest.header.lane), own)
    return Project(manifest, settings, catalog, routes, context, sources=sources)


def _open_plan(
    path: Path, flags: Mapping[str, Any], set_fields: Mapping[str, Any], allow_retired: bool, today: date | None
) -> Project:
    """The project of a plan file: planned as on the day that it was made, and held to what it says."""
    from imagegen.promise import Promise, planned_rows

    rows = planned_rows(path)
    flags = rows.bound(flags, set_fields)
    settings = rows.capped(settings_of.load(rows.settings(), flags, beside=path.absolute().parent))
    routes = load_routes(settings.routes, settings.catalogs)
    catalog = catalogs.load(settings.catalogs).repriced(routes.prices)
    rows.check_catalog(catalog.digest)
    _check_names(settings, catalog)
    now = context_of(settings, catalog, routes, allow_retired=allow_retired, today=today)
    sources = Sources(rows.beside, settings.home, settings.picture_hosts)
    calls = _calls(settings, path)
    now = replace(now, renditions=rows.header.output.made_renditions, inputs=sources.resolve, calls=calls)
    own = OwnModels(settings, catalog, rows.beside, rows.plan.head.get("local_speeds"))
    now = _with_own(replace(now, lane=rows.header.lane), own)
    return Project(rows, settings, catalog, routes, rows.as_planned(now), Promise(rows.plan, now), sources)


def _with_own(context: Context, own: OwnModels) -> Context:
    """`context` with what this machine can make; models whose weights are not here are barred."""
    here = context.enabled is not None and LOCAL in context.enabled
    return replace(context, own=own, barred=own.barred() if here else {})


def _calls(settings: Settings, path: Path, estimating: bool = False) -> Callable[[Row], str]:
    """Why rows of the manifest at `path` cannot be told of by their callback_url."""
    return checker(settings.callback_hosts, lambda: settings_of.webhook_secret(path.absolute().parent), estimating)


def _check_names(settings: Settings, catalog: Catalog) -> None:
    known = frozenset({PLACEHOLDER, *catalog.providers(), *settings.addresses})
    said = {"providers": settings.providers or (), "same_as": settings.same_as, "concurrency": settings.concurrency}
    for key, names in said.items():
        for name in names:
            if name not in known:
                raise SettingsError(f"{key}: no provider is called {name!r}", suggestion(name, known))
    able = {*JUDGES, *settings.servers}
    for judge in catalog.judges.values():
        if judge.provider not in able:
            what = f"judges: {judge.name}: no vision model can be asked at {judge.provider!r}"
            raise SettingsError(what, suggestion(judge.provider, frozenset(able)))


def context_of(
    settings: Settings,
    catalog: Catalog,
    routes: Routes,
    *,
    estimating: bool = False,
    allow_retired: bool = False,
    today: date | None = None,
) -> Context:
    """What plans depend on besides rows."""
    enabled, missing = enabled_providers(settings, catalog)
    where, day = {name: settings.address_of(name) for name in settings.addresses}, today or datetime.now(UTC).date()
    return Context(
        catalog=catalog,
        routes=routes,
        today=day,
        now=None if today else datetime.now(UTC),
        enabled=_assumed(settings) if estimating and not enabled else enabled,
        missing=missing,
        addresses=where,
        served_elsewhere=frozenset(settings.addresses),
        allow_retired=allow_retired,
        estimating=estimating,
        optimize=settings.optimize,
        scorers=scoring.Scorers(catalog.judges, day, enabled, missing, where, estimating and not enabled),
        accepts=scoring.accepts,
        backgrounds=scoring.backgrounds,
    )


def _assumed(settings: Settings) -> frozenset[str] | None:
    """What an estimate without any key counts on: the providers listed, else all (None)."""
    return frozenset(settings.providers) if settings.providers else None


def enabled_providers(settings: Settings, catalog: Catalog) -> tuple[frozenset[str], dict[str, str]]:
    """The providers that can be called now, and why each other one cannot."""
    enabled: set[str] = set()
    missing: dict[str, str] = {}
    for name in catalog.providers():
        if settings.providers is not None and name not in settings.providers:
            missing[name] = "not listed under providers"
        elif name == HANDOFF:
            if settings.providers is None:
                missing[name] = BY_HAND
            else:
                enabled.add(name)
        elif name == LOCAL:
            if no := OwnModels(settings, catalog, settings.home).missing():
                missing[name] = no
            else:
                enabled.add(name)
        elif name not in SPOKEN and name not in settings.servers:
            missing[name] = f"no {variable(name)}"
        elif name in settings.servers and settings.servers[name].needs_key and name not in settings.keys:
            missing[name] = f"no {settings.servers[name].key_variable}"
        elif name not in settings.keys and name not in settings.addresses:
            missing[name] = f"no {KEY_VARIABLES[name][0]}"
        else:
            enabled.add(name)
    return frozenset(enabled), missing


def open_store(home: Path) -> Store:
    """The cache of a home."""
    from imagegen.stores.disk import DiskStore

    return DiskStore(home / "cache")


def announced_by(settings: Settings) -> Announced | None:
    """What OpenAI's list of models says of their ends; None without a key. Asks the network, once."""
    from imagegen.modelcheck import Announced
    from imagegen.providers.openai.announced import listed

    key, address = settings.keys.get("openai"), settings.addresses.get("openai")
    if key is None:
        return None
    found = listed(key.reveal(), address)
    own = settings.address_of("openai") is not None
    return Announced("openai", found.host, own, found.dates, found.trouble)
