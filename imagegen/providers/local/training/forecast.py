"""Forecast: how long a training should take and what it costs, before it starts. An estimate, never a measurement.

A step runs the denoiser three times over: forward, forward again (what it computed is not kept but made anew, which
is what lets it fit), and backward to the inputs of every layer; the frozen weights need no gradient of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagegen.catalog import Gpu
from imagegen.domain.money import Nano
from imagegen.errors import SettingsError
from imagegen.forecast import flops
from imagegen.forecast.shapes import SHAPES, UNet
from imagegen.forecast.speed import HOUR, LAUNCH, Device, Range, utilisation
from imagegen.providers.local.training.course import TRAINED, Course
from imagegen.providers.local.training.plan import Sequel, Size
from imagegen.providers.local.weights import Weights

#: Forward passes that one step takes as long as.
PASSES = 3
#: Share of the utilisation in making pictures that training reaches, least and most: taken, not read anywhere.
SHARE: Range = (0.5, 1.0)
#: Parameters of the denoisers whose work is counted, in millions.
PARAMETERS = {"sdxl": 2567, "flux-dev": 11902}

LABEL = "estimate, not measured"
_NANO_HOUR = int(HOUR)


@dataclass(frozen=True, slots=True)
class Samples:
    """Sheets of pictures on the way: `prompts` in each, made in `steps` steps; one after every `every` steps."""

    prompts: int
    steps: int
    every: int

    def sheets(self, steps: int) -> int:
        """Sheets in a training of `steps`; the last one is made at its end."""
        return -(-steps // self.every) if self.every and self.prompts else 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """`seconds` and `cost` (nanodollars), least and most, and what they are from."""

    gpu: Gpu
    hourly: Nano
    tflop: float
    seconds: Range
    cost: tuple[Nano, Nano]


def model_of(weights: Weights) -> tuple[str | None, str]:
    """The catalogue's model whose work is that of `weights`, or None and why there is none."""
    model = TRAINED[weights.family.name]
    millions = weights.parts[weights.family.denoiser].parameters / 1e6
    if abs(millions / PARAMETERS[model] - 1) < 0.1:
        return model, ""
    count = f"{millions:,.0f}" if millions >= 1 else "less than a"
    usual = f"{weights.family.title} has {PARAMETERS[model]:,} million"
    return None, f"these weights have {count} million parameters, and {usual}"


def work(model: str, fits: Sequence[Size], course: Course, samples: Samples) -> float:
    """TFLOP of training `model` on pictures of sizes `fits`, from encoding them once to the last sheet."""
    shape = SHAPES[model]
    rounds = course.steps * course.accumulate / Sequel(fits, course.batch, course.seed).round
    once = sum(flops.encode(shape, *size) + flops.text(shape) for size in fits)
    trained = PASSES * rounds * sum(flops.denoiser(shape, *size) for size in fits)
    picture = flops.work(model, course.size, course.size, samples.steps)
    shown = samples.sheets(course.steps) * samples.prompts * picture.tflop if picture else 0.0
    return (once + trained) / 1e12 + shown


def forecast(
    model: str, fits: Sequence[Size], course: Course, samples: Samples, gpu: Gpu, hourly: Nano | None = None
) -> Forecast:
    """What it takes on `gpu`, at `hourly` nanodollars an hour where that is not the table's. Loading the weights is
    not counted. Raises SettingsError for a GPU whose arithmetic is not known."""
    if gpu.peak_tflops is None:
        raise SettingsError(
            f"the GPU {gpu.name} has no peak_tflops", "write it to your catalogue file, or name another"
        )
    tflop, unet = work(model, fits, course, samples), isinstance(SHAPES[model].denoiser, UNet)
    low, high = utilisation(Device(gpu.peak_tflops, gpu.mfu_scale), "eager", unet=unet)
    least = tflop / (gpu.peak_tflops * high * SHARE[1])
    most = tflop / (gpu.peak_tflops * low * SHARE[0])
    # However fast the GPU, the host has to launch every pass.
    fast, slow = (PASSES * course.steps * course.accumulate * launch for launch in LAUNCH["eager"])
    seconds = max(least, fast), max(most, slow)
    price = gpu.hourly if hourly is None else hourly
    return Forecast(gpu, price, tflop, seconds, (_cost(seconds[0], price), _cost(seconds[1], price)))


def _cost(seconds: float, hourly: Nano) -> Nano:
    """Rounded up to the next nanodollar."""
    return -(-round(seconds) * hourly // _NANO_HOUR)
