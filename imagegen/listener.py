"""Listener: who is told what happens while a run is at work."""

from __future__ import annotations

from typing import Protocol

from imagegen.domain.result import Result


class Listener(Protocol):
    """Who is told what happens, as it happens, in the thread that called `work_off`."""

    def row(self, result: Result) -> None:
        """A picture's fate is in the books."""

    def waiting(self, why: str) -> None:
        """Nothing can be started for a while."""

    def bug(self, error: BaseException) -> None:
        """Something that should not happen did."""

    def tick(self) -> None:
        """Some time passed."""
