"""What a prune takes away: what was asked for, less what output folders and unfinished runs need.

Knows the ledger and the store, and prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from imagegen.domain.request import Key
from imagegen.errors import UsageError
from imagegen.ledger import holdings, schema, tally
from imagegen.ledger.runs import RunLock
from imagegen.stores import Held, Share, Store
from imagegen.stores.prune import choose, parse_age, parse_size


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line. `max_size` in bytes."""

    older_than: timedelta | None
    max_size: int | None
    model: str | None
    unused: bool
    even_needed: bool

    @classmethod
    def of(cls, older_than: str | None, max_size: str | None, model: str | None, unused: bool, even: bool) -> Wish:
        """The wish as people write it. Raises UsageError when it names nothing, or what is no age or size."""
        if not (older_than or max_size or model or unused):
            raise UsageError("say what to remove", "add --older-than 90d, --max-size 20GB, --model NAME or --unused")
        if unused and even:
            raise UsageError("--unused is what is not needed, --even-needed what is", "leave one out")
        return cls(
            parse_age(older_than) if older_than else None,
            parse_size(max_size) if max_size else None,
            model,
            unused,
            even,
        )


@dataclass(frozen=True, slots=True)
class Prune:
    """What would go: `keys`, and by model how many with how many bytes; what would stay, and of that how many
    pictures stay only because output folders (`needed`) or unfinished runs (`awaited`) need them."""

    keys: tuple[Key, ...]
    going: dict[str, Share]
    bytes: int
    pictures: int
    staying: int
    staying_bytes: int
    needed: int
    awaited: int


def prepare(store: Store, home: Path, wish: Wish) -> Prune:
    """What `wish` comes to now."""
    held = list(store.scan())
    needed, awaited = _needed(home, held, wish.even_needed)
    keys = _choose(held, wish, needed | awaited)
    gone = set(keys)
    names = {one.name: one for one in held}
    left = {one.name for one in held if one.key not in gone}
    pictures = [one for name, one in names.items() if name not in left]
    spared = set() if wish.unused else set(_choose(held, wish, set())) - gone
    wanted = {one.name: one.digest for one in held if one.key in spared}
    return Prune(
        keys=tuple(keys),
        going=_shares(pictures),
        bytes=sum(one.bytes for one in pictures),
        pictures=len(pictures),
        staying=len(left),
        staying_bytes=sum(names[name].bytes for name in left),
        needed=sum(digest in needed for digest in wanted.values()),
        awaited=sum(digest in awaited - needed for digest in wanted.values()),
    )


def remove(store: Store, home: Path, wish: Wish, found: Prune) -> int:
    """Take it away, but for what a run that began meanwhile needs. Returns the bytes freed."""
    gone = set(found.keys)
    held = [one for one in store.scan() if one.key in gone]
    needed, awaited = _needed(home, held, wish.even_needed)
    freed = store.remove([one.key for one in held if one.digest not in needed | awaited])
    return freed + store.sweep()


def _choose(held: Iterable[Held], wish: Wish, needed: set[str]) -> list[Key]:
    return choose(
        held,
        older_than=wish.older_than,
        max_size=wish.max_size,
        model=wish.model,
        unused=wish.unused,
        needed=needed,
        now=datetime.now(UTC),
    )


def _needed(home: Path, held: Iterable[Held], even_needed: bool) -> tuple[set[str], set[str]]:
    """The digests that output folders need, and those that runs still have to use. With `even_needed` only
    what runs at work right now are about to use."""
    with schema.looking(home / "ledger.db") as connection:
        if connection is None:
            return set(), set()
        needed = set() if even_needed else holdings.needed(connection)
        waiting = tally.awaited(connection)
    keys = {key for run, its in waiting.items() if not even_needed or _alive(home, run) for key in its}
    return needed, {one.digest for one in held if one.key in keys}


def _alive(home: Path, run: str) -> bool:
    lock = RunLock(home / "runs", run)
    if not lock.take():
        return True
    lock.drop()
    return False


def _shares(pictures: Iterable[Held]) -> dict[str, Share]:
    shares: dict[str, Share] = {}
    for one in pictures:
        model = str(one.facts.get("model", "unknown"))
        count, size = shares.get(model, Share(0, 0))
        shares[model] = Share(count + 1, size + one.bytes)
    return dict(sorted(shares.items()))
