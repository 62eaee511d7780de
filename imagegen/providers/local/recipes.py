"""Recipes: the steps, guidance and scheduler that weights were made for, and how few-step weights are told. Pure.

Few-step weights look like their base; what tells them is the scheduler they were saved with, a mark in a config, or
their name. Sources: the makers' model cards (stabilityai/sdxl-turbo, ByteDance/SDXL-Lightning and Hyper-SD,
latent-consistency/lcm-sdxl and lcm-lora-sdxl, stabilityai/stable-diffusion-3.5-large-turbo, FLUX.1 and FLUX.2).

| weights | told by | steps, guidance, scheduler |
|---|---|---|
| SDXL-Turbo | UNet made for 512 pixels and Euler a with trailing spacing; the name | 4, 0, euler-a, 512 pixels |
| Lightning | Euler with trailing spacing; the name | 4 or as named, 0, euler-trailing |
| LCM | `time_cond_proj_dim` or the LCM scheduler; the name | 4, 8 as a number, lcm (a LoRA: 4, 0, lcm) |
| Hyper-SD | TCD, or DDIM with trailing spacing; the name | 4 or as named, 0, ddim-trailing (tcd at one step) |
| SD 3.5 Large Turbo | only the name | 4, 0, flow-euler |
| FLUX.1 schnell | `guidance_embeds` false | 4, 0, flow-euler |
| FLUX.2 klein | `is_distilled` | 4, 1, flow-euler |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from imagegen.providers.local.families import Family

_STEPS = re.compile(r"(?<![\d.])(\d{1,2})[ _-]?steps?(?![a-z])")
_HYPER = re.compile(r"hyper[ _-]?sd")
#: Steps that Lightning's and Hyper-SD's makers distilled for.
_DISTILLED = (1, 2, 4, 8, 12, 16)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What weights, or a LoRA, want. `few`: distilled to few steps, so that many would spoil the picture.
    `embedded`: guidance goes into the denoiser as a number, in place of a second pass. `edge`: the pixels of the
    square that it was trained for."""

    name: str
    steps: int
    guidance: float
    scheduler: str
    few: bool = False
    embedded: bool = False
    edge: int = 1024

    @property
    def two_passes(self) -> bool:
        """Whether each step runs the denoiser on the negative prompt too (CFG)."""
        return self.guidance > 1 and not self.embedded


#: Few-step SDXL: name -> recipe.
FEW = {
    "turbo": Recipe("turbo", 4, 0.0, "euler-a", few=True, edge=512),
    "lightning": Recipe("lightning", 4, 0.0, "euler-trailing", few=True),
    "lcm": Recipe("lcm", 4, 0.0, "lcm", few=True),
    "hyper-sd": Recipe("hyper-sd", 4, 0.0, "ddim-trailing", few=True),
}


def recipe_of(family: Family, name: str, configs: Mapping[str, Mapping[str, Any]]) -> Recipe:
    """The recipe of weights called `name` (any text with the model's name in it). `configs`: the pipeline's own
    under "", each component's under its folder."""
    usual = Recipe("base", family.steps, family.guidance, family.scheduler, edge=family.edge)
    denoiser = configs.get(family.denoiser, {})
    if family.name == "flux":
        embedded = denoiser.get("guidance_embeds") is True
        few = Recipe("schnell", 4, 0.0, family.scheduler, few=True)
        return replace(usual, name="dev", embedded=True) if embedded else few
    if family.name == "flux2":
        distilled = configs.get("", {}).get("is_distilled") is True
        return Recipe("klein", 4, 1.0, family.scheduler, few=True) if distilled else usual
    if family.name == "sd3":
        few = Recipe("turbo", 4, 0.0, family.scheduler, few=True)
        return few if "turbo" in _words(name) else usual
    if family.name == "sdxl":
        return _sdxl(usual, name, denoiser, configs.get("scheduler", {}))
    return usual


def named(name: str) -> Recipe | None:
    """The few-step recipe of SDXL weights or of a LoRA called `name`; None where the name says nothing."""
    words = _words(name)
    found = (
        FEW["lightning"]
        if "lightning" in words
        else FEW["hyper-sd"]
        if _HYPER.search(name.lower())
        else FEW["lcm"]
        if "lcm" in words
        else FEW["turbo"]
        if "turbo" in words
        else None
    )
    return _at_its_steps(found, name) if found else None


def _sdxl(usual: Recipe, name: str, unet: Mapping[str, Any], scheduler: Mapping[str, Any]) -> Recipe:
    if unet.get("time_cond_proj_dim"):
        return replace(FEW["lcm"], guidance=8.0, embedded=True)
    said = named(name)
    if said is not None:
        return said
    kind, trailing = scheduler.get("_class_name"), scheduler.get("timestep_spacing") == "trailing"
    if kind == "LCMScheduler":
        return FEW["lcm"]
    if kind == "TCDScheduler" or (kind == "DDIMScheduler" and trailing):
        return FEW["hyper-sd"]
    if kind == "EulerAncestralDiscreteScheduler" and trailing and unet.get("sample_size") == 64:
        return FEW["turbo"]
    if kind == "EulerDiscreteScheduler" and trailing:
        return FEW["lightning"]
    return usual


def _at_its_steps(recipe: Recipe, name: str) -> Recipe:
    """The recipe at the number of steps that the name says: "lightning_8step"."""
    found = _STEPS.search(name.lower())
    steps = int(found[1]) if found else 0
    if recipe.name not in ("lightning", "hyper-sd") or steps not in _DISTILLED:
        return recipe
    scheduler = "tcd" if recipe.name == "hyper-sd" and steps == 1 else recipe.scheduler
    return replace(recipe, steps=steps, scheduler=scheduler)


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+", name.lower())
