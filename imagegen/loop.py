"""The loop: cache -> budget -> generate -> store -> record. Read this first.

The whole plan is staged in the ledger before the first cent is spent. Then every provider's hands
take its jobs by priority, and `Loop._make` is what they do with each: what the cache has is taken
from there (1), else the money is set aside (2), the provider is asked (3), the bytes are put away
and finished (4), the books are closed (5). Killed at any point, the same command goes on and never
buys twice: what was sent and not answered is reported as unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Event

from imagegen import claimed, collect, judging, record, refining
from imagegen.clock import Clock
from imagegen.domain.outcome import Failed, Outcome
from imagegen.domain.request import request_of
from imagegen.domain.result import State
from imagegen.errors import Exit, StorageError
from imagegen.keep import Desk
from imagegen.lane import Lane, Lanes, pairs
from imagegen.ledger import Ledger, attempts, jobs
from imagegen.ledger.attempts import Bought, Claimed, Granted, Item, Open, Reserved
from imagegen.ledger.budgets import Budget, Denied
from imagegen.ledger.jobs import Job
from imagegen.ledger.slip import LedgerSlip, new_attempt
from imagegen.ledger.writer import is_storage
from imagegen.listener import Listener
from imagegen.pool import Pool
from imagegen.providers import Provider
from imagegen.record import Kept
from imagegen.supply import supplied
from imagegen.unusable import Unusable

#: Seconds between two looks for runs that died.
TURN = 1.0


@dataclass(frozen=True)
class Kit:
    """What a run works with; `wiring` puts it together. `hands` makes a pool of so many workers,
    `signal` tells the number of the signal that asked the run to stop."""

    ledger: Ledger
    desk: Desk
    providers: Mapping[str, Provider]
    hands: Callable[[str, int], Pool]
    clock: Clock
    budget: Budget
    listener: Listener
    signal: Callable[[], int | None] = lambda: None
    max_failures: int | None = None
    retry_unknown: bool = False


class Loop:
    """One run at work. `stops` collects the exit codes that hold, `why` says the first reason, `halted` why nothing
    more is begun at all. `each`: somebody waits for each picture by itself, so one that a budget does not cover stops
    no other, and is told of like any other. What is put into `told` is called soon, in the thread of `work_off`."""

    def __init__(self, kit: Kit, run: str) -> None:
        self.kit, self.run, self.each = kit, run, False
        self.stops: set[Exit] = set()
        self.why = ""
        self.halted = ""
        self.unusable = Unusable()
        self._failures = 0
        self._took_over = float("-inf")
        self._gone: set[str] = set()
        self._left: dict[str, tuple[State, str]] = {}
        self.told: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._hand_left = Event()
        self.lanes: Lanes | None = None

    def collect(self, left: Sequence[Open]) -> None:
        """Fetch what runs that are dead paid for and could not keep, before anything new is bought."""
        self._left |= collect.collect(self.kit.ledger, self.kit.desk, self.kit.providers, left, self.kit.hands)

    def work_off(self, more: Callable[[], bool] = lambda: False) -> None:
        """Do all that can be done. Returns when nothing is in flight any more and no `more` is to come (asked before
        each look at the list, it may put something there); `look_again` says that something came."""
        with self.kit.ledger.reading() as reader:
            lanes = self.lanes = Lanes(reader, self.run, self.kit.providers, self.kit.hands)
            self._look_around()
            # Nothing may be raised in here while hands are at work: they read through `reader`.
            while (more() and not self.halted) | bool(ready := lanes.ready(self.halted)) | lanes.busy:
                for lane, pool, missing in ready:
                    for _ in range(missing):
                        pool.start(self._hand, lane)
                self._attend(lanes)
        while not self.told.empty():
            self._tell()
        self._skip_the_rest()

    def look_again(self) -> None:
        """Something was put on the list."""
        if self.lanes:
            self.lanes.more.set()
        self._hand_left.set()

    def _attend(self, lanes: Lanes) -> None:
        while True:
            self._look_around()
            self._hand_left.wait(0.05)
            self._hand_left.clear()
            self._tell()
            if not lanes.busy or lanes.more.is_set():
                return

    def _look_around(self) -> None:
        signal = self.kit.signal()
        if signal is not None:
            self.stop(Exit(128 + signal), "interrupted")
        if self.kit.ledger.failed:
            self.stop(Exit.STORAGE, str(self.kit.ledger.failed))

    def stop(self, code: Exit, why: str) -> None:
        """Start nothing new; what was sent is waited for."""
        self.stops.add(code)
        self.why, self.halted = self.why or why, self.halted or why
        for lane in self.lanes or ():
            lane.stop(self.halted)

    def _hand(self, lane: Lane) -> None:
        """What each worker does until its lane has no more: take, make, take, make."""
        batch = None
        try:
            while (batch := lane.take()) is not None:
                self._make(lane, batch)
                batch = None
        except BaseException as error:  # noqa: BLE001  a bug or a full disk stops the run, not a thread
            self._broke(error)
            if batch is not None:
                lane.ended(batch)
        self._hand_left.set()

    def _make(self, lane: Lane, batch: Sequence[Job]) -> None:
        """From a line of the list to a picture in the folder."""
        kit = self.kit
        if lane.provider is None:
            self._close(lane, batch, refining.without_provider(kit.ledger, kit.desk, lane.name, batch), None)  # 1 cache
            return
        inputs, failed = supplied(batch)
        if failed:
            self._close(lane, batch, failed, None, later=len(batch) > len(failed))
            return
        answer = self._reserve(lane, batch)  # 2 budget
        if not isinstance(answer, Granted):
            self._not_granted(lane, batch, answer)
            return
        requests = [request_of(job.request) for job in batch]
        slip = kit.ledger.slip(answer.attempt, room=lane.room(requests))
        try:
            with lane.gate:
                outcomes = [] if lane.stopped else list(lane.provider.generate(requests, inputs, slip))  # 3 generate
                self._heed(lane, batch, outcomes)
        except StorageError as problem:
            record.never_sent(kit.ledger, slip, str(problem))
            raise
        if not slip.calls and all(isinstance(each, Failed) and each.stops_provider for each in outcomes):
            record.never_sent(kit.ledger, slip, lane.stopped)
            lane.ended(batch)
            return
        with slip.kept_on_error():
            kept = [judging.put_away(kit.desk, job, outcome) for job, outcome in pairs(batch, outcomes)]  # 4 store
        self._left |= claimed.open_still(slip.id, kept)
        self._close(lane, batch, kept, slip)  # 5 record

    def _heed(self, lane: Lane, batch: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
        """A provider that cannot be used is asked no more. For a closed model its wrapper answers: nothing is sent."""
        why, whole = self.unusable.heed(lane.name, pairs(batch, outcomes))
        if why:
            self.stops.add(Exit.PROVIDER)
            self.why = self.why or f"{lane.name}{' stopped' if whole else ''}: {why}"
            self.look_again()
        if whole:
            lane.stop(f"{lane.name} stopped: {why}")

    def _reserve(self, lane: Lane, batch: Sequence[Job]) -> Reserved:
        """Claim the keys and set the money aside; waits for money that may come free."""
        while isinstance(answer := self._ask(lane, batch), Denied) and not answer.final and not lane.stopped:
            if answer.scope == "hour":
                self.told.put(partial(self.kit.listener.waiting, record.budget_sentence(answer)))
            if answer.reserved:
                self._take_over()
            self.kit.clock.wait(0.3 if answer.reserved else 1.0)
        return answer

    def _take_over(self) -> None:
        """What a run that died meanwhile held comes free: money and claims. What it was answered is collected."""
        now = self.kit.clock.monotonic()
        if now - self._took_over >= TURN:
            self._took_over = now
            self.collect(self.kit.ledger.take_over())

    def _ask(self, lane: Lane, batch: Sequence[Job]) -> Reserved:
        kit, attempt, now = self.kit, new_attempt(), self.kit.clock.now()
        return kit.ledger.write(
            lambda connection: attempts.reserve(
                connection,
                attempt,
                run=self.run,
                collection=kit.desk.collection,
                provider=lane.name,
                model=batch[0].model,
                items=[Item(j.key, j.row, j.sample, j.request, j.estimate, j.most, j.tags) for j in batch],
                budget=kit.budget,
                clock=now,
                anew=frozenset(job.key for job in batch if job.redo or job.key in self._gone),
                retry_unknown=kit.retry_unknown,
            )
        )

    def _not_granted(self, lane: Lane, batch: Sequence[Job], answer: Reserved) -> None:
        if isinstance(answer, Denied) and answer.final:
            if not lane.smaller(batch):  # the money may do for fewer at once
                why = record.budget_sentence(answer)
                if self.each:
                    self.stops.add(Exit.BUDGET)
                    self._close(lane, batch, [record.without_picture(job, "skipped", why) for job in batch], None)
                    return
                self.stop(Exit.BUDGET, why)
        elif isinstance(answer, Claimed):
            if ends := claimed.given_up(self.kit.ledger, batch, self._left):
                self._close(lane, batch, ends, None, later=len(ends) < len(batch))
                return
            self._take_over()
        elif isinstance(answer, Bought):
            job = next(job for job in batch if job.key == answer.key)
            end = judging.useless(self.kit.desk, job, answer.flaw) if answer.flaw else None
            if end is None and collect.adopt(self.kit.desk, answer, job.request):  # a twin bought it a moment ago
                end = judging.from_cache(self.kit.desk, job)
            if end is not None:
                self._close(lane, batch, [end], None, later=len(batch) > 1)
                return
            self._gone.add(answer.key)  # pruned: it may be bought again
        lane.ended(batch, later=True)

    def _close(
        self, lane: Lane, batch: Sequence[Job], kept: Sequence[Kept], slip: LedgerSlip | None, *, later: bool = False
    ) -> None:
        """Close the books in one transaction; everything else happens when that is on disk."""

        def closed(written: Future[None]) -> None:
            error = written.exception()
            if error is not None:
                self._broke(error)
                lane.ended(batch)
                return
            if slip:
                with suppress(OSError):  # it is in the books: the next run clears it away
                    slip.drop()
            self.told.put(lambda: self._heard(kept))
            lane.ended(batch, later=later)
            if self.lanes and any(item.result is None or item.job.role for item in kept):
                self.lanes.more.set()

        written = self.kit.ledger.write_soon(record.books(self.kit.desk, kept, slip.id if slip else None))
        written.add_done_callback(closed)

    def _broke(self, error: BaseException) -> None:
        storage = isinstance(error, StorageError | OSError) or is_storage(error)
        self.stop(Exit.STORAGE if storage else Exit.BUG, str(error) if storage else repr(error))
        if not storage:
            self.kit.listener.bug(error)

    def _tell(self) -> None:
        """Pass on what happened. Not at once but twenty times a second: waking for every picture costs. A listener
        that fails stops the run; what was sent is waited for all the same."""
        try:
            for _ in range(self.told.qsize()):
                self.told.get()()
            self.kit.listener.tick()
        except Exception as error:  # noqa: BLE001
            self._broke(error)

    def _heard(self, kept: Sequence[Kept]) -> None:
        results = [item.result for item in kept if item.result]
        self._failures += sum(result.state == "failed" for result in results)
        for result in results:
            if result.state != "skipped" or self.each:  # those are told together, when the run is over
                self.kit.listener.row(result)
        if self.kit.max_failures is not None and self._failures >= self.kit.max_failures:
            self.stop(Exit.SOME_FAILED, f"{self._failures} pictures failed")

    def _skip_the_rest(self) -> None:
        skip = partial(jobs.skip_rest, run=self.run)
        for lane in () if self.kit.ledger.failed else self.lanes or ():
            self.kit.ledger.write(partial(skip, reason=lane.stopped or self.why or "not reached", provider=lane.name))
        if not self.kit.ledger.failed:
            self.kit.ledger.write(partial(skip, reason=self.why or "its drafts were not made"))
        self.lanes = None
