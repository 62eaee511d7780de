"""Queued: what waits in providers' queues, in the books. Plain functions of a connection, for reading."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from imagegen.domain.queue import QUEUED
from imagegen.ledger.runs import RunLine, of

_QUEUE = "provider LIKE '%.batch'"


class Waiting(NamedTuple):
    """A batch at a provider, by the name of its queue; `remote_id` None: its number was lost."""

    collection: str
    provider: str
    remote_id: str | None
    pictures: int


def batches(connection: sqlite3.Connection) -> list[Waiting]:
    """The batches that are not home, the oldest first."""
    lines = connection.execute(
        "SELECT collection, provider, remote_id, images FROM attempts"
        f" WHERE state IN ('sent', 'accepted') AND {_QUEUE} ORDER BY opened"
    )
    return [Waiting(*line) for line in lines]


def collections(connection: sqlite3.Connection) -> list[str]:
    """The collections that have pictures in a queue, or that a run left waiting for one."""
    lines = connection.execute(
        f"SELECT collection FROM attempts WHERE state IN ('sent', 'accepted') AND {_QUEUE} UNION"
        f" SELECT r.collection FROM jobs j JOIN runs r ON r.id = j.run WHERE j.state = 'waiting' AND j.{_QUEUE}"
    )
    return [line[0] for line in lines]


def pictures(connection: sqlite3.Connection, run: str) -> int:
    """How many pictures of `run` wait in a queue."""
    found = connection.execute(
        f"SELECT COUNT(*) FROM jobs WHERE run = ? AND state = 'waiting' AND {_QUEUE}", (run,)
    ).fetchone()
    return int(found[0])


def reasons(connection: sqlite3.Connection, run: str) -> list[str]:
    """Why pictures of `run` wait, where it is not just that their batch is at work."""
    found = connection.execute(
        f"SELECT DISTINCT reason FROM jobs WHERE run = ? AND state = 'waiting' AND {_QUEUE} AND reason != ? LIMIT 5",
        (run, QUEUED),
    )
    return [line[0] for line in found]


def latest(
    connection: sqlite3.Connection, *, collection: str | None = None, manifest: str | None = None
) -> list[RunLine]:
    """The runs of a collection or of a manifest, the latest first."""
    found = connection.execute(
        "SELECT id FROM runs WHERE (?1 IS NULL OR collection = ?1) AND (?2 IS NULL OR manifest = ?2)"
        " ORDER BY started DESC",
        (collection, manifest),
    ).fetchall()
    return [line for name in found if (line := of(connection, name[0])) is not None]
