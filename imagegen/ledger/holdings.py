"""Holdings: which picture satisfies which row of an output folder, and the folder's own identity.

Plain functions of a connection.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imagegen.domain.request import Key


@dataclass(frozen=True, slots=True)
class Holding:
    """The picture a row has. `finish` is JSON of how it was finished, `about` of how it was made;
    `bytes` and `mtime_ns` are the file's as we wrote it."""

    row: str
    sample: int
    fingerprint: str
    key: Key
    digest: str
    provider: str
    model: str
    address: str | None
    finish: str
    file: str
    bytes: int
    mtime_ns: int
    about: str

    def facts(self) -> dict[str, Any]:
        """`about`, parsed."""
        parsed: dict[str, Any] = json.loads(self.about)
        return parsed


_COLUMNS = "row, sample, fingerprint, key, digest, provider, model, address, finish, file, bytes, mtime_ns, about"


def of_rows(connection: sqlite3.Connection, collection: str, rows: Sequence[str]) -> dict[tuple[str, int], Holding]:
    """What `collection` holds for `rows`, by (row, sample)."""
    marks = ",".join("?" * len(rows))
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM holdings WHERE collection = ? AND row IN ({marks})",
        (collection, *rows),
    )
    return {(line[0], line[1]): Holding(*line) for line in found}


def count(connection: sqlite3.Connection, collection: str) -> int:
    """How many pictures `collection` holds (stops counting at 1)."""
    return len(connection.execute("SELECT 1 FROM holdings WHERE collection = ? LIMIT 1", (collection,)).fetchall())


def hold(connection: sqlite3.Connection, collection: str, holding: Holding) -> None:
    """`holding` now satisfies its row."""
    connection.execute(
        f"INSERT OR REPLACE INTO holdings (collection, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            collection, holding.row, holding.sample, holding.fingerprint, holding.key, holding.digest,
            holding.provider, holding.model, holding.address, holding.finish, holding.file, holding.bytes,
            holding.mtime_ns, holding.about,
        ),
    )  # fmt: skip


def needed(connection: sqlite3.Connection) -> set[str]:
    """The digests that named outputs are made of, over all collections."""
    return {found[0] for found in connection.execute("SELECT DISTINCT digest FROM holdings")}


def collection_at(connection: sqlite3.Connection, folder: str) -> str | None:
    """The collection last seen in `folder`, for when its id file went missing."""
    found = connection.execute(
        "SELECT id FROM collections WHERE folder = ? ORDER BY created DESC LIMIT 1", (folder,)
    ).fetchone()
    return found[0] if found else None


def place_collection(connection: sqlite3.Connection, collection: str, folder: str, clock: float) -> None:
    """`collection` lives in `folder` now."""
    connection.execute(
        "INSERT INTO collections VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET folder = ?2",
        (collection, folder, clock),
    )
