"""Job: a training from its folder to its file, with checkpoints, sheets and going on. Read loop.py for the steps.

OUTPUT.safetensors            the LoRA
OUTPUT-training/checkpoints   what training can go on from
OUTPUT-training/samples       sheets of pictures on the way
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from imagegen.errors import LockedError, NotMade, UsageError
from imagegen.files import copy_out, storage_error, write_whole
from imagegen.providers.local.machine import machine
from imagegen.providers.local.parts import empty
from imagegen.providers.local.training import checkpoints
from imagegen.providers.local.training.checkpoints import Checkpoint
from imagegen.providers.local.training.course import Course
from imagegen.providers.local.training.dataset import Album
from imagegen.providers.local.training.loop import Training
from imagegen.providers.local.training.sheet import Sheets, Wanted
from imagegen.providers.local.weights import Weights, known_as


class Teller(Protocol):
    """Who is told of a training."""

    def note(self, text: str) -> None:
        """Something to know."""

    def step(self, step: int, loss: float, rate: float) -> None:
        """So many steps are done; the last one's loss and learning rate."""

    def looked(self, step: int, loss: float) -> None:
        """The loss of the fixed look after `step`."""

    def saved(self, step: int, folder: Path) -> None:
        """A checkpoint is written."""

    def shown(self, step: int, file: Path) -> None:
        """A sheet is written."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is trained, where, and where it goes. `wanted` None: no sheets. `every` 0: only at the end."""

    album: Album
    weights: Weights
    course: Course
    output: Path
    device: str
    wanted: Wanted | None
    sample_every: int
    checkpoint_every: int
    resume: bool = False

    @property
    def folder(self) -> Path:
        """Where checkpoints and sheets go."""
        return folder_of(self.output)

    @property
    def settings(self) -> dict[str, Any]:
        """What the LoRA's numbers depend on, as checkpoints hold it."""
        course = self.course
        return {
            "model": self.weights.digest,
            "set of pictures or captions": self.album.digest,
            "rank": course.rank,
            "alpha": course.alpha,
            "learning_rate": course.learning_rate,
            "batch": course.batch,
            "accumulation": course.accumulate,
            "size": course.size,
            "seed": course.seed,
            "min_snr": course.min_snr,
            "warm_up": course.warm_up,
            "dtype": course.dtype,
        }


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it. `file` None: it was interrupted; `losses` of the fixed look, first and last."""

    step: int
    file: Path | None
    losses: tuple[float, ...]
    seconds: float


def folder_of(output: Path) -> Path:
    """Where the checkpoints and sheets of the LoRA `output` go."""
    return output.with_name(f"{output.stem}-training")


def begun(job: Job) -> Checkpoint | None:
    """The checkpoint to go on from. Raises UsageError where going on, or beginning, would lose something."""
    found = checkpoints.newest(job.folder / "checkpoints")
    if found is None or not job.resume:
        if found is not None:
            what = f"{job.folder} holds a training up to step {found.step:,}"
            raise UsageError(what, "add --resume to go on, or name another --output")
        if job.output.exists():
            raise UsageError(f"{job.output} is there already", "name another --output")
        return None
    problem = checkpoints.differs(found, job.settings)
    if problem:
        raise UsageError(problem, "give the same options and pictures, or name another --output")
    if found.step > job.course.steps:
        raise UsageError(f"{found.folder} is beyond step {job.course.steps:,}", "give --steps more than that")
    return found


def train(job: Job, tell: Teller, stopped: Callable[[], bool]) -> Done:
    """Do `job`. When `stopped` says so the step is finished, a checkpoint written, and `file` is None. Raises NotMade
    where the loss is no number or memory does not suffice, UsageError as `begun`, StorageError, LockedError."""
    import torch

    with _alone(job.folder):
        try:
            return _Work(job, tell, stopped).done()
        except torch.OutOfMemoryError:
            todo = "take --batch 1, a smaller --size or --rank, or a GPU with more memory; then --resume"
            raise NotMade(f"{job.device} has too little memory for this training", todo) from None


class _Work:
    """The steps of one job, and what is written between them."""

    def __init__(self, job: Job, tell: Teller, stopped: Callable[[], bool]) -> None:
        self._job, self._tell, self._stopped = job, tell, stopped
        self._began = time.monotonic()
        self._from = begun(job)
        self._losses = self._from.losses if self._from else ()
        self._at = self._kept = self._from.step if self._from else 0
        wanted = job.wanted
        self._sheets = Sheets(job.weights, job.device, job.course.dtype, wanted) if wanted else None

    def done(self) -> Done:
        """All of it, as far as it is not done."""
        job, steps = self._job, self._job.course.steps
        if self._from is not None:
            self._tell.note(f"going on from step {self._at:,}")
        elif job.resume:
            self._tell.note(f"there is no checkpoint in {job.folder} yet: beginning")
        if self._from is not None and self._at == steps:
            return self._finish(self._from.lora)
        training = Training(job.weights, job.album.shots, job.course, job.device, self._stopped)
        if not training.ready:
            return self._end(None)
        if self._from is not None:
            training.restore(self._from)
        else:
            self._look(training)
        last = self._walk(training, steps)
        return self._finish(last) if self._at == steps and last is not None else self._end(None)

    def _walk(self, training: Training, steps: int) -> Path | None:
        """The steps up to `steps`; the last checkpoint's LoRA."""
        job, lora = self._job, self._from.lora if self._from else None
        while self._at < steps and not self._stopped():
            try:
                loss = training.step(self._at)
            except NotMade as problem:
                raise NotMade(problem.what, self._advice()) from None
            self._at += 1
            self._tell.step(self._at, loss, job.course.rate(self._at - 1))
            ends = self._at == steps
            if ends or self._stopped() or _due(self._at, job.checkpoint_every):
                lora = self._save(training)
            if self._sheets and (ends or (_due(self._at, job.sample_every) and not self._stopped())):
                self._show(training)
        return lora

    def _advice(self) -> str:
        course = self._job.course
        back = f"; step {self._kept:,} is kept" if self._kept else ""
        other = "" if course.dtype == "fp32" else " or add --dtype fp32"
        return f"lower --learning-rate (it is {course.learning_rate:g}){other}, and name another --output{back}"

    def _look(self, training: Training) -> None:
        loss = training.look()
        self._losses = (*self._losses, loss)
        self._tell.looked(self._at, loss)

    def _save(self, training: Training) -> Path:
        self._look(training)
        folder, data = self._job.folder / "checkpoints", training.file(self._facts())
        made = checkpoints.write(folder, self._at, data, training.state(), self._job.settings, self._losses)
        self._kept = self._at
        self._tell.saved(self._at, made.folder)
        return made.lora

    def _show(self, training: Training) -> None:
        """A sheet with the LoRA of the moment, while the denoiser under training makes room for it."""
        import torch

        job = self._job
        assert self._sheets is not None
        to = job.folder / "samples" / f"step-{self._at:06}.png"
        worn = job.folder / f".step-{self._at:06}.safetensors"
        write_whole(worn, training.file(self._facts()))
        training.move("cpu")
        empty(job.device)
        try:
            for problem in self._sheets.make(worn, to):
                self._tell.note(f"sample {problem}")
            self._tell.shown(self._at, to)
        except torch.OutOfMemoryError:
            self._tell.note("memory does not suffice for sheets of samples; training goes on without them")
            self._sheets = None
        finally:
            worn.unlink(missing_ok=True)
        empty(job.device)
        training.move(job.device)

    def _facts(self) -> Mapping[str, Any]:
        """What the LoRA's file says of itself."""
        job, course = self._job, self._job.course
        return {
            "base": known_as(job.weights.folder),
            "base_digest": job.weights.digest,
            "base_revision": job.weights.revision,
            "family": job.weights.family.name,
            "trigger": job.album.trigger,
            "pictures": len(job.album.shots),
            "pictures_digest": job.album.digest,
            "steps": self._at,
            "rank": course.rank,
            "alpha": course.alpha,
            "learning_rate": course.learning_rate,
            "batch": course.batch * course.accumulate,
            "size": course.size,
            "seed": course.seed,
            "dtype": course.dtype,
            "versions": _versions(job.device),
        }

    def _finish(self, lora: Path) -> Done:
        try:
            self._job.output.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self._job.output.parent) from None
        copy_out(lora, self._job.output)
        return self._end(self._job.output)

    def _end(self, file: Path | None) -> Done:
        return Done(self._at, file, self._losses, time.monotonic() - self._began)


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _versions(device: str) -> dict[str, str]:
    import peft

    from imagegen import __version__

    return {"imagegen": __version__, "peft": peft.__version__, **machine(device)["versions"]}


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else trains into `folder` meanwhile."""
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise LockedError(f"another training writes into {folder}", "wait for it, or name another --output") from None
    except OSError as error:
        raise storage_error(error, folder) from None
    try:
        yield
    finally:
        lock.release()
