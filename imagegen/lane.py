"""Lane: one provider's list of ready jobs, handed out to its hands in order of priority."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Condition, Event, Semaphore
from typing import Any

from imagegen.domain.outcome import Unknown
from imagegen.domain.request import Request, request_of
from imagegen.ledger import jobs
from imagegen.ledger.jobs import Job
from imagegen.pool import Pool
from imagegen.providers import Provider

#: Lines read from the list at once.
READ = 128
#: Hands beyond the provider's concurrency: while they put pictures away, the others keep asking.
SPARE = 0.25
#: Before every line of the list.
_FIRST = (0, "", -1)
#: How many times the pixels of 1024x1024 a resolution has that is asked for in a word.
TIMES = {"2K": 4, "4K": 16}


class Lane:
    """The jobs of `run` for one provider. `provider` None: the cache is all that is needed.
    Thread-safe through `change`, which the lanes of a run share; `taken` are the keys in flight in
    any of them, so that twins wait for each other. `gate` lets as many calls out at once as the
    provider bears."""

    def __init__(
        self,
        name: str,
        provider: Provider | None,
        reader: sqlite3.Connection,
        run: str,
        change: Condition,
        taken: set[str],
    ) -> None:
        self.name, self.provider = name, provider
        self._reader, self._run, self._change, self._taken = reader, run, change, taken
        concurrency = provider.limits.concurrency if provider else 4
        writers = provider.limits.writers if provider else 0
        self.hands = concurrency + (writers or (max(1, int(concurrency * SPARE)) if concurrency > 1 else 0))
        self.gate = Semaphore(concurrency)
        self.stopped = ""
        self._most = provider.limits.max_batch if provider else 1
        self._room = provider.limits.most_bytes if provider else None
        self._after = _FIRST
        self._read: list[Job] = []
        self._busy = 0
        self._parked = False

    def take(self) -> list[Job] | None:
        """The next batch, waiting for it if it depends on what is in flight; None when there is no more."""
        with self._change:
            while not self.stopped:
                batch = self._next()
                if batch:
                    self._busy += 1
                    return batch
                if not self._parked:
                    return None
                # What was left for later depends on a purchase in flight; another process's is not announced.
                self._change.wait(0.2)
                self._from_the_start()
        return None

    def _next(self) -> list[Job]:
        while True:
            if len(self._read) < self._most:
                more = jobs.ready(self._reader, self._run, self.name, self._after, READ)
                self._read += more
                if not self._read:
                    return []
                if more:
                    self._after = (more[-1].priority, more[-1].bucket, more[-1].seq)
            batch = self._batch()
            if batch:
                return batch

    def _batch(self) -> list[Job]:
        """Neighbours that may ride in one call; a job whose twin is in flight is left for later."""
        most, room = self._most, self._room
        batch: list[Job] = []
        shared = None
        others: list[Job] = []
        while self._read and len(batch) < most:
            job = self._read.pop(0)
            if job.key in self._taken:
                self._parked = True
                continue
            if most > 1 and self.provider:
                ride = self.provider.shares(request_of(job.request))
                if batch and ride != shared:
                    others.append(job)  # they ride next; those that fit are taken from farther back
                    continue
                shared = ride
            if room is not None:
                room -= room_for(request_of(job.request))
                if batch and room < 0:
                    others.append(job)
                    break
            self._taken.add(job.key)
            batch.append(job)
        self._read = others + self._read
        return batch

    def smaller(self, batch: Sequence[Job]) -> bool:
        """Hand out half as much from now on; False where it was one job."""
        with self._change:
            if len(batch) > 1:
                self._most = max(1, min(self._most, len(batch)) // 2)
            return len(batch) > 1

    def room(self, requests: Sequence[Request]) -> int:
        """Bytes to set aside for an answer to `requests`: none where it comes later."""
        return 0 if self._room is not None else sum(map(room_for, requests))

    def _from_the_start(self) -> None:
        if not self._read:
            self._parked, self._after = False, _FIRST

    @property
    def busy(self) -> bool:
        """Whether a batch is out whose books are not closed yet."""
        return self._busy > 0

    def ended(self, batch: Sequence[Job], *, later: bool = False) -> None:
        """A batch is over, its books closed; `later`: it stays on the list and is tried again."""
        with self._change:
            self._busy -= 1
            self._taken.difference_update(job.key for job in batch)
            over = {job.id for job in batch}
            self._read = [job for job in self._read if job.id not in over]  # read while it was in flight
            if later:  # nothing came of it: to wake the others would make them all ask again, and again
                self._parked = True
            else:
                self._change.notify_all()

    def look_again(self) -> None:
        """More has been put on the list, perhaps before what was handed out last."""
        with self._change:
            self._read, self._after = [], _FIRST
            self._change.notify_all()

    def stop(self, why: str) -> None:
        """Hand out nothing more."""
        with self._change:
            self.stopped = self.stopped or why
            self._change.notify_all()


class Lanes:
    """The lanes of `run`, each with its hands: opened when there is something to do, and again when `more` says that
    something has been put on the list meanwhile."""

    def __init__(
        self,
        reader: sqlite3.Connection,
        run: str,
        providers: Mapping[str, Provider],
        hands: Callable[[str, int], Pool],
    ) -> None:
        self._reader, self._run, self._providers, self._hands = reader, run, providers, hands
        self._change, self._taken = Condition(), set[str]()
        self._lanes: dict[str, tuple[Lane, Pool]] = {}
        self.more = Event()

    def __iter__(self) -> Iterator[Lane]:
        return iter([lane for lane, _ in self._lanes.values()])

    def ready(self, stopped: str = "") -> list[tuple[Lane, Pool, int]]:
        """The lanes that have something to do, each with its pool and how many hands are missing at it. `stopped` is
        why nothing is to be begun, if nothing is."""
        self.more.clear()
        found = []
        for name in jobs.providers(self._reader, self._run):
            lane, pool = self._lanes.get(name) or self._new(name)
            if stopped:
                lane.stop(stopped)
            if lane.stopped:
                continue
            lane.look_again()
            found.append((lane, pool, pool.size - pool.alive))
        return found

    def _new(self, name: str) -> tuple[Lane, Pool]:
        lane = Lane(name, self._providers.get(name), self._reader, self._run, self._change, self._taken)
        self._lanes[name] = lane, self._hands(name, lane.hands)
        return self._lanes[name]

    def stranded(self) -> list[tuple[str, str]]:
        """Lanes that stopped with something left on the list, and none of whose batches is out: their names, and why
        they stopped."""
        left = jobs.providers(self._reader, self._run)
        over = [lane for lane, _ in self._lanes.values() if lane.stopped and not lane.busy and lane.name in left]
        return [(lane.name, lane.stopped) for lane in over]

    @property
    def busy(self) -> bool:
        """Whether a hand is at work, or a batch is out whose books are not closed yet."""
        return any(pool.alive or lane.busy for lane, pool in self._lanes.values())


def pairs(batch: Sequence[Job], outcomes: Sequence[Any]) -> list[tuple[Job, Any]]:
    """Each job with its outcome: what a provider returned nothing for is unknown."""
    by_key = {outcome.key: outcome for outcome in outcomes}
    return [(job, by_key.get(job.key) or Unknown(job.key, "the provider returned nothing for it")) for job in batch]


def room_for(request: Request) -> int:
    """Bytes to set aside for an answer: a picture that hardly compresses, in base64, and some JSON."""
    if request.provider == "placeholder":
        return 0
    pixels = TIMES.get(request.resolution or "", 1) * 1024 * 1024
    if request.width and request.height:
        pixels = request.width * request.height
    return 16_384 + 3 * pixels
