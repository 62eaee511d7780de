"""The index of the picture store: a diskcache folder that maps Key to a few bytes, for speed only.

It can be thrown away at any time, so whatever it holds is distrusted: it never loads a pickle, never
opens or removes a value file (diskcache does both by itself, see CVE-2025-69872), and what it cannot
read counts as absent. It knows nothing of pictures.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import diskcache

from imagegen.domain.request import Key
from imagegen.errors import StorageError
from imagegen.files import make_private, storage_error

_RAW = 1
_DEFAULTS = diskcache.DEFAULT_SETTINGS
_CHUNK = 500
#: Every thread has a connection of its own: by default each would come to hold 32 MB of pages and map 64 MB.
_SMALL = {"sqlite_cache_size": 256, "sqlite_mmap_size": 0}
_SELECT = "SELECT key, value FROM Cache WHERE raw = 1 AND mode = 1 AND filename IS NULL AND key IN "
#: SQLite's words for a disk or another process in the way: no reason to throw an index away.
_NOT_DAMAGE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
}
_BROKEN = (sqlite3.Error, diskcache.Timeout, ValueError, TypeError, AttributeError, KeyError)


class Refused(ValueError):
    """The index holds, or was given, something other than text keys and bytes within its database."""


class PlainDisk(diskcache.Disk):  # type: ignore[misc]
    """Takes only str keys and bytes values, kept in the database itself: no pickle, no files."""

    def put(self, key: Any) -> tuple[str, bool]:
        """The key as stored."""
        if type(key) is not str:
            raise Refused(f"an index key must be text, not {type(key).__name__}")
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        """The key as it was."""
        if raw != 1 or type(key) is not str:
            raise Refused("the index holds a key that is not plain text")
        return key

    def store(self, value: Any, read: bool, key: Any = None) -> tuple[int, int, None, bytes]:
        """Size, mode, file name and value as stored."""
        if read or type(value) is not bytes:
            raise Refused(f"an index value must be bytes, not {type(value).__name__}")
        return 0, _RAW, None, value

    def fetch(self, mode: Any, filename: Any, value: Any, read: bool) -> bytes:
        """The value as it was."""
        if read or mode != _RAW or filename is not None or type(value) is not bytes:
            raise Refused("the index holds a value that is not plain bytes")
        return value

    def filename(self, key: Any = None, value: Any = None) -> tuple[str, str]:
        """Refused: no value is ever kept in a file."""
        raise Refused("the index keeps no files")

    def remove(self, file_path: Any) -> None:
        """Nothing: a file name in the database was not written by us, and is not ours to remove."""


class Index:
    """Key to bytes in `folder`, shared by threads and processes. Reading never fails; writing raises
    StorageError. A folder that is no index any more is emptied and begun anew."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._reader: sqlite3.Connection | None = None
        self._cache = self._open_or_begin_anew()

    def get(self, key: Key) -> bytes | None:
        """The entry of `key`, if there is one that can be read."""
        try:
            value: bytes | None = self._cache.get(key)
        except _BROKEN:
            return None
        return value

    def get_many(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        """The entries of those of `keys` that have one."""
        found: dict[Key, bytes] = {}
        with self._lock, contextlib.suppress(sqlite3.Error):
            reader = self._reading()
            for start in range(0, len(keys), _CHUNK):
                chunk = keys[start : start + _CHUNK]
                marks = f"({','.join('?' * len(chunk))})"
                found.update(reader.execute(_SELECT + marks, chunk))
        return {key: value for key, value in found.items() if type(value) is bytes}

    def set_many(self, entries: Mapping[Key, bytes]) -> None:
        """Write `entries` in one transaction."""
        with self._writing():
            for key, value in entries.items():
                self._cache.set(key, value)

    def remove(self, keys: Iterable[Key]) -> None:
        """Drop the entries of `keys` in one transaction."""
        with self._writing():
            for key in keys:
                self._cache.delete(key)

    def rows(self) -> Iterator[tuple[Key | None, bytes | None]]:
        """All entries; a refused key or value shows as None."""
        with contextlib.closing(self._connect()) as reader, contextlib.suppress(sqlite3.Error):
            for key, raw, mode, filename, value in reader.execute("SELECT key, raw, mode, filename, value FROM Cache"):
                plain = mode == _RAW and filename is None and type(value) is bytes
                yield (key if raw == 1 and type(key) is str else None), (value if plain else None)

    def clear(self) -> None:
        """Drop everything, foreign rows and damage included."""
        try:
            self._cache.clear()
        except _BROKEN:
            self.close()
            self._cache = self._begin_anew()

    def close(self) -> None:
        """Let go of this thread's files; those of other threads go with the threads."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        self._cache.close()

    def _open_or_begin_anew(self) -> Any:
        try:
            return self._open()
        except _BROKEN as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_DAMAGE:
                raise _explained(error, self.folder) from error
            return self._begin_anew()

    def _begin_anew(self) -> Any:
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            return self._open()
        except _BROKEN as error:
            raise _explained(error, self.folder) from error

    def _open(self) -> Any:
        make_private(self.folder)
        self._make_database_private()
        self._refuse_foreign_settings()
        return diskcache.Cache(
            self.folder,
            disk=PlainDisk,
            eviction_policy="none",
            cull_limit=0,
            size_limit=2**62,
            disk_min_file_size=2**62,
            statistics=0,
            tag_index=0,
            **{name: value for name, value in _DEFAULTS.items() if name.startswith("sqlite_")} | _SMALL,
        )

    def _make_database_private(self) -> None:
        # SQLite gives the files beside a database the database's own rights.
        path = self._database()
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            os.chmod(path, 0o600)
        except OSError as error:
            raise storage_error(error, path) from error

    def _refuse_foreign_settings(self) -> None:
        # diskcache makes every name in this table an attribute of its own, methods included.
        with contextlib.closing(self._connect()) as reader:
            if reader.execute("SELECT 1 FROM sqlite_master WHERE name = 'Settings'").fetchone():
                names = {name for (name,) in reader.execute("SELECT key FROM Settings")}
                if names - _DEFAULTS.keys() - diskcache.core.METADATA.keys():
                    raise Refused("the index holds settings that are not diskcache's")

    def _database(self) -> str:
        return os.path.join(self.folder, diskcache.core.DBNAME)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._database(), timeout=60, check_same_thread=False)
        connection.execute("PRAGMA query_only = 1")
        return connection

    def _reading(self) -> sqlite3.Connection:
        if self._reader is None:
            self._reader = self._connect()
        return self._reader

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            # Not retry=True: that would try for ever on a disk that is full or read-only.
            with self._cache.transact():
                yield
        except _BROKEN as error:
            raise _explained(error, self.folder) from error


def _explained(error: Exception, folder: str) -> StorageError:
    if isinstance(error, diskcache.Timeout):
        return StorageError(
            f"{folder}: the index cannot be written, another process holds it or the disk refuses",
            "run again later; no picture is lost",
        )
    return StorageError(
        f"{folder}: the index cannot be written: {error}",
        "free space if the disk is full, else run `imagegen cache rebuild`; no picture is lost",
    )
