"""Few-step weights are told from their base, and get the steps, guidance and scheduler that they were made for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from imagegen.providers.local.families import FAMILIES, FLUX, SDXL
from imagegen.providers.local.recipes import named, recipe_of
from imagegen.providers.local.schedulers import CLASSES

EULER_A = {"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing"}
EULER = {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"}
DDIM = {"_class_name": "DDIMScheduler", "timestep_spacing": "trailing"}


@pytest.mark.parametrize(
    ("family", "name", "configs", "recipe"),
    [
        ("sdxl", "sdxl", {}, ("base", 30, 7.5, "euler")),
        ("sdxl", "sdxl", {"scheduler": {**EULER, "timestep_spacing": "leading"}}, ("base", 30, 7.5, "euler")),
        ("sdxl", "mine", {"scheduler": EULER_A, "unet": {"sample_size": 64}}, ("turbo", 4, 0, "euler-a")),
        ("sdxl", "mine", {"scheduler": EULER_A, "unet": {"sample_size": 128}}, ("base", 30, 7.5, "euler")),
        ("sdxl", "sdxl-turbo", {}, ("turbo", 4, 0, "euler-a")),
        ("sdxl", "mine", {"scheduler": EULER}, ("lightning", 4, 0, "euler-trailing")),
        ("sdxl", "sdxl_lightning_8step_unet", {}, ("lightning", 8, 0, "euler-trailing")),
        ("sdxl", "mine", {"scheduler": {"_class_name": "LCMScheduler"}}, ("lcm", 4, 0, "lcm")),
        ("sdxl", "mine", {"unet": {"time_cond_proj_dim": 256}}, ("lcm", 4, 8, "lcm")),
        ("sdxl", "mine", {"scheduler": {"_class_name": "TCDScheduler"}}, ("hyper-sd", 4, 0, "ddim-trailing")),
        ("sdxl", "mine", {"scheduler": DDIM}, ("hyper-sd", 4, 0, "ddim-trailing")),
        ("sdxl", "hyperrealistic-xl", {}, ("base", 30, 7.5, "euler")),
        ("sdxl-refiner", "refiner", {}, ("base", 30, 7.5, "euler")),
        ("sd3", "stable-diffusion-3.5-large", {}, ("base", 28, 3.5, "flow-euler")),
        ("sd3", "stable-diffusion-3.5-large-turbo", {}, ("turbo", 4, 0, "flow-euler")),
        ("flux", "FLUX.1-dev", {"transformer": {"guidance_embeds": True}}, ("dev", 28, 3.5, "flow-euler")),
        ("flux", "any", {"transformer": {"guidance_embeds": False}}, ("schnell", 4, 0, "flow-euler")),
        ("flux2", "klein", {"": {"is_distilled": True}}, ("klein", 4, 1, "flow-euler")),
        ("flux2", "klein-base", {"": {"is_distilled": False}}, ("base", 50, 4, "flow-euler")),
    ],
)
def test_what_weights_want(
    family: str, name: str, configs: Mapping[str, Mapping[str, Any]], recipe: tuple[str, int, float, str]
) -> None:
    found = recipe_of(FAMILIES[family], name, configs)
    assert (found.name, found.steps, found.guidance, found.scheduler) == recipe
    assert found.few == (found.steps < 10)
    assert found.scheduler in FAMILIES[family].schedulers


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("sdxl_lightning_2step_lora.safetensors", ("lightning", 2, "euler-trailing")),
        ("Hyper-SDXL-8steps-lora.safetensors", ("hyper-sd", 8, "ddim-trailing")),
        ("Hyper-SDXL-1step-lora.safetensors", ("hyper-sd", 1, "tcd")),
        ("lcm-lora-sdxl", ("lcm", 4, "lcm")),
        ("brand-style-4steps.safetensors", None),
        ("stepladder.safetensors", None),
    ],
)
def test_what_a_loras_name_says(name: str, recipe: tuple[str, int, str] | None) -> None:
    found = named(name)
    assert (found and (found.name, found.steps, found.scheduler)) == recipe


def test_where_guidance_costs_a_second_pass() -> None:
    """Not where it goes in as a number, nor where there is none."""
    dev = recipe_of(FLUX, "", {"transformer": {"guidance_embeds": True}})
    schnell = recipe_of(FLUX, "", {})
    assert [each.two_passes for each in (recipe_of(SDXL, "", {}), dev, schnell)] == [True, False, False]
    assert dev.embedded


def test_the_guides_pairs() -> None:
    """30 steps at 7.5 for one picture, 25 at 7.0 for many."""
    assert (SDXL.steps, SDXL.guidance, SDXL.bulk) == (30, 7.5, (25, 7.0))


def test_every_scheduler_that_a_family_takes_can_be_built() -> None:
    assert {name for family in FAMILIES.values() for name in family.schedulers} <= set(CLASSES)
