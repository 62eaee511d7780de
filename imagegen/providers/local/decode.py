"""Decode: latents -> uint8 pictures, one copy to the host; broken ones found, never delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagegen.providers.local.latents import unscaled
from imagegen.providers.local.piece import Flaw

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
    from torch import Tensor

#: Pixels of a picture above which the VAE works in tiles. Tiles change the tone visibly, so not before they must.
TILE_ABOVE = 1_600_000

NOT_A_NUMBER = "the picture came out as NaN: the number format overflowed or the weights are damaged"
BLACK = "the picture came out all black: the number format overflowed or the weights are damaged"


#: Edge in pixels of the tiles that memory forces: a VAE's own are often as large as the picture (1,024 for SDXL).
SMALL_TILE = 512


def lay_tiles(vae: Any, *, tiled: bool, small: bool, largest: int) -> None:
    """Let `vae` work in tiles or not, for encoding as for decoding. `small`: in tiles that are smaller than a picture
    whose longer edge has `largest` pixels, whatever the weights say of tiles."""
    vae.enable_tiling() if tiled else vae.disable_tiling()
    scale = 2 ** (len(vae.config.block_out_channels) - 1)
    edge = vae.config.sample_size
    if small:
        # Four latents are the least of which a quarter, the tiles' overlap, is one.
        edge = max(4 * scale, min(SMALL_TILE, largest // 2) // (4 * scale) * (4 * scale))
    vae.tile_sample_min_size, vae.tile_latent_min_size = edge, edge // scale


def decode(vae: Any, latents: Tensor) -> list[NDArray[numpy.uint8] | Flaw]:
    """`latents` (float32, one row per picture) as uint8 height x width x 3 arrays; a Flaw for each that is NaN,
    infinite or black. One picture at a time, so its neighbours neither change it nor cost memory."""
    import torch

    ready = unscaled(latents, vae).to(vae.dtype)
    shown, sound = [], []
    for number in range(len(ready)):
        row = ready[number : number + 1]
        picture = vae.decode(row, return_dict=False)[0].float()
        sound.append(torch.isfinite(row).all() & torch.isfinite(picture).all())
        shown.append(eight_bit(picture))
    # Everything is queued; the two copies below are where the host waits.
    pictures, finite = torch.cat(shown).cpu().numpy(), torch.stack(sound).tolist()
    return [_judged(*pair) for pair in zip(pictures, finite, strict=True)]


def eight_bit(picture: Tensor) -> Tensor:
    """Numbers from -1 to 1 as 0 to 255, rounded, channels last, where the tensor is."""
    import torch

    scaled = ((picture / 2 + 0.5).clamp(0, 1) * 255).round()
    return scaled.nan_to_num(0).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _judged(picture: NDArray[numpy.uint8], finite: bool) -> NDArray[numpy.uint8] | Flaw:
    if not finite:
        return Flaw(NOT_A_NUMBER)
    return picture if picture.any() else Flaw(BLACK)
