"""Attempts: the money side of one call on the wire, from the reservation to its settlement.

States: reserved -> sent -> accepted -> done; ends: done (charged, exactly known), free (not
charged), unknown (possibly charged; its money stays counted until somebody settles it).
Plain functions of a connection, each meant for one transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagegen.domain.money import Nano
from imagegen.domain.request import Key
from imagegen.ledger.budgets import Budget, Denied, day_of, denied, minute_of, move, now_of

OPEN = ("reserved", "sent", "accepted")


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of an attempt. `request` is its canonical JSON; `tags` are its row's."""

    key: Key
    row: str
    sample: int
    request: str
    estimate: Nano
    most: Nano
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Granted:
    """The money is set aside; `attempt` may be sent."""

    attempt: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """Another attempt is about this key: wait for it, or, when it is `unknown`, do not buy."""

    key: Key
    attempt: str
    state: str


@dataclass(frozen=True, slots=True)
class Bought:
    """The key was paid for before. `digest` names the picture, `flaw` says why it is no use."""

    key: Key
    digest: str
    flaw: str | None


def flaw(connection: sqlite3.Connection, key: Key) -> str | None:
    """Why the picture of `key`, which was paid for, is no use; None where nothing is known against it."""
    found = connection.execute("SELECT flaw FROM artifacts WHERE key = ?", (key,)).fetchone()
    return found[0] if found else None


def useless(flaw: str) -> str:
    """Why a picture that was paid for is not there and not bought again, and what to do."""
    return f"paid for before, and no use: {flaw}; --redo ID makes it anew"


Reserved = Granted | Denied | Claimed | Bought


@dataclass(frozen=True, slots=True)
class Open:
    """An attempt that its run left behind."""

    id: str
    run: str
    collection: str
    provider: str
    model: str
    state: str
    reserved: Nano
    remote_id: str | None
    poll_url: str | None
    sent: float | None
    told: Mapping[str, Any]
    items: tuple[Item, ...]


def reserve(
    connection: sqlite3.Connection,
    attempt: str,
    *,
    run: str,
    collection: str,
    provider: str,
    model: str,
    items: Sequence[Item],
    budget: Budget,
    clock: float,
    anew: frozenset[str] = frozenset(),
    retry_unknown: bool = False,
) -> Reserved:
    """Claim the keys and set the money aside, or say why not. `anew` are keys that may be bought again
    although the books have them: pruned from disk, or asked for. `retry_unknown`: so may those that an unknown
    attempt of an earlier run is about; its money stays counted."""
    for item in items:
        found = connection.execute("SELECT digest, flaw FROM artifacts WHERE key = ?", (item.key,)).fetchone()
        if found and item.key not in anew:
            return Bought(item.key, found[0], found[1])
        claim = connection.execute(
            "SELECT a.id, a.state, a.run FROM claims c JOIN attempts a ON a.id = c.attempt WHERE c.key = ?",
            (item.key,),
        ).fetchone()
        if claim and not (retry_unknown and claim[1] == "unknown" and claim[2] != run):
            return Claimed(item.key, claim[0], claim[1])
    now = now_of(connection, clock)
    most = sum(item.most for item in items)
    no = denied(connection, budget, run, now, most) if budget else None
    if no:
        return no
    minute, day = minute_of(now), day_of(now)
    move(connection, run, minute, day, most, 0)
    connection.execute(
        "INSERT INTO attempts (id, run, collection, provider, model, state, number, images, reserved, estimate,"
        " minute, day, opened) VALUES (?, ?, ?, ?, ?, 'reserved', 1, ?, ?, ?, ?, ?, ?)",
        (
            attempt,
            run,
            collection,
            provider,
            model,
            len(items),
            most,
            sum(i.estimate for i in items),
            minute,
            day,
            now,
        ),
    )
    connection.executemany(
        "INSERT INTO items (attempt, key, row, sample, request, tags) VALUES (?, ?, ?, ?, ?, ?)",
        [(attempt, item.key, item.row, item.sample, item.request, json.dumps(item.tags)) for item in items],
    )
    # What is replaced is an unknown attempt's claim: nobody but this one may buy its key again.
    connection.executemany("INSERT OR REPLACE INTO claims VALUES (?, ?)", [(item.key, attempt) for item in items])
    return Granted(attempt)


def sent(connection: sqlite3.Connection, attempt: str, clock: float) -> None:
    """The call is about to go out. Raises ValueError for an attempt that is not merely reserved."""
    changed = connection.execute(
        "UPDATE attempts SET state = 'sent', sent = ? WHERE id = ? AND state = 'reserved'", (clock, attempt)
    ).rowcount
    if not changed:
        raise ValueError(f"attempt {attempt} is not waiting to be sent")


def accepted(
    connection: sqlite3.Connection,
    attempt: str,
    remote_id: str,
    poll_url: str | None,
    told: Mapping[str, Any] | None = None,
) -> None:
    """The provider took the job and named it; `told` is what else it said.
    Raises ValueError for an attempt that was not sent or is over."""
    changed = connection.execute(
        "UPDATE attempts SET state = 'accepted', remote_id = ?, poll_url = ?, told = ? WHERE id = ?"
        " AND state IN ('sent', 'accepted')",
        (remote_id, poll_url, json.dumps(dict(told)) if told else None, attempt),
    ).rowcount
    if not changed:
        raise ValueError(f"attempt {attempt} is not at a provider")


def bought(
    connection: sqlite3.Connection,
    key: Key,
    digest: str,
    model: str,
    *,
    cost: Nano | None,
    clock: float,
    flaw: str | None,
) -> None:
    """The picture of `key` is paid for and lies in the store (or is kept as evidence of its `flaw`)."""
    connection.execute(
        "INSERT OR REPLACE INTO artifacts VALUES (?, ?, ?, ?, ?, ?)", (key, digest, model, cost, clock, flaw)
    )


def release(connection: sqlite3.Connection, attempt: str, clock: float, reason: str) -> None:
    """Give a reservation back whose call never went out. Does nothing to one that was sent."""
    found = connection.execute("SELECT state FROM attempts WHERE id = ?", (attempt,)).fetchone()
    if found and found[0] == "reserved":
        close(connection, attempt, 0, "nothing", clock, reason)


def close(
    connection: sqlite3.Connection,
    attempt: str,
    charged: Nano | None,
    basis: str,
    clock: float,
    reason: str | None = None,
) -> None:
    """Settle an attempt: `charged` None keeps its reservation counted as possibly spent (unknown)."""
    found = connection.execute(
        "SELECT run, minute, day, reserved, state FROM attempts WHERE id = ?", (attempt,)
    ).fetchone()
    if not found or found[4] not in OPEN:
        return
    run, minute, day, reserved, _ = found
    state = "unknown" if charged is None else "done" if charged or basis != "nothing" else "free"
    move(connection, run, minute, day, -reserved, reserved if charged is None else charged)
    connection.execute(
        "UPDATE attempts SET state = ?, charged = ?, basis = ?, closed = ?, reason = ? WHERE id = ?",
        (state, charged, basis, clock, reason, attempt),
    )
    if state != "unknown":
        unclaim(connection, attempt)
    if state == "free":
        connection.execute("DELETE FROM items WHERE attempt = ?", (attempt,))


def unclaim(connection: sqlite3.Connection, attempt: str) -> int:
    """Let the keys of `attempt` be bought again; how many."""
    return connection.execute(
        "DELETE FROM claims WHERE attempt = ?1 AND key IN (SELECT key FROM items WHERE attempt = ?1)", (attempt,)
    ).rowcount


def again(connection: sqlite3.Connection, attempt: str, following: str, clock: float, reason: str) -> None:
    """Close `attempt` as not charged and open `following` on the same reservation, claims and windows.
    Raises ValueError for an attempt that is over."""
    opened = connection.execute(
        "INSERT INTO attempts (id, run, collection, provider, model, state, number, images, reserved, estimate,"
        " minute, day, opened) SELECT ?, run, collection, provider, model, 'reserved', number + 1, images, reserved,"
        " estimate, minute, day, ? FROM attempts WHERE id = ? AND state IN ('reserved', 'sent', 'accepted')",
        (following, clock, attempt),
    ).rowcount
    if not opened:
        raise ValueError(f"attempt {attempt} is over")
    connection.execute(
        "UPDATE claims SET attempt = ? WHERE key IN (SELECT key FROM items WHERE attempt = ?)", (following, attempt)
    )
    connection.execute("UPDATE items SET attempt = ? WHERE attempt = ?", (following, attempt))
    connection.execute(
        "UPDATE attempts SET state = 'free', charged = 0, basis = 'nothing', reserved = 0, closed = ?, reason = ?"
        " WHERE id = ?",
        (clock, reason, attempt),
    )


def left_behind(connection: sqlite3.Connection) -> list[str]:
    """The runs that have open attempts."""
    return [
        found[0]
        for found in connection.execute(
            "SELECT DISTINCT run FROM attempts WHERE state NOT IN ('done', 'free') AND state != 'unknown'"
        )
    ]


def closed(connection: sqlite3.Connection, among: Sequence[str]) -> dict[str, list[str]]:
    """Run -> those `among` its attempts that are over."""
    found: dict[str, list[str]] = {}
    for attempt in among:
        line = connection.execute("SELECT run, state FROM attempts WHERE id = ?", (attempt,)).fetchone()
        if line and line[1] not in OPEN:
            found.setdefault(line[0], []).append(attempt)
    return found


def open_of(connection: sqlite3.Connection, run: str) -> list[Open]:
    """The open attempts of `run`, oldest first."""
    found = connection.execute(
        "SELECT id, run, collection, provider, model, state, reserved, remote_id, poll_url, sent, told FROM attempts"
        " WHERE run = ? AND state IN ('reserved', 'sent', 'accepted') ORDER BY opened",
        (run,),
    ).fetchall()
    return [Open(*(*line, json.loads(told or "{}"), _items(connection, line[0], line[6]))) for *line, told in found]


def _items(connection: sqlite3.Connection, attempt: str, reserved: Nano) -> tuple[Item, ...]:
    found = connection.execute("SELECT key, row, sample, request FROM items WHERE attempt = ?", (attempt,)).fetchall()
    share = reserved // max(1, len(found))
    return tuple(Item(*(*line, share, share)) for line in found)
