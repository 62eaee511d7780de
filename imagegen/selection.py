"""Selection: which rows of a manifest a command is about, by id, tag and number. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from imagegen.domain.row import Placed, Row
from imagegen.errors import UsageError


@dataclass(frozen=True, slots=True)
class Shard:
    """One machine's part of a manifest that `of` machines share: number `number`, from 1."""

    number: int
    of: int

    def has(self, row: str) -> bool:
        """Whether the row of this id is in it: by the id's hash, so that no row moves when others come or go."""
        return int(hashlib.sha256(row.encode()).hexdigest()[:15], 16) % self.of == self.number - 1


def shard_of(text: str) -> Shard:
    """The Shard that "2/4" says. Raises UsageError."""
    number, _, of = text.partition("/")
    if not (number.isascii() and number.isdigit() and of.isascii() and of.isdigit() and 1 <= int(number) <= int(of)):
        raise UsageError(f"--shard {text!r} is no part of a whole", "write the second of four as 2/4")
    return Shard(int(number), int(of))


@dataclass
class Selection:
    """Rows whose id or one of whose tags is among `only` (empty: all), of those the ones in `shard` (None: all), and of
    those the first `limit` (None: all). Asked once per row, in the manifest's order."""

    only: frozenset[str] = frozenset()
    limit: int | None = None
    shard: Shard | None = None
    _found: set[str] = field(default_factory=set)
    _taken: int = 0
    #: What `takes` said last.
    took: bool = False

    def __bool__(self) -> bool:
        """Whether anything is left out at all."""
        return bool(self.only) or self.limit is not None or self.shard is not None

    def takes(self, row: Row) -> bool:
        """Whether `row` is one of them."""
        named = self.only & {row.id, *row.tags}
        self._found |= named
        mine = self.shard is None or self.shard.has(row.id)
        self.took = not self.full and mine and (not self.only or bool(named))
        self._taken += self.took
        return self.took

    @property
    def full(self) -> bool:
        """Whether no further row can be one of them."""
        return self.limit is not None and self._taken >= self.limit

    def rows(self, placed: Iterable[Placed]) -> Iterator[Placed]:
        """Those of `placed`; stops reading at the last. Raises UsageError as `check` does."""
        if not self:
            yield from placed
            return
        for each in placed:
            if self.takes(each.row):
                yield each
            if self.full:
                return
        self.check()

    def check(self) -> None:
        """Raises UsageError when a name of `only` was nowhere seen; to be called after the last row."""
        missing = sorted(self.only - self._found)
        if missing and not self.full:
            raise UsageError(
                f"--only: no row has the id or the tag {missing[0]!r}", "see the ids and tags in the manifest"
            )
