"""Pools: how work is run. Threads for real, inline (one by one, here and now) for tests and reading."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any, Protocol


class Pool(Protocol):
    """Runs functions somewhere, `size` of them at once."""

    @property
    def size(self) -> int:
        """How many functions run at once."""

    @property
    def alive(self) -> int:
        """How many of those started are not over yet."""

    def start(self, work: Callable[..., None], *arguments: Any) -> None:
        """Run `work(*arguments)`. `work` must not raise."""


class Inline:
    """Runs everything at once in the caller's thread."""

    size = 1
    alive = 0

    def start(self, work: Callable[..., None], *arguments: Any) -> None:
        """Run it now."""
        work(*arguments)


class Threads:
    """A daemon thread each: a second Ctrl-C does not wait for them."""

    def __init__(self, size: int, name: str = "hand") -> None:
        self.size, self._name = size, name
        self._threads: list[Thread] = []
        self._started = 0

    def start(self, work: Callable[..., None], *arguments: Any) -> None:
        """Run it in a thread of its own."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = Thread(target=work, args=arguments, name=f"{self._name}-{self._started}", daemon=True)
        self._threads.append(thread)
        self._started += 1
        thread.start()

    @property
    def alive(self) -> int:
        """How many threads are alive."""
        return sum(thread.is_alive() for thread in self._threads)
