"""`imagegen lora train`: how its steps are told: a bar in a terminal, lines in a pipe, JSON Lines for machines."""

from __future__ import annotations

import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from imagegen.cli import say
from imagegen.domain.money import Nano, show
from imagegen.report.tally import duration

#: A step's loss says little: its noise is its own. So many are shown as one mean.
_MEAN = 50
#: Seconds between lines in a pipe.
_INTERVAL = 10.0


class Watch:
    """Plain lines on stderr, one now and then. `hourly`: nanodollars an hour where they are known."""

    def __init__(self, steps: int, hourly: Nano | None, interval: float = _INTERVAL) -> None:
        self.steps, self.at, self._hourly, self._interval = steps, 0, hourly, interval
        self._losses: deque[float] = deque(maxlen=_MEAN)
        self._began = self._last = time.monotonic()
        self._first: int | None = None

    def note(self, text: str) -> None:
        """Something to know."""
        say.note(text)

    def step(self, step: int, loss: float, rate: float) -> None:
        """So many steps are done."""
        if self._first is None:
            # Encoding came before; it is no step, and neither is where a resumed training begins.
            self._first, self._began = step, time.monotonic()
        self.at = step
        self._losses.append(loss)
        if time.monotonic() - self._last >= self._interval:
            self._last = time.monotonic()
            self.line(self.progress())

    def looked(self, step: int, loss: float) -> None:
        """The loss of the fixed look."""
        self.line(f"step {step:,}: loss of the fixed look {loss:.4f}")

    def saved(self, step: int, folder: Path) -> None:
        """A checkpoint is written."""
        self.line(f"step {step:,}: checkpoint {folder}")

    def shown(self, step: int, file: Path) -> None:
        """A sheet is written."""
        self.line(f"step {step:,}: sheet {file}")

    def line(self, text: str) -> None:
        """A line of its own."""
        say.info(text)

    def progress(self) -> str:
        """How far it is, in a line."""
        words = [f"{self.at:,} of {self.steps:,} steps"]
        if self._losses:
            words.append(f"loss {sum(self._losses) / len(self._losses):.4f}")
        took, since = time.monotonic() - self._began, self.at - (self._first or 0)
        if since > 0 and took > 0:
            words.append(f"{took / since:.2f} s a step")
            if self.at < self.steps:
                words.append(f"{duration((self.steps - self.at) * took / since)} left")
        if self._hourly:
            words.append(f"{show(round(took * self._hourly / 3600 / 1e7) * 10**7)} so far")
        return ", ".join(words)

    def close(self) -> None:
        """Nothing more comes."""


class Bar(Watch):
    """A bar in a terminal, lines above it."""

    def __init__(self, steps: int, hourly: Nano | None) -> None:
        super().__init__(steps, hourly, interval=float("inf"))
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress: Any = Progress(
            BarColumn(bar_width=None),
            TextColumn("{task.description}", markup=False),
            console=Console(stderr=True),
            transient=True,
            refresh_per_second=4,
        )
        self._task = self._progress.add_task("encoding pictures and captions", total=steps)
        self._progress.start()

    def note(self, text: str) -> None:
        """Something to know, above the bar."""
        self.line(f"note: {text}")

    def step(self, step: int, loss: float, rate: float) -> None:
        """Move the bar."""
        super().step(step, loss, rate)
        self._progress.update(self._task, completed=step, description=self.progress())

    def line(self, text: str) -> None:
        """A line above the bar."""
        self._progress.console.print(say.visible(text), markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        self._progress.stop()


class Json(Watch):
    """JSON Lines on stdout; nothing but notes on stderr."""

    def step(self, step: int, loss: float, rate: float) -> None:
        """One event."""
        say.event({"event": "step", "step": step, "of": self.steps, "loss": loss, "learning_rate": rate})

    def looked(self, step: int, loss: float) -> None:
        """One event."""
        say.event({"event": "look", "step": step, "loss": loss})

    def saved(self, step: int, folder: Path) -> None:
        """One event."""
        say.event({"event": "checkpoint", "step": step, "folder": str(folder)})

    def shown(self, step: int, file: Path) -> None:
        """One event."""
        say.event({"event": "sheet", "step": step, "file": str(file)})


def watch(as_json: bool, steps: int, hourly: Nano | None) -> Watch:
    """The one that suits where it is shown."""
    if as_json:
        return Json(steps, hourly)
    return Bar(steps, hourly) if sys.stderr.isatty() else Watch(steps, hourly)
