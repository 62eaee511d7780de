"""What the ledger's tests share: reserving in one line, and an audit of the running totals."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any

from imagegen.ledger import Ledger, attempts, schema
from imagegen.ledger.attempts import Granted, Item, Reserved
from imagegen.ledger.budgets import Budget
from imagegen.ledger.slip import new_attempt

CENT = 10**7
DOLLAR = 10**9
#: 2026-11-22 12:00:00 UTC.
NOON = 1_795_348_800.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


class HandClock:
    """Wall time that is moved by hand."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def item(name: str, most: int = CENT, row: str | None = None) -> Item:
    """A picture called `name`; its key is made of the name."""
    return Item(f"key-{name}", row or name, 0, f'{{"prompt":"{name}"}}', most // 2, most)


def reserve(
    connection: sqlite3.Connection,
    *names: str,
    most: int = CENT,
    budget: Budget | None = None,
    clock: float = NOON,
    run: str = "run",
    attempt: str | None = None,
    **more: Any,
) -> Reserved:
    """Reserve one attempt with a picture for each of `names`, at most `most` each."""
    return attempts.reserve(
        connection,
        attempt or new_attempt(),
        run=run,
        collection=more.pop("collection", "shop"),
        provider="openai",
        model="gpt-image-2",
        items=[item(name, most) for name in names],
        budget=budget or Budget(),
        clock=clock,
        **more,
    )


def granted(connection: sqlite3.Connection, *names: str, **more: Any) -> str:
    """As `reserve`; the attempt's id."""
    answer = reserve(connection, *names, **more)
    assert isinstance(answer, Granted), answer
    return answer.attempt


def unknown(ledger: Ledger, *names: str, **more: Any) -> str:
    """An attempt that was sent and never answered."""

    def op(connection: sqlite3.Connection) -> str:
        attempt = granted(connection, *names, **more)
        attempts.sent(connection, attempt, NOON)
        attempts.close(connection, attempt, None, "unknown", NOON, "the answer broke off")
        return attempt

    return ledger.write(op)


def state_of(connection: sqlite3.Connection, attempt: str) -> tuple[str, int, int | None]:
    """State, reserved and charged of an attempt."""
    return connection.execute("SELECT state, reserved, charged FROM attempts WHERE id = ?", (attempt,)).fetchone()


def totals(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """Window -> (reserved, spent) as the ledger keeps them, empty ones left out."""
    found = connection.execute("SELECT scope, reserved, spent FROM buckets WHERE reserved != 0 OR spent != 0")
    return {scope: (reserved, spent) for scope, reserved, spent in found}


def recount(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """The same, added up from the attempts one by one."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    lines = connection.execute("SELECT run, minute, day, state, reserved, charged FROM attempts").fetchall()
    for run, minute, day, state, reserved, charged in lines:
        is_open = state in attempts.OPEN
        spent = reserved if state == "unknown" else 0 if is_open else charged
        for scope in (f"run:{run}", f"minute:{minute}", f"day:{day}", f"month:{day[:7]}"):
            sums[scope][0] += reserved if is_open else 0
            sums[scope][1] += spent
    return {scope: (reserved, spent) for scope, (reserved, spent) in sums.items() if reserved or spent}


def open_books(folder: Path) -> sqlite3.Connection:
    """A new ledger's connection, as the writer has it."""
    return schema.connect(folder / "ledger.db")
