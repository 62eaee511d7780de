"""Planning within a run: against what its folder, its cache and its books hold, and what its providers refuse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imagegen.domain.given import Given
from imagegen.domain.request import Request
from imagegen.domain.row import Placed
from imagegen.planned import Planned
from imagegen.planner import Refuses, plan
from imagegen.providers import Provider
from imagegen.shelf import Shelf

if TYPE_CHECKING:
    import sqlite3

    from imagegen.loop import Kit
    from imagegen.order import Order
    from imagegen.wiring import Project


def asking(providers: Mapping[str, Provider]) -> Refuses:
    """Asks the provider of a request what it refuses; one that is not among `providers` refuses nothing."""

    def refuses(request: Request, given: Mapping[str, Given]) -> str | None:
        provider = providers.get(request.provider)
        return provider.refuses(request, given) if provider else None

    return refuses


def shelf_of(project: Project, order: Order, kit: Kit, reader: sqlite3.Connection) -> Shelf:
    """What is there already for a run, read with `reader`."""
    desk = kit.desk
    return Shelf(project.settings, desk.store, reader, desk.collection, order.reroute, order.retry_unknown)


def planned(
    project: Project, order: Order, kit: Kit, shelf: Shelf, rows: Iterable[Placed], **changes: Any
) -> Iterator[Planned]:
    """What a run would do for `rows`, as `planner.plan`, with `changes` of the project's context; what is `barred`
    comes on top of what is barred there."""
    if "barred" in changes:
        changes["barred"] = {**project.context.barred, **changes["barred"]}
    return plan(
        rows,
        replace(project.context, chosen=shelf.chosen, **changes),
        look=shelf.look,
        refuses=asking(kit.providers),
        asked=frozenset(kit.providers),
        redo=order.redo,
    )
