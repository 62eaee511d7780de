"""Latents: what a batch begins with, from noise, from a picture, or from a picture and a mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from imagegen.providers.local import noise, pictures
from imagegen.providers.local.denoise import Kept, Start
from imagegen.providers.local.piece import Piece, kind_of
from imagegen.providers.local.schedulers import Walk

if TYPE_CHECKING:
    from torch import Generator, Tensor


def start(
    pieces: Sequence[Piece],
    sources: Sequence[Generator],
    vae: Callable[[], Any],
    walk: Walk,
    shape: tuple[int, ...],
    device: str,
) -> Start:
    """Where the batch of `pieces` begins, on `device`. `shape`: channels, height and width of one picture's latents.
    `vae` is asked for only where there are pictures to encode.

    Each generator draws in the order of diffusers' pipelines: the VAE's sample of the input picture, then the noise.
    """
    kind = kind_of(pieces[0])
    clean = None if kind == "text" else encode(pieces, sources, vae())
    drawn = noise.draw(sources, shape).to(device)
    if clean is None:
        return Start(drawn * walk.sigma)
    alone = kind == "inpaint" and walk.begin == 0
    latents = drawn * walk.sigma if alone else walk.noised(clean, drawn, walk.begin)
    if kind == "image":
        return Start(latents)
    for source in sources:
        # The pipelines also encode the picture without its masked part here, for models that read it; the models
        # that we run do not, but what is drawn later has to come out the same.
        noise.draw([source], shape)
    return Start(latents, Kept(clean, drawn, masks(pieces, shape).to(device)))


def encode(pieces: Sequence[Piece], sources: Sequence[Generator], vae: Any) -> Tensor:
    """The input pictures of `pieces` as latents, float32, each encoded alone and sampled with its own generator."""
    import torch

    made = []
    for piece, source in zip(pieces, sources, strict=True):
        assert piece.image is not None
        picture = pictures.pixels(piece.image, piece.width, piece.height).to(device=vae.device, dtype=vae.dtype)
        spread = vae.encode(picture).latent_dist
        drawn = noise.draw([source], tuple(spread.mean.shape[1:])).to(vae.device)
        made.append(spread.mean.float() + spread.std.float() * drawn)
    return scaled(torch.cat(made), vae)


def masks(pieces: Sequence[Piece], shape: tuple[int, ...]) -> Tensor:
    """The masks of `pieces`, B x 1 x height x width of the latents, 1 where the picture is painted anew."""
    import torch

    found = [pictures.mask(piece.mask, piece.width, piece.height) for piece in pieces if piece.mask is not None]
    return torch.nn.functional.interpolate(torch.cat(found), size=shape[-2:])


def scaled(latents: Tensor, vae: Any) -> Tensor:
    """What the VAE made, as the denoiser knows it: moved to its mean and spread."""
    mean, spread = _moments(latents, vae.config)
    made: Tensor = (latents - mean) * (vae.config.scaling_factor / spread)
    return made


def unscaled(latents: Tensor, vae: Any) -> Tensor:
    """What the denoiser made, as the VAE knows it."""
    if hasattr(vae, "bn"):
        return _spread_out(latents, vae)
    mean, spread = _moments(latents, vae.config)
    made: Tensor = latents * (spread / vae.config.scaling_factor) + mean
    return made


def _spread_out(latents: Tensor, vae: Any) -> Tensor:
    """FLUX.2: by channel as its VAE has counted, then every four channels one 2 x 2 square."""
    import torch

    mean, spread = (
        each.float().view(1, -1, 1, 1).to(latents.device) for each in (vae.bn.running_mean, vae.bn.running_var)
    )
    made: Tensor = latents * torch.sqrt(spread + vae.config.batch_norm_eps) + mean
    return torch.nn.functional.pixel_shuffle(made, 2)


def _moments(latents: Tensor, config: Any) -> tuple[Any, Any]:
    """Mean and spread by channel where the weights state them, else the shift that they state, else nothing."""
    mean, spread = config.get("latents_mean"), config.get("latents_std")
    if mean is None or spread is None:
        return config.get("shift_factor") or 0.0, 1.0
    return latents.new_tensor(mean).view(1, -1, 1, 1), latents.new_tensor(spread).view(1, -1, 1, 1)
