"""The architectures whose work can be counted: public numbers of their configurations, no weights and no code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Pixels along an edge that one latent stands for.
LATENT = 8
#: Tokens a CLIP reads, whatever the prompt's length.
CLIP_TOKENS = 77


@dataclass(frozen=True, slots=True)
class UNet:
    """A UNet with transformers: `channels` and transformer `depths` by level, `layers` of ResNet blocks in each.
    `context`: width of the text embeddings; `time` and `added`: widths of what it is told beside."""

    channels: tuple[int, ...]
    depths: tuple[int, ...]
    layers: int
    context: int
    time: int
    added: int
    latents: int = 4


@dataclass(frozen=True, slots=True)
class Joint:
    """SD 3's transformer: `blocks` in which text and picture attend to each other, of which the first `dual` attend
    once more to the picture alone."""

    width: int
    blocks: int
    dual: int
    context: int = 4096
    pooled: int = 2048
    latents: int = 16


@dataclass(frozen=True, slots=True)
class Streams:
    """FLUX.1's transformer: blocks with two streams, then blocks with one. `embedded`: guidance is told to it as a
    number, and a second pass is never needed."""

    width: int
    double: int
    single: int
    embedded: bool
    context: int = 4096
    pooled: int = 768
    latents: int = 16


@dataclass(frozen=True, slots=True)
class Clip:
    """A CLIP text encoder; `projected` 0: it has no projection."""

    width: int
    layers: int
    projected: int = 0


@dataclass(frozen=True, slots=True)
class T5:
    """A T5 encoder with gated feed-forward layers."""

    width: int
    layers: int
    inner: int


@dataclass(frozen=True, slots=True)
class Shape:
    """A model: its denoiser, text encoders, and the tokens that each T5 reads. `quantised`: its VAE has a layer of
    its own for each latent. `doubles`: guidance above 1 asks the denoiser twice a step."""

    denoiser: UNet | Joint | Streams
    clips: tuple[Clip, ...]
    t5_tokens: int
    quantised: bool
    doubles: bool

    @property
    def text_tokens(self) -> int:
        """Tokens that the denoiser reads."""
        if isinstance(self.denoiser, UNet):
            return CLIP_TOKENS
        return self.t5_tokens + (CLIP_TOKENS if isinstance(self.denoiser, Joint) else 0)


#: The VAE of all of them but for the number of latents: channels by level, blocks in each level when it encodes.
VAE_CHANNELS = (128, 256, 512, 512)
VAE_LAYERS = 2

T5_XXL = T5(width=4096, layers=24, inner=10240)
_CLIP_L = Clip(width=768, layers=12)
_CLIP_L_PROJECTED = Clip(width=768, layers=12, projected=768)
_CLIP_G = Clip(width=1280, layers=32, projected=1280)
_SDXL = UNet((320, 640, 1280), (0, 2, 10), 2, context=2048, time=1280, added=2816)
_SD3_LARGE = Shape(Joint(2432, 38, 0), (_CLIP_L_PROJECTED, _CLIP_G), 256, quantised=False, doubles=True)
_SD3_MEDIUM = Shape(Joint(1536, 24, 13), (_CLIP_L_PROJECTED, _CLIP_G), 256, quantised=False, doubles=True)

#: By the catalogue's names of models.
SHAPES: Mapping[str, Shape] = {
    "sdxl": Shape(_SDXL, (_CLIP_L, _CLIP_G), 0, quantised=True, doubles=True),
    "sd-3.5-large": _SD3_LARGE,
    "sd-3.5-large-turbo": _SD3_LARGE,
    "sd-3.5-medium": _SD3_MEDIUM,
    "flux-dev": Shape(Streams(3072, 19, 38, embedded=True), (_CLIP_L,), 512, quantised=False, doubles=False),
    "flux-schnell": Shape(Streams(3072, 19, 38, embedded=False), (_CLIP_L,), 256, quantised=False, doubles=False),
}
