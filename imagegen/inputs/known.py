"""What is known of input pictures: which bytes a URL gave when it was fetched, which a file held in a certain state.

A cache in `inputs/index.db` of a home: whatever is lost from it is fetched or read again. One thread uses it.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from imagegen.files import make_private

_TABLE = "CREATE TABLE IF NOT EXISTS known (name TEXT PRIMARY KEY, facts TEXT NOT NULL) WITHOUT ROWID"


class Known:
    """Facts by name. Only reads, and creates nothing, until `writable` is called."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / "index.db"
        self._connection: sqlite3.Connection | None = None
        self._asked = self._writes = False
        self._waiting: dict[str, str] = {}

    def writable(self) -> None:
        """From now on `put` keeps what it is given. Raises StorageError when the folder cannot be made."""
        make_private(self._folder)
        self.close()
        self._writes = True

    def get(self, name: str) -> dict[str, Any] | None:
        """What was put last under `name`."""
        connection = self._opened()
        if connection is None or name in self._waiting:
            return json.loads(self._waiting[name]) if name in self._waiting else None
        try:
            found = connection.execute("SELECT facts FROM known WHERE name = ?", (name,)).fetchone()
            facts = json.loads(found[0]) if found else None
        except (sqlite3.Error, ValueError):
            return None
        return facts if isinstance(facts, dict) else None

    def put(self, name: str, facts: dict[str, Any]) -> None:
        """Remember `facts`; on disk after `commit`, where this is `writable`."""
        self._waiting[name] = json.dumps(facts)

    def commit(self) -> None:
        """Write down what was put, all at once: others of this home write too."""
        waiting, self._waiting = self._waiting, {}
        connection = self._opened() if self._writes and waiting else None
        if connection is not None:
            with suppress(sqlite3.Error):  # what is not known is fetched or read again
                connection.executemany("INSERT OR REPLACE INTO known VALUES (?, ?)", waiting.items())
                connection.commit()

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._asked = None, False

    def _opened(self) -> sqlite3.Connection | None:
        if self._asked:
            return self._connection
        self._asked = True
        with suppress(sqlite3.Error, OSError):
            self._connection = self._writing() if self._writes else self._reading()
        return self._connection

    def _reading(self) -> sqlite3.Connection | None:
        if not self._path.exists():
            return None
        return sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)

    def _writing(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        try:
            return self._with_table()
        except sqlite3.DatabaseError as problem:
            if isinstance(problem, sqlite3.OperationalError):  # locked, full: not damaged
                raise
            self._path.unlink()
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            return self._with_table()

    def _with_table(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=10)
        try:
            connection.execute(_TABLE)
            connection.commit()
        except sqlite3.Error:
            connection.close()
            raise
        return connection
