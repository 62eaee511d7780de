"""Objective: how far the denoiser is from right. SDXL guesses the noise, FLUX.1 the way from noise to picture.

Times are drawn as a number from 0 to 1 for each row and become what the denoiser is told; all in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

#: Times that both kinds of models were trained with.
_TIMES = 1000


class Objective(Protocol):
    """What is trained for."""

    def times(self, drawn: Tensor) -> Tensor:
        """What the denoiser is told, from numbers of 0 to 1, one for each row."""

    def noised(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """`clean` with as much of `noise` as belongs to `times`."""

    def loss(self, guess: Tensor, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """The mean square of what is wrong in each row."""


class Noise:
    """SDXL: the noise itself (epsilon), or velocity where the weights were made for that; with Min-SNR at most so much
    weight for pictures that are nearly clean."""

    def __init__(self, scheduler: Mapping[str, Any], min_snr: float | None) -> None:
        from diffusers import DDPMScheduler

        kind: Any = DDPMScheduler
        made = kind.from_config(dict(scheduler))
        self._kept: Tensor = made.alphas_cumprod.float()
        self._velocity = made.config.prediction_type == "v_prediction"
        self._gamma = min_snr

    def times(self, drawn: Tensor) -> Tensor:
        """Whole numbers from 0 to 999, each as likely."""
        return (drawn * len(self._kept)).long().clamp(0, len(self._kept) - 1)

    def noised(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """The picture fades as the noise grows, so that together they stay as strong."""
        kept = self._share(times, clean)
        return kept.sqrt() * clean + (1 - kept).sqrt() * noise

    def loss(self, guess: Tensor, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Weighted where Min-SNR was asked for."""
        kept = self._share(times, clean)
        target = kept.sqrt() * noise - (1 - kept).sqrt() * clean if self._velocity else noise
        errors = _by_row(guess, target)
        if self._gamma is None:
            return errors
        snr = (kept / (1 - kept)).flatten()
        return errors * snr.clamp(max=self._gamma) / (snr + 1 if self._velocity else snr)

    def _share(self, times: Tensor, like: Tensor) -> Tensor:
        return self._kept.to(like.device)[times.to(like.device)].view(-1, 1, 1, 1)


class Flow:
    """FLUX.1: straight from noise to picture, every time as likely."""

    def times(self, drawn: Tensor) -> Tensor:
        """From 1000, noise alone, down to 1."""
        return _TIMES - (drawn * _TIMES).floor().clamp(0, _TIMES - 1)

    def noised(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """So far on the straight line."""
        share = (times / _TIMES).to(clean.device).view(-1, 1, 1, 1)
        return (1 - share) * clean + share * noise

    def loss(self, guess: Tensor, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """From the direction of the line."""
        return _by_row(guess, noise - clean)


def objective(family: str, scheduler: Mapping[str, Any], min_snr: float | None) -> Objective:
    """The objective of weights of `family` whose scheduler is configured so."""
    return Flow() if family == "flux" else Noise(scheduler, min_snr)


def _by_row(guess: Tensor, target: Tensor) -> Tensor:
    return (guess.float() - target).square().flatten(1).mean(1)
