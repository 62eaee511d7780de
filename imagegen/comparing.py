"""Comparing routes: the same rows under every preset. Plans anew for each, as if nothing were there yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from imagegen import catalog as catalogs
from imagegen.errors import UsageError
from imagegen.estimate import Line, Totals
from imagegen.planner import plan
from imagegen.preview import refusing
from imagegen.routing import Routes, load_routes, preset_names
from imagegen.wiring import Project


@dataclass(frozen=True, slots=True)
class Compared:
    """What a manifest adds up to under the routes `name`; `own`: they are the manifest's. `line` None: its rows do
    not fit these routes, and `why` says what is the matter."""

    name: str
    own: bool
    line: Line | None
    refused: int = 0
    why: str = ""


def compare(project: Project) -> Iterator[Compared]:
    """The rows of `project` under its own routes, then under each preset that is not these. The manifest is read
    once for each. Raises UsageError for a plan file, whose routes are decided."""
    if project.promise:
        what = f"{project.manifest.path.name} is a plan, its routes are decided"
        raise UsageError(what, "compare those of its manifest")
    mapped = isinstance(project.settings.routes, dict)
    yield _compared(project, project.manifest.path.name if mapped else project.routes.name, True)
    for name in preset_names(project.settings.catalogs):
        routes = load_routes(name, project.settings.catalogs)
        if routes != project.routes:
            yield _compared(_under(project, routes), name, False)


def _under(project: Project, routes: Routes) -> Project:
    catalog = catalogs.load(project.settings.catalogs).repriced(routes.prices)
    return replace(
        project, catalog=catalog, routes=routes, context=replace(project.context, catalog=catalog, routes=routes)
    )


def _compared(project: Project, name: str, own: bool) -> Compared:
    totals = Totals()
    refuses, asked = refusing(project)
    try:
        for picture in plan(project.manifest.rows(), project.context, refuses=refuses, asked=asked):
            totals.add(picture)
    except UsageError as problem:  # a use case that only the manifest's own routes know
        if own:
            raise
        return Compared(name, own, None, why=problem.what)
    return Compared(name, own, totals.all, totals.refused)
