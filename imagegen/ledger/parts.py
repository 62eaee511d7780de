"""Parts of attempts: who holds which key, and what of a batch is in doubt while the rest is settled.

Plain functions of a connection, each meant for one transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from imagegen.domain.request import Key
from imagegen.ledger.attempts import close


def set_apart(connection: sqlite3.Connection, attempt: str, doubtful: str, keys: Sequence[Key], clock: float) -> None:
    """Make those pictures of an open attempt whose charge nobody knows an attempt of their own, `doubtful`, unknown
    with its share of the reservation."""
    connection.execute(
        "INSERT INTO attempts (id, run, collection, provider, model, state, number, images, reserved, estimate,"
        " minute, day, opened, sent, remote_id, poll_url, told) SELECT ?2, run, collection, provider, model, state,"
        " number, ?3, reserved * ?3 / images, estimate * ?3 / images, minute, day, opened, sent, remote_id, poll_url,"
        " told FROM attempts WHERE id = ?1",
        (attempt, doubtful, len(keys)),
    )
    connection.execute(
        "UPDATE attempts SET (images, reserved, estimate) = (SELECT attempts.images - d.images, attempts.reserved -"
        " d.reserved, attempts.estimate - d.estimate FROM attempts d WHERE d.id = ?2) WHERE id = ?1",
        (attempt, doubtful),
    )
    for table in ("items", "claims"):
        connection.executemany(
            f"UPDATE {table} SET attempt = ? WHERE attempt = ? AND key = ?",
            [(doubtful, attempt, key) for key in keys],
        )
    close(connection, doubtful, None, "unknown", clock, "the batch is over, and nothing is said of these")


def claims(connection: sqlite3.Connection, keys: Sequence[Key]) -> dict[Key, tuple[str, str]]:
    """Key -> the attempt that holds it, and its state, of those `keys` that one holds."""
    return {
        found[0]: (found[1], found[2])
        for found in connection.execute(
            "SELECT c.key, a.id, a.state FROM claims c JOIN attempts a ON a.id = c.attempt"
            " WHERE c.key IN (SELECT value FROM json_each(?))",
            (json.dumps(list(keys)),),
        )
    }
