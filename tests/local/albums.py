"""Folders of pictures to train on, and trainings on tiny weights, for the tests of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from imagegen.providers.local.training import dataset
from imagegen.providers.local.training.course import Course
from imagegen.providers.local.training.job import Done, Job, train
from imagegen.providers.local.weights import Weights
from tests.local.engines import png

COURSE = Course(steps=8, rank=4, alpha=8.0, learning_rate=1e-2, batch=2, accumulate=1, size=64, warm_up=2)
WORD = "brandish"


def folder(path: Path, pictures: int = 6, width: int = 80, height: int = 64) -> Path:
    """`path` with so many smooth pictures, 0.png and on."""
    path.mkdir(parents=True)
    for number in range(pictures):
        (path / f"{number}.png").write_bytes(png(width, height, seed=number))
    return path


@dataclass
class Heard:
    """A Teller that remembers; `after` is called with each step that is done."""

    after: Callable[[int], None] = lambda step: None
    events: list[tuple[Any, ...]] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.events.append(("note", text))

    def step(self, step: int, loss: float, rate: float) -> None:
        self.events.append(("step", step, loss, rate))
        self.after(step)

    def looked(self, step: int, loss: float) -> None:
        self.events.append(("looked", step, loss))

    def saved(self, step: int, folder: Path) -> None:
        self.events.append(("saved", step, folder))

    def shown(self, step: int, file: Path) -> None:
        self.events.append(("shown", step, file))

    def of(self, kind: str) -> list[Any]:
        """The first thing said with each event of `kind`."""
        return [event[1] for event in self.events if event[0] == kind]


def job(weights: Weights, pictures: Path, output: Path, **changes: Any) -> Job:
    """A training of COURSE; `changes` of the course or of the job."""
    own = {name: changes.pop(name) for name in list(changes) if hasattr(COURSE, name)}
    made = Job(dataset.read(pictures, WORD), weights, replace(COURSE, **own), output, "cpu", None, 0, 0)
    return replace(made, **changes)


def trained(wanted: Job, heard: Heard | None = None, stop_after: int | None = None) -> Done:
    """`wanted` done, or stopped after so many steps."""
    steps = []
    heard = heard or Heard()
    before = heard.after
    heard.after = lambda step: (steps.append(step), before(step))[1]
    return train(wanted, heard, lambda: stop_after is not None and len(steps) >= stop_after)
