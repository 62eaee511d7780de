"""Spending: what the attempts cost, by day, month, model, provider, run or tag. Only reads.

What is charged is known to the nanodollar; what is unknown or still open is told apart from it, never added in.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from itertools import groupby
from typing import Literal

from imagegen.domain.money import Nano

By = Literal["day", "month", "model", "provider", "run", "tag"]

#: Names of groups that are no tag: rows without one, and purchases from before tags were kept.
UNTAGGED, UNRECORDED = "(no tag)", "(tags not recorded)"

_GROUP = {
    "day": "day",
    "month": "substr(day, 1, 7)",
    "model": "model",
    "provider": "provider",
    "run": "run",
}

_SUMS = """
    COALESCE(SUM(CASE WHEN state = 'done' THEN images END), 0),
    COALESCE(SUM(CASE WHEN state = 'done' THEN estimate END), 0),
    COALESCE(SUM(CASE WHEN state = 'done' THEN charged END), 0),
    COALESCE(SUM(CASE WHEN state = 'done' AND basis = 'reserved' THEN charged END), 0),
    COALESCE(SUM(CASE WHEN state = 'unknown' THEN images END), 0),
    COALESCE(SUM(CASE WHEN state = 'unknown' THEN reserved END), 0),
    COALESCE(SUM(CASE WHEN state IN ('reserved', 'sent', 'accepted') THEN images END), 0),
    COALESCE(SUM(CASE WHEN state IN ('reserved', 'sent', 'accepted') THEN reserved END), 0)
"""


@dataclass(slots=True)
class Spent:
    """What was bought: pictures, what they were expected to cost and what was charged for them. `assumed` is that
    part of `charged` that is what was set aside, since no answer named a price. Apart from these, counted at most:
    pictures that are `unknown` (possibly charged) or `open` (a call is out). Money in nanodollars."""

    pictures: int = 0
    estimated: Nano = 0
    charged: Nano = 0
    assumed: Nano = 0
    unknown: int = 0
    unknown_at_most: Nano = 0
    open: int = 0
    open_at_most: Nano = 0

    @property
    def difference(self) -> Nano:
        """What was charged beyond the estimate; negative: less."""
        return self.charged - self.estimated

    @property
    def nothing(self) -> bool:
        """Whether there is nothing in it."""
        return not (self.pictures or self.charged or self.unknown or self.open)

    def add(self, other: Spent) -> None:
        """Count `other` in."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(frozen=True, slots=True)
class Span:
    """Days, UTC, both included; None: no limit."""

    since: date | None = None
    until: date | None = None

    def where(self) -> tuple[str, tuple[str, ...]]:
        """The condition on `attempts` and its values."""
        limits = [("day >= ?", self.since), ("day <= ?", self.until)]
        parts = [(text, day.isoformat()) for text, day in limits if day]
        return " AND ".join(("1", *(text for text, _ in parts))), tuple(value for _, value in parts)


def total(connection: sqlite3.Connection, span: Span) -> Spent:
    """All that was spent in `span`."""
    where, values = span.where()
    return Spent(*connection.execute(f"SELECT {_SUMS} FROM attempts WHERE {where}", values).fetchone())


def by(connection: sqlite3.Connection, grouping: By, span: Span) -> dict[str, Spent]:
    """Name of a group -> what was spent on it: days and months in their order, runs in theirs, all else the dearest
    first. Groups by tag overlap where a row has several tags."""
    if grouping == "tag":
        return _dearest(_by_tag(connection, span))
    where, values = span.where()
    order = "MIN(opened)" if grouping == "run" else "1"
    lines = connection.execute(
        f"SELECT {_GROUP[grouping]}, {_SUMS} FROM attempts WHERE {where} GROUP BY 1 ORDER BY {order}", values
    )
    found = {line[0]: Spent(*line[1:]) for line in lines}
    found = {name: spent for name, spent in found.items() if not spent.nothing}
    return found if grouping in ("day", "month", "run") else _dearest(found)


def _dearest(found: Mapping[str, Spent]) -> dict[str, Spent]:
    return dict(sorted(found.items(), key=lambda each: (-each[1].charged, -each[1].unknown_at_most, each[0])))


def _by_tag(connection: sqlite3.Connection, span: Span) -> dict[str, Spent]:
    where, values = span.where()
    tags = "i.tags" if keeps_tags(connection) else "NULL"
    lines = connection.execute(
        f"SELECT a.id, {tags}, a.state, a.images, a.estimate, a.charged, a.basis, a.reserved"
        " FROM attempts a JOIN items i ON i.attempt = a.id"
        f" WHERE {where} AND a.state != 'free' ORDER BY a.id, i.key",
        values,
    )
    found: dict[str, Spent] = {}
    for _, each in groupby(lines, lambda line: line[0]):
        items = list(each)
        for (_, told, state, _, *money), place in zip(items, range(len(items)), strict=True):
            share = _share(state, money, place, len(items))
            names = [UNRECORDED] if told is None else json.loads(told) or [UNTAGGED]
            for name in dict.fromkeys(names):
                found.setdefault(name, Spent()).add(share)
    return found


def _share(state: str, money: list[int | str | None], place: int, count: int) -> Spent:
    """What the item at `place` of an attempt's `count` cost; the shares add up to the attempt to the nanodollar."""
    estimate, charged, reserved = (_part(money[n], place, count) for n in (0, 1, 3))
    if state == "done":
        return Spent(1, estimate, charged, charged if money[2] == "reserved" else 0)
    if state == "unknown":
        return Spent(unknown=1, unknown_at_most=reserved)
    return Spent(open=1, open_at_most=reserved)


def _part(amount: int | str | None, place: int, count: int) -> Nano:
    whole, rest = divmod(int(amount or 0), count)
    return whole + (place < rest)


def keeps_tags(connection: sqlite3.Connection) -> bool:
    """Whether this ledger has a place for tags: one of an older version, only looked at, has none."""
    return any(column[1] == "tags" for column in connection.execute("PRAGMA table_info(items)"))


def names_of_runs(connection: sqlite3.Connection) -> Iterator[tuple[str, str, float]]:
    """(id, manifest, time of its start) of every run."""
    yield from connection.execute("SELECT id, manifest, started FROM runs")
