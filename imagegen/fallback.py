"""Fallback: rows whose model or provider turned out not to be usable go to the next model of their route.

Each is planned anew, with what failed barred, and takes its line of the work list over: another model, its own key
and price. Rows that name their model or provider stay with it. A refusal by a provider's policy is only taken
elsewhere where the routes say so (`fallback: [availability, refused]`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from sqlite3 import Connection, IntegrityError
from typing import NamedTuple

from imagegen import runplan, staging
from imagegen.domain.money import show
from imagegen.domain.queue import provider_of
from imagegen.domain.request import canonical_json
from imagegen.domain.words import pictures
from imagegen.errors import Exit, ManifestError
from imagegen.ledger import jobs, tally
from imagegen.ledger.jobs import Staged
from imagegen.loop import Kit, Loop
from imagegen.order import Order, Watcher
from imagegen.planned import Planned
from imagegen.planner import CHUNK
from imagegen.wiring import Project

#: Passes over the manifest; each can meet a model that fails too.
MOST = 8


class Lost(NamedTuple):
    """A line of the work list that another model may take over. `bars`: what is not to be asked again for it."""

    id: int
    seq: int
    model: str
    bars: Mapping[tuple[str, str], str]
    why: str


def went_on(project: Project, order: Order, kit: Kit, loop: Loop, watcher: Watcher) -> bool:
    """Whether other models took lines over from those that cannot be used, so that there is more to do; where there
    is nothing, and nothing is missing because of a provider, its stop is forgotten."""
    if not loop.halted and taken_over(project, order, kit, loop, watcher):
        return True
    if loop.stops == {Exit.PROVIDER} and not _unserved(kit, loop):
        loop.stops.clear()
        loop.why = ""
    return False


def taken_over(project: Project, order: Order, kit: Kit, loop: Loop, watcher: Watcher) -> int:
    """Give lost lines to other models; how many."""
    if kit.ledger.failed or project.promise or not project.routes.fallback:
        return 0
    lost = _lost(project, kit, loop)
    if not lost:
        return 0
    went: Counter[str] = Counter()
    room = _room(project, order, kit, loop)
    for item in _planned(project, order, kit, lost):
        line = lost[item.row.id, item.draft.sample]
        if room is not None:
            room -= item.cost or 0
            if room < 0:
                watcher.note(f"not given to other models: above {show(project.settings.guard)}; add --budget or --yes")
                break
        if _takes_over(kit, item, line):
            went[f"{item.draft.blueprint.model} on {item.draft.blueprint.provider} ({line.why})"] += 1
    for where, count in went.items():
        watcher.note(f"{pictures(count)} {'goes' if count == 1 else 'go'} to {where}")
    return sum(went.values())


def _lost(project: Project, kit: Kit, loop: Loop) -> dict[tuple[str, int], Lost]:
    """The lines that may be taken over, by row and sample."""
    found: dict[tuple[str, int], Lost] = {}
    available, refused = ("availability" in project.routes.fallback, "refused" in project.routes.fallback)
    with kit.ledger.reading() as reader:
        for line in _ended(reader, loop.run):
            name, sample, ident, seq, state, provider, model = line
            provider = provider_of(provider)
            why = loop.unusable.barred.get((model, provider)) or loop.unusable.barred.get(("", provider))
            if refused and ident in loop.unusable.rejected:
                bars = {(model, ""): "its policy refused the prompt"}
                found[name, sample] = Lost(ident, seq, model, bars, f"{model} refused the prompt")
            elif available and why and (state == "skipped" or ident in loop.unusable.fallen):
                found[name, sample] = Lost(ident, seq, model, loop.unusable.barred, f"{provider} cannot be used now")
    return found


def _ended(reader: Connection, run: str) -> Iterator[tuple[str, int, int, int, str, str, str]]:
    yield from reader.execute(
        "SELECT row, sample, id, seq, state, provider, model FROM jobs WHERE run = ? AND role IS NULL"
        " AND state IN ('skipped', 'failed', 'refused') AND provider IS NOT NULL AND model IS NOT NULL",
        (run,),
    )


def _planned(project: Project, order: Order, kit: Kit, lost: Mapping[tuple[str, int], Lost]) -> Iterator[Planned]:
    """The lost pictures that another model can make."""
    bars = {
        canonical_json([[*name, why] for name, why in sorted(each.bars.items())]): each.bars for each in lost.values()
    }
    ids = {row for row, _ in lost}
    free = (
        placed
        for placed in project.manifest.rows()
        if placed.row.id in ids and placed.row.model is None and placed.row.provider is None
    )
    with kit.ledger.reading() as reader:
        shelf = runplan.shelf_of(project, order, kit, reader)
        while chunk := list(islice(free, CHUNK)):
            for barred in bars.values():
                for item in runplan.planned(project, order, kit, shelf, chunk, barred=barred):
                    line = lost.get((item.row.id, item.draft.sample))
                    if line and line.bars == barred and item.state in ("buy", "cached") and item.draft.part is None:
                        yield item


def _takes_over(kit: Kit, item: Planned, line: Lost) -> bool:
    """Write the planned picture over the lost line; whether that could be done."""
    try:
        staged = staging.stage(item, line.seq, kit.desk.folder)
    except ManifestError:
        return False
    if staged.state != "todo":
        return False

    def write(connection: Connection) -> bool:
        with suppress(IntegrityError):  # its file would be another row's: it stays as it is
            jobs.take_over(connection, line.id, replace(staged, about=_told(staged, line)))
            return True
        return False

    return kit.ledger.write(write)


def _told(staged: Staged, line: Lost) -> str:
    import json

    about = json.loads(staged.about)
    about["why"] = f"{about.get('why', '')}, in the place of {line.model}: {line.why}"
    return canonical_json(about)


def _room(project: Project, order: Order, kit: Kit, loop: Loop) -> int | None:
    """How much more may be spent without anybody having been asked; None where a budget or a word covers it."""
    if order.yes or project.budget:
        return None
    with kit.ledger.reading() as reader:
        estimate, _ = tally.sums(reader, loop.run)
    return max(project.settings.guard, estimate) - estimate + _given_up(kit, loop)


def _given_up(kit: Kit, loop: Loop) -> int:
    """What the lost lines were to cost."""
    with kit.ledger.reading() as reader:
        found = reader.execute(
            "SELECT COALESCE(SUM(estimate), 0) FROM jobs WHERE run = ? AND state = 'skipped'", (loop.run,)
        ).fetchone()
    return int(found[0])


def _unserved(kit: Kit, loop: Loop) -> bool:
    """Whether a picture is missing because of a provider."""
    fallen = loop.unusable.fallen
    with kit.ledger.reading() as reader:
        return any(line[4] == "skipped" or line[2] in fallen for line in _ended(reader, loop.run))
