"""Adapter: the LoRA under training, put into the denoiser by peft, and written as a file that others read too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imagegen.providers.local.training.course import Course

if TYPE_CHECKING:
    from torch import Tensor

#: What diffusers' own recipes train: attention of SDXL's UNet; of FLUX.1 attention and feed-forward layers of both
#: streams. Each is the end of a module's name.
TARGETS = {
    "sdxl": ("to_q", "to_k", "to_v", "to_out.0"),
    "flux": (
        "attn.to_q",
        "attn.to_k",
        "attn.to_v",
        "attn.to_out.0",
        "attn.add_q_proj",
        "attn.add_k_proj",
        "attn.add_v_proj",
        "attn.to_add_out",
        "ff.net.0.proj",
        "ff.net.2",
        "ff_context.net.0.proj",
        "ff_context.net.2",
    ),
}
_NAME = "default"


def put(denoiser: Any, family: str, course: Course) -> dict[str, Any]:
    """Put a new LoRA into `denoiser`, which is frozen but for it; its parameters by name, in float32. It changes
    nothing yet, and where it starts from follows from the seed alone."""
    import torch
    from peft import LoraConfig

    denoiser.requires_grad_(False)
    settings: dict[str, Any] = {"r": course.rank, "lora_alpha": course.alpha, "init_lora_weights": "gaussian"}
    config = LoraConfig(target_modules=list(TARGETS[family]), **settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(course.seed)
        denoiser.add_adapter(config)
    found = {name: value for name, value in denoiser.named_parameters() if value.requires_grad}
    # What torch drew depends on the device and the number format that it drew in; this does not.
    source = torch.Generator("cpu").manual_seed(course.seed)
    for name, value in sorted(found.items()):
        value.data = value.data.float()
        if ".lora_A." in name:
            drawn = torch.randn(value.shape, generator=source, dtype=torch.float32) / course.rank
            value.data.copy_(drawn)
    return found


def tensors(parameters: Mapping[str, Any], denoiser: str) -> dict[str, Tensor]:
    """The LoRA by the names that diffusers writes, on the CPU."""
    return {_written(name, denoiser): value.detach().cpu().contiguous() for name, value in parameters.items()}


def load(parameters: Mapping[str, Any], kept: Mapping[str, Tensor], denoiser: str) -> None:
    """Put what `tensors` gave back into `parameters`. Raises KeyError where something is missing."""
    import torch

    with torch.no_grad():
        for name, value in parameters.items():
            value.copy_(kept[_written(name, denoiser)])


def as_file(
    parameters: Mapping[str, Any], family: str, denoiser: str, course: Course, facts: Mapping[str, Any]
) -> bytes:
    """The LoRA as a safetensors file in peft's layout as diffusers writes it; `facts` stand in its metadata, which
    holds texts only."""
    from safetensors.torch import save

    settings = {
        f"{denoiser}.r": course.rank,
        f"{denoiser}.lora_alpha": course.alpha,
        f"{denoiser}.target_modules": sorted(TARGETS[family]),
    }
    metadata = {
        "format": "pt",
        "lora_adapter_metadata": json.dumps(settings, sort_keys=True),
        "imagegen": json.dumps(facts, sort_keys=True, ensure_ascii=False),
    }
    return _ordered(save(tensors(parameters, denoiser), metadata=metadata))


def _ordered(data: bytes) -> bytes:
    """The safetensors file `data` with its metadata in order: the library writes it in another each time."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _written(name: str, denoiser: str) -> str:
    return f"{denoiser}.{name.replace(f'.{_NAME}.', '.')}"
