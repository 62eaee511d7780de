"""Budgets: what may still be spent, checked and reserved in the same transaction.

A reservation belongs to the minute, day and month it was made in and settles there.
Days and months are UTC. The hour is any 60 minutes: minute buckets, the oldest counted whole.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

from imagegen.domain.money import Nano

Scope = Literal["run", "hour", "day", "month"]


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of a run, in nanodollars; None: no limit. `run` counts this run alone,
    the others everything this home spends."""

    run: Nano | None = None
    hour: Nano | None = None
    day: Nano | None = None
    month: Nano | None = None

    def __bool__(self) -> bool:
        """Whether there is any limit at all."""
        return any(limit is not None for limit in (self.run, self.hour, self.day, self.month))


@dataclass(frozen=True, slots=True)
class Denied:
    """A reservation that does not fit. `final`: no settlement or passing minute of this run will help."""

    scope: Scope
    limit: Nano
    spent: Nano
    reserved: Nano
    final: bool


def now_of(connection: sqlite3.Connection, clock: float) -> float:
    """The ledger's time: the clock's, but never earlier than what was seen before."""
    seen = connection.execute("SELECT value FROM meta WHERE name = 'last_seen'").fetchone()
    now = max(clock, float(seen[0]) if seen else 0.0)
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('last_seen', ?)", (repr(now),))
    return now


def minute_of(now: float) -> int:
    """The minute bucket of a time in seconds."""
    return int(now // 60)


def day_of(now: float) -> str:
    """The UTC day of a time in seconds, "2026-11-22"."""
    return _day(minute_of(now))


@lru_cache(maxsize=8)
def _day(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%d")


def denied(connection: sqlite3.Connection, budget: Budget, run: str, now: float, amount: Nano) -> Denied | None:
    """Why `amount` more does not fit into `budget`; None when it does."""
    scopes: tuple[tuple[Scope, Nano | None], ...] = (
        ("run", budget.run),
        ("hour", budget.hour),
        ("day", budget.day),
        ("month", budget.month),
    )
    for scope, limit in scopes:
        if limit is None:
            continue
        reserved, spent = _used(connection, scope, run, now)
        if reserved + spent + amount > limit:
            helped = scope == "hour" and amount <= limit
            sure = spent + amount + (0 if helped else _queued(connection, scope, run, now))
            return Denied(scope, limit, spent, reserved, final=not helped and sure > limit)
    return None


def _used(connection: sqlite3.Connection, scope: Scope, run: str, now: float) -> tuple[Nano, Nano]:
    if scope == "hour":
        last = minute_of(now)
        names = [f"minute:{minute}" for minute in range(last - 60, last + 1)]
        marks = ",".join("?" * len(names))
        found = connection.execute(
            f"SELECT COALESCE(SUM(reserved), 0), COALESCE(SUM(spent), 0) FROM buckets WHERE scope IN ({marks})",
            names,
        ).fetchone()
    else:
        name = {"run": f"run:{run}", "day": f"day:{day_of(now)}", "month": f"month:{day_of(now)[:7]}"}[scope]
        found = connection.execute("SELECT reserved, spent FROM buckets WHERE scope = ?", (name,)).fetchone()
    return (found[0], found[1]) if found else (0, 0)


def _queued(connection: sqlite3.Connection, scope: Scope, run: str, now: float) -> Nano:
    """What is reserved for batches in a provider's queue: no run waits for that to come free."""
    column, value = {"run": ("run", run), "month": ("substr(day, 1, 7)", day_of(now)[:7])}.get(
        scope, ("day", day_of(now))
    )
    found = connection.execute(
        "SELECT COALESCE(SUM(reserved), 0) FROM attempts WHERE provider LIKE '%.batch'"
        f" AND (state = 'accepted' OR (state = 'sent' AND run != ?)) AND {column} = ?",
        (run, value),
    ).fetchone()
    return int(found[0])


def move(connection: sqlite3.Connection, run: str, minute: int, day: str, reserved: Nano, spent: Nano) -> None:
    """Add to the totals of every window a reservation belongs to; amounts may be negative."""
    if not reserved and not spent:
        return
    connection.executemany(
        "INSERT INTO buckets VALUES (?1, ?2, ?3) ON CONFLICT (scope) DO UPDATE SET"
        " reserved = reserved + ?2, spent = spent + ?3",
        [(name, reserved, spent) for name in (f"run:{run}", f"minute:{minute}", f"day:{day}", f"month:{day[:7]}")],
    )
