"""Bucket: a limit per minute that is known. Pure but for its own count; times are a monotonic clock's seconds."""

from __future__ import annotations

from collections import deque

#: Seconds' worth of a limit that may go out at once after a quiet time.
BURST = 2.0
#: What counts as a minute: a second more, since calls do not arrive as evenly as they leave.
MINUTE = 61.0


class Bucket:
    """A limit of `per_minute` units: paced evenly, with a small burst after a quiet time, and whatever the mix of
    batches, never more than that in any minute (one batch that is larger than the limit passes alone).
    Not thread-safe."""

    def __init__(self, per_minute: float) -> None:
        self._most, self._each = per_minute, MINUTE / per_minute
        self._slack = max(BURST - self._each, 0.0)
        self._paced = float("-inf")
        self._passed: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def ready_in(self, units: float, now: float) -> float:
        """Seconds until `units` may pass; 0 or less: now."""
        return max(self._paced - now, self._room_in(units, now)) if units else 0.0

    def take(self, units: float, now: float) -> None:
        """`units` pass now."""
        self._paced = max(self._paced, now - self._slack) + units * self._each
        self._passed.append((now, units))
        self._sum += units

    def _room_in(self, units: float, now: float) -> float:
        """Seconds until the minute before has room for `units`."""
        while self._passed and self._passed[0][0] + MINUTE <= now:
            self._sum -= self._passed.popleft()[1]
        left, wait = self._sum, 0.0
        for time, passed in self._passed:
            if left + units <= self._most:
                break
            left, wait = left - passed, time + MINUTE - now
        return wait
