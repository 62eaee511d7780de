"""History: the runs of a home as somebody looks back at them. Only reads, but for asking a run's lock."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from imagegen.domain.money import Nano, nano
from imagegen.errors import Exit, StorageError
from imagegen.ledger import tally
from imagegen.ledger.runs import RunLock

#: running: it holds its lock · died: it does not, and never ended (killed, or the machine went down).
State = Literal["ended", "running", "died"]


@dataclass(frozen=True, slots=True)
class Past:
    """A run. `counts` are pictures by state; `estimated` is what it was to cost when it was planned, None when that
    is not known any more. `charged` is known, `unknown` pictures may have cost `unknown_at_most`, `open` calls are
    still out. `later` is the newest run of the same folder after it. Money in nanodollars, times in seconds."""

    id: str
    collection: str
    folder: str
    manifest: str
    flags: dict[str, Any]
    state: State
    started: float
    ended: float | None
    exit_code: int | None
    pid: int
    host: str
    counts: dict[str, int]
    estimated: Nano | None
    stopped_by: str | None
    charged: Nano
    unknown: int
    unknown_at_most: Nano
    open: int
    later: str | None


#: What an exit code says about the run that ended with it.
MEANING = {
    Exit.OK: "everything is there",
    Exit.BUG: "a bug of imagegen",
    Exit.USAGE: "it could not begin; nothing was bought",
    Exit.SOME_FAILED: "finished, but some rows failed or were refused",
    Exit.BUDGET: "a budget was used up",
    Exit.PROVIDER: "a provider could not be used",
    Exit.UNKNOWN: "some rows are unknown, possibly charged",
    Exit.STORAGE: "a disk, a folder or the ledger could not be used",
    Exit.LOCKED: "another run held the output folder",
    Exit.WAITING: "some rows are waiting",
    Exit.INTERRUPTED: "interrupted; what was sent was waited for",
    Exit.TERMINATED: "terminated; what was sent was waited for",
}


def going_on(past: Past) -> list[str]:
    """The commands that go on from where `past` stopped, in their order; none when nothing is left to do."""
    if past.state == "running":
        return []
    commands = ["imagegen unknown"] if past.unknown or (past.open and past.later) else []
    if past.later or (past.state == "ended" and past.exit_code == Exit.OK):
        return commands
    return [*commands, f"imagegen resume {past.id}" if past.flags else f"imagegen run {past.manifest}"]


_COLUMNS = (
    "r.id, r.collection, COALESCE(c.folder, ''), r.manifest, r.flags, r.state, r.started, r.ended, r.exit_code, r.pid,"
    " r.host, r.summary FROM runs r LEFT JOIN collections c ON c.id = r.collection"
)


def latest(connection: sqlite3.Connection, locks: Path, most: int) -> Iterator[Past]:
    """The last `most` runs, the newest first. `locks` is the folder of the runs' locks."""
    lines = connection.execute(f"SELECT {_COLUMNS} ORDER BY r.started DESC, r.id LIMIT ?", (most,)).fetchall()
    newest, doubts = _newest(connection), _doubts(connection)
    for line in lines:
        yield _past(connection, locks, line, newest, doubts)


def beginning_with(connection: sqlite3.Connection, locks: Path, start: str, most: int = 6) -> list[Past]:
    """Up to `most` runs whose ids begin with `start`, the newest first."""
    lines = connection.execute(
        f"SELECT {_COLUMNS} WHERE substr(r.id, 1, length(?1)) = ?1 ORDER BY r.started DESC LIMIT ?2",
        (start.lower(), most),
    ).fetchall()
    newest, doubts = _newest(connection), _doubts(connection)
    return [_past(connection, locks, line, newest, doubts) for line in lines]


def count(connection: sqlite3.Connection) -> int:
    """How many runs there are."""
    return int(connection.execute("SELECT COUNT(*) FROM runs").fetchone()[0])


def _newest(connection: sqlite3.Connection) -> dict[str, tuple[float, str]]:
    """Collection -> the start and the id of its newest run."""
    lines = connection.execute("SELECT collection, MAX(started), id FROM runs GROUP BY collection")
    return {line[0]: (line[1], line[2]) for line in lines}


def _doubts(connection: sqlite3.Connection) -> dict[str, tuple[int, Nano, int]]:
    """Run -> pictures that are unknown, what they may have cost, pictures whose call is out."""
    lines = connection.execute(
        "SELECT run, COALESCE(SUM(CASE WHEN state = 'unknown' THEN images END), 0),"
        " COALESCE(SUM(CASE WHEN state = 'unknown' THEN reserved END), 0),"
        " COALESCE(SUM(CASE WHEN state != 'unknown' THEN images END), 0)"
        " FROM attempts WHERE state NOT IN ('done', 'free') GROUP BY run"
    )
    return {line[0]: tuple(line[1:]) for line in lines}


def _past(
    connection: sqlite3.Connection,
    locks: Path,
    line: tuple[Any, ...],
    newest: dict[str, tuple[float, str]],
    doubts: dict[str, tuple[int, Nano, int]],
) -> Past:
    run, collection, folder, manifest, flags, kept, started, ended, code, pid, host, summary = line
    told: dict[str, Any] = json.loads(summary) if summary else {}
    state: State = "ended" if kept == "ended" else "running" if _alive(locks, run) else "died"
    counts = {name: value for name, value in told.items() if isinstance(value, int)}
    estimated = nano(told["estimated_usd"]) if "estimated_usd" in told else None
    if state != "ended":
        counts = tally.counts(connection, run)
        estimated = tally.sums(connection, run)[0] if counts else None
    unknown, at_most, out = doubts.get(run, (0, 0, 0))
    last, later = newest[collection]
    return Past(
        run, collection, folder, manifest, json.loads(flags), state, started, ended, code, pid, host, counts,
        estimated, told.get("stopped_by"), _spent(connection, run) - at_most, unknown, at_most, out,
        later if last > started else None,
    )  # fmt: skip


def _spent(connection: sqlite3.Connection, run: str) -> Nano:
    found = connection.execute("SELECT spent FROM buckets WHERE scope = ?", (f"run:{run}",)).fetchone()
    return int(found[0]) if found else 0


def _alive(locks: Path, run: str) -> bool:
    """Whether somebody holds the lock of `run`. One that is gone, or that can be had, is nobody's."""
    if not (locks / f"{run}.lock").exists():
        return False
    lock = RunLock(locks, run)
    try:
        free = lock.take()
    except StorageError:  # a home that may not be written: who cannot tell does not call it dead
        return True
    if free:
        lock.drop()
    return not free
