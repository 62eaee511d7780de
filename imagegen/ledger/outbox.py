"""Outbox: webhooks to deliver, written in the transaction that decides what they tell, sent later, at least once.

A message is `due` until it is `delivered` or `given_up`. Who sends one claims it first, so that two processes never
have the same one in hand; a claim ends with its sender, or after `LEASE`. Plain functions of a connection; times are
seconds since 1970.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["due", "delivered", "given_up"]

#: Seconds after which a claim is void though nobody knows its sender to be dead. One delivery takes far less.
LEASE = 120.0
#: Seconds that messages are kept after they were written, once they are delivered or given up: 30 days.
KEPT = 30 * 86_400.0

_SENDER = "being sent by "
_COLUMNS = "o.id, o.run, COALESCE(r.manifest, ''), o.row, o.sample, o.url, o.tries, o.due, o.state, o.created, o.reason"
_FROM = f"SELECT {_COLUMNS} FROM outbox o LEFT JOIN runs r ON r.id = o.run"


@dataclass(frozen=True, slots=True)
class Message:
    """A webhook. `manifest` is the path of its run's; `tries` counts those begun, `due` is when the next may begin,
    `reason` why the last one failed."""

    id: str
    run: str
    manifest: str
    row: str
    sample: int
    url: str
    tries: int
    due: float
    state: State
    created: float
    reason: str | None

    @property
    def in_hand(self) -> bool:
        """Whether somebody is sending it, or was when he died."""
        return self.state == "due" and (self.reason or "").startswith(_SENDER)


@dataclass(frozen=True, slots=True)
class Count:
    """How many messages wait and were given up; `next` is when the first of those that wait is due."""

    due: int
    given_up: int
    next: float | None


def put(
    connection: sqlite3.Connection, message: str, run: str, row: str, sample: int, url: str, body: str, clock: float
) -> None:
    """Add a message whose id is `message`, due at once."""
    connection.execute(
        "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, 0, ?, 'due', ?, NULL)",
        (message, run, row, sample, url, body, clock, clock),
    )


def told(connection: sqlite3.Connection, collection: str) -> dict[tuple[str, int, str], tuple[str, str | None]]:
    """What was told last of each picture of `collection`: (row, sample, url) -> state and Key."""
    lines = connection.execute(
        "SELECT o.row, o.sample, o.url, json_extract(o.body, '$.data.state'), json_extract(o.body, '$.data.key')"
        " FROM outbox o JOIN runs r ON r.id = o.run WHERE r.collection = ? ORDER BY o.created",
        (collection,),
    )
    return {(row, sample, url): (state, key) for row, sample, url, state, key in lines}


def due(connection: sqlite3.Connection, until: float, but: Collection[str] = (), most: int = 2000) -> Iterator[Message]:
    """Messages due by `until`, the longest due first, without those of the runs `but`."""
    lines = connection.execute(
        f"{_FROM} WHERE o.state = 'due' AND o.due <= ? AND o.run NOT IN (SELECT value FROM json_each(?))"
        " ORDER BY o.due LIMIT ?",
        (until, json.dumps(list(but)), most),
    )
    return (Message(*line) for line in lines)


def claim(connection: sqlite3.Connection, message: Message, sender: str, clock: float) -> str | None:
    """Take `message` in hand for its next try; its body, or None when somebody else was quicker."""
    mine = connection.execute(
        "UPDATE outbox SET tries = tries + 1, due = ?, reason = ? WHERE id = ? AND state = 'due' AND tries = ?"
        " AND due = ?",
        (clock + LEASE, _SENDER + sender, message.id, message.tries, message.due),
    ).rowcount
    if not mine:
        return None
    body: str = connection.execute("SELECT body FROM outbox WHERE id = ?", (message.id,)).fetchone()[0]
    return body


def tried(
    connection: sqlite3.Connection, message: Message, state: State, again: float, reason: str | None = None
) -> None:
    """Write what came of the try that `message` was claimed for; `again` is when the next is due. Nothing is written
    when it was taken from us meanwhile."""
    connection.execute(
        "UPDATE outbox SET state = ?, due = ?, reason = ? WHERE id = ? AND state = 'due' AND tries = ?",
        (state, again, reason, message.id, message.tries + 1),
    )


def senders(connection: sqlite3.Connection) -> list[str]:
    """Who has messages in hand, alive or dead."""
    lines = connection.execute(
        "SELECT DISTINCT reason FROM outbox WHERE state = 'due' AND substr(reason, 1, ?) = ?", (len(_SENDER), _SENDER)
    )
    return [line[0].removeprefix(_SENDER) for line in lines]


def freed(connection: sqlite3.Connection, sender: str, clock: float) -> int:
    """What the dead `sender` had in hand is due now: nobody knows whether it arrived. How many."""
    return connection.execute(
        "UPDATE outbox SET due = ?, reason = NULL WHERE state = 'due' AND reason = ?", (clock, _SENDER + sender)
    ).rowcount


def revived(connection: sqlite3.Connection, clock: float) -> int:
    """Begin anew with every message that was given up; how many."""
    return connection.execute(
        "UPDATE outbox SET state = 'due', tries = 0, due = ?, reason = NULL WHERE state = 'given_up'", (clock,)
    ).rowcount


def count(connection: sqlite3.Connection) -> Count:
    """What waits and what was given up."""
    found: dict[str, Any] = {
        state: (number, first)
        for state, number, first in connection.execute("SELECT state, COUNT(*), MIN(due) FROM outbox GROUP BY state")
    }
    waiting, first = found.get("due", (0, None))
    return Count(waiting, found.get("given_up", (0, None))[0], first)


def messages(connection: sqlite3.Connection, states: Collection[State]) -> Iterator[Message]:
    """Messages in `states`, the oldest first."""
    lines = connection.execute(
        f"{_FROM} WHERE o.state IN (SELECT value FROM json_each(?)) ORDER BY o.created, o.row, o.sample, o.id",
        (json.dumps(list(states)),),
    )
    return (Message(*line) for line in lines)


def tidy(connection: sqlite3.Connection, clock: float) -> int:
    """Forget messages that came to their end and are older than `KEPT`; how many."""
    return connection.execute("DELETE FROM outbox WHERE state != 'due' AND created < ?", (clock - KEPT,)).rowcount
