"""How much memory there is, and how much one picture takes: seen on the device, with one picture of few steps."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from imagegen.providers.local.bucket import Bucket
from imagegen.providers.local.memoryplan import fits
from imagegen.providers.local.piece import Piece

if TYPE_CHECKING:
    from imagegen.providers.local.engine import Engine

#: What a step needs, every step needs: so few of them tell.
_STEPS = 4


class Gauge(Protocol):
    """Memory of one device, in bytes."""

    def total(self) -> int:
        """All there is."""

    def free(self) -> int:
        """What can still be had."""

    def around(self, call: Callable[[], Any]) -> tuple[Any, int]:
        """What `call` returns, and the most it took beside what was taken before."""


class Cuda:
    """A CUDA device."""

    def __init__(self, device: str) -> None:
        self._device = device

    def total(self) -> int:
        """All there is."""
        import torch

        return torch.cuda.mem_get_info(self._device)[1]

    def free(self) -> int:
        """What the driver has, after torch gave back what it only kept."""
        import torch

        gc.collect()
        torch.cuda.empty_cache()
        kept = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        return torch.cuda.mem_get_info(self._device)[0] + kept

    def around(self, call: Callable[[], Any]) -> tuple[Any, int]:
        """What `call` returns, and its peak."""
        import torch

        torch.cuda.synchronize(self._device)
        before = torch.cuda.memory_allocated(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        made = call()
        torch.cuda.synchronize(self._device)
        return made, torch.cuda.max_memory_allocated(self._device) - before


def gauge_of(device: str) -> Gauge | None:
    """The gauge of `device`; None where torch cannot tell, as for the CPU."""
    return Cuda(device) if device.startswith("cuda") else None


def each_of(engine: Engine, bucket: Bucket, gauge: Gauge) -> int:
    """Bytes that one picture of `bucket` takes in the denoiser, whose weights are loaded then. Raises what `make`
    does."""
    piece = probe(bucket)
    engine.prepare([piece])
    for name in (engine.weights.family.denoiser, "vae"):
        engine.parts.get(name)
    engine.latents_of([piece])  # whatever is loaded only now, a LoRA or a ControlNet, is no picture's
    return gauge.around(lambda: engine.latents_of([piece]))[1]


def room(engine: Engine, each: int, gauge: Gauge, most: int) -> int:
    """Pictures at once where one takes `each` bytes."""
    return fits(gauge.free(), to_come(engine), each, most)


def to_come(engine: Engine) -> int:
    """Bytes of the denoiser and the VAE where they are not on the device yet."""
    sizes = {"fp32": 4, "bf16": 2, "fp16": 2}
    formats = {engine.weights.family.denoiser: engine.precision.dtype, "vae": engine.precision.vae}
    return sum(
        engine.weights.parts[name].parameters * sizes[number]
        for name, number in formats.items()
        if not engine.parts.loaded(name)
    )


def probe(bucket: Bucket) -> Piece:
    """A picture of `bucket`, but of few steps."""
    kind = bucket.kind
    grey = _grey(bucket.width, bucket.height) if kind != "text" or bucket.control else None
    return Piece(
        prompt="",
        negative="",
        width=bucket.width,
        height=bucket.height,
        steps=_STEPS,
        guidance=5.0 if bucket.guided else 0.0,
        seed=0,
        scheduler=bucket.scheduler,
        image=None if kind == "text" else grey,
        mask=grey if kind == "inpaint" else None,
        strength=None if kind == "text" else 1.0,
        loras=bucket.loras,
        control=f"{bucket.control}-map" if bucket.control else "",
        control_image=grey if bucket.control else None,
        refine_at=0.5 if bucket.refine_at else None,
    )


def _grey(width: int, height: int) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (width, height), (128, 128, 128)).save(out, "PNG")
    return out.getvalue()
