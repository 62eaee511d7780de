"""Serving: a run that takes rows while it is at work, one at a time, each planned like a manifest's.

Same folder, same books, same loop as `session.execute`; only the list of rows has no end. One thread owns the loop;
`submit` may be called from any.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from threading import Event, Lock, Thread
from types import SimpleNamespace
from typing import Any

from imagegen import fallback, staging
from imagegen.domain.given import Given
from imagegen.domain.money import Nano
from imagegen.domain.request import Request
from imagegen.domain.result import PRESENT, Result, Summary
from imagegen.domain.row import Placed
from imagegen.errors import BudgetStop, Exit, NotMade, ProviderStop
from imagegen.ledger import jobs
from imagegen.loop import Loop
from imagegen.order import Order
from imagegen.planner import Planned, plan
from imagegen.results import as_result
from imagegen.session import Parts, Session, begin_work, ended, opened
from imagegen.shelf import Shelf
from imagegen.wiring import Project

#: What `submit` gives: the picture's line, or what kept it from being made.
Made = Future[Result]


class Serving:
    """A run that is open for rows until it is closed. `notes` hears what a person should know."""

    every_row = True

    def __init__(self, project: Project, order: Order, parts: Parts, notes: Callable[[str], None]) -> None:
        self._project, self._order, self._parts, self._note = project, order, parts, notes
        self._lock, self._ready, self._closing = Lock(), Event(), Event()
        self._waiting: dict[tuple[str, int], tuple[Made, Placed]] = {}
        self._seq = 0
        self._session: Session | None = None
        self._error: BaseException | None = None
        self.summary: Summary | None = None
        self._thread = Thread(target=self._run, name="imagegen-service", daemon=True)

    def start(self) -> None:
        """Open the folder and the books. Raises ImagegenError when they cannot be had."""
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Take no more, wait for what was sent, write the results. Raises what ended the run, if something did."""
        self._closing.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def submit(self, placed: Placed) -> Made:
        """Plan a row and put it on the list; the same row in flight is shared. Raises NotMade when planning refuses
        it, ImagegenError when the run is over."""
        with self._lock:
            session = self._session
            if session is None or self._closing.is_set():
                raise self._error or NotMade("the service is closed", "make a new one")
            name = placed.row.id, 0
            if name in self._waiting:
                return self._waiting[name][0]
            planned = self._planned(session, placed)
            first = planned[0]
            if first.state == "refused":
                raise NotMade(f"{placed.row.id}: {first.reason}")
            made: Made = Future()
            if not self._staged(session, planned, made):
                return made
            self._waiting[name] = made, placed
            session.loop.look_again()
            return made

    def _planned(self, session: Session, placed: Placed) -> list[Planned]:
        kit, order = session.kit, self._order

        def refuses(request: Request, given: Mapping[str, Given]) -> str | None:
            provider = kit.providers.get(request.provider)
            return provider.refuses(request, given) if provider else None

        with kit.ledger.reading() as reader:
            desk = kit.desk
            shelf = Shelf(self._project.settings, desk.store, reader, desk.collection, order.reroute)
            context = replace(self._project.context, chosen=shelf.chosen, barred=session.loop.unusable.barred)
            asked = frozenset(kit.providers)
            return list(plan([placed], context, look=shelf.look, refuses=refuses, asked=asked))

    def _staged(self, session: Session, planned: list[Planned], made: Made) -> bool:
        """Write the lines; False when the picture lies in the folder already, or never will."""
        kit = session.kit
        lines = [staging.stage(item, self._seq + n, kit.desk.folder) for n, item in enumerate(planned)]
        self._seq += len(lines)

        def write(connection: Any) -> None:
            jobs.forget_row(connection, session.run, planned[0].row.id)
            jobs.stage(connection, session.run, lines)
            jobs.release_held(connection, session.run, staging.CHOOSING)

        kit.ledger.write(write)
        if lines[0].state in ("todo", "held"):
            return True
        with kit.ledger.reading() as reader:
            found = next(
                as_result(line, line["about"])
                for line in jobs.lines(reader, session.run)
                if (line["row"], line["sample"]) == (lines[0].row, lines[0].sample)
            )
        _settle(made, found)
        return False

    # The thread that owns the loop.

    def _run(self) -> None:
        began = time.monotonic()
        try:
            with opened(self._project, self._order, self._parts, self) as began_with:
                self._parts.store.ready()
                begin_work(began_with)
                session = self._session = began_with
                self._ready.set()
                while not (self._closing.is_set() and not self._waiting):
                    session = self._session = self._served(session)
                self.summary = ended(self._project, self._order, session, self, time.monotonic() - began)
        except BaseException as error:  # noqa: BLE001  raised again where somebody waits for the service
            self._error = error
        finally:
            self._session = None
            self._give_up(self._error or NotMade("the service was closed before it was made"))
            self._ready.set()

    def _served(self, session: Session) -> Session:
        """Work until something stops the loop; what it could not do goes elsewhere or is told. Then on."""
        loop, known = session.loop, len(session.loop.unusable.barred)

        def more() -> bool:
            return not self._closing.is_set() and len(loop.unusable.barred) == known

        loop.work_off(more)
        with self._lock:
            mine = replace(self._project, manifest=_Rows([placed for _, placed in self._waiting.values()]))  # type: ignore[arg-type]
            elsewhere = 0 if loop.halted else fallback.taken_over(mine, self._order, session.kit, loop, self)
            if elsewhere:
                return session
            self._left_over(session)
        if loop.stops - {Exit.BUDGET, Exit.PROVIDER}:
            self._closing.set()
            return session
        fresh = Loop(session.kit, session.run)
        fresh.unusable = loop.unusable
        return replace(session, loop=fresh)

    def _left_over(self, session: Session) -> None:
        """Tell those who wait for what the loop left."""
        loop = session.loop
        if Exit.BUDGET in loop.stops:
            self._give_up(BudgetStop(loop.halted, "raise the budget or wait"))
        elif loop.stops:
            self._give_up(ProviderStop(loop.why, "see the provider's account, then try again"))
        elif self._closing.is_set():
            self._give_up(NotMade("the service was closed before it was made"))

    def _give_up(self, error: BaseException) -> None:
        while self._waiting:
            _, (made, _) = self._waiting.popitem()
            if not made.done():
                made.set_exception(error)

    # What the loop tells, in its thread.

    def row(self, result: Result) -> None:
        """A picture's fate: who waits for it hears it."""
        if result.role == "draft":
            return
        with self._lock:
            found = self._waiting.pop((result.id, result.sample), None)
        if found:
            _settle(found[0], result)

    def note(self, text: str) -> None:
        """Something to know."""
        self._note(text)

    def waiting(self, why: str) -> None:
        """Nothing can be started for a while."""
        self._note(why)

    def bug(self, error: BaseException) -> None:
        """It ends the service, and is raised where it is closed."""
        self._error = self._error or error

    def tick(self) -> None:
        """Time passes."""

    def refused(self, planned: Planned) -> None:
        """Told where it was submitted."""

    def staged(self, counts: dict[str, int], estimate: Nano, budget: Nano | None) -> None:
        """Rows come one by one."""

    def confirm(self, question: str) -> bool | None:
        """Nobody is asked."""
        return None


class _Rows(SimpleNamespace):
    """Rows in the place of a manifest."""

    def __init__(self, placed: list[Placed]) -> None:
        super().__init__(rows=lambda: iter(placed))


def _settle(made: Made, result: Result) -> None:
    """Give the picture to who waits for it, or say why there is none."""
    if made.done():
        return
    if result.state in PRESENT:
        made.set_result(result)
    else:
        error = NotMade(f"{result.id} is {result.state}: {result.reason}")
        error.result = result
        made.set_exception(error)
