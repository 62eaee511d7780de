"""Serving: a run that takes rows while it is at work, one at a time, each planned like a manifest's.

Same folder, same books, same loop as `session.execute`; only the list of rows has no end. One thread owns the loop;
`submit` may be called from any.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from threading import Event, Lock, Thread
from types import SimpleNamespace
from typing import Any, NamedTuple

from imagegen import fallback, staging
from imagegen.domain.money import Nano
from imagegen.domain.result import PRESENT, Result, Summary
from imagegen.domain.row import Placed
from imagegen.errors import BudgetStop, Exit, ImagegenError, NotMade, ProviderStop, StorageError, UsageError
from imagegen.intake import REOPEN, Intake
from imagegen.ledger import jobs
from imagegen.loop import Loop
from imagegen.order import Order
from imagegen.planned import Planned
from imagegen.providers.wrap.base import INTERRUPTED
from imagegen.record import OVER_BUDGET
from imagegen.results import as_result
from imagegen.session import Parts, Session, begin_work, ended, opened
from imagegen.wiring import Project

#: What `submit` gives: the picture's line, or what kept it from being made.
Made = Future[Result]

#: What those are told whose picture nobody began before the end.
_CLOSED = "the service was closed before it was made"


class _Asked(NamedTuple):
    """A row that somebody waits for, and the `fold` of its line of the work list."""

    made: Made
    placed: Placed
    fold: str


class Serving:
    """A run that is open for rows until it is closed. `notes` hears what a person should know; `stop` is the event
    that `parts` take for a signal to stop."""

    every_row = True

    def __init__(self, project: Project, order: Order, parts: Parts, stop: Event, notes: Callable[[str], None]) -> None:
        self._project, self._order, self._parts, self._stop, self._note = project, order, parts, stop, notes
        self._lock, self._ready, self._closing = Lock(), Event(), Event()
        self._waiting: dict[tuple[str, int], _Asked] = {}
        self._lost = False
        self._session: Session | None = None
        self._intake: Intake | None = None
        self._error: BaseException | None = None
        self.summary: Summary | None = None
        self._thread = Thread(target=self._run, name="imagegen-service", daemon=True)

    def start(self) -> None:
        """Open the folder and the books. Raises ImagegenError when they cannot be had."""
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error

    def close(self, *, finish: bool = True) -> None:
        """Take no more, make what was asked for (without `finish`: what was sent), write the results. Raises what
        ended the run, if something did."""
        with self._lock:
            self._closing.set()
        if not finish:
            self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def submit(self, placed: Placed) -> Made:
        """Plan a row and put it on the list; the same row in flight is shared. Raises NotMade or ProviderStop when
        planning refuses it, ImagegenError when it is wrong or the run is over."""
        intake = self._intake
        resolve = intake.fetched(placed, self._note) if intake else None
        with self._lock:
            session = self._session
            if session is None or intake is None or resolve is None or self._closing.is_set():
                raise self._error or NotMade("the service is closed", "make a new one")
            name = placed.row.id, 0
            if asked := self._waiting.get(name):
                if asked.placed.row != placed.row:
                    what = f"another picture called {placed.row.id!r} is being made"
                    raise UsageError(what, "wait for it, or use another id")
                return asked.made
            planned = intake.planned(placed, resolve)
            if planned[0].state == "refused":
                raise intake.refusal(placed, resolve, planned[0])
            made: Made = Future()
            made.set_running_or_notify_cancel()  # who stops waiting gives up the wait, not the picture
            line = intake.staged(planned)
            if line.state not in ("todo", "held"):
                _settle(made, self._line(session, line.fold))
                return made
            self._waiting[name] = _Asked(made, placed, line.fold)
            session.loop.look_again()
            return made

    def _line(self, session: Session, fold: str) -> Result:
        with session.kit.ledger.reading() as reader:
            line = next(jobs.lines(reader, session.run, fold=fold))
            return as_result(line, line["about"])

    # The thread that owns the loop.

    def _run(self) -> None:
        began = time.monotonic()
        try:
            with opened(self._project, self._order, self._parts, self) as session:
                self._parts.store.ready()
                session.loop.each = True
                begin_work(session)
                self._session, self._intake = session, Intake(self._project, self._order, session)
                self._ready.set()
                for _ in range(fallback.MOST):
                    session.loop.work_off(self._more)
                    with self._lock:
                        self._closing.set()
                        if session.loop.halted or not self._elsewhere(session):
                            break
                self._leave(session.loop)
                self.summary = ended(self._project, self._order, session, self, time.monotonic() - began)
        except BaseException as error:  # noqa: BLE001  raised again where somebody waits for the service
            self._error = self._error or error
        finally:
            self._leave(None)
            self._ready.set()

    def _leave(self, loop: Loop | None) -> None:
        """Nothing is taken any more: tell those who wait still."""
        with self._lock:
            self._session = None
            if loop is not None and Exit.STORAGE in loop.stops:
                self._error = self._error or StorageError(loop.halted)
            while self._waiting:
                _, asked = self._waiting.popitem()
                asked.made.set_exception(self._error or NotMade(_CLOSED))

    def _more(self) -> bool:
        """Whether more may come. What a provider left that cannot be used now goes elsewhere first."""
        session = self._session
        if session is None or session.kit.ledger.failed or session.loop.halted:
            return False
        try:
            stranded = session.loop.lanes.stranded() if session.loop.lanes else []
            if stranded or self._lost:
                with self._lock:
                    self._lost = False
                    session.kit.ledger.write(partial(_skip, run=session.run, stranded=stranded))
                    self._elsewhere(session)
        except Exception as error:  # noqa: BLE001  hands are at work: they are waited for before it is raised
            self.bug(error)
            session.loop.stop(Exit.BUG, repr(error))
        return not self._closing.is_set()

    def _elsewhere(self, session: Session) -> int:
        """Give what is lost to other models; who waits for what cannot be given is told."""
        over = [name for name, asked in self._waiting.items() if self._over(session, asked)]
        if not over:
            return 0
        rows = _Rows([self._waiting[name].placed for name in over])
        mine = replace(self._project, manifest=rows)  # type: ignore[arg-type]
        went = fallback.taken_over(mine, self._order, session.kit, session.loop, self)
        for name in over:
            if found := self._over(session, self._waiting[name]):
                _settle(self._waiting.pop(name).made, *found)
        return went

    def _over(self, session: Session, asked: _Asked) -> tuple[Result, bool] | None:
        """The end of a line, and whether a provider that cannot be used is why; None when it has none yet."""
        with session.kit.ledger.reading() as reader:
            line = next(jobs.lines(reader, session.run, fold=asked.fold))
        if line["state"] in ("todo", "held"):
            return None
        return as_result(line, line["about"]), line["id"] in session.loop.unusable.fallen

    # What the loop tells, in its thread.

    def row(self, result: Result) -> None:
        """A picture's fate: who waits for it hears it, unless another model may make it."""
        if result.role == "draft":
            return
        with self._lock:
            unusable = self._session.loop.unusable if self._session else None
            if result.state in ("failed", "refused") and unusable and (unusable.fallen or unusable.rejected):
                self._lost = True
                return
            if asked := self._waiting.pop((result.id, result.sample), None):
                _settle(asked.made, result)

    def waiting(self, why: str) -> None:
        """Nothing can be started until money comes free: who closes does not wait for that."""
        self._note(why)
        if self._closing.is_set() and self._session:
            self._session.loop.stop(Exit.BUDGET, why)

    def note(self, text: str) -> None:
        """Something to know."""
        self._note(text)

    def bug(self, error: BaseException) -> None:
        """It ends the service, and is raised where it is closed."""
        self._error = self._error or error

    def tick(self) -> None:
        """Time passes."""

    def refused(self, planned: Planned) -> None:
        """Told where it was submitted."""

    def staged(self, counts: dict[str, int], estimate: Nano, budget: Nano | None, drafts: int = 0) -> None:
        """Rows come one by one."""

    def confirm(self, question: str) -> bool | None:
        """Nobody is asked."""
        return None


class _Rows(SimpleNamespace):
    """Rows in the place of a manifest."""

    def __init__(self, placed: list[Placed]) -> None:
        super().__init__(rows=lambda: iter(placed))


def _skip(connection: Any, run: str, stranded: list[tuple[str, str]]) -> None:
    """What is left for providers that stopped is not made by them; nor what is made from drafts of theirs."""
    for provider, why in stranded:
        jobs.skip_rest(connection, run, why, provider)
    jobs.release_held(connection, run, staging.CHOOSING)


def _settle(made: Made, result: Result, fell: bool = False) -> None:
    """Give the picture to who waits for it, or say why there is none; `fell`: a provider cannot be used."""
    reason = result.reason or result.state
    error: ImagegenError
    if result.state in PRESENT:
        made.set_result(result)
        return
    if result.state == "skipped" and OVER_BUDGET in reason:
        error = BudgetStop(reason)
    elif fell or (result.state == "skipped" and reason not in (INTERRUPTED, "interrupted")):
        error = ProviderStop(reason, REOPEN)
    else:
        error = NotMade(f"{result.id} is {result.state}: {reason}")
        error.result = result
    made.set_exception(error)
