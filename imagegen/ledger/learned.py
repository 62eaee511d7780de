"""What providers were found to bear, kept between runs: functions of a connection, and the memory of one account.

A row is (provider, account, model); the account is a hash of its key, the model "" stands for all of them. Facts are
JSON: `images_per_minute` and `at_once` as learned, `silent_until` (seconds since 1970), and what was `used` of `day`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imagegen.errors import StorageError

if TYPE_CHECKING:
    from imagegen.ledger import Ledger

#: Facts that belong to a day; all others are replaced by what comes later.
_OF_A_DAY = ("day", "used")


@dataclass(frozen=True, slots=True)
class Found:
    """One row: what is known of a model, written down at `updated` (seconds since 1970)."""

    provider: str
    account: str
    model: str
    updated: float
    facts: Mapping[str, Any] = field(default_factory=dict)


def recall(connection: sqlite3.Connection, provider: str, account: str, model: str) -> Found | None:
    """What is known of a model, if anything is."""
    where = "WHERE provider = ? AND account = ? AND model = ?"
    return next(iter(_rows(connection, where, (provider, account, model))), None)


def everything(connection: sqlite3.Connection, provider: str | None = None) -> list[Found]:
    """All that is known, by provider, model and account; nothing in a ledger from before there was such a table."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'learned'").fetchone():
        return []
    where = "WHERE ? IS NULL OR provider = ? ORDER BY provider, model, account"
    return _rows(connection, where, (provider, provider))


def keep(
    connection: sqlite3.Connection, provider: str, account: str, model: str, facts: Mapping[str, Any], now: float
) -> dict[str, Any]:
    """Write `facts` down in place of what was known; what was used of the same day is added up. What stands now."""
    known = recall(connection, provider, account, model)
    stands = _together(known.facts if known else {}, facts)
    where = (provider, account, model)
    if stands:
        values = (*where, json.dumps(stands), now)
        connection.execute("INSERT OR REPLACE INTO learned VALUES (?, ?, ?, ?, ?)", values)
    else:
        connection.execute("DELETE FROM learned WHERE provider = ? AND account = ? AND model = ?", where)
    return stands


def forget(connection: sqlite3.Connection, provider: str | None = None) -> int:
    """Forget all, or what is known of one provider. How many rows that were."""
    return connection.execute("DELETE FROM learned WHERE ? IS NULL OR provider = ?", (provider, provider)).rowcount


class Memory:
    """The memory of one account at one provider, see `imagegen.providers.wrap.limit.Memory`. It only saves time and
    refused calls, so a ledger that cannot be read or written is no reason to stop."""

    def __init__(self, ledger: Ledger, provider: str, account: str) -> None:
        self._ledger, self._provider, self._account = ledger, provider, account

    def recall(self, model: str) -> tuple[Mapping[str, Any], float] | None:
        """What was written down, and how many seconds ago."""
        try:
            with self._ledger.reading() as reader:
                found = recall(reader, self._provider, self._account, model)
        except (StorageError, sqlite3.Error):
            return None
        return None if found is None else (found.facts, self._ledger.clock() - found.updated)

    def keep(self, model: str, facts: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Write it down. What stands there now."""
        where, now = (self._provider, self._account, model), self._ledger.clock()
        try:
            return self._ledger.write(lambda connection: keep(connection, *where, facts, now))
        except (StorageError, sqlite3.Error):
            return None


def _rows(connection: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> list[Found]:
    found = connection.execute(f"SELECT provider, account, model, updated, facts FROM learned {where}", values)
    return [Found(name, account, model, updated, _facts(text)) for name, account, model, updated, text in found]


def _facts(text: str) -> dict[str, Any]:
    """What somebody else wrote into the table is no reason to stop either."""
    try:
        facts = json.loads(text)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _together(known: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    stands = dict(new)
    if "day" not in new:
        return stands | {name: known[name] for name in _OF_A_DAY if name in known}
    before = known.get("used")
    if known.get("day") == new["day"] and isinstance(before, dict):
        counts = {name: count + new["used"].get(name, 0) for name, count in before.items() if isinstance(count, int)}
        stands["used"] = {**new["used"], **counts}
    return stands
