"""Ids: made from a row's content where missing, and every id used once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from imagegen.domain.request import canonical_json
from imagegen.domain.row import Placed
from imagegen.errors import ManifestError
from imagegen.manifest.advice import short
from imagegen.manifest.plaintext import slug


class Ids:
    """The ids used so far, eight bytes of each."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._repeats: dict[int, int] = {}

    def add(self, name: str) -> bool:
        """Whether `name` is new. Of two ids in 10^19 the second may look used though it is not."""
        mark = _mark(name)
        if mark in self._seen:
            return False
        self._seen.add(mark)
        return True

    def made(self, fields: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
        """An id from a row's own content; equal rows get -2, -3 and so on in their order."""
        name = content_id(fields, variables)
        mark = _mark(name)
        if mark not in self._seen:
            return name
        count = self._repeats.get(mark, 1) + 1
        self._repeats[mark] = count
        return f"{name}-{count}"


def content_id(fields: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
    """The prompt's first words and 12 hex digits of the SHA-256 of all that the row says."""
    content = {name: str(value) if isinstance(value, Decimal) else value for name, value in fields.items()}
    if variables:
        content["matrix"] = dict(variables)
    digest = hashlib.sha256(canonical_json(content).encode("utf-8", "replace")).hexdigest()[:12]
    words = slug(" ".join(str(fields.get("prompt", ""))[:200].split()[:6]), 40)
    return f"{words}-{digest}" if words else digest


def each_once(rows: Iterator[Placed], ids: Ids, again: Callable[[], Iterator[Placed]]) -> Iterator[Placed]:
    """`rows`, adding each id to `ids`. Raises ManifestError for one that is used twice; `again` gives the rows from
    the start, to find its first place."""
    for index, placed in enumerate(rows):
        if not ids.add(placed.row.id):
            _refuse_repeat(index, placed, again())
        yield placed


def _refuse_repeat(index: int, placed: Placed, again: Iterator[Placed]) -> None:
    for _, first in zip(range(index), again, strict=False):
        if first.row.id == placed.row.id:
            where = ":".join(str(part) for part in first.place if part)
            what = f"the id {short(placed.row.id)} is used twice, first at {where}"
            raise ManifestError(*placed.place, what, "give one of the two another id")


def _mark(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
