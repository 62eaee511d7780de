"""Signals: Ctrl-C and its like ask a command to end in order; the second one ends it at once."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any


def listen() -> list[int]:
    """Signals land in the list; the second one ends the process at once: what was sent is in the books."""
    heard: list[int] = []

    def hear(number: int, _frame: Any) -> None:
        heard.append(number)
        if len(heard) > 1:
            os._exit(128 + number)

    for each in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if threading.current_thread() is threading.main_thread():
            signal.signal(each, hear)
    return heard


def heeded(heard: list[int], stop: threading.Event) -> int | None:
    """The signal to end with, if any was `heard`; then every wait is ended by `stop`."""
    if not heard:
        return None
    stop.set()
    return signal.SIGINT if heard[0] == signal.SIGINT else signal.SIGTERM
