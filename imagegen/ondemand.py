"""On demand: a mapping whose names are known from the start, and whose values are made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from threading import RLock
from typing import TypeVar

T = TypeVar("T")


class OnDemand(Mapping[str, T]):
    """Each value is made once, by its maker, when it is first asked for; to go over the values makes them all. The
    names, and whether one is there, are told without making anything. Threads may share it; what a maker raises goes to
    who asked, and the next to ask tries again."""

    def __init__(self, makers: Mapping[str, Callable[[], T]]) -> None:
        self._makers, self._lock = dict(makers), RLock()
        self._made: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._made:
            with self._lock:
                if name not in self._made:
                    self._made[name] = self._makers[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)
