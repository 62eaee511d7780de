"""Measuring an engine: each mode with each batch size, cold and warm, and where the time goes. Needs the extra local.

    modes, one after another -> first calls of every batch size -> warm calls in turns -> a watched call each

Batch sizes take turns within a mode, so that a machine that warms up or is disturbed disturbs them alike. Modes do
not: several models at once do not fit on a GPU. Every picture has a prompt and a seed of its own, and its text is
encoded within the time; the PNG is not, since writers do that beside the GPU.
"""

from __future__ import annotations

import gc
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from imagegen.catalog.gpus import Gpu
from imagegen.domain.money import Nano
from imagegen.forecast import flops
from imagegen.forecast.speed import Mode
from imagegen.providers.local import compiling
from imagegen.providers.local.engine import Engine
from imagegen.providers.local.geometry import architecture
from imagegen.providers.local.machine import machine
from imagegen.providers.local.measured import Asked, Cell, Compiled, Measured
from imagegen.providers.local.parts import empty
from imagegen.providers.local.piece import Flaw, Piece
from imagegen.providers.local.stages import STAGES, watched
from imagegen.providers.local.tiny import MARK
from imagegen.providers.local.weights import Weights

#: Warm calls of each cell, at least.
LEAST_CALLS = 3
#: Memory is full: the words of a cell. Others go on.
FULL = "out of memory"
#: How long a reason may be in a cell.
_REASON = 160


@dataclass(frozen=True, slots=True)
class Wish:
    """What to measure. `name`: the model's, for people. `pictures`: at least so many warm ones for each cell.
    `backend`: torch.compile's. `gpu`: the catalogue's for this device, by its name; `hourly`: what an hour costs."""

    name: str
    width: int
    height: int
    steps: int
    guidance: float
    modes: tuple[Mode, ...]
    batches: tuple[int, ...]
    pictures: int
    device: str = "cpu"
    dtype: str = "auto"
    backend: str = "inductor"
    gpu: Callable[[str], Gpu | None] = lambda _: None
    hourly: Nano | None = None


def measure(weights: Weights, wish: Wish, tell: Callable[[str], None]) -> Measured:
    """Measure all of `wish`; `tell` hears what is being done. What fails in one cell is that cell's `why`. What is
    compiled goes to a folder that is removed at the end, so that a first call is really cold."""
    cells: list[Cell] = []
    compiled: dict[str, Compiled] = {}
    load: dict[str, float] = {}
    dtype = wish.dtype
    with tempfile.TemporaryDirectory(prefix="imagegen-bench-") as folder, compiling_elsewhere(Path(folder)):
        # A full compile leaves settings of the compiler behind, so it comes last.
        for mode in (each for each in compiling.MODES if each in wish.modes):
            if mode != "eager" and wish.backend == "inductor" and not compiling.has_compiler():
                cells += [Cell(_mode(mode), batch, why=compiling.NO_COMPILER) for batch in wish.batches]
                continue
            bench = Bench(weights, wish, _mode(mode), tell)
            load[mode] = bench.load()
            dtype = bench.engine.precision.dtype
            cells += bench.run()
            compiled[mode] = bench.compiled
            bench.engine.close()
    return Measured(_asked(weights, wish, dtype), tuple(cells), compiled, load)


class Bench:
    """One mode's measuring."""

    def __init__(self, weights: Weights, wish: Wish, mode: Mode, tell: Callable[[str], None]) -> None:
        import torch

        torch._dynamo.reset()
        self.engine = Engine(
            weights, device=wish.device, dtype=wish.dtype, compile=mode, backend=wish.backend, tell=lambda _: None
        )
        self._wish, self._mode, self._tell = wish, mode, tell
        self._numbers = itertools.count()
        self._began = graphs()
        self._cold = self._began

    @property
    def compiled(self) -> Compiled:
        """Graphs of the first calls, and those made after them."""
        return Compiled(self._cold - self._began, graphs() - self._cold)

    def load(self) -> float:
        """Seconds until all weights are on the device."""
        self._tell(f"{self._mode}: loading the weights")
        began = time.perf_counter()
        self.engine.prepare([self._piece()])
        for name in (self.engine.weights.family.denoiser, "vae"):
            self.engine.parts.get(name)
        return time.perf_counter() - began

    def run(self) -> list[Cell]:
        """Every batch size: first calls, warm calls in turns, one watched."""
        cells = {batch: self._first(batch) for batch in self._wish.batches}
        self._cold = graphs()
        calls = {batch: max(LEAST_CALLS, -(-self._wish.pictures // batch)) for batch in cells}
        self._tell(f"{self._mode}: warm, {', '.join(map(str, cells))} pictures at once in turns")
        for turn in range(max(calls.values())):
            for batch, cell in list(cells.items()):
                if turn < calls[batch] and not cell.why:
                    cells[batch] = self._warm(cell)
        return [each if each.why else self._watched(each) for each in cells.values()]

    def _first(self, batch: int) -> Cell:
        self._tell(f"{self._mode}: first call with {batch} at once")
        cell = Cell(self._mode, batch)
        return self._guarded(cell, lambda found: replace(found, cold=found.warm[0] * batch, warm=()))

    def _warm(self, cell: Cell) -> Cell:
        return self._guarded(cell, lambda found: replace(found, warm=(*cell.warm, *found.warm)))

    def _watched(self, cell: Cell) -> Cell:
        with watched(self.engine) as clock:
            began = time.perf_counter()
            done = self._guarded(cell, lambda _: cell)
            whole = time.perf_counter() - began
        if done.why:
            return cell
        seconds = {name: clock.seconds[name] / cell.batch for name in STAGES}
        return replace(cell, stages={**seconds, "rest": max(0.0, whole / cell.batch - sum(seconds.values()))})

    def _guarded(self, cell: Cell, then: Callable[[Cell], Cell]) -> Cell:
        """One call of the engine as `then` counts it; one that fails ends the cell with its reason."""
        import torch

        try:
            return then(self._call(cell))
        except torch.OutOfMemoryError:
            why = FULL
        except RuntimeError as error:
            why = " ".join(str(error).split())[:_REASON]
        # Beyond the handler: the error's frames hold tensors.
        self._free()
        return replace(cell, warm=(), stages={}, why=why)

    def _call(self, cell: Cell) -> Cell:
        """One call: its seconds a picture as the only `warm`, its memory, its flaws added."""
        pieces = [self._piece() for _ in range(cell.batch)]
        self._reset_memory()
        began = time.perf_counter()
        made = self.engine.make(pieces, rows_left=cell.batch)
        taken = (time.perf_counter() - began) / cell.batch
        memory = max(filter(None, (cell.memory, self._memory())), default=None)
        flawed = cell.flawed + sum(isinstance(each, Flaw) for each in made)
        return replace(cell, warm=(taken,), memory=memory, flawed=flawed)

    def _piece(self) -> Piece:
        wish, number = self._wish, next(self._numbers)
        prompt = f"A stoneware mug number {number} on rough linen, soft light from the left"
        return Piece(prompt, "", wish.width, wish.height, wish.steps, wish.guidance, number, "")

    def _free(self) -> None:
        gc.collect()
        empty(self.engine.device)

    def _reset_memory(self) -> None:
        import torch

        if self.engine.device.startswith("cuda"):
            torch.cuda.reset_peak_memory_stats(self.engine.device)

    def _memory(self) -> int | None:
        import torch

        cuda = self.engine.device.startswith("cuda")
        return int(torch.cuda.max_memory_allocated(self.engine.device)) if cuda else None


def graphs() -> int:
    """Graphs that dynamo has made in this process."""
    import torch

    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


@contextmanager
def compiling_elsewhere(folder: Path) -> Iterator[None]:
    """While it lasts, what is compiled goes to `folder`."""
    names = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
    before = {name: os.environ.get(name) for name in names}
    compiling.keep_in(folder)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({name: value} if value is not None else {})


def _asked(weights: Weights, wish: Wish, dtype: str) -> Asked:
    facts = machine(wish.device)
    counted = architecture(weights)
    guided = wish.guidance > 1 and not weights.recipe.embedded
    gpu = wish.gpu(facts["device"])
    return Asked(
        model=wish.name,
        counted=counted,
        revision=weights.revision,
        random=(weights.folder / MARK).is_file(),
        width=wish.width,
        height=wish.height,
        steps=wish.steps,
        guidance=wish.guidance,
        device=facts["device"],
        dtype=dtype,
        versions=facts["versions"],
        work=flops.work(counted, wish.width, wish.height, wish.steps, guided=guided) if counted else None,
        gpu=gpu,
        hourly=wish.hourly if wish.hourly is not None else gpu.hourly if gpu else None,
    )


def _mode(name: str) -> Mode:
    modes: dict[str, Mode] = {"eager": "eager", "regional": "regional", "full": "full"}
    return modes[name]
