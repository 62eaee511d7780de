"""The ledger: it opens, it is whole, and what it has open; and the clock, which must not be behind it. Creates
nothing, not even the files that SQLite puts beside a database that it reads."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

from imagegen.doctor.finding import Finding, note, ok, problem
from imagegen.errors import StorageError
from imagegen.ledger import schema

#: Seconds that the clock may be behind what it wrote itself.
SLACK = 300.0


def look(home: Path) -> Iterator[Finding]:
    """The ledger of a home."""
    path = home / "ledger.db"
    if not path.exists():
        yield ok("ledger", "none yet: the first run makes it")
        return
    try:
        with closing(_opened(path)) as connection:
            yield from _state(connection, path)
    except StorageError as error:
        yield problem("ledger", error.what, error.todo)
    except (sqlite3.DatabaseError, OSError) as error:
        found = schema.unusable(path, error)
        yield problem("ledger", found.what, found.todo)


def _opened(path: Path) -> sqlite3.Connection:
    """For reading. Where no log lies beside it nobody is writing, and it can be read without one."""
    if path.with_name(f"{path.name}-wal").exists():
        return schema.read_only(path)
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def _state(connection: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > schema.VERSION:
        text = f"{path} was written by a newer imagegen (version {version}, this one knows {schema.VERSION})"
        yield problem("ledger", text, "update imagegen")
        return
    if version == 0:
        yield ok("ledger", f"{path}: empty, the first run fills it")
        return
    whole = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if whole != "ok":
        yield problem("ledger", f"{path} is damaged: {whole}", "move it away and restore a copy of it")
        return
    if version < schema.VERSION:
        yield note("ledger", f"version {version}: the next run brings it to {schema.VERSION}, after a backup")
    count = dict(connection.execute("SELECT state, COUNT(*) FROM attempts GROUP BY state"))
    runs = connection.execute("SELECT COUNT(*) FROM runs").fetchone()[0]
    closed = sum(number for state, number in count.items() if state in ("done", "free"))
    yield ok("ledger", f"{path}: {runs:,} {'run' if runs == 1 else 'runs'}, {closed:,} settled calls")
    unknown = count.get("unknown", 0)
    if unknown:
        text = f"{unknown:,} {'call' if unknown == 1 else 'calls'} may have been charged and nobody knows"
        yield note("ledger", text, "`imagegen unknown` lists them")
    left = sum(count.values()) - closed - unknown
    if left:
        text = f"{left:,} {'call is' if left == 1 else 'calls are'} open: of a run at work, or left by one that died"
        yield note("ledger", text, "`imagegen resume` goes on where it stopped")


def clock(home: Path, priced_on: date | None, now: float | None = None) -> Finding:
    """Whether the clock is behind what it must have seen: the ledger's last use, the day that prices were read.
    `now` in seconds since 1970."""
    now = time.time() if now is None else now
    shown = datetime.fromtimestamp(now, UTC)
    if priced_on is not None and shown.date() < priced_on:
        text = f"it says {shown:%Y-%m-%d %H:%M} UTC, and the catalogue's prices were read on {priced_on}"
        return problem("clock", text, "set the clock: budgets by the hour and day go by it")
    used = _last_use(home)
    if used is not None and used > now + SLACK:
        last = datetime.fromtimestamp(used, UTC)
        text = f"it says {shown:%Y-%m-%d %H:%M} UTC, but the ledger was last used on {last:%Y-%m-%d %H:%M}"
        return problem("clock", text, "set the clock: budgets by the hour and day go by it")
    return ok("clock", f"{shown:%Y-%m-%d %H:%M} UTC")


def _last_use(home: Path) -> float | None:
    path = home / "ledger.db"
    try:
        used = path.stat().st_mtime
        with closing(_opened(path)) as connection:
            found = connection.execute("SELECT MAX(MAX(started), COALESCE(MAX(ended), 0)) FROM runs").fetchone()[0]
    except (OSError, sqlite3.DatabaseError, StorageError):
        return None
    return max(used, found or 0.0)
