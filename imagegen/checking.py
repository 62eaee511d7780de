"""Checking: the models of a manifest or of the routes, held against the dates of the catalogue and of OpenAI.

Reads what is there and asks one list of models, if that; buys nothing. What the dates mean is decided in
`imagegen.modelcheck`.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from imagegen import catalog as catalogs
from imagegen import routing
from imagegen import settings as settings_of
from imagegen.catalog import Catalog
from imagegen.catalog.text import read
from imagegen.context import Context
from imagegen.domain.row import Row
from imagegen.errors import SettingsError, UsageError
from imagegen.manifest.mentions import Mentions, encoding_of
from imagegen.manifest.patch import patched
from imagegen.manifest.tables import DOCUMENTS
from imagegen.modelcheck import Announced, Finding, Uses, findings, overlaid, route_names, spec_names
from imagegen.modelcheck.dates import Choose, count
from imagegen.modelcheck.proposal import proposed
from imagegen.preview import planning
from imagegen.routing import Choice, NoChoice, load_routes
from imagegen.settings import Settings
from imagegen.wiring import Project, announced_by, context_of, open_project


@dataclass(frozen=True)
class Asked:
    """What a check is to go by. `output`: the folder whose pictures count as there. `today` None: the real one."""

    routes: str | None = None
    catalog: list[Path] | None = None
    output: Path | None = None
    today: date | None = None
    offline: bool = False

    @property
    def flags(self) -> dict[str, Any]:
        """Those that are settings."""
        own = [str(path.absolute()) for path in self.catalog] if self.catalog else None
        return {"routes": self.routes, "catalog": own}


@dataclass(frozen=True)
class Check:
    """What was found. `diff` is a patch of the manifest in its own encoding, `proposals` what it does and leaves."""

    what: str
    today: date
    uses: Uses
    found: Sequence[Finding]
    announced: Announced | None = None
    notes: tuple[str, ...] = ()
    todo: str = "name others in your routes or catalogue files"
    diff: bytes = b""
    proposals: tuple[str, ...] = ()

    @property
    def retired(self) -> int:
        """How many models in use are shut down."""
        return count(self.found)["retired"]


def check_manifest(manifest: Path, asked: Asked, diff: bool = False) -> Check:
    """The models that the plan of `manifest` counts on, rows that are made already left out."""

    project = open_project(manifest, asked.flags, estimating=True)
    today = asked.today or project.context.today
    project = replace(project, context=replace(project.context, today=today))
    uses = Uses()
    with planning(project, asked.output) as planned:
        uses.take(planned)
    _name(uses, spec_names(project.settings.routes), project.catalog, "routes")
    announced = _announced(project.settings, uses, asked)
    found = findings(uses, project.catalog, today, announced, lambda book: _chooser(project.context, book))
    notes = (*project.manifest.notes, *_notes(announced, uses))
    todo = f"`imagegen models check {manifest} --diff` proposes others"
    check = Check(str(manifest), today, uses, found, announced, notes, todo)
    if not diff:
        return check
    known = overlaid(project.catalog, announced)
    patch, proposals = _diff(project, found, known, today)
    todo = "apply the patch" if patch else "change by hand what the notes name"
    return replace(check, diff=patch, proposals=tuple(proposals), todo=todo)


def check_routes(asked: Asked) -> Check:
    """All models that the routes of the settings name, and those of the user's own catalogue files."""

    settings = settings_of.load(flags=asked.flags)
    routes = load_routes(settings.routes, settings.catalogs)
    book = catalogs.load(settings.catalogs).repriced(routes.prices)
    today = asked.today or datetime.now(UTC).date()
    uses = Uses()
    _name(uses, route_names(routes), book, f"routes {routes.name}")
    for path in settings.catalogs:
        models = read(path).get("models")
        _name(uses, ((name, path.name) for name in models or ()), book, path.name)
    context = context_of(settings, book, routes, estimating=True, today=today)
    announced = _announced(settings, uses, asked)
    found = findings(uses, book, today, announced, lambda known: _chooser(context, known))
    return Check(f"routes {routes.name}", today, uses, found, announced, tuple(_notes(announced, uses)))


def _name(uses: Uses, names: Iterable[tuple[str, str]], catalog: Catalog, where: str) -> None:
    """Count the offers of named models in."""
    for name, place in names:
        try:
            model, provider = catalog.find(name)
        except UsageError as problem:
            raise SettingsError(f"{where}: {place}: {problem.what}", problem.todo) from None
        for offer in model.offers:
            if provider in (None, offer.provider):
                use = uses.of(model.name, offer.provider)
                use.alone |= provider is not None
                if place not in use.lists:
                    use.lists.append(place)


def _announced(settings: Settings, uses: Uses, asked: Asked) -> Announced | None:
    """What OpenAI says, where a model of theirs is in use and a key is there."""

    if asked.offline or not any(provider == "openai" for _, provider in uses.by_offer):
        return None
    return announced_by(settings)


def _notes(announced: Announced | None, uses: Uses) -> list[str]:
    notes = []
    if announced and announced.trouble:
        notes.append(f"no dates from {announced.host or announced.provider}: {announced.trouble}")
    elif announced and not announced.dates:
        notes.append(f"{announced.host} lists no models; the catalogue's dates count")
    if uses.refused:
        others = f" and {uses.refused - 1:,} more" if uses.refused > 1 else ""
        notes.append(f"no model can make {uses.reason}{others}")
    return notes


def _chooser(context: Context, catalog: Catalog) -> Choose:
    """Chooses as a plan does, by the dates of `catalog`."""

    def select(row: Row, today: date) -> Choice | NoChoice:
        given = 0 if row.image is None else 1 if isinstance(row.image, str) else len(row.image)

        def by(enabled: frozenset[str] | None) -> Choice | NoChoice:
            optimize: Any = context.optimize
            return routing.choose(
                row,
                context.routes,
                catalog,
                today,
                enabled=enabled,
                missing=context.missing,
                optimize=optimize,
                input_count=given,
                also=context.cut,
            )

        found = by(context.enabled)
        return by(None) if isinstance(found, NoChoice) and context.enabled is not None else found

    return select


def _diff(project: Project, found: Sequence[Finding], known: Catalog, today: date) -> tuple[bytes, list[str]]:
    """The patch for every file of the manifest, and what is to be said about it."""

    path, source = project.manifest.path, project.manifest.header.source
    proposal = proposed(found, Mentions(path, source), known, today, _chooser(project.context, known))
    diff, notes = b"", proposal.notes
    for file, edits in proposal.edits.items():
        name, where = _named(file)
        is_document = file.suffix.lower() in DOCUMENTS
        patch = patched(file, name, edits, encoding_of(file, source), yaml=is_document)
        diff += patch.diff
        if patch.diff and where:
            notes.append(f"the patch of {name} is for the folder {where}")
        notes += [f"{file}:{edit.line}:{edit.column}: write {edit.new} by hand" for edit in patch.left]
    return diff, notes


def _named(file: Path) -> tuple[str, Path | None]:
    """How a patch calls `file`; and from which folder, where that is not this one."""
    whole = Path(os.path.abspath(file))  # links stay what they are, ".." goes
    if whole.is_relative_to(Path.cwd()):
        return whole.relative_to(Path.cwd()).as_posix(), None
    return whole.name, whole.parent
