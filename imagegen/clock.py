"""Clock: wall time, elapsed time, and a wait that a stop can cut short. Knows nothing of what is waited for."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What time it is, and waiting. Tests hand in one that is moved by hand."""

    def now(self) -> float:
        """Wall time: seconds since 1970-01-01 UTC. May jump."""

    def monotonic(self) -> float:
        """Seconds from some fixed point. Never goes back."""

    def wait(self, seconds: float) -> bool:
        """Let `seconds` pass. True when interrupted: then stop what is being done."""


class SystemClock:
    """The machine's clock. `stop` interrupts every wait, the present ones and those to come."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self.stop = stop or threading.Event()

    def now(self) -> float:
        """Wall time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Sleep for `seconds`, or until stopped. True when stopped."""
        return self.stop.wait(max(seconds, 0.0))
