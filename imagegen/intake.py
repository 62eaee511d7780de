"""Intake: one row that comes while a run is at work, planned and put on its work list like a manifest's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from imagegen import runplan, staging
from imagegen.domain.inputs import Resolve, has_inputs
from imagegen.domain.row import Placed
from imagegen.errors import ImagegenError, NotMade, ProviderStop, UsageError
from imagegen.ledger import jobs
from imagegen.order import Order
from imagegen.planned import Planned
from imagegen.planner import doomed
from imagegen.postbox import post_planned
from imagegen.session import Session
from imagegen.wiring import Project

#: What to do about a provider that cannot be used.
REOPEN = "see the provider's account, then open the service anew"


class Intake:
    """Takes rows into the run of `session`. One thread at a time, but for `fetched`."""

    def __init__(self, project: Project, order: Order, session: Session) -> None:
        self._project, self._order, self._session = project, order, session
        self._files: dict[str, tuple[str, ...]] = {}
        self._seq = 0

    def fetched(self, placed: Placed, note: Callable[[str], None]) -> Resolve:
        """Finds the row's input pictures, which are here now: nobody else waits for a slow server."""
        project = self._project
        if project.sources is None or not has_inputs(placed.row):
            return project.context.inputs
        sources = project.sources.another()
        context = replace(project.context, inputs=sources.resolve)
        unwanted = doomed(context, runplan.asking(self._session.kit.providers))
        list(sources.fetched([placed], doomed=unwanted, refetch=self._order.refetch, note=note))
        return sources.resolve

    def planned(
        self, placed: Placed, resolve: Resolve, *, barred: Mapping[tuple[str, str], str] | None = None
    ) -> list[Planned]:
        """The row's pictures as a run would plan them now, but for what is `barred`."""
        kit, order = self._session.kit, self._order
        with kit.ledger.reading() as reader:
            shelf = runplan.shelf_of(self._project, order, kit, reader)
            barred = dict(self._session.loop.unusable.barred) if barred is None else barred
            return list(runplan.planned(self._project, order, kit, shelf, [placed], barred=barred, inputs=resolve))

    def refusal(self, placed: Placed, resolve: Resolve, first: Planned) -> ImagegenError:
        """Why planning refuses it: because of itself, or of a provider that cannot be used now."""
        if self._session.loop.unusable.barred:
            again = self.planned(placed, resolve, barred={})
            if again[0].state != "refused":
                return ProviderStop(f"{placed.row.id}: {first.reason}", REOPEN)
        return NotMade(f"{placed.row.id}: {first.reason}")

    def staged(self, planned: list[Planned]) -> jobs.Staged:
        """Write the row's lines; the picture's own."""
        kit, run, row = self._session.kit, self._session.run, planned[0].row
        lines = [
            staging.stage(item, self._seq + n, kit.desk.folder, told=kit.ledger.told) for n, item in enumerate(planned)
        ]
        folds = tuple(line.fold for line in lines)
        self._seq += len(lines)

        def write(connection: Any) -> bool:
            jobs.forget_files(connection, run, self._files.get(row.id, folds))
            if jobs.same_file(connection, run, folds):
                return False
            jobs.stage(connection, run, lines)
            jobs.release_held(connection, run, staging.CHOOSING)
            if row.callback_url and post_planned(connection, run, kit.desk.collection, kit.desk.now()):
                kit.desk.posted()
            return True

        if not kit.ledger.write(write):
            what = f"row {row.id!r} would be saved as {lines[0].file!r}, as another picture already is"
            raise UsageError(what, "use another id")
        self._files[row.id] = folds
        return lines[0]
