"""The doctor: is everything in place for a run, and if not, what mends it. Looks only, creates nothing, and asks
nobody unless told to.

    software.py   versions, packages, GPU
    services.py   keys, providers, certificates
    places.py     home and output folder
    books.py      ledger and clock
    online.py     one free question to each provider
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from imagegen import catalog as catalogs
from imagegen import settings as settings_of
from imagegen.catalog import Catalog
from imagegen.doctor import books, online, places, services, software
from imagegen.doctor.finding import Finding, note, ok, problem
from imagegen.domain.words import counted
from imagegen.errors import ImagegenError
from imagegen.settings import Settings
from imagegen.wiring import Project, enabled_providers, open_project

__all__ = ["Finding", "examine"]

#: Rows of a manifest that are looked at.
MOST_ROWS = 10_000
#: Signs of a reason that are shown.
LONGEST = 160


def examine(manifest: Path | None = None, *, online_too: bool = False) -> Iterator[Finding]:
    """Everything, one Finding after the other. With `manifest`, also whether its rows can be made, and where."""
    yield from software.look()
    project, wrong = _project(manifest)
    if wrong is not None:
        yield wrong
    beside = manifest.absolute().parent if manifest else None
    settings, wrong = (project.settings, None) if project else _settings(beside)
    if wrong is not None:
        yield wrong
    catalog = project.catalog if project else _catalog(settings)
    yield from services.keys(settings, beside)
    yield from services.providers(settings, catalog) if not _needs_none(project) else ()
    yield from services.certificates()
    yield from places.home(settings.home)
    yield from places.output(Path("out") / (project.name if project else ""))
    read = [model.read_on for model in catalog.models.values() if model.read_on]
    yield books.clock(settings.home, max(read, default=None))
    yield from books.look(settings.home)
    if project is not None:
        yield from _rows(project)
    if online_too:
        yield from online.look(settings, enabled_providers(settings, catalog)[0])


def _project(manifest: Path | None) -> tuple[Project | None, Finding | None]:
    if manifest is None:
        return None, None
    try:
        return open_project(manifest), None
    except ImagegenError as error:
        return None, problem("manifest", error.what, error.todo or "correct it")


def _settings(beside: Path | None) -> tuple[Settings, Finding | None]:
    try:
        return settings_of.load(beside=beside), None
    except ImagegenError as error:
        wrong = problem("settings", error.what, error.todo or "correct it")
        return Settings(home=settings_of.home_folder()), wrong


def _catalog(settings: Settings) -> Catalog:
    try:
        return catalogs.load(settings.catalogs)
    except ImagegenError:
        return catalogs.load()


def _needs_none(project: Project | None) -> bool:
    """Whether every row is drawn here by the manifest's own word."""
    return project is not None and project.manifest.header.defaults.get("provider") == "placeholder"


def _rows(project: Project) -> Iterator[Finding]:
    """Whether the rows can be made with what is there."""
    from imagegen.planner import plan

    reasons: dict[str, int] = {}
    rows = 0
    try:
        for planned in plan(islice(project.manifest.rows(), MOST_ROWS), project.context):
            rows += planned.draft.sample == 0
            if planned.state == "refused":
                reasons[planned.reason] = reasons.get(planned.reason, 0) + 1
    except ImagegenError as error:
        yield problem("manifest", error.what, error.todo or "correct it")
        return
    name = project.manifest.path
    first = f"the first {rows:,} rows" if rows == MOST_ROWS else counted(rows, "row")
    if not rows:
        yield note("manifest", f"{name}: no rows")
    elif not reasons:
        yield ok("manifest", f"{name}: {first}, all can be made")
    else:
        count = sum(reasons.values())
        most = max(reasons, key=lambda reason: reasons[reason])
        most = most if len(most) <= LONGEST else f"{most[:LONGEST].rpartition(' ')[0]} …"
        text = f"{name}: {count:,} of its pictures cannot be made: {most}"
        yield problem("manifest", text, f"`imagegen plan {name}` says why for each")
