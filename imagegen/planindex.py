"""Plan index: the rows of a plan file by their ids, in a few numbers a row; the rest is read again when asked for."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Mapping
from typing import Any

from imagegen.planfile import PlanFile

#: A picture as its line in a plan file says it.
Picture = Mapping[str, Any]


class PlanIndex:
    """The rows of `plan` by their ids, and which of them were found. To be used in a `with`."""

    def __init__(self, plan: PlanFile) -> None:
        self._plan = plan
        self._offsets = array("q")
        self._index: dict[int, int] = {}
        for line in plan.lines():
            if line.said["sample"] == 0:
                self._index[_mark(line.said["id"])] = len(self._offsets)
                self._offsets.append(line.offset)
        self._found = bytearray(len(self._offsets))

    def __enter__(self) -> None:
        self._file = self._plan.path.open("rb")

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def find(self, name: str) -> int | None:
        """Which row is called `name`; it counts as found from now on."""
        at = self._index.get(_mark(name))
        if at is not None:
            self._found[at] = 1
        return at

    def row(self, at: int) -> list[Picture]:
        """The pictures of a row."""
        self._file.seek(self._offsets[at])
        found = [json.loads(self._file.readline())]
        while (said := json.loads(self._file.readline())).get("id") == found[0]["id"]:  # the last line is no picture
            found.append(said)
        return found

    def gone(self) -> dict[int, list[int]]:
        """The rows that were not found, by the row found before them (-1: none)."""
        gone: dict[int, list[int]] = {}
        last = -1
        for at, found in enumerate(self._found):
            if found:
                last = at
            else:
                gone.setdefault(last, []).append(at)
        return gone


def _mark(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
