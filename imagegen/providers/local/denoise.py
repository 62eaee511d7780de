"""The loop: noise to picture in `Walk`'s steps, the same for every family. Nothing in it waits for the device.

Latents stay float32 from the first step to the last; what the denoiser sees is cast to its own format. So the
number format touches the denoiser alone, and schedulers that draw noise draw it in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagegen.providers.local.schedulers import Walk

if TYPE_CHECKING:
    from torch import Tensor

#: (latents scaled for the denoiser, its time) -> what the denoiser predicts, float32.
Predict = Callable[["Tensor", "Tensor"], "Tensor"]


@dataclass(frozen=True, slots=True)
class Kept:
    """What inpainting keeps: the input pictures' `clean` latents, the `noise` that they were given, and the `mask`,
    1 where the picture is painted anew."""

    clean: Tensor
    noise: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Start:
    """Where a batch begins: float32 latents of B pictures on the device, and what inpainting keeps of them."""

    latents: Tensor
    kept: Kept | None = None


def denoise(walk: Walk, predict: Predict, start: Start, *, until: int | None = None) -> Tensor:
    """The latents of finished pictures, float32, one for each of `start`. `until`: the place in the times of `walk`
    where to stop before the end."""
    latents, last = start.latents, len(walk.times) - 1
    for index in range(walk.begin, last + 1 if until is None else until):
        prediction = predict(walk.scaled(latents, index), walk.device_times[index])
        latents = walk.step(prediction, latents, index)
        if start.kept is not None:
            latents = _keep(walk, start.kept, latents, index + 1 if index < last else None)
    return latents


def _keep(walk: Walk, kept: Kept, latents: Tensor, following: int | None) -> Tensor:
    """Outside the mask the input picture goes on, with the noise of the `following` step; without any at the end."""
    outside = kept.clean if following is None else walk.noised(kept.clean, kept.noise, following)
    return (1 - kept.mask) * outside + kept.mask * latents


def guided(both: Tensor, guidance: Tensor) -> Tensor:
    """Classifier-free guidance on 2B rows, the negative ones first; `guidance` has one factor per picture."""
    without, with_prompt = both.chunk(2)
    return without + guidance * (with_prompt - without)
