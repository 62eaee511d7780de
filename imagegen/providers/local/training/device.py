"""Device: what a LoRA is trained on, and in which number format the frozen weights are there."""

from __future__ import annotations

import re

from imagegen.errors import SettingsError
from imagegen.providers.local.machine import capability, device_of

_KNOWN = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?")


def choose(wanted: str) -> str:
    """The device that `wanted` stands for. Raises SettingsError for one that is not there."""
    if not _KNOWN.fullmatch(wanted):
        raise SettingsError(f"there is no device {wanted!r}", "use --device auto, cpu, cuda, cuda:1 or mps")
    return device_of(wanted)


def name(device: str) -> str | None:
    """What its driver calls a CUDA device; None for others."""
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.get_device_name(device)


def dtype(wanted: str, device: str) -> str:
    """The format for `wanted`, "auto", "bf16" or "fp32". float16 is none of them: small gradients vanish in it."""
    if wanted != "auto":
        return wanted
    found = capability(device)
    return "bf16" if found is not None and found >= (8, 0) else "fp32"
