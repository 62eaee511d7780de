"""Geometry: which architecture weights have by their configurations, whatever they are called. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.forecast.shapes import SHAPES, VAE_CHANNELS, Joint, Shape, Streams, UNet
from imagegen.providers.local.weights import Weights


def architecture(weights: Weights) -> str | None:
    """The name in forecast.shapes.SHAPES whose arithmetic the weights have; None for any other, tiny ones too."""
    denoiser, vae = weights.configs[weights.family.denoiser], weights.configs["vae"]
    if tuple(vae.get("block_out_channels", ())) != VAE_CHANNELS:
        return None
    return next((name for name, shape in SHAPES.items() if _fits(shape, weights.family.name, denoiser)), None)


def _fits(shape: Shape, family: str, config: Mapping[str, Any]) -> bool:
    kind = shape.denoiser
    if isinstance(kind, UNet):
        channels, context = tuple(config.get("block_out_channels", ())), config.get("cross_attention_dim")
        return family == "sdxl" and (channels, context) == (kind.channels, kind.context)
    width = (config.get("num_attention_heads") or 0) * (config.get("attention_head_dim") or 0)
    if isinstance(kind, Joint):
        return family == "sd3" and (width, config.get("num_layers")) == (kind.width, kind.blocks)
    assert isinstance(kind, Streams)
    layers = (config.get("num_layers"), config.get("num_single_layers"))
    said = (width, *layers, config.get("guidance_embeds") is True)
    return family == "flux" and said == (kind.width, kind.double, kind.single, kind.embedded)
