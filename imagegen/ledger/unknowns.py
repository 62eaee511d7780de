"""Unknown attempts: possibly charged, never silently bought again. Listing and settling them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from imagegen.domain.money import Nano
from imagegen.ledger.attempts import unclaim
from imagegen.ledger.budgets import move

#: A shorter part of an id names nothing.
SHORTEST = 4


@dataclass(frozen=True, slots=True)
class UnknownAttempt:
    """An attempt that nobody can say the fate of. `most` is what it may have cost at most."""

    attempt: str
    collection: str
    folder: str
    provider: str
    model: str
    sent: float | None
    most: Nano
    reason: str | None
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """An attempt that was unknown until somebody settled it; `charged` in nanodollars."""

    attempt: str
    provider: str
    model: str
    sent: float | None
    closed: float
    charged: Nano
    rows: tuple[str, ...]


def unknowns(connection: sqlite3.Connection, collection: str | None = None) -> Iterator[UnknownAttempt]:
    """Every unsettled unknown (of one collection), oldest first."""
    where, more = ("AND a.collection = ?", (collection,)) if collection else ("", ())
    found = connection.execute(
        "SELECT a.id, a.collection, COALESCE(c.folder, ''), a.provider, a.model, a.sent, a.reserved, a.reason"
        " FROM attempts a LEFT JOIN collections c ON c.id = a.collection"
        f" WHERE a.state = 'unknown' {where} ORDER BY a.opened, a.id",
        more,
    ).fetchall()
    for line in found:
        yield UnknownAttempt(*(*line, _rows(connection, line[0])))


def total(connection: sqlite3.Connection, collection: str) -> tuple[int, Nano]:
    """How many pictures of `collection` are unknown, and what they may have cost at most."""
    found = connection.execute(
        "SELECT COALESCE(SUM(images), 0), COALESCE(SUM(reserved), 0) FROM attempts"
        " WHERE state = 'unknown' AND collection = ?",
        (collection,),
    ).fetchone()
    return (found[0], found[1])


def settle(connection: sqlite3.Connection, attempt: str, charged: Nano | None, clock: float) -> Nano:
    """Close an unknown attempt as charged (`charged` nanodollars; None: its whole reservation) or, with 0,
    as not charged. Its keys may be bought again. Returns what was booked.
    Raises LookupError when it is not an unknown attempt."""
    found = connection.execute(
        "SELECT run, minute, day, reserved FROM attempts WHERE id = ? AND state = 'unknown'", (attempt,)
    ).fetchone()
    if not found:
        raise LookupError(attempt)
    run, minute, day, reserved = found
    amount = reserved if charged is None else charged
    move(connection, run, minute, day, 0, amount - reserved)
    connection.execute(
        "UPDATE attempts SET state = ?, charged = ?, basis = 'settled', closed = ? WHERE id = ?",
        ("done" if amount else "free", amount, clock, attempt),
    )
    unclaim(connection, attempt)
    return amount


def settled(connection: sqlite3.Connection) -> Iterator[Settled]:
    """Every attempt that somebody settled, oldest first."""
    found = connection.execute(
        "SELECT id, provider, model, sent, closed, COALESCE(charged, 0) FROM attempts WHERE basis = 'settled'"
        " ORDER BY opened, id"
    ).fetchall()
    for line in found:
        yield Settled(*(*line, _rows(connection, line[0])))


def short(attempt: str) -> str:
    """The 8 characters that people see of an attempt's id. It begins with the time, so its end tells more."""
    return attempt[-8:]


def matching(connection: sqlite3.Connection, name: str) -> list[str]:
    """The unknown attempts whose id begins or ends with `name` (4 characters at least), or that have a row of
    this id."""
    part = name.lower() if len(name) >= SHORTEST else None
    found = connection.execute(
        "SELECT id FROM attempts WHERE state = 'unknown' AND (substr(id, 1, length(?1)) = ?1"
        " OR substr(id, -length(?1)) = ?1 OR id IN (SELECT attempt FROM items WHERE row = ?2)) ORDER BY opened, id",
        (part, name),
    )
    return [line[0] for line in found]


def _rows(connection: sqlite3.Connection, attempt: str) -> tuple[str, ...]:
    rows = connection.execute("SELECT row FROM items WHERE attempt = ? ORDER BY row, sample", (attempt,))
    return tuple(row[0] for row in rows)
