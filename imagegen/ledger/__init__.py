"""The ledger: one SQLite file per home that knows every job, attempt and cent.

`Ledger` opens it for spending; `imagegen.ledger.schema.read_only` for looking.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from imagegen.domain.queue import is_own, is_queue
from imagegen.errors import StorageError
from imagegen.ledger import attempts, runs, schema, spool
from imagegen.ledger.attempts import Open
from imagegen.ledger.runs import RunLock
from imagegen.ledger.slip import LedgerSlip
from imagegen.ledger.writer import Writer

T = TypeVar("T")


class Ledger:
    """The account book of a home. Thread-safe: one writer thread commits for everybody.

    `clock` gives wall time in seconds. Raises StorageError when the file cannot be used.
    """

    def __init__(
        self,
        home: Path,
        clock: Callable[[], float] = time.time,
        on_failure: Callable[[StorageError], None] | None = None,
    ) -> None:
        self.home, self.clock = home, clock
        #: What is known, in this process, of pictures that earlier runs asked for and that are not there: the state and
        #: the reason, by Key.
        self.told: dict[str, tuple[str, str]] = {}
        self.path = home / "ledger.db"
        self.spool, self.locks = home / "spool", home / "runs"
        self._slots = spool.Slots(self.spool)
        for folder in (home, self.spool, self.locks):
            _private(folder)
        connection = schema.connect(self.path)
        try:
            self.notice = _adopt(connection)
        except sqlite3.DatabaseError as problem:
            connection.close()
            raise schema.unusable(self.path, problem) from problem
        self._writer = Writer(connection, on_failure)

    def write(self, op: Callable[[sqlite3.Connection], T]) -> T:
        """Run `op` in a transaction; on disk when this returns."""
        return self._writer.call(op)

    def write_soon(self, op: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Run `op` in a transaction soon; the future is done when it is on disk."""
        return self._writer.submit(op)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection of the caller's own, for reading beside the writer."""
        with closing(schema.read_only(self.path)) as connection:
            yield connection

    def slip(self, attempt: str, room: int = 0) -> LedgerSlip:
        """The slip of a reserved attempt; `room` bytes are set aside for its answer."""
        return LedgerSlip(self._writer, self._slots, attempt, self.clock, room=room)

    def slip_of(self, left: Open) -> LedgerSlip:
        """The slip of an attempt that a dead run left: it collects, it does not submit."""
        return LedgerSlip(
            self._writer,
            self._slots,
            left.id,
            self.clock,
            remote_id=left.remote_id,
            poll_url=left.poll_url,
            told=left.told,
            answer=spool.whole_answer(self.spool, left.id),
        )

    def take_over(self) -> list[Open]:
        """Settle what dead runs left open: what was never sent is released, what was sent and not answered
        becomes unknown. Returns what can still be collected (an answer in the spool, a job id, a tag)."""
        collectable: list[Open] = []
        with self.reading() as connection:
            dead = attempts.left_behind(connection)
        for run in dead:
            lock = RunLock(self.locks, run)
            if not lock.take():
                continue
            try:
                collectable += self.settle(run)
            finally:
                lock.drop()
        return collectable

    def settle(self, run: str) -> list[Open]:
        """Close what a run that is over left open; returns what can still be collected."""
        collectable = []
        with self.reading() as connection:
            left = attempts.open_of(connection, run)
        for attempt in left:
            # A queue's job is found again by its tag: what was sent there is not given up as unknown.
            known = attempt.remote_id or spool.whole_answer(self.spool, attempt.id) is not None
            if known or (attempt.state == "sent" and is_queue(attempt.provider)):
                collectable.append(attempt)
            elif attempt.state == "reserved":
                self._close(attempt.id, 0, "nothing", "interrupted before it was sent")
            elif is_own(attempt.provider):
                self._close(attempt.id, 0, "nothing", "interrupted on this machine")
            else:
                self._close(attempt.id, None, "unknown", "interrupted after it was sent")
        return collectable

    def sweep(self) -> None:
        """Clear away what killed runs left lying about: their locks, and answers whose attempts are closed.
        An answer that these books know nothing of (they were restored from a copy) stays."""
        with self.reading() as connection:
            closed = attempts.closed(connection, spool.answers(self.spool))
        for run in {*closed, *runs.locked(self.locks)}:
            lock = RunLock(self.locks, run)
            if lock.take():
                for attempt in closed.get(run, ()):
                    spool.drop(self.spool, attempt)
                lock.drop()

    def _close(self, attempt: str, charged: int | None, basis: str, reason: str) -> None:
        now = self.clock()
        self.write(lambda connection: attempts.close(connection, attempt, charged, basis, now, reason))
        spool.drop(self.spool, attempt)

    def charged(self, run: str) -> int:
        """What `run` is known to have been charged (nanodollars)."""
        with self.reading() as connection:
            return runs.charged(connection, run)

    @property
    def failed(self) -> StorageError | None:
        """The first commit that failed, if any did."""
        return self._writer.failed

    def close(self) -> None:
        """Commit what waits and close the file."""
        self._writer.close()
        self._slots.close()


def _private(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(PermissionError):
            folder.chmod(0o700)
    except OSError as problem:
        raise StorageError(
            f"{folder} cannot be used: {problem.strerror}",
            "set IMAGEGEN_HOME to a folder that can be written",
        ) from problem


def _adopt(connection: sqlite3.Connection) -> str | None:
    """A sentence when the ledger was last used on another machine; it is this one's from now on."""
    host = socket.gethostname()
    found = connection.execute("SELECT value FROM meta WHERE name = 'host'").fetchone()
    if found and json.loads(found[0]) == host:
        return None
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('host', ?)", (json.dumps(host),))
    return f"this ledger was last used on {json.loads(found[0])}; going on with it here" if found else None
