"""Runs: one execution each, alive exactly as long as it holds an OS lock."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from imagegen.errors import LockedError, StorageError
from imagegen.ledger.jobs import discard


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as the ledger has it."""

    id: str
    collection: str
    manifest: str
    flags: dict[str, Any]
    state: str
    started: float
    ended: float | None
    exit_code: int | None
    summary: dict[str, Any] | None


class RunLock:
    """The OS lock that says "this run lives": freed by the kernel whatever kills the process."""

    def __init__(self, folder: Path, run: str) -> None:
        self.run, self._folder = run, folder
        self._lock = FileLock(folder / f"{run}.lock", mode=0o600)

    def take(self) -> bool:
        """Take the lock; False when somebody alive holds it. Raises StorageError."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        except OSError as problem:
            raise _unlockable(self._folder, problem) from problem
        return True

    def drop(self) -> None:
        """The run is over."""
        with suppress(OSError):  # first the file: who gets the lock of one that is gone notices
            os.unlink(self._lock.lock_file)
        self._lock.release()


class FolderLock:
    """One run at a time in an output folder. Raises LockedError naming the other when it is taken."""

    def __init__(self, folder: Path) -> None:
        self._holder = folder / "holder.json"
        self._lock = FileLock(folder / "lock", mode=0o600)
        try:
            self._lock.acquire(timeout=0)
            self._holder.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        except Timeout:
            raise LockedError(
                f"another run is at work in {folder.parent}{_who(self._holder)}", "wait for it or stop it"
            ) from None
        except OSError as problem:
            raise _unlockable(folder, problem) from problem

    def drop(self) -> None:
        """Let the next run in."""
        self._holder.unlink(missing_ok=True)
        self._lock.release()


def _unlockable(folder: Path, problem: OSError) -> StorageError:
    return StorageError(f"{folder} cannot be locked: {problem.strerror}", "free space there or mend its rights")


def _who(holder: Path) -> str:
    try:
        known = json.loads(holder.read_text())
        return f" (process {known['pid']} on {known['host']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def locked(folder: Path) -> list[str]:
    """The runs that have a lock file, alive or killed."""
    return [path.stem for path in folder.glob("*.lock")]


def new_run(folder: Path) -> RunLock:
    """A run that is alive from now on. Its id is short enough to type and unique enough for a home."""
    while not (lock := RunLock(folder, uuid.uuid4().hex[:10])).take():
        pass  # somebody who clears away locks of killed runs had it in hand
    return lock


def start(
    connection: sqlite3.Connection,
    run: str,
    collection: str,
    manifest: str,
    flags: dict[str, Any],
    clock: float,
) -> None:
    """Write that a run begins to plan."""
    connection.execute(
        "INSERT INTO runs VALUES (?, ?, ?, ?, 'planning', ?, NULL, NULL, ?, ?, NULL)",
        (run, collection, manifest, json.dumps(flags), clock, os.getpid(), socket.gethostname()),
    )


def begin_work(connection: sqlite3.Connection, run: str) -> None:
    """The whole plan is staged; work begins."""
    connection.execute("UPDATE runs SET state = 'running' WHERE id = ?", (run,))


def end(connection: sqlite3.Connection, run: str, exit_code: int, summary: dict[str, Any], clock: float) -> None:
    """Write how a run ended."""
    connection.execute(
        "UPDATE runs SET state = 'ended', ended = ?, exit_code = ?, summary = ? WHERE id = ?",
        (clock, exit_code, json.dumps(summary), run),
    )


def tidy(connection: sqlite3.Connection, run: str, collection: str) -> int:
    """Delete some work-list lines of the collection's earlier runs; 0 when none are left."""
    older = connection.execute(
        "SELECT DISTINCT j.run FROM jobs j JOIN runs r ON r.id = j.run WHERE r.collection = ? AND j.run != ? LIMIT 1",
        (collection, run),
    ).fetchone()
    return discard(connection, older[0]) if older else 0


def of(connection: sqlite3.Connection, run: str) -> RunLine | None:
    """The run whose id is, or begins with, `run`."""
    found = connection.execute(
        "SELECT id, collection, manifest, flags, state, started, ended, exit_code, summary FROM runs"
        " WHERE substr(id, 1, ?) = ? LIMIT 2",
        (len(run), run),
    ).fetchall()
    return _line(found[0]) if len(found) == 1 else None


def latest(connection: sqlite3.Connection) -> RunLine | None:
    """The run that started last."""
    found = connection.execute(
        "SELECT id, collection, manifest, flags, state, started, ended, exit_code, summary FROM runs"
        " ORDER BY started DESC LIMIT 1"
    ).fetchone()
    return _line(found) if found else None


def _line(found: tuple[Any, ...]) -> RunLine:
    summary = json.loads(found[8]) if found[8] else None
    return RunLine(*(*found[:3], json.loads(found[3]), *found[4:8], summary))


def spent(connection: sqlite3.Connection, run: str) -> int:
    """What `run` spent so far, unknown attempts counted in full (nanodollars)."""
    found = connection.execute("SELECT spent FROM buckets WHERE scope = ?", (f"run:{run}",)).fetchone()
    return found[0] if found else 0


def charged(connection: sqlite3.Connection, run: str) -> int:
    """What `run` is known to have been charged (nanodollars)."""
    found = connection.execute(
        "SELECT COALESCE(SUM(charged), 0) FROM attempts WHERE run = ? AND state = 'done'", (run,)
    ).fetchone()
    return int(found[0])
