"""A session: one execution of `run` from the plan to the report. Lock, stage, guard, work, close."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from imagegen import closing, staging
from imagegen.blueprint import PLACEHOLDER
from imagegen.clock import Clock
from imagegen.domain.money import Nano, show
from imagegen.domain.result import Summary
from imagegen.errors import Exit, GuardError, ImagegenError, ManifestError, StorageError, UsageError
from imagegen.keep import Desk
from imagegen.ledger import Ledger, holdings, jobs, runs
from imagegen.ledger.runs import FolderLock
from imagegen.loop import Kit, Listener, Loop
from imagegen.output import OutputFolder
from imagegen.planner import CHUNK, Planned, plan
from imagegen.pool import Pool
from imagegen.providers import Provider
from imagegen.results import as_result
from imagegen.selection import Selection
from imagegen.shelf import Shelf
from imagegen.stores import Store
from imagegen.wiring import Project


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the person asked for besides the manifest. `flags` is what `resume` repeats."""

    output: Path
    yes: bool = False
    skip_refused: bool = False
    reroute: bool = False
    refetch: bool = False
    retry_unknown: bool = False
    redo: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    limit: int | None = None
    max_failures: int | None = None
    step_summary: Path | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)


class Watcher(Listener, Protocol):
    """A Listener that also hears what happens around the loop."""

    every_row: bool

    def note(self, text: str) -> None:
        """Something the person should know."""

    def refused(self, planned: Planned) -> None:
        """Planning refuses a picture."""

    def staged(self, counts: dict[str, int], estimate: Nano, budget: Nano | None) -> None:
        """The plan stands; work begins."""

    def confirm(self, question: str) -> bool | None:
        """Ask the person; None when nobody is there to ask."""


@dataclass(frozen=True)
class Parts:
    """The working parts of a session."""

    store: Store
    providers: Mapping[str, Provider]
    hands: Callable[[str, int], Pool]
    clock: Clock
    signal: Callable[[], int | None]


def execute(project: Project, order: Order, parts: Parts, watcher: Watcher) -> Summary:
    """Run a manifest: everything that can be made is in the folder when this returns, and the summary says
    what became of the rest. Raises ImagegenError when nothing could be begun."""
    began = parts.clock.monotonic()
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
        if ledger.notice:
            watcher.note(ledger.notice)
        collection = _collection(ledger, folder)
        alive = runs.new_run(ledger.locks)
        stack.callback(alive.drop)
        run = alive.run
        manifest = str(project.manifest.path.absolute())
        ledger.write(lambda c: runs.start(c, run, collection, manifest, dict(order.flags), parts.clock.now()))
        desk = Desk(parts.store, folder, collection, parts.clock.now)
        kit = Kit(
            ledger,
            desk,
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
        try:
            _stage(project, order, kit, run, watcher)
            if _buys(kit, run):
                parts.store.ready()
            _guard(project, order, kit, run, watcher)
        except ImagegenError as problem:
            _forget(ledger, run, problem)
            raise
        ledger.write(lambda connection: runs.begin_work(connection, run))
        loop.work_off()
        ledger.settle(run)
        _tell(kit, run, watcher, "skipped")
        return closing.close(
            project,
            kit,
            loop,
            parts.clock.monotonic() - began,
            output=order.output,
            step_summary=order.step_summary,
        )


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


def _stage(project: Project, order: Order, kit: Kit, run: str, watcher: Watcher) -> None:
    """Write the whole plan into the work list. Raises UsageError when planning refuses rows."""
    refused, keyless, seq, seen = 0, 0, 0, set[str]()
    able, selection, held = bool(project.context.enabled), Selection(order.only, order.limit), project.keeper()
    with kit.ledger.reading() as reader:
        shelf = Shelf(project.settings, kit.desk.store, reader, kit.desk.collection, order.reroute, order.retry_unknown)
        planned = plan(
            project.supplied(order.refetch, Selection(order.only, order.limit), lambda: _heed(kit), watcher.note),
            project.context,
            look=shelf.look,
            refuses=lambda request: kit.providers[request.provider].refuses(request),
            asked=frozenset(kit.providers),
            redo=order.redo,
        )
        while items := list(islice(planned, CHUNK)):
            chunk = held(_selected(items, selection))
            for item in chunk:
                seen.update({item.row.id} & order.redo)
                if item.state == "refused":
                    refused += 1
                    keyless += (lacks_key := not able and item.row.provider != PLACEHOLDER)
                    if not lacks_key or order.skip_refused:
                        watcher.refused(item)
            _heed(kit)
            _write_chunk(kit, run, chunk, seq, order.redo)
            seq += len(chunk)
            if selection.full and not selection.took and shelf.empty:
                break
    selection.check()
    for note in project.manifest.notes:
        watcher.note(note)
    if order.redo - seen:
        raise UsageError(f"--redo: no row is called {min(order.redo - seen)!r}", "see the ids in the manifest")
    if keyless and not order.skip_refused:
        raise UsageError(
            "no provider can be called: no key is set",
            "set OPENAI_API_KEY (or put it into a .env file beside the manifest), or try --provider placeholder",
        )
    if refused and not order.skip_refused:
        pictures = "picture" if seq == 1 else "pictures"
        raise UsageError(
            f"{refused} of {seq} {pictures} cannot be made as planned",
            "mend the rows, or add --skip-refused to make the rest",
        )


def _selected(items: Sequence[Planned], selection: Selection) -> list[Planned]:
    """Those that the run is about, and of the others what lies in the folder: the results tell of it too."""
    if not selection:
        return list(items)
    chosen = []
    for item in items:
        taken = selection.takes(item.row) if item.draft.sample == 0 else selection.took
        if taken or item.state == "kept":
            chosen.append(item)
    return chosen


def _heed(kit: Kit) -> None:
    """Raises when a signal asked the run to stop: while it plans, nothing has to be waited for."""
    if (number := kit.signal()) is not None:
        interrupted = ImagegenError("interrupted")
        interrupted.exit_code = Exit(128 + number)
        raise interrupted


def _write_chunk(kit: Kit, run: str, chunk: list[Planned], seq: int, redo: frozenset[str]) -> None:
    lines = [staging.stage(item, seq + n, kit.desk.folder, redo) for n, item in enumerate(chunk)]
    folds: dict[str, int] = {}

    def op(connection: Any) -> tuple[str, Any] | None:
        found = jobs.same_file(connection, run, [line.fold for line in lines])
        if found is None:
            jobs.stage(connection, run, lines)
        return found

    for n, line in enumerate(lines):
        if line.fold in folds:
            raise _same_file(chunk[n], lines[folds[line.fold]])
        folds[line.fold] = n
    earlier = kit.ledger.write(op)
    if earlier:
        raise _same_file(chunk[folds[earlier[0]]], earlier[1])


def _same_file(item: Planned, earlier: Any) -> ManifestError:
    file = staging.output_stem(item.draft)
    where = json.loads(earlier if isinstance(earlier, str) else earlier.about)["place"]
    return ManifestError(
        *item.draft.place,
        f"row {item.row.id!r} would be saved as {file!r}, as the row at {where} already is",
        "change one id, or output.name",
    )


def _guard(project: Project, order: Order, kit: Kit, run: str, watcher: Watcher) -> None:
    """Before the first cent: tell what is planned, and ask when it is much and no budget is set."""
    with kit.ledger.reading() as reader:
        counts = jobs.counts(reader, run)
        estimate, _ = jobs.sums(reader, run)
    watcher.staged(counts, estimate, project.budget.run)
    _tell(kit, run, watcher, "kept", "refused", "failed", "unknown")
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
