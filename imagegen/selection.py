"""Selection: which rows of a manifest a command is about, by id, tag and number. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from imagegen.domain.row import Placed, Row
from imagegen.errors import UsageError


@dataclass
class Selection:
    """Rows whose id or one of whose tags is among `only` (empty: all), and of those the first `limit` (None: all).
    Asked once per row, in the manifest's order."""

    only: frozenset[str] = frozenset()
    limit: int | None = None
    _found: set[str] = field(default_factory=set)
    _taken: int = 0
    #: What `takes` said last.
    took: bool = False

    def __bool__(self) -> bool:
        """Whether anything is left out at all."""
        return bool(self.only) or self.limit is not None

    def takes(self, row: Row) -> bool:
        """Whether `row` is one of them."""
        named = self.only & {row.id, *row.tags}
        self._found |= named
        self.took = not self.full and (not self.only or bool(named))
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
