"""The inputs of each model at Replicate: every model has its own, read from its API page on 2026-11-22. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from imagegen.providers.hosted.rules import Rule, flag, number, one_of, whole


class Dial(NamedTuple):
    """A number that a model takes: the input's name and its inclusive range."""

    name: str
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What one model takes.

    shape: how a size is asked for: `ratio` (a word), `custom` (that word, with width and height), `pixels`.
    megapixels: whether the ratio goes with "1" or "0.25". picture: the input for pictures; `several`: a list of them.
    fitted: with a picture the answer has the picture's size, not one that is asked for; `longest`: and no edge above.
    safe_edits: the highest `safety_tolerance` with a picture. options: what only this model knows."""

    shape: Literal["ratio", "custom", "pixels"]
    megapixels: bool = False
    picture: str | None = None
    several: bool = False
    fitted: bool = False
    longest: int | None = None
    strength: bool = False
    form: bool = True
    steps: Dial | None = None
    guidance: Dial | None = None
    schedulers: tuple[str, ...] = ()
    refiners: tuple[str, ...] = ()
    go_fast: bool = False
    safe_edits: int | None = None
    options: Mapping[str, Rule] = field(default_factory=dict)


_QUALITY: dict[str, Rule] = {"output_quality": whole(0, 100)}
_UNCHECKED: dict[str, Rule] = {"disable_safety_checker": flag}
_GO_FAST: dict[str, Rule] = {"go_fast": flag}
#: Two versions of these pages are about, 1 to 5 and 1 to 6: what both take.
_TOLERANCE: dict[str, Rule] = {"safety_tolerance": whole(1, 5)}
_UPSAMPLING: dict[str, Rule] = {"prompt_upsampling": flag}

_KONTEXT = Schema(
    shape="ratio",
    picture="input_image",
    safe_edits=2,
    options={"safety_tolerance": whole(0, 6)} | _UPSAMPLING,
)

#: "owner/name" -> what it takes.
SCHEMAS: dict[str, Schema] = {
    "black-forest-labs/flux-schnell": Schema(
        shape="ratio",
        megapixels=True,
        steps=Dial("num_inference_steps", 1, 4),
        go_fast=True,
        options=_QUALITY | _UNCHECKED | _GO_FAST,
    ),
    "black-forest-labs/flux-dev": Schema(
        shape="ratio",
        megapixels=True,
        picture="image",
        fitted=True,
        longest=1440,
        strength=True,
        steps=Dial("num_inference_steps", 1, 50),
        guidance=Dial("guidance", 0, 10),
        go_fast=True,
        options=_QUALITY | _UNCHECKED | _GO_FAST,
    ),
    "black-forest-labs/flux-1.1-pro": Schema(shape="custom", options=_QUALITY | _TOLERANCE | _UPSAMPLING),
    "black-forest-labs/flux-2-pro": Schema(
        shape="custom", picture="input_images", several=True, options=_QUALITY | _TOLERANCE
    ),
    "black-forest-labs/flux-2-flex": Schema(
        shape="custom",
        picture="input_images",
        several=True,
        steps=Dial("steps", 1, 50),
        guidance=Dial("guidance", 1.5, 10),
        options=_QUALITY | _TOLERANCE | _UPSAMPLING,
    ),
    "black-forest-labs/flux-2-dev": Schema(
        shape="custom",
        picture="input_images",
        several=True,
        go_fast=True,
        options=_QUALITY | _UNCHECKED | _GO_FAST,
    ),
    "black-forest-labs/flux-kontext-pro": _KONTEXT,
    "black-forest-labs/flux-kontext-max": _KONTEXT,
    "stability-ai/stable-diffusion-3.5-large": Schema(shape="ratio", guidance=Dial("cfg", 1, 10)),
    "stability-ai/sdxl": Schema(
        shape="pixels",
        picture="image",
        fitted=True,
        strength=True,
        form=False,
        steps=Dial("num_inference_steps", 1, 500),
        guidance=Dial("guidance_scale", 1, 50),
        schedulers=(
            "DDIM",
            "DPMSolverMultistep",
            "HeunDiscrete",
            "KarrasDPM",
            "K_EULER_ANCESTRAL",
            "K_EULER",
            "PNDM",
        ),
        refiners=("expert_ensemble_refiner", "base_image_refiner"),
        options={
            "refine_steps": whole(1, 500),
            "high_noise_frac": number(0, 1),
            "apply_watermark": flag,
        }
        | _UNCHECKED,
    ),
}
#: What `refiner: true` stands for.
REFINER = "expert_ensemble_refiner"
#: The words that go with a ratio.
MEGAPIXELS: Rule = one_of("1", "0.25")


class Name(NamedTuple):
    """A model's name on the wire: "owner/name", and the pinned version's id where there is one."""

    model: str
    version: str | None


def name_of(api_name: str) -> Name:
    """ "owner/name" or "owner/name:version" in its parts."""
    model, _, version = api_name.partition(":")
    return Name(model, version or None)


def schema_of(api_name: str) -> Schema | None:
    """What the model takes; None for one that is not known here."""
    return SCHEMAS.get(name_of(api_name).model)
