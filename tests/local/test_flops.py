"""The counted work against torch's own counter: the real architectures on the meta device, without their weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from imagegen.forecast import flops
from imagegen.forecast.shapes import SHAPES, T5_XXL

#: Public numbers of the models' configurations, as their makers published them.
UNET: dict[str, Any] = {
    "sample_size": 128,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (320, 640, 1280),
    "layers_per_block": 2,
    "attention_head_dim": (5, 10, 20),
    "transformer_layers_per_block": (1, 2, 10),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "sample_size": 1024,
}
SD3: dict[str, Any] = {
    "sample_size": 128,
    "attention_head_dim": 64,
    "joint_attention_dim": 4096,
    "pooled_projection_dim": 2048,
    "qk_norm": "rms_norm",
}
LARGE = {"num_layers": 38, "num_attention_heads": 38, "caption_projection_dim": 2432, "pos_embed_max_size": 192}
MEDIUM = {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536, "pos_embed_max_size": 384}
SD3_CONFIGS = {"sd-3.5-large": LARGE, "sd-3.5-medium": MEDIUM | {"dual_attention_layers": tuple(range(13))}}


def counted(call: Callable[[], object]) -> int:
    """FLOP of `call`, by torch."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        call()
    return int(counter.get_total_flops())


@cache
def built(kind: str, **config: Any) -> Any:
    """diffusers' own class on the meta device: shapes and no numbers."""
    import diffusers
    import torch

    with torch.device("meta"):
        return getattr(diffusers, kind)(**config)


def empty(*shape: int) -> Any:
    import torch

    return torch.empty(shape)


@pytest.mark.parametrize(
    ("width", "height", "tflop"),
    [(1024, 1024, 6.761), (768, 768, 3.641), (512, 512, 1.589), (1344, 768, None), (1000, 600, None)],
)
def test_sdxls_unet(width: int, height: int, tflop: float | None) -> None:
    """To the last FLOP, at edges that halve unevenly too."""
    high, wide = height // 8, width // 8
    unet = built("UNet2DConditionModel", **UNET)

    def call() -> object:
        added = {"text_embeds": empty(1, 1280), "time_ids": empty(1, 6)}
        return unet(empty(1, 4, high, wide), empty(), empty(1, 77, 2048), added_cond_kwargs=added)

    told = counted(call)
    assert flops.denoiser(SHAPES["sdxl"], width, height) == told
    assert tflop is None or told / 1e12 == pytest.approx(tflop, abs=5e-4)


@pytest.mark.parametrize(
    ("width", "height", "tflop"), [(1024, 1024, 10.47), (768, 768, 5.75), (512, 512, 2.51), (1344, 768, None)]
)
def test_the_vaes(width: int, height: int, tflop: float | None) -> None:
    """Decoding and encoding, with SDXL's four channels and with the others' sixteen."""
    high, wide = height // 8, width // 8
    for model, channels, quantised in (("sdxl", 4, True), ("flux-dev", 16, False)):
        layers = {"use_quant_conv": quantised, "use_post_quant_conv": quantised}
        vae = built("AutoencoderKL", latent_channels=channels, **layers, **VAE)
        decoded = counted(lambda vae=vae, channels=channels: vae.decode(empty(1, channels, high, wide)))
        assert flops.decode(SHAPES[model], width, height) == decoded
        assert tflop is None or decoded / 1e12 == pytest.approx(tflop, abs=0.02)
        if (width, height) == (1344, 768):
            encoded = counted(lambda vae=vae: vae.encode(empty(1, 3, height, width)))
            assert flops.encode(SHAPES[model], width, height) == encoded


@pytest.mark.parametrize(
    ("model", "width", "height", "tflop"),
    [
        ("sd-3.5-large", 1024, 1024, 31.12),
        ("sd-3.5-medium", 1024, 1024, 11.25),
        ("sd-3.5-medium", 1344, 768, None),
    ],
)
def test_sd35s_transformers(model: str, width: int, height: int, tflop: float | None) -> None:
    """Medium attends to the picture a second time in its first blocks."""
    transformer = built("SD3Transformer2DModel", **SD3, **SD3_CONFIGS[model])
    shape = SHAPES[model]
    latents = (1, 16, height // 8, width // 8)
    told = counted(lambda: transformer(empty(*latents), empty(1, shape.text_tokens, 4096), empty(1, 2048), empty(1)))
    assert flops.denoiser(shape, width, height) == told
    assert tflop is None or told / 1e12 == pytest.approx(tflop, abs=5e-3)


@pytest.mark.parametrize(
    ("model", "width", "height", "tflop"),
    [
        ("flux-dev", 1024, 1024, 74.38),
        ("flux-dev", 768, 512, None),
        ("flux-schnell", 1024, 1024, 69.47),
    ],
)
def test_fluxs_transformer(model: str, width: int, height: int, tflop: float | None) -> None:
    """dev is told its guidance, schnell reads half as many tokens."""
    shape = SHAPES[model]
    patches, tokens = (width // 16) * (height // 16), shape.text_tokens
    transformer = built("FluxTransformer2DModel", guidance_embeds=model == "flux-dev")

    def call() -> object:
        told = (empty(1, patches, 64), empty(1, tokens, 4096), empty(1, 768), empty(1))
        guidance = empty(1) if model == "flux-dev" else None
        return transformer(*told, empty(patches, 3), empty(tokens, 3), guidance)

    told = counted(call)
    assert flops.denoiser(shape, width, height) == told
    assert tflop is None or told / 1e12 == pytest.approx(tflop, abs=5e-3)


def test_the_text_encoders() -> None:
    """CLIP-L, CLIP-bigG with its projection, and T5-XXL at both lengths."""
    import torch
    import transformers

    small, large = SHAPES["sdxl"].clips
    common = {"max_position_embeddings": 77}
    configs = [
        (transformers.CLIPTextModel, 768, 12, 12, 768, small),
        (transformers.CLIPTextModelWithProjection, 1280, 32, 20, 1280, large),
    ]
    for kind, width, layers, heads, projected, clip in configs:
        config = transformers.CLIPTextConfig(
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            projection_dim=projected,
            **common,
        )
        with torch.device("meta"):
            model = kind(config)
        told = counted(lambda model=model: model(torch.zeros(1, 77, dtype=torch.long)))
        assert flops.clip(clip) == told, kind
    t5 = transformers.T5Config(
        d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64, feed_forward_proj="gated-gelu"
    )
    with torch.device("meta"):
        encoder = transformers.T5EncoderModel(t5)
    for tokens in (256, 512):
        told = counted(lambda tokens=tokens: encoder(torch.zeros(1, tokens, dtype=torch.long)))
        assert flops.t5(T5_XXL, tokens) == told
    assert flops.t5(T5_XXL, 512) / 1e12 == pytest.approx(4.9, rel=0.02)
