"""Tally: what a run's work list adds up to. Plain functions of a connection that only read."""

from __future__ import annotations

import sqlite3

from imagegen.domain.money import Nano


def counts(connection: sqlite3.Connection, run: str, role: str | None = None) -> dict[str, int]:
    """How many pictures of `run` (only those of that `role`) are in each state."""
    which, more = ("AND role = ?", (role,)) if role else ("", ())
    found = connection.execute(f"SELECT state, COUNT(*) FROM jobs WHERE run = ? {which} GROUP BY state", (run, *more))
    return dict(found)


def deciding(connection: sqlite3.Connection, run: str) -> int:
    """How many pictures of `run` wait for a person to choose among their drafts."""
    found = connection.execute(
        "SELECT COUNT(*) FROM jobs WHERE run = ? AND state = 'waiting' AND role = 'refine'"
        " AND json_extract(about, '$.refine.scorer') = 'person'",
        (run,),
    )
    return int(found.fetchone()[0])


def stand_ins(connection: sqlite3.Connection, run: str) -> Nano | None:
    """What the placeholders of `run` would cost on the models they stand in for; None without placeholders."""
    found = connection.execute(
        "SELECT SUM(json_extract(about, '$.real')) FROM jobs WHERE run = ? AND model = 'placeholder'"
        " AND state IN ('made', 'cached', 'kept')",
        (run,),
    ).fetchone()
    return None if found[0] is None else int(found[0])


def sums(connection: sqlite3.Connection, run: str) -> tuple[Nano, Nano]:
    """What the pictures of `run` were expected to cost, and what those that are there would cost on the
    comparison model."""
    found = connection.execute(
        "SELECT COALESCE(SUM(CASE WHEN state IN ('kept', 'cached') THEN 0 ELSE estimate END), 0),"
        " COALESCE(SUM(CASE WHEN state IN ('made', 'cached', 'kept') THEN premium END), 0) FROM jobs WHERE run = ?",
        (run,),
    ).fetchone()
    return (found[0], found[1])


def awaited(connection: sqlite3.Connection) -> dict[str, set[str]]:
    """Run -> the keys it still has to do, for every run that did not come to its end."""
    found: dict[str, set[str]] = {}
    lines = connection.execute(
        "SELECT j.run, j.key FROM jobs j JOIN runs r ON r.id = j.run"
        " WHERE r.state != 'ended' AND j.state = 'todo' AND j.key IS NOT NULL"
    )
    for run, key in lines:
        found.setdefault(run, set()).add(key)
    return found


def buckets(connection: sqlite3.Connection, run: str, provider: str) -> dict[str, int]:
    """Bucket -> how many pictures of it `provider` still has to make in `run`."""
    return dict(
        connection.execute(
            "SELECT bucket, COUNT(*) FROM jobs WHERE run = ? AND state = 'todo' AND provider = ? GROUP BY bucket",
            (run, provider),
        )
    )
