"""FLUX.1: CLIP's pooled vector and T5, a transformer on 2 x 2 patches, guidance as a number per row: no second pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imagegen.providers.local.denoise import Predict
from imagegen.providers.local.encoders import clip, t5
from imagegen.providers.local.model import latent_shape, stacked
from imagegen.providers.local.parts import Parts
from imagegen.providers.local.piece import Piece
from imagegen.providers.local.schedulers import shift
from imagegen.providers.local.stepnets import Steps
from imagegen.providers.local.text import Embedding, Texts

if TYPE_CHECKING:
    from torch import Tensor

#: Tokens that T5 is given: FLUX.1 dev, FLUX.1 schnell (its model card).
DEV_TOKENS, SCHNELL_TOKENS = 512, 256
_MOST_SHIFT = 1.15


class Flux:
    """FLUX.1 dev and schnell."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        #: dev is told its guidance, schnell has none.
        self._guided = bool(parts.config("transformer").get("guidance_embeds"))
        self.steps = Steps()

    def encode(self, text: str) -> Embedding:
        """T5's tokens and CLIP's pooled vector."""
        pooled = clip(self._parts, "", text).pooled.cpu()
        tokens, cut = t5(self._parts, "_2", text, DEV_TOKENS if self._guided else SCHNELL_TOKENS)
        return Embedding(tokens.cpu(), pooled, cut)

    def negatives(self, piece: Piece) -> str | None:
        """None: guidance is distilled into the weights."""
        return None

    def timing(self, width: int, height: int, steps: int) -> dict[str, Any]:
        """Even steps down to 1/steps, and the shift by size."""
        import numpy as np

        _, high, wide = latent_shape(self._parts, width, height)
        scheduler = self._parts.config("scheduler")
        even = None if scheduler.get("use_flow_sigmas") else np.linspace(1.0, 1 / steps, steps)
        timing: dict[str, Any] = {"mu": shift((high // 2) * (wide // 2), scheduler, _MOST_SHIFT)}
        return timing if even is None else {**timing, "sigmas": even}

    def predictor(self, pieces: Sequence[Piece], texts: Texts) -> Predict:
        """One transformer call a step, for all of `pieces`."""
        import torch

        transformer = self._parts.get("transformer")
        device, dtype = transformer.device, transformer.dtype
        tokens, pooled = stacked([texts.get(piece.prompt) for piece in pieces], self._parts)
        _, high, wide = latent_shape(self._parts, pieces[0].width, pieces[0].height)
        places = _places(high // 2, wide // 2).to(device, dtype)
        no_places = torch.zeros(tokens.shape[1], 3, device=device, dtype=dtype)
        strengths = torch.tensor([piece.guidance for piece in pieces], dtype=torch.float32).to(device)
        guidance = strengths if self._guided else None

        pace = self.steps.pace(transformer)

        def predict(latents: Tensor, time: Tensor) -> Tensor:
            net, _ = pace.next()
            made: Tensor = net(
                hidden_states=packed(latents).to(dtype),
                timestep=time.expand(latents.shape[0]).to(dtype) / 1000,
                guidance=guidance,
                pooled_projections=pooled,
                encoder_hidden_states=tokens,
                txt_ids=no_places,
                img_ids=places,
                return_dict=False,
            )[0].float()
            return unpacked(made, high, wide)

        return predict


def packed(latents: Tensor) -> Tensor:
    """B x C x H x W -> B x (H/2 * W/2) x 4C: every 2 x 2 square is one token."""
    rows, channels, high, wide = latents.shape
    squares = latents.view(rows, channels, high // 2, 2, wide // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return squares.reshape(rows, (high // 2) * (wide // 2), channels * 4)


def unpacked(tokens: Tensor, high: int, wide: int) -> Tensor:
    """`packed` undone, to B x C x `high` x `wide`."""
    rows, _, channels = tokens.shape
    squares = tokens.view(rows, high // 2, wide // 2, channels // 4, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return squares.reshape(rows, channels // 4, high, wide)


def _places(high: int, wide: int) -> Tensor:
    """Row and column of every token, after a first coordinate that is 0."""
    import torch

    grid = torch.zeros(high, wide, 3)
    grid[..., 1] += torch.arange(high)[:, None]
    grid[..., 2] += torch.arange(wide)[None, :]
    return grid.reshape(high * wide, 3)
