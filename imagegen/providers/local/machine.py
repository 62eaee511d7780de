"""Machine: what a picture's bytes depend on beside the model: the device and the versions; and pinning them."""

from __future__ import annotations

from typing import Any

from imagegen.errors import SettingsError


def capability(device: str) -> tuple[int, int] | None:
    """The compute capability of a CUDA `device`; None for others."""
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.get_device_capability(device)


def machine(device: str) -> dict[str, Any]:
    """Device and versions, as sidecars name them."""
    import diffusers
    import torch
    import transformers

    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    versions = {
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
    }
    return {"device": name, "versions": versions}


def pin() -> None:
    """Pin what torch lets one pin: algorithms chosen by rule, not by a race. For the whole process."""
    import os

    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def device_of(wanted: str) -> str:
    """The device that `wanted` stands for: "auto" is the first GPU, else the CPU. Raises SettingsError for one that is
    not there."""
    import torch

    wanted = wanted.partition(",")[0]  # of several, and of all, the first
    if wanted in ("auto", "all"):
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if wanted.startswith("cuda"):
        number = int(wanted.partition(":")[2] or 0)
        if number >= torch.cuda.device_count():
            raise SettingsError(f"there is no device {wanted} that torch can use", "use device: auto, or cpu")
    if wanted == "mps" and not torch.backends.mps.is_available():
        raise SettingsError("there is no device mps that torch can use", "use device: auto, or cpu")
    return wanted
