"""One writer thread owns the ledger's connection and commits in groups.

Callers hand in functions of the connection; everything that waits is run in one
transaction and committed once, then each caller gets its answer. A function that
raises is undone alone (savepoint) and the error goes to its caller.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from imagegen.errors import StorageError

T = TypeVar("T")
Op = Callable[[sqlite3.Connection], Any]

#: SQLite's codes for a disk or a file that cannot be used: everybody's trouble, not one operation's.
_STORAGE = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    }
)
#: More than this many in one transaction would keep other processes waiting.
GROUP = 512


def is_storage(error: BaseException) -> bool:
    """Whether `error` is SQLite's word for a disk or a file that cannot be used."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _STORAGE


class Writer:
    """Runs operations on `connection` in its own thread. `on_failure` is told once when a commit fails."""

    def __init__(
        self, connection: sqlite3.Connection, on_failure: Callable[[StorageError], None] | None = None
    ) -> None:
        self._connection = connection
        self._queue: SimpleQueue[tuple[Op, Future[Any]] | None] = SimpleQueue()
        self._on_failure = on_failure
        self.failed: StorageError | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="ledger", daemon=True)
        self._thread.start()

    def submit(self, op: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Run `op` soon; the future is done only after its commit is on disk."""
        future: Future[T] = Future()
        if self._closed:
            future.set_exception(StorageError("the ledger is closed", "open it anew"))
        else:
            self._queue.put((op, future))
        return future

    def call(self, op: Callable[[sqlite3.Connection], T]) -> T:
        """Run `op` and wait for its commit."""
        return self.submit(op).result()

    def close(self) -> None:
        """Finish what waits, then close the connection."""
        self._closed = True
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _loop(self) -> None:
        closing = False
        while not closing:
            group: list[tuple[Op, Future[Any]]] = []
            item = self._queue.get()
            while True:
                if item is None:
                    closing = True
                    break
                group.append(item)
                if len(group) >= GROUP or self._queue.empty():
                    break
                item = self._queue.get()
            if group:
                self._commit(group)
        self._connection.close()

    def _commit(self, group: list[tuple[Op, Future[Any]]]) -> None:
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for op, future in group:
                answers.append((future, *self._one(op)))
            self._connection.execute("COMMIT")
        except sqlite3.Error as problem:
            self._fail(group, problem)
            return
        for future, value, error in answers:
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)

    def _one(self, op: Op) -> tuple[Any, BaseException | None]:
        before = self._connection.total_changes
        self._connection.execute("SAVEPOINT op")
        try:
            value = op(self._connection)
        except Exception as error:
            if is_storage(error):
                raise
            if self._connection.total_changes != before:
                self._connection.execute("ROLLBACK TO op")
            return None, error
        finally:
            if self._connection.in_transaction:
                self._connection.execute("RELEASE op")
        return value, None

    def _fail(self, group: list[tuple[Op, Future[Any]]], problem: sqlite3.Error) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        error = StorageError(f"the ledger could not be written: {problem}", "free space or mend rights, then run again")
        error.__cause__ = problem
        if self.failed is None:
            self.failed = error
            if self._on_failure:
                self._on_failure(error)
        for _, future in group:
            if not future.done():
                future.set_exception(error)
