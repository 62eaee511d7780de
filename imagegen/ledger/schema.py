"""The ledger's tables, and how its one SQLite file is opened, checked and migrated.

WAL with synchronous=FULL: a commit that returned survives a power cut. Money is whole
nanodollars in integer columns. Knows nothing of runs in progress.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from imagegen.errors import StorageError

#: Raised when tables change; `MIGRATIONS[n]` leads from version n to n + 1.
VERSION = 4

#: What version 3 added. `jobs.role` says what a line is in a draft-and-refine row (NULL: a plain picture) and
#: `jobs.link` is the `seq` of the refined picture's line, in that line and in its drafts'.
#: `attempts.told` is what the provider said when it took a job, as JSON.
_VERSION_3 = """
-- Webhooks to deliver, at least once each; `state` is due, delivered or given_up.
CREATE TABLE outbox (
  id TEXT PRIMARY KEY, run TEXT NOT NULL, row TEXT NOT NULL, sample INTEGER NOT NULL, url TEXT NOT NULL,
  body TEXT NOT NULL, tries INTEGER NOT NULL, due REAL NOT NULL, state TEXT NOT NULL, created REAL NOT NULL,
  reason TEXT) WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (state, due);

-- What a provider was found to bear, by account (a hash of the key) and model; `facts` is JSON.
CREATE TABLE learned (
  provider TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL, facts TEXT NOT NULL, updated REAL NOT NULL,
  PRIMARY KEY (provider, account, model)) WITHOUT ROWID;

CREATE INDEX jobs_link ON jobs (run, link, seq) WHERE role IS NOT NULL;

-- Which draft won: a refine has no key of its own before that, its slot stands for it. `facts` is JSON.
CREATE TABLE choices (
  slot TEXT PRIMARY KEY, key TEXT NOT NULL, facts TEXT NOT NULL, made REAL NOT NULL) WITHOUT ROWID;
"""

#: What version 4 added: `jobs.bucket`, what a line shares with those that are best made right before and after it.
_VERSION_4 = """
ALTER TABLE jobs ADD COLUMN bucket TEXT NOT NULL DEFAULT '';
DROP INDEX jobs_ready;
CREATE INDEX jobs_ready ON jobs (run, state, provider, priority, bucket, seq);
"""

MIGRATIONS = {
    1: "ALTER TABLE items ADD COLUMN tags TEXT",
    2: "ALTER TABLE jobs ADD COLUMN role TEXT; ALTER TABLE jobs ADD COLUMN link INTEGER;"
    " ALTER TABLE attempts ADD COLUMN told TEXT;" + _VERSION_3,
    3: _VERSION_4,
}

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE collections (id TEXT PRIMARY KEY, folder TEXT NOT NULL, created REAL NOT NULL) WITHOUT ROWID;

CREATE TABLE runs (
  id TEXT PRIMARY KEY, collection TEXT NOT NULL, manifest TEXT NOT NULL, flags TEXT NOT NULL,
  state TEXT NOT NULL, started REAL NOT NULL, ended REAL, exit_code INTEGER,
  pid INTEGER NOT NULL, host TEXT NOT NULL, summary TEXT) WITHOUT ROWID;

-- One run's work list. Only the newest run of a collection keeps its jobs; `attempts` keep the money.
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY, run TEXT NOT NULL, seq INTEGER NOT NULL, row TEXT NOT NULL, sample INTEGER NOT NULL,
  state TEXT NOT NULL, priority INTEGER NOT NULL, provider TEXT, model TEXT, key TEXT, fingerprint TEXT,
  estimate INTEGER, most INTEGER, premium INTEGER, cost INTEGER, request TEXT, finish TEXT,
  file TEXT NOT NULL, fold TEXT NOT NULL, digest TEXT, about TEXT NOT NULL, reason TEXT, role TEXT, link INTEGER,
  bucket TEXT NOT NULL DEFAULT '');
CREATE UNIQUE INDEX jobs_file ON jobs (run, fold);
CREATE INDEX jobs_ready ON jobs (run, state, provider, priority, bucket, seq);

-- What an output folder holds: the picture that satisfies a row while the row is unchanged.
CREATE TABLE holdings (
  collection TEXT NOT NULL, row TEXT NOT NULL, sample INTEGER NOT NULL, fingerprint TEXT NOT NULL,
  key TEXT NOT NULL, digest TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, address TEXT,
  finish TEXT NOT NULL, file TEXT NOT NULL, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  about TEXT NOT NULL, PRIMARY KEY (collection, row, sample)) WITHOUT ROWID;

CREATE TABLE attempts (
  id TEXT PRIMARY KEY, run TEXT NOT NULL, collection TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
  state TEXT NOT NULL, number INTEGER NOT NULL, images INTEGER NOT NULL, reserved INTEGER NOT NULL,
  estimate INTEGER NOT NULL, charged INTEGER, basis TEXT, minute INTEGER NOT NULL, day TEXT NOT NULL,
  opened REAL NOT NULL, sent REAL, closed REAL, remote_id TEXT, poll_url TEXT, reason TEXT, told TEXT) WITHOUT ROWID;
CREATE INDEX attempts_open ON attempts (state, run) WHERE state NOT IN ('done', 'free');

-- `tags` is JSON, a list of texts; NULL where it was written before version 2.
CREATE TABLE items (
  attempt TEXT NOT NULL, key TEXT NOT NULL, row TEXT NOT NULL, sample INTEGER NOT NULL,
  request TEXT NOT NULL, tags TEXT, PRIMARY KEY (attempt, key)) WITHOUT ROWID;

-- A key that an open or unknown attempt is about: nobody else may buy it.
CREATE TABLE claims (key TEXT PRIMARY KEY, attempt TEXT NOT NULL) WITHOUT ROWID;

-- Every picture ever paid for, by key: asked before anything is bought. `flaw` says why one is no use
-- (digest '' when it was not even a picture).
CREATE TABLE artifacts (
  key TEXT PRIMARY KEY, digest TEXT NOT NULL, model TEXT NOT NULL, cost INTEGER, made REAL NOT NULL,
  flaw TEXT) WITHOUT ROWID;

-- Running totals. `spent` counts unknown attempts in full until they are settled.
CREATE TABLE buckets (
  scope TEXT PRIMARY KEY, reserved INTEGER NOT NULL DEFAULT 0, spent INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
"""
TABLES += _VERSION_3


def connect(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """Open the ledger at `path`, creating or migrating it. Raises StorageError, one line, when it
    cannot be used: damaged, newer than this version, not writable."""
    try:
        return _opened(path, create=create)
    except (sqlite3.DatabaseError, OSError) as problem:
        raise unusable(path, problem) from problem


def unusable(path: Path, problem: Exception) -> StorageError:
    """`problem` with the ledger at `path`, as one line for people."""
    said = problem.strerror if isinstance(problem, OSError) else problem
    return StorageError(
        f"the ledger {path} cannot be used: {said}",
        "move it away and restore a copy of it, or free space and rights; nothing was spent",
    )


def _newer(path: Path, version: int) -> StorageError:
    return StorageError(
        f"the ledger {path} was written by a newer imagegen (version {version}, this one knows {VERSION})",
        "update imagegen; nothing was spent",
    )


def read_only(path: Path) -> sqlite3.Connection:
    """A second connection for reading beside the writer. Raises StorageError, one line, when the file is
    damaged, newer than this version, or no ledger."""
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False, timeout=60
        )
        connection.execute("PRAGMA query_only=ON")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as problem:
        raise unusable(path, problem) from problem
    if version > VERSION:
        connection.close()
        raise _newer(path, version)
    return connection


@contextlib.contextmanager
def looking(path: Path) -> Iterator[sqlite3.Connection | None]:
    """The ledger for a command that only looks; None where there is none yet. Creates nothing.
    Raises StorageError, one line, when it is damaged, at the first look or at a later one."""
    if not path.exists():
        yield None
        return
    try:
        with contextlib.closing(read_only(path)) as connection:
            begun = connection.execute("PRAGMA user_version").fetchone()[0] > 0
            yield connection if begun else None
    except sqlite3.DatabaseError as problem:
        raise unusable(path, problem) from problem


def _opened(path: Path, *, create: bool) -> sqlite3.Connection:
    if not path.exists():
        if not create:
            raise StorageError(f"there is no ledger at {path}", "run a manifest first")
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=60)
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    connection.execute("PRAGMA foreign_keys=OFF")
    # A damaged page may lie where it is only read after money was spent; 100 MB take a third of a second.
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        connection.close()
        raise sqlite3.DatabaseError("it is damaged")
    with contextlib.suppress(OSError):
        path.chmod(0o600)
    _prepare(connection, path)
    return connection


def _write_ahead(connection: sqlite3.Connection, patience: float = 60) -> None:
    """Turn to WAL; for this one step SQLite does not wait by itself when another process opens a new ledger too."""
    end = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as problem:
            if "locked" not in str(problem) or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create or migrate the tables; two processes may come here at once."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]  # the other process may have been quicker
    if version > VERSION:
        connection.execute("ROLLBACK")
        connection.close()
        raise _newer(path, version)
    if version == 0:
        _execute_all(connection, TABLES)
    elif version < VERSION:
        _back_up(path, path.with_name(f"{path.name}.v{version}-{time.time_ns()}.bak"))
        for step in range(version, VERSION):
            _execute_all(connection, MIGRATIONS[step])
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("COMMIT")


def _back_up(path: Path, copy: Path) -> None:
    """Copy the ledger as it was last committed: a copy of the file alone would lack what is still in its log."""
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with (
            contextlib.closing(sqlite3.connect(path, timeout=60)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise


def _execute_all(connection: sqlite3.Connection, script: str) -> None:
    # Not executescript: that would commit the transaction we are in.
    bare = "\n".join(line for line in script.splitlines() if not line.startswith("--"))
    for statement in bare.split(";"):
        if statement.strip():
            connection.execute(statement)
