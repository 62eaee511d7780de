"""A clock that is moved by hand: waiting costs no time, and is written down."""

from __future__ import annotations

import threading


class HandClock:
    """Waiting moves it on; `passed` is how far. `stop_after`: how many waits pass before one is interrupted."""

    def __init__(self, now: float = 1_800_000_000.0, stop_after: int | None = None) -> None:
        self.start, self.passed = now, 0.0
        self.waits: list[float] = []
        self.stop_after = stop_after
        self._lock = threading.Lock()

    def now(self) -> float:
        return self.start + self.passed

    def monotonic(self) -> float:
        return self.passed

    def wait(self, seconds: float) -> bool:
        with self._lock:
            if self.stop_after is not None and len(self.waits) >= self.stop_after:
                return True
            self.waits.append(seconds)
            self.passed += max(seconds, 0.0)
            return False
