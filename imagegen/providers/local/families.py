"""Families: what the code must know of an architecture before any of its weights are loaded.

Pure: no torch. Steps and guidance are those of the makers' model cards; SDXL's pairs are the guide's.

| family | diffusers' pipeline | weights that were meant |
|---|---|---|
| sdxl | StableDiffusionXLPipeline | SDXL 1.0 base and what was trained from it; Turbo, Lightning, LCM, Hyper-SD |
| sdxl-refiner | StableDiffusionXLImg2ImgPipeline | SDXL 1.0 refiner: only the second text encoder |
| sd3 | StableDiffusion3Pipeline | SD 3.5 Large, Large Turbo, Medium |
| flux | FluxPipeline | FLUX.1 dev and schnell, told apart by the transformer's `guidance_embeds` |
| flux2 | Flux2KleinPipeline | FLUX.2 klein, distilled and base, told apart by the pipeline's `is_distilled` |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Schedulers that SDXL's weights take, by the field's names. "-trailing" is the spacing of timesteps from the last
#: one down, which few-step weights were made for.
SDXL_SCHEDULERS = (
    "euler",
    "euler-a",
    "euler-karras",
    "euler-trailing",
    "heun",
    "dpm++-2m",
    "dpm++-2m-karras",
    "dpm++-2m-sde",
    "dpm++-2m-sde-karras",
    "dpm++-sde",
    "ddim",
    "ddim-trailing",
    "unipc",
    "lcm",
    "tcd",
)
#: Rectified flow: one way to walk it.
FLOW_SCHEDULERS = ("flow-euler",)

_CLIP = ("CLIPTextModel",)
_CLIP_PROJECTED = ("CLIPTextModelWithProjection",)
_CLIP_WORDS = ("CLIPTokenizer", "CLIPTokenizerFast")
_T5 = ("T5EncoderModel",)
_T5_WORDS = ("T5Tokenizer", "T5TokenizerFast")


@dataclass(frozen=True, slots=True)
class Family:
    """One architecture. `classes` holds every component that may stand in its model_index.json, with the classes it
    may be of; those in `optional` may be null. `multiple`: pixels that edges must be a multiple of."""

    name: str
    title: str
    pipeline: str
    multiple: int
    denoiser: str
    encoders: tuple[str, ...]
    steps: int
    guidance: float
    bulk: tuple[int, float] | None
    schedulers: tuple[str, ...]
    classes: Mapping[str, tuple[str, ...]] = field(hash=False)
    optional: frozenset[str] = frozenset()
    edge: int = 1024

    @property
    def scheduler(self) -> str:
        """The one that is used where a row names none."""
        return self.schedulers[0]

    @property
    def flow(self) -> bool:
        """Whether its pictures go along straight lines, and its strength is rounded another way."""
        return self.schedulers == FLOW_SCHEDULERS

    @property
    def models(self) -> tuple[str, ...]:
        """The components that hold tensors."""
        return (self.denoiser, "vae", *self.encoders)


_SDXL_CLASSES: dict[str, tuple[str, ...]] = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": _CLIP,
    "text_encoder_2": _CLIP_PROJECTED,
    "tokenizer": _CLIP_WORDS,
    "tokenizer_2": _CLIP_WORDS,
    "image_encoder": (),
    "feature_extractor": (),
}

SDXL = Family(
    name="sdxl",
    title="SDXL",
    pipeline="StableDiffusionXLPipeline",
    multiple=8,
    denoiser="unet",
    encoders=("text_encoder", "text_encoder_2"),
    steps=30,
    guidance=7.5,
    bulk=(25, 7.0),
    schedulers=SDXL_SCHEDULERS,
    classes=_SDXL_CLASSES,
    optional=frozenset({"image_encoder", "feature_extractor"}),
)
REFINER = Family(
    name="sdxl-refiner",
    title="SDXL refiner",
    pipeline="StableDiffusionXLImg2ImgPipeline",
    multiple=8,
    denoiser="unet",
    encoders=("text_encoder_2",),
    steps=30,
    guidance=7.5,
    bulk=(25, 7.0),
    schedulers=SDXL_SCHEDULERS,
    classes=_SDXL_CLASSES,
    optional=frozenset({"text_encoder", "tokenizer", "image_encoder", "feature_extractor"}),
)
SD3 = Family(
    name="sd3",
    title="SD 3.5",
    pipeline="StableDiffusion3Pipeline",
    multiple=16,
    denoiser="transformer",
    encoders=("text_encoder", "text_encoder_2", "text_encoder_3"),
    steps=28,
    guidance=3.5,
    bulk=None,
    schedulers=FLOW_SCHEDULERS,
    classes={
        "transformer": ("SD3Transformer2DModel",),
        "vae": ("AutoencoderKL",),
        "text_encoder": _CLIP_PROJECTED,
        "text_encoder_2": _CLIP_PROJECTED,
        "text_encoder_3": _T5,
        "tokenizer": _CLIP_WORDS,
        "tokenizer_2": _CLIP_WORDS,
        "tokenizer_3": _T5_WORDS,
        "image_encoder": (),
        "feature_extractor": (),
    },
    # Without T5 the model still works, with less of the prompt.
    optional=frozenset({"text_encoder_3", "tokenizer_3", "image_encoder", "feature_extractor"}),
)
FLUX = Family(
    name="flux",
    title="FLUX.1",
    pipeline="FluxPipeline",
    multiple=16,
    denoiser="transformer",
    encoders=("text_encoder", "text_encoder_2"),
    steps=28,
    guidance=3.5,
    bulk=None,
    schedulers=FLOW_SCHEDULERS,
    classes={
        "transformer": ("FluxTransformer2DModel",),
        "vae": ("AutoencoderKL",),
        "text_encoder": _CLIP,
        "text_encoder_2": _T5,
        "tokenizer": _CLIP_WORDS,
        "tokenizer_2": _T5_WORDS,
        "image_encoder": (),
        "feature_extractor": (),
    },
    optional=frozenset({"image_encoder", "feature_extractor"}),
)
FLUX2 = Family(
    name="flux2",
    title="FLUX.2 klein",
    pipeline="Flux2KleinPipeline",
    multiple=16,
    denoiser="transformer",
    encoders=("text_encoder",),
    steps=50,
    guidance=4.0,
    bulk=None,
    schedulers=FLOW_SCHEDULERS,
    classes={
        "transformer": ("Flux2Transformer2DModel",),
        "vae": ("AutoencoderKLFlux2",),
        "text_encoder": ("Qwen3ForCausalLM", "Qwen3Model"),
        "tokenizer": ("Qwen2Tokenizer", "Qwen2TokenizerFast"),
    },
)

#: All of them, by the name that stands in a Key.
FAMILIES = {family.name: family for family in (SDXL, REFINER, SD3, FLUX, FLUX2)}

#: Pipelines of diffusers that hold the very same weights as a family's own.
_SAME_WEIGHTS = {
    "StableDiffusionXLInpaintPipeline": SDXL,
    "StableDiffusion3Img2ImgPipeline": SD3,
    "StableDiffusion3InpaintPipeline": SD3,
    "FluxImg2ImgPipeline": FLUX,
    "FluxInpaintPipeline": FLUX,
    "Flux2KleinInpaintPipeline": FLUX2,
}


def family_of(pipeline_class: str) -> Family | None:
    """The family of weights that diffusers saved as `pipeline_class`; None for one that this engine does not run."""
    named = {family.pipeline: family for family in FAMILIES.values()}
    return named.get(pipeline_class) or _SAME_WEIGHTS.get(pipeline_class)
