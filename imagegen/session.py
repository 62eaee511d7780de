"""A session: one execution of `run` from the plan to the report. Lock, list, guard, work, close."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from threading import Event

from imagegen import bearing, closing, crew, fallback, pool, staging, wiring
from imagegen.callbacks.worker import Worker
from imagegen.clock import Clock, SystemClock
from imagegen.domain.money import show
from imagegen.domain.result import Summary
from imagegen.errors import GuardError, ImagegenError, StorageError
from imagegen.keep import Desk
from imagegen.ledger import Ledger, holdings, jobs, runs, tally
from imagegen.ledger.runs import FolderLock
from imagegen.loop import Kit, Loop
from imagegen.order import Order, Watcher
from imagegen.output import OutputFolder
from imagegen.pool import Pool
from imagegen.postbox import post_planned
from imagegen.providers import Provider
from imagegen.results import as_result
from imagegen.stores import Store
from imagegen.wiring import Project
from imagegen.worklist import write_work_list


@dataclass(frozen=True)
class Parts:
    """The working parts of a session."""

    store: Store
    providers: Mapping[str, Provider]
    hands: Callable[[str, int], Pool]
    clock: Clock
    signal: Callable[[], int | None]


def parts_of(project: Project, stop: Event, signal: Callable[[], int | None]) -> Parts:
    """The parts for `project`. `stop` ends every wait, `signal` tells the number of the signal that asked to stop."""
    clock = SystemClock(stop)
    return Parts(
        store=wiring.open_store(project.settings.home),
        # All are built now: a key that cannot be one is told of before anything is begun.
        providers=dict(crew.providers(project.settings, project.catalog, clock)),
        hands=lambda name, size: pool.Threads(size, name),
        clock=clock,
        signal=signal,
    )


@dataclass(frozen=True)
class Session:
    """An output folder and the books, held by one run that is alive."""

    kit: Kit
    loop: Loop
    calls: Worker

    @property
    def run(self) -> str:
        """The run's id."""
        return self.loop.run


@contextmanager
def opened(project: Project, order: Order, parts: Parts, watcher: Watcher) -> Iterator[Session]:
    """Lock the folder, open the books, bring home what earlier runs left; at the end let go of it all. Raises
    ImagegenError when nothing can be begun."""
    with ExitStack() as stack:
        folder = OutputFolder(order.output)
        folder.prepare()
        lock = FolderLock(folder.ours)
        stack.callback(lock.drop)
        stack.callback(folder.withdraw)
        folder.sweep()
        stack.callback(_close_store, parts.store, watcher)
        ledger = Ledger(project.settings.home, parts.clock.now)
        stack.callback(ledger.close)
        stack.callback(_hang_up, parts.providers)
        bearing.remember(parts.providers, project.settings, ledger)
        stack.callback(bearing.keep, parts.providers)
        if ledger.notice:
            watcher.note(ledger.notice)
        collection = _collection(ledger, folder)
        alive = runs.new_run(ledger.locks)
        stack.callback(alive.drop)
        run = alive.run
        manifest = str(project.manifest.path.absolute())
        ledger.write(lambda c: runs.start(c, run, collection, manifest, dict(order.flags), parts.clock.now()))
        calls = Worker(ledger, run, project.settings.callback_hosts)
        stack.callback(calls.close)
        kit = Kit(
            ledger,
            Desk(parts.store, folder, collection, parts.clock.now, calls.wake),
            parts.providers,
            parts.hands,
            parts.clock,
            project.budget,
            watcher,
            parts.signal,
            order.max_failures,
            order.retry_unknown,
        )
        loop = Loop(kit, run)
        loop.collect(ledger.take_over())
        ledger.sweep()
        _listen(parts.providers, loop, watcher)
        yield Session(kit, loop, calls)


def execute(project: Project, order: Order, parts: Parts, watcher: Watcher) -> Summary:
    """Run a manifest: everything that can be made is in the folder when this returns, and the summary says
    what became of the rest. Raises ImagegenError when nothing could be begun."""
    began = parts.clock.monotonic()
    with opened(project, order, parts, watcher) as session:
        kit, run = session.kit, session.run
        try:
            write_work_list(project, order, kit, run, watcher)
            if _buys(kit, run):
                parts.store.ready()
            _guard(project, order, kit, run, watcher)
        except ImagegenError as problem:
            _forget(kit.ledger, run, problem)
            raise
        begin_work(session)
        session.loop.work_off()
        for _ in range(fallback.MOST):
            if not fallback.went_on(project, order, kit, session.loop, watcher):
                break
            session.loop.work_off()
        return ended(project, order, session, watcher, parts.clock.monotonic() - began)


def begin_work(session: Session) -> None:
    """The plan stands: work begins."""
    session.kit.ledger.write(partial(_begin_work, run=session.run, desk=session.kit.desk))
    _expect(session.kit.providers, session.kit, session.run)
    session.calls.begin()


def ended(project: Project, order: Order, session: Session, watcher: Watcher, seconds: float) -> Summary:
    """All is done that can be done: write the results and the run's last line."""
    kit = session.kit
    kit.ledger.settle(session.run)
    if not order.collects:  # what is left is what the next run is for
        _tell(kit, session.run, watcher, "skipped")
    summary = closing.close(project, kit, session.loop, seconds, output=order.output, step_summary=order.step_summary)
    session.calls.finish(interrupted=lambda: kit.signal() is not None)
    return replace(summary, notes=(*summary.notes, *session.calls.said()))


def _begin_work(connection: sqlite3.Connection, run: str, desk: Desk) -> None:
    """The plan stands: work begins, and what it decided already is told."""
    runs.begin_work(connection, run)
    jobs.release_held(connection, run, staging.CHOOSING)
    post_planned(connection, run, desk.collection, desk.now())


def _listen(providers: Mapping[str, Provider], loop: Loop, watcher: Watcher) -> None:
    """Let every provider that has something to say be heard, by the thread that everything else is told in."""
    for each in providers.values():
        if listen := getattr(each, "listen", None):
            listen(lambda text: loop.told.put(partial(watcher.note, text)))


def _expect(providers: Mapping[str, Provider], kit: Kit, run: str) -> None:
    """Tell every provider that plans ahead how much is to come."""
    for name, each in providers.items():
        if expect := getattr(each, "expect", None):
            with kit.ledger.reading() as reader:
                expect(tally.buckets(reader, run, name))


def _hang_up(providers: Mapping[str, Provider]) -> None:
    """Close the connections: a program may go on long after its run."""
    for each in providers.values():
        if close := getattr(each, "close", None):
            close()


def _close_store(store: Store, watcher: Watcher) -> None:
    """Close the cache. Its index is for speed only: that it cannot be written is worth a note."""
    try:
        store.close()
    except StorageError as problem:
        watcher.note(str(problem))


def _collection(ledger: Ledger, folder: OutputFolder) -> str:
    """The folder's collection: by its id file, else by its path in the ledger, else a new one."""
    place = str(folder.path.absolute())
    known = folder.collection()
    if known is None:
        with ledger.reading() as reader:
            known = holdings.collection_at(reader, place)
        collection = known or uuid.uuid4().hex
        folder.name_collection(collection)
    else:
        collection = known
    ledger.write(lambda connection: holdings.place_collection(connection, collection, place, ledger.clock()))
    return collection


def _guard(project: Project, order: Order, kit: Kit, run: str, watcher: Watcher) -> None:
    """Before the first cent: tell what is planned, and ask when it is much and no budget is set."""
    with kit.ledger.reading() as reader:
        counts = tally.counts(reader, run)
        estimate, _ = tally.sums(reader, run)
        drafts = tally.counts(reader, run, role="draft").get("todo", 0)
    watcher.staged(counts, estimate, project.budget.run, drafts)
    _tell(kit, run, watcher, "kept", "refused", "failed", "unknown", "waiting")
    if estimate <= project.settings.guard or project.budget or order.yes:
        return
    amount = show(estimate)
    answer = watcher.confirm(f"This run will cost about {amount} and no budget is set. Go on?")
    if answer is None:
        raise GuardError(f"this run would cost about {amount} and no budget is set", "add --budget USD, or --yes")
    if not answer:
        raise GuardError("nothing was bought", f"add --budget USD to allow about {amount}")


def _buys(kit: Kit, run: str) -> bool:
    """Whether anything is left to ask of a provider."""
    with kit.ledger.reading() as reader:
        return any(name != staging.SHELF for name in jobs.providers(reader, run))


def _tell(kit: Kit, run: str, watcher: Watcher, *states: str) -> None:
    """One event for each picture that planning, or the end, decided."""
    if not watcher.every_row or kit.ledger.failed:
        return
    with kit.ledger.reading() as reader:
        for line in jobs.lines(reader, run, states):
            watcher.row(as_result(line, line["about"]))


def _forget(ledger: Ledger, run: str, problem: ImagegenError) -> None:
    """A run that never began leaves no work list behind."""
    if ledger.failed:
        return
    while ledger.write(lambda connection: jobs.discard(connection, run)):
        pass
    code = int(problem.exit_code)
    ledger.write(lambda connection: runs.end(connection, run, code, {"stopped_by": str(problem)}, ledger.clock()))
