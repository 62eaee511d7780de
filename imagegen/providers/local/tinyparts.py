"""Tiny pipelines put together from random parts. Imported late: it needs the extra local."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from imagegen.providers.local import tinywords as words

#: Of a picture to its latents, as in the real models: four levels, so eight pixels a latent.
_VAE: dict[str, Any] = {
    "block_out_channels": (8, 16, 16, 16),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "sample_size": 1024,
}
_FLOW_VAE: dict[str, Any] = {
    **_VAE,
    "latent_channels": 4,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
    "force_upcast": False,
}


def tiny_sdxl() -> Any:
    """SDXL: two million parameters in the UNet."""
    unet = _diffusers().UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(32, 64),
        layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2),
        attention_head_dim=(2, 4),
        cross_attention_dim=64,
        **_text_time(32),
    )
    return _diffusers().StableDiffusionXLPipeline(
        vae=_painted(_sdxl_vae(**_VAE)),
        text_encoder=_clip(32),
        text_encoder_2=_clip(32, projected=True),
        tokenizer=words.clip(),
        tokenizer_2=words.clip(),
        unet=unet,
        scheduler=_euler(),
    )


def mid_sdxl() -> Any:
    """SDXL at 89 million parameters in the UNet, with the real number of levels."""
    unet = _diffusers().UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(128, 256, 512),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 1, 2),
        attention_head_dim=(2, 4, 8),
        cross_attention_dim=512,
        **_text_time(256),
    )
    vae = {**_VAE, "block_out_channels": (32, 64, 128, 128), "norm_num_groups": 32}
    return _diffusers().StableDiffusionXLPipeline(
        vae=_painted(_sdxl_vae(**vae)),
        text_encoder=_clip(256),
        text_encoder_2=_clip(256, projected=True),
        tokenizer=words.clip(),
        tokenizer_2=words.clip(),
        unet=unet,
        scheduler=_euler(),
    )


def tiny_refiner() -> Any:
    """The refiner: one text encoder, and a score for beauty in place of the picture's target size."""
    unet = _diffusers().UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=1,
        attention_head_dim=(2, 4),
        cross_attention_dim=32,
        **_text_time(32, numbers=5),
    )
    return _diffusers().StableDiffusionXLImg2ImgPipeline(
        vae=_painted(_sdxl_vae(**_VAE)),
        text_encoder=None,
        text_encoder_2=_clip(32, projected=True),
        tokenizer=None,
        tokenizer_2=words.clip(),
        unet=unet,
        scheduler=_euler(),
        requires_aesthetics_score=True,
    )


def tiny_sd3() -> Any:
    """SD 3.5 with all three text encoders, its attention's queries and keys normalised."""
    transformer = _diffusers().SD3Transformer2DModel(
        sample_size=128,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=12,
        num_attention_heads=4,
        joint_attention_dim=64,
        caption_projection_dim=48,
        pooled_projection_dim=64,
        pos_embed_max_size=128,
        qk_norm="rms_norm",
    )
    return _diffusers().StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=_flow(shift=3.0),
        vae=_painted(_diffusers().AutoencoderKL(**_FLOW_VAE, scaling_factor=1.5305, shift_factor=0.0609)),
        text_encoder=_clip(32, projected=True),
        tokenizer=words.clip(),
        text_encoder_2=_clip(32, projected=True),
        tokenizer_2=words.clip(),
        text_encoder_3=_t5(64),
        tokenizer_3=words.t5(),
    )


def tiny_flux(*, guided: bool = True) -> Any:
    """FLUX.1 dev: guidance goes in as a number. Not `guided`: schnell."""
    transformer = _diffusers().FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        guidance_embeds=guided,
        axes_dims_rope=(4, 4, 8),
    )
    moving: dict[str, Any] = {"shift": 3.0, "use_dynamic_shifting": True} if guided else {"shift": 1.0}
    return _diffusers().FluxPipeline(
        transformer=transformer,
        scheduler=_flow(**moving, base_shift=0.5, max_shift=1.15, base_image_seq_len=256, max_image_seq_len=4096),
        vae=_painted(_diffusers().AutoencoderKL(**_FLOW_VAE, scaling_factor=0.3611, shift_factor=0.1159)),
        text_encoder=_clip(32),
        tokenizer=words.clip(),
        text_encoder_2=_t5(32),
        tokenizer_2=words.t5(),
    )


def tiny_schnell() -> Any:
    """FLUX.1 schnell: no guidance at all."""
    return tiny_flux(guided=False)


def tiny_klein() -> Any:
    """FLUX.2 klein, distilled. Its text encoder has the 27 layers that the pipeline reads from, each a few numbers."""
    transformer = _diffusers().Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=4,
        joint_attention_dim=48,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    encoder = _transformers().Qwen3Config(
        vocab_size=words.QWEN_SIZE,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=27,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
    )
    return _diffusers().Flux2KleinPipeline(
        transformer=transformer,
        scheduler=_flow(shift=3.0, use_dynamic_shifting=True),
        vae=_painted(_diffusers().AutoencoderKLFlux2(**{**_VAE, "latent_channels": 4})),
        text_encoder=_transformers().Qwen3ForCausalLM(encoder),
        tokenizer=words.qwen(),
        is_distilled=True,
    )


def _text_time(pooled: int, numbers: int = 6) -> dict[str, Any]:
    """What is SDXL's own in a UNet: the pooled text and `numbers` of the picture's size go in beside the time."""
    return {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": numbers * 8 + pooled,
        "use_linear_projection": True,
    }


def _sdxl_vae(**shape: Any) -> Any:

    return _diffusers().AutoencoderKL(**shape, latent_channels=4, scaling_factor=0.13025)


def _painted(vae: Any) -> Any:
    """Random weights paint an even grey; a larger last layer gives the picture its contrast."""
    import torch

    with torch.no_grad():
        vae.decoder.conv_out.weight.mul_(1.5)
    return vae


def _clip(width: int, *, projected: bool = False) -> Any:

    config = _transformers().CLIPTextConfig(
        vocab_size=words.CLIP_SIZE,
        bos_token_id=words.CLIP_START,
        eos_token_id=words.CLIP_END,
        pad_token_id=words.CLIP_END,
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=5,
        num_attention_heads=4,
        hidden_act="gelu",
    )
    return _transformers().CLIPTextModelWithProjection(config) if projected else _transformers().CLIPTextModel(config)


def _t5(width: int) -> Any:

    config = _transformers().T5Config(
        vocab_size=words.T5_SIZE, d_model=width, d_kv=8, d_ff=2 * width, num_layers=2, num_heads=4, pad_token_id=0
    )
    return _transformers().T5EncoderModel(config)


def _euler() -> Any:
    """SDXL's own scheduler, as its weights are published with."""
    return _diffusers().EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="leading"
    )


def _flow(**config: Any) -> Any:

    return _diffusers().FlowMatchEulerDiscreteScheduler(**config)


def _diffusers() -> Any:
    return import_module("diffusers")


def _transformers() -> Any:
    return import_module("transformers")
