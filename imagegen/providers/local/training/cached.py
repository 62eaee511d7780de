"""Cached: every picture as latents and every caption as an embedding, once; then the VAE and the encoders go.

Of a picture the VAE gives a mean and a spread; both are kept, and each step draws from them, as the recipes do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagegen.errors import UsageError
from imagegen.files import storage_error
from imagegen.picture import BadPicture
from imagegen.providers.local import latents, pictures
from imagegen.providers.local.model import Model
from imagegen.providers.local.parts import Parts
from imagegen.providers.local.text import Texts
from imagegen.providers.local.training.dataset import Shot
from imagegen.providers.local.training.plan import Size

if TYPE_CHECKING:
    from torch import Tensor

#: No caption may fall out of memory: its encoder is gone by then.
_ALL = 1 << 62


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """One picture as the VAE sees it, float32 on the CPU, as the denoiser knows it: channels x height x width."""

    mean: Tensor
    deviation: Tensor

    def drawn(self, noise: Tensor) -> Tensor:
        """One of the pictures it may be."""
        return self.mean + self.deviation * noise


def encode_texts(model: Model, parts: Parts, shots: Sequence[Shot]) -> Texts:
    """The captions of `shots`; the encoders are dropped."""
    import torch

    texts = Texts(model.encode, _ALL)
    # Not torch.inference_mode: what is made in it can never take part in a backward pass.
    with torch.no_grad():
        texts.all(shot.caption for shot in shots)
    parts.drop(*(name for name in parts.index if name.startswith(("text_encoder", "tokenizer"))))
    return texts


def encode_pictures(
    parts: Parts, shots: Sequence[Shot], fits: Sequence[Size], stopped: Callable[[], bool]
) -> list[Spread]:
    """The pictures of `shots`, scaled and cropped to `fits`; the VAE is dropped. Fewer where `stopped` says so."""
    import torch

    vae, made = parts.get("vae"), []
    with torch.no_grad():
        for shot, (width, height) in zip(shots, fits, strict=True):
            if stopped():
                break
            pixels = _pixels(shot, width, height).to(device=vae.device, dtype=vae.dtype)
            spread = vae.encode(pixels).latent_dist
            mean = latents.scaled(spread.mean.float(), vae)
            wide = latents.scaled(spread.mean.float() + spread.std.float(), vae)
            if not bool(torch.isfinite(wide).all()):
                raise UsageError(f"{shot.path} comes out of the VAE as NaN", "the weights are damaged: pull them again")
            made.append(Spread(mean[0].cpu(), (wide - mean)[0].cpu()))
    del vae
    parts.drop("vae")
    return made


def _pixels(shot: Shot, width: int, height: int) -> Tensor:
    try:
        return pictures.pixels(shot.path.read_bytes(), width, height)
    except OSError as error:
        raise storage_error(error, shot.path) from None
    except BadPicture as error:
        raise UsageError(f"{shot.path}: {error.reason}", "it changed since it was looked at: start again") from None
