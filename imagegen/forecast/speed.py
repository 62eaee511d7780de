"""How long a GPU should take for that work: an estimate with its inputs, never a measurement.

    seconds = FLOP / (MFU x peak) + what the host holds up

MFU, model FLOP utilisation, is the share of a GPU's peak (bfloat16 on tensor cores, dense) that a run reaches. The
shares here are from published runs of others: SDXL in 30 steps on an A100 (diffusers, December 2023: 3.31 s eager,
2.54 s compiled) and FLUX.1 dev in 28 steps on an H100 (PyTorch, May 2026: 6.7 s eager, 4.5 s compiled). That these
come out again is no proof of the formula; that other steps, sizes and GPUs come out is not promised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from imagegen.forecast.flops import Work

#: How the denoiser runs: as it is, its repeated blocks compiled, or all of it with a long search.
Mode = Literal["eager", "regional", "full"]
#: The least and the most.
Range = tuple[float, float]

#: MFU of a UNet on an A100. Eager and full are from published runs, regional lies between.
UNET: Mapping[Mode, Range] = {"eager": (0.37, 0.40), "regional": (0.43, 0.48), "full": (0.50, 0.53)}
#: MFU of a transformer on an H100, published as 0.32 eager and 0.47 compiled, regional or full; give or take 0.02.
TRANSFORMER: Mapping[Mode, Range] = {"eager": (0.30, 0.34), "regional": (0.45, 0.49), "full": (0.45, 0.49)}
#: What a GPU reaches of these shares where no published run says so: taken, not read anywhere.
UNKNOWN: Range = (0.5, 1.0)

#: Seconds the host needs to launch one call of the denoiser. Eager: about 3,000 operations of 5 to 10 us each.
#: Compiled, as many fewer as there are blocks fused; taken as a third and a tenth of that.
LAUNCH: Mapping[Mode, Range] = {"eager": (0.015, 0.030), "regional": (0.005, 0.010), "full": (0.0015, 0.003)}
#: Seconds to compress a PNG of 1024x1024 at the level the engine uses, on one core of an ordinary machine.
PNG = 0.104
#: Pixels of that picture.
_SQUARE = 1024 * 1024
#: Seconds in an hour.
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU: `peak` in TFLOP/s, bfloat16, dense. `scale`: the share of UNET's figures that it reaches, least and
    most; None where nothing is known of it. A transformer's large multiplications fill any GPU with a `scale`."""

    peak: float
    scale: Range | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """How pictures are made. `batch` pictures at once, `writers` threads that compress, `padded`: share of rows
    computed that are thrown away, 0 to 1."""

    mode: Mode = "regional"
    batch: int = 4
    writers: int = 4
    padded: float = 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds a picture on one GPU, least and most, and the inputs they are from: `mfu`, `tflop` a picture."""

    seconds: Range
    mfu: Range
    tflop: float
    device: Device
    setting: Setting

    def per_hour(self, gpus: int = 1) -> Range:
        """Pictures an hour on `gpus` of them, least and most."""
        return gpus * HOUR / self.seconds[1], gpus * HOUR / self.seconds[0]


def seconds(tflop: float, peak: float, mfu: float) -> float:
    """Seconds for `tflop` TFLOP at a share `mfu` of `peak` TFLOP/s."""
    return tflop / (peak * mfu)


def utilisation(device: Device, mode: Mode, *, unet: bool) -> Range:
    """The least and the most MFU to reckon with on `device`."""
    low, high = (UNET if unet else TRANSFORMER)[mode]
    least, most = UNKNOWN if device.scale is None else device.scale if unet else (1.0, 1.0)
    return low * least, high * most


def forecast(work: Work, pixels: int, device: Device, setting: Setting = Setting()) -> Forecast:
    """What a picture of `work` with so many `pixels` should take."""
    mfu = utilisation(device, setting.mode, unet=work.unet)
    fast, slow = LAUNCH[setting.mode]
    least, most = (
        _picture(work, pixels, device.peak * share, launch / setting.batch, setting)
        for share, launch in ((mfu[1], fast), (mfu[0], slow))
    )
    return Forecast((least, most), mfu, work.tflop, device, setting)


def _picture(work: Work, pixels: int, rate: float, launch: float, setting: Setting) -> float:
    """Seconds at `rate` TFLOP/s; a call takes at least the `launch` seconds of it that a picture bears. Writers work
    beside the GPU, so the slower of both counts; padding only costs the GPU."""
    call = max(work.call / 1e12 / rate, launch)
    computing = (call * work.calls + work.rest / 1e12 / rate) / (1 - setting.padded)
    writing = PNG * pixels / _SQUARE / setting.writers
    return max(computing, writing)
