"""Relay: a run at work in a thread of its own, its events fetched from another.

`execute` blocks and tells its watcher in the thread that called it. Here that thread is the relay's; events pass
through a list of bounded length, so that a reader who takes his time holds up the telling, not the memory.
"""

from __future__ import annotations

import atexit
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING

from imagegen.api import events
from imagegen.api.results import result_of
from imagegen.api.summaries import Summary, summary_of
from imagegen.api.words import in_words
from imagegen.domain import result as domain
from imagegen.domain.money import Nano, show, usd
from imagegen.domain.result import PRESENT
from imagegen.errors import GuardError, UsageError

if TYPE_CHECKING:
    from imagegen.planned import Planned

#: Events that wait for their reader before the run waits too.
ROOM = 1000
#: Seconds of one wait: on some systems Ctrl-C is heard only between two.
TURN = 0.5
#: Refused pictures that an error names.
NAMED = 10
#: Seconds between two events that say what is waited for.
AGAIN = 60.0


class Relay:
    """The watcher of one run. `work` runs it and is given the relay; `stop` is set when it is to end early."""

    every_row = True

    def __init__(self, output: Path, work: Callable[[Relay], domain.Summary]) -> None:
        self.stop, self._output, self._work = Event(), output, work
        self.summary: Summary | None = None
        self.error: BaseException | None = None
        self._change, self._events = Condition(), deque[events.Event]()
        self._heard, self._over = True, False
        self._refused: list[str] = []
        self._bugs: list[BaseException] = []
        self._estimate, self._waited = 0, float("-inf")
        # A daemon: whoever interrupts twice wants to be gone, and the ledger bears it.
        self._thread = Thread(target=self._run, name="imagegen-run", daemon=True)

    def start(self) -> None:
        """Begin. At the end of the program what was sent is waited for."""
        atexit.register(self.close)
        self._thread.start()

    def next(self) -> events.Event | None:
        """The next event, waited for; None after the last. Raises what the run ended with."""
        with self._change:
            while not self._events and not self._over:
                self._change.wait(TURN)
            if self._events:
                event = self._events.popleft()
                self._change.notify_all()
                return event
        if self.error is not None:
            raise self.error
        return None

    def leave(self) -> None:
        """Nobody reads any more: start nothing new, keep nothing."""
        self.stop.set()
        with self._change:
            self._heard = False
            self._events.clear()
            self._change.notify_all()

    def close(self) -> None:
        """Leave, and wait for what was sent."""
        self.leave()
        self.join()

    def join(self) -> None:
        """Wait for the end."""
        while self._thread.is_alive():
            self._thread.join(TURN)

    def never(self) -> None:
        """The run was given up before it began."""
        if self.error is None:
            self.error, self._over = UsageError("the run was closed before it began", "make a new one"), True

    def _run(self) -> None:
        try:
            summary = summary_of(self._work(self), self._output)
            if self._bugs:
                raise self._bugs[0]
            self.summary = summary
            self._put(summary)
        except BaseException as error:  # noqa: BLE001  it is raised again where the events are read
            for text in self._refused if isinstance(error, UsageError) else ():
                error.add_note(text)
            self.error = error
        finally:
            with self._change:
                self._over = True
                self._change.notify_all()
            atexit.unregister(self.close)

    def _put(self, event: events.Event) -> None:
        with self._change:
            while self._heard and len(self._events) >= ROOM:
                self._change.wait(TURN)
            if self._heard:
                self._events.append(event)
                self._change.notify_all()

    def note(self, text: str) -> None:
        """Something to know."""
        self._put(events.Note(in_words(text)))

    def refused(self, planned: Planned) -> None:
        """Planning refuses a picture: the error names it, if there is one."""
        if len(self._refused) < NAMED:
            where = ":".join(str(part) for part in planned.draft.place if part)
            self._refused.append(f"{where}: {planned.row.id}: {in_words(planned.reason)}")
        elif len(self._refused) == NAMED:
            self._refused.append("… and more: see imagegen.plan(…).rows")

    def staged(self, counts: dict[str, int], estimate: Nano, budget: Nano | None, drafts: int = 0) -> None:
        """The plan stands."""
        self._refused.clear()
        self._estimate = estimate
        there = sum(counts.get(state, 0) for state in PRESENT)
        most = None if budget is None else usd(budget)
        self._put(events.Started(counts.get("todo", 0) + counts.get("held", 0), there, usd(estimate), most))

    def confirm(self, question: str) -> bool | None:
        """Nobody is asked: who calls a function has said what he wants."""
        what = f"this run would cost about {show(self._estimate)} and no budget is set"
        raise GuardError(what, "add budget=USD, or yes=True")

    def row(self, result: domain.Result) -> None:
        """A picture's fate."""
        self._put(result_of(result, self._output))

    def waiting(self, why: str) -> None:
        """Nothing can be started for a while."""
        if time.monotonic() - self._waited > AGAIN:
            self._waited = time.monotonic()
            self._put(events.Waiting(why))

    def bug(self, error: BaseException) -> None:
        """Kept, to be raised when all that was sent has come back."""
        self._bugs.append(error)

    def tick(self) -> None:
        """Time passes."""
