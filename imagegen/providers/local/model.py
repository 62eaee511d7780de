"""Model: what the engine asks of an architecture, and the one that runs given weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from imagegen.providers.local.denoise import Predict
from imagegen.providers.local.parts import Parts
from imagegen.providers.local.piece import Piece
from imagegen.providers.local.stepnets import Steps
from imagegen.providers.local.text import Embedding, Texts

if TYPE_CHECKING:
    from torch import Tensor


class Model(Protocol):
    """One architecture with its weights. `steps`: which net each step calls."""

    steps: Steps

    def encode(self, text: str) -> Embedding:
        """`text` through the text encoders, on the CPU."""

    def negatives(self, piece: Piece) -> str | None:
        """The text that guidance leads away from; None where no second pass is made, or one without any text."""

    def timing(self, width: int, height: int, steps: int) -> dict[str, Any]:
        """What the scheduler must know of the picture beside its steps."""

    def predictor(self, pieces: Sequence[Piece], texts: Texts) -> Predict:
        """The denoiser, bound to the prompts, sizes and guidance of `pieces`."""


def model_of(parts: Parts) -> Model:
    """The model for `parts`."""
    from imagegen.providers.local.flux import Flux
    from imagegen.providers.local.flux2 import Flux2
    from imagegen.providers.local.sd3 import SD3
    from imagegen.providers.local.unet import SDXL

    models: dict[str, Any] = {"sdxl": SDXL, "sdxl-refiner": SDXL, "sd3": SD3, "flux": Flux, "flux2": Flux2}
    made: Model = models[parts.family.name](parts)
    return made


def latent_shape(parts: Parts, width: int, height: int) -> tuple[int, int, int]:
    """Channels, height and width of the latents of a picture of `width` x `height` pixels."""
    config = parts.config("vae")
    factor = 2 ** (len(config["block_out_channels"]) - 1)
    channels = int(config["latent_channels"])
    if parts.family.name == "flux2":
        # Its denoiser takes every 2 x 2 square as one.
        return 4 * channels, height // (2 * factor), width // (2 * factor)
    return channels, height // factor, width // factor


def stacked(embeddings: Sequence[Embedding], parts: Parts) -> tuple[Tensor, Tensor]:
    """Tokens and pooled vectors of `embeddings`, one row each, where and as the denoiser reads them."""
    import torch

    denoiser = parts.get(parts.family.denoiser)
    tokens = torch.cat([each.tokens for each in embeddings])
    pooled = torch.cat([each.pooled for each in embeddings])
    device, dtype = denoiser.device, denoiser.dtype
    return tokens.to(device, dtype), pooled.to(device, dtype)


def factors(pieces: Sequence[Piece], device: Any) -> Tensor:
    """The guidance of each of `pieces`, float32, shaped to multiply latents."""
    import torch

    return torch.tensor([piece.guidance for piece in pieces], dtype=torch.float32).view(-1, 1, 1, 1).to(device)
