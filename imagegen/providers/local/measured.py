"""Measured: the figures of `imagegen bench local`, and what follows from them. Pure: nothing is run here.

Measured are seconds, bytes and counts. Computed from these are pictures an hour, cost, and the share of the
arithmetic limit. Estimates (the forecast, published figures at other steps) stand apart and are called so.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from imagegen.catalog.gpus import Gpu
from imagegen.domain.money import Nano
from imagegen.forecast.flops import Work
from imagegen.forecast.speed import HOUR, Device, Forecast, Mode, Setting, forecast
from imagegen.providers.local.stages import STAGES


@dataclass(frozen=True, slots=True)
class Cell:
    """One mode with one batch size. `cold`: seconds of the first call, compiling included; `warm`: seconds a picture
    of each later call; `stages`: seconds a picture in a watched call; `memory`: the most bytes that tensors took on
    the GPU, None elsewhere. `flawed`: pictures that came out broken. `why` there are no figures, "" where there are."""

    mode: Mode
    batch: int
    cold: float | None = None
    warm: tuple[float, ...] = ()
    stages: Mapping[str, float] = field(default_factory=dict)
    memory: int | None = None
    flawed: int = 0
    why: str = ""

    @property
    def seconds(self) -> float | None:
        """The median of `warm`; None where nothing was measured."""
        return statistics.median(self.warm) if self.warm else None

    @property
    def per_hour(self) -> float | None:
        """Pictures an hour, warm."""
        return HOUR / self.seconds if self.seconds else None

    @property
    def shares(self) -> dict[str, float]:
        """Of a watched call's time, the share of each stage and of the rest; empty where none was watched."""
        whole = sum(self.stages.values())
        return {name: self.stages[name] / whole for name in (*STAGES, "rest")} if whole > 0 else {}


@dataclass(frozen=True, slots=True)
class Compiled:
    """What compiling one mode took: `graphs` made by the first calls, `recompiles` after them, which should be 0."""

    graphs: int
    recompiles: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What was measured, and where. `model`: the catalogue's name or the folder's; `counted`: the model whose
    arithmetic it has, None where that is not known. `device`: what it calls itself. `gpu`: the catalogue's."""

    model: str
    counted: str | None
    revision: str | None
    random: bool
    width: int
    height: int
    steps: int
    guidance: float
    device: str
    dtype: str
    versions: Mapping[str, str]
    work: Work | None = None
    gpu: Gpu | None = None
    hourly: Nano | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """All of it. `load`: seconds to load the denoiser, the VAE and the text encoders, by mode."""

    asked: Asked
    cells: tuple[Cell, ...]
    compiled: Mapping[str, Compiled]
    load: Mapping[str, float]

    @property
    def best(self) -> Cell | None:
        """The cell with the most pictures an hour; None where nothing was measured."""
        there = [cell for cell in self.cells if cell.seconds]
        return min(there, key=lambda cell: cell.seconds or 0.0, default=None)

    @property
    def peak(self) -> float | None:
        """The device's peak in TFLOP/s, where it is known."""
        return self.asked.gpu.peak_tflops if self.asked.gpu else None

    def share_of_limit(self, cell: Cell) -> float | None:
        """Of the device's peak, the share that the arithmetic of `cell`'s pictures takes (MFU); None: not known."""
        if self.asked.work is None or self.peak is None or not cell.seconds:
            return None
        return self.asked.work.tflop / cell.seconds / self.peak

    def cost(self, cell: Cell) -> Nano | None:
        """What a picture costs at the hour's price, in nanodollars; None: no price is known."""
        if self.asked.hourly is None or not cell.seconds:
            return None
        return round(self.asked.hourly * cell.seconds / HOUR)

    def forecast(self, mode: Mode, batch: int) -> Forecast | None:
        """The estimate that `cost-estimate --gpu` would give; None where peak or architecture is not known."""
        asked = self.asked
        if asked.work is None or asked.gpu is None or asked.gpu.peak_tflops is None:
            return None
        device = Device(asked.gpu.peak_tflops, asked.gpu.mfu_scale)
        return forecast(asked.work, asked.width * asked.height, device, Setting(mode, batch))
