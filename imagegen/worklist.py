"""The work list: the whole plan of a run goes into the ledger's jobs before the first cent is spent.

Raises where the run must not begin: rows that planning refuses, names that nobody has, two rows of one file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from typing import Any

from imagegen import runplan, staging
from imagegen.domain.handoff import HANDOFF
from imagegen.domain.words import pictures, plural
from imagegen.errors import Exit, ImagegenError, ManifestError, UsageError
from imagegen.ledger import jobs
from imagegen.loop import Kit
from imagegen.order import Order, Watcher
from imagegen.planned import Planned
from imagegen.planner import CHUNK, doomed
from imagegen.selection import Selection
from imagegen.wiring import Project


def write_work_list(project: Project, order: Order, kit: Kit, run: str, watcher: Watcher) -> None:
    """Write the whole plan into the work list. Raises UsageError when planning refuses rows."""
    refused, keyless, handed, seq, seen = 0, 0, 0, 0, set[str]()
    able, selection, held = (
        bool(project.context.enabled),
        order.selection(),
        project.keeper(),
    )
    with kit.ledger.reading() as reader:
        shelf = runplan.shelf_of(project, order, kit, reader)
        wanted, unwanted = (
            order.selection(),
            doomed(project.context, runplan.asking(kit.providers)),
        )
        rows = project.supplied(order.refetch, wanted, lambda: _heed(kit), watcher.note, unwanted)
        planned = runplan.planned(project, order, kit, shelf, rows)
        while items := list(islice(planned, CHUNK)):
            chunk = held(_selected(items, selection) if order.brought is None else _about_hands(items))
            for item in chunk:
                seen.update({item.row.id} & order.redo)
                if item.state == "refused":
                    refused += 1
                    keyless += (lacks_key := not able and _needs_key(item))
                    if not lacks_key or order.skip_refused:
                        watcher.refused(item)
            _heed(kit)
            handed += _write_chunk(kit, run, chunk, seq, order)
            seq += len(chunk)
            if selection.full and not selection.took and shelf.empty:
                break
    selection.check()
    for note in project.manifest.notes:
        watcher.note(note)
    if handed and order.brought is None:
        are = "is" if handed == 1 else "are"
        watcher.note(f"{pictures(handed)} {are} made by hand: `imagegen handoff export {project.manifest.path}`")
    if order.redo - seen:
        raise UsageError(f"--redo: no row is called {min(order.redo - seen)!r}", "see the ids in the manifest")
    if keyless and not order.skip_refused:
        raise UsageError(
            "no provider can be called: no key is set",
            "set OPENAI_API_KEY (or put it into a .env file beside the manifest), or try --provider placeholder",
        )
    if refused and not order.skip_refused:
        raise UsageError(
            f"{refused} of {seq} {plural(seq, 'picture')} cannot be made as planned",
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


def _about_hands(items: Sequence[Planned]) -> list[Planned]:
    """Those made by hand, and of the others what lies in the folder."""
    return [item for item in items if item.state == "kept" or staging.by_hand(item)]


def _needs_key(item: Planned) -> bool:
    """Whether a refused picture may only lack a key, whichever; a row that names its provider, or this
    machine, says what it lacks."""
    keyed = item.row.provider in (None, "openai") and item.row.lane != "local"
    return keyed and not staging.by_hand(item)


def _heed(kit: Kit) -> None:
    """Raises when a signal asked the run to stop: while it plans, nothing has to be waited for."""
    if (number := kit.signal()) is not None:
        interrupted = ImagegenError("interrupted")
        interrupted.exit_code = Exit(128 + number)
        raise interrupted


def _write_chunk(kit: Kit, run: str, chunk: list[Planned], seq: int, order: Order) -> int:
    """How many of the lines that were written wait for a person."""
    told, collects = kit.ledger.told, order.collects
    lines = [
        staging.stage(item, seq + n, kit.desk.folder, order.redo, order.brought, told, collects=collects)
        for n, item in enumerate(chunk)
    ]
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
    return sum(line.state == "waiting" and line.provider == HANDOFF for line in lines)


def _same_file(item: Planned, earlier: Any) -> ManifestError:
    file = staging.output_stem(item.draft)
    where = json.loads(earlier if isinstance(earlier, str) else earlier.about)["place"]
    return ManifestError(
        *item.draft.place,
        f"row {item.row.id!r} would be saved as {file!r}, as the row at {where} already is",
        "change one id, or output.name",
    )
