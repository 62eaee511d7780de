"""Schedulers: the field's names -> diffusers' classes, and the walk over one batch's steps.

A scheduler keeps its arithmetic on CPU scalars and knows its place from the beginning (`set_begin_index`), so no
step waits for the device. The denoiser gets its times from the device.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagegen.errors import SettingsError

if TYPE_CHECKING:
    from torch import Generator, Tensor

#: Name -> (class in diffusers, what differs from the weights' own configuration).
CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "euler": ("EulerDiscreteScheduler", {}),
    "euler-trailing": ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
    "euler-karras": ("EulerDiscreteScheduler", {"use_karras_sigmas": True}),
    "euler-a": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "dpm++-2m": ("DPMSolverMultistepScheduler", {}),
    "dpm++-2m-karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "dpm++-2m-sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "dpm++-2m-sde-karras": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": True},
    ),
    "dpm++-sde": ("DPMSolverSinglestepScheduler", {"algorithm_type": "sde-dpmsolver++", "lower_order_final": True}),
    "ddim": ("DDIMScheduler", {}),
    "ddim-trailing": ("DDIMScheduler", {"timestep_spacing": "trailing"}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "tcd": ("TCDScheduler", {}),
    "flow-euler": ("FlowMatchEulerDiscreteScheduler", {}),
}

#: What a class assumes of pixels and no latent model means, where the weights' configuration is silent.
_LATENT = {"clip_sample": False}


def build(name: str, config: Mapping[str, Any]) -> Any:
    """A fresh scheduler called `name` ("" for the weights' own), for weights whose scheduler_config.json is `config`.
    Raises SettingsError for an unknown name."""
    import diffusers

    kind, changes = CLASSES.get(name, ("", {}))
    if not name:
        kind = str(config.get("_class_name", ""))
    if not kind or kind not in {each for each, _ in CLASSES.values()}:
        known = ", ".join(CLASSES)
        raise SettingsError(f"scheduler {name or kind!r} is unknown", f"use one of: {known}")
    made = getattr(diffusers, kind)
    taken = inspect.signature(made.__init__).parameters
    # Another class's fields would only be warned about and dropped.
    own = {key: value for key, value in {**_LATENT, **config, **changes}.items() if key in taken}
    return made.from_config(own)


def shift(tokens: int, config: Mapping[str, Any], most: float) -> float:
    """How far dynamic shifting moves the times for a picture of `tokens` patches; `most`: the family's `max_shift`
    where the configuration has none. A line through two points, as the models were trained with."""
    low, high = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    base, top = config.get("base_shift", 0.5), config.get("max_shift", most)
    slope = (top - base) / (high - low)
    return float(tokens * slope + (base - slope * low))


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One batch's way: `times` are the scheduler's own, on the CPU; `device_times` the same, float32, where the
    denoiser is. `begin` counts the times that are left out at the start (img2img)."""

    scheduler: Any
    times: Sequence[Tensor]
    device_times: Sequence[Tensor]
    begin: int
    extra: Mapping[str, Any]

    @property
    def flow(self) -> bool:
        """Whether noise is mixed in along a straight line (rectified flow)."""
        return hasattr(self.scheduler, "scale_noise")

    @property
    def sigma(self) -> float | Tensor:
        """What pure noise is multiplied with at the start."""
        value: float | Tensor = getattr(self.scheduler, "init_noise_sigma", 1.0)
        return value

    def scaled(self, latents: Tensor, index: int) -> Tensor:
        """`latents` as the denoiser wants them at step `index`."""
        if not hasattr(self.scheduler, "scale_model_input"):
            return latents
        made: Tensor = self.scheduler.scale_model_input(latents, self.times[index])
        return made

    def step(self, prediction: Tensor, latents: Tensor, index: int) -> Tensor:
        """`latents` one step nearer to the picture."""
        made: Tensor = self.scheduler.step(prediction, self.times[index], latents, return_dict=False, **self.extra)[0]
        return made

    def noised(self, clean: Tensor, noise: Tensor, index: int) -> Tensor:
        """`clean` latents with as much noise as there is before step `index`, which must be the next one."""
        mix = self.scheduler.scale_noise if self.flow else None
        when = self.times[index].reshape(1)
        made: Tensor = mix(clean, when, noise) if mix else self.scheduler.add_noise(clean, noise, when)
        return made


def walk(scheduler: Any, steps: int, begin: int, device: str, sources: Sequence[Generator], **timing: Any) -> Walk:
    """The way of `steps` over which one batch goes from its step `begin`. `sources`: each picture's generator, for
    schedulers that draw as they go. `timing`: `mu` or `sigmas` of flow-matching families."""
    import torch

    if "sigmas" in timing:
        scheduler.set_timesteps(device="cpu", **timing)
    else:
        scheduler.set_timesteps(steps, device="cpu", **timing)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin * scheduler.order)
    times = list(scheduler.timesteps.unbind(0))
    # Tensors of their own, not views: compiled code may count on where a tensor begins.
    there = [torch.full((), float(time), dtype=torch.float32, device=device) for time in times]
    # As diffusers' pipelines: each picture's own chance, and no noise of DDIM's kind on top.
    usual = {"generator": list(sources), "eta": 0.0}
    extra = {key: usual[key] for key in inspect.signature(scheduler.step).parameters if key in usual}
    return Walk(scheduler=scheduler, times=times, device_times=there, begin=begin * scheduler.order, extra=extra)
