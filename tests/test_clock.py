"""The real clock."""

from __future__ import annotations

import threading

from imagegen.clock import SystemClock


def test_a_stop_ends_every_wait() -> None:
    """A wait that is stopped says so, and so does every later one."""
    stop = threading.Event()
    clock = SystemClock(stop)
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    assert clock.wait(60) is True
    assert clock.wait(60) is True
    timer.join()


def test_time_passes() -> None:
    """A wait that is not stopped ends by itself; elapsed time grows, negative waits are none."""
    clock = SystemClock()
    before, wall = clock.monotonic(), clock.now()
    assert clock.wait(0.01) is False
    assert clock.wait(-1) is False
    assert clock.monotonic() > before
    assert clock.now() > 1_700_000_000 < wall
