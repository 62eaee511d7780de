"""Quantising: the denoiser's large matrices in 8 bits, by torchao. Only what stands in transformer blocks is.

Both kinds scale the activations as they come, one scale for each row (token): with one for all rows, a picture would
depend on its mates. The API is that of torchao 0.15 to 0.18, read in its sources; no GPU has run this.
"""

from __future__ import annotations

from typing import Any

from imagegen.choose.extras import Extra
from imagegen.errors import SettingsError

#: What settings may say -> the compute capability that it needs, and GPUs that have it.
KINDS: dict[str, tuple[tuple[int, int], str]] = {
    "int8": ((8, 0), "A100, RTX 30 and newer"),
    "fp8": ((8, 9), "L4, RTX 40, H100 and newer"),
}
TORCHAO = Extra("quantize", ("torchao",), "quantize")

#: The kernels want both edges of a matrix in multiples of this.
_MULTIPLE = 16
#: Set on a denoiser that is quantised already.
_MARK = "_imagegen_quantized"


def refuses(
    kind: str, device: str, capability: tuple[int, int] | None, dtype: str = "auto", *, loras: bool = False
) -> str | None:
    """Why weights cannot be quantised to `kind` there; None where they can, or where the GPU is not known yet.
    `loras`: whether any are worn."""
    if kind not in KINDS:
        return None
    needed, gpus = KINDS[kind]
    least = f"{needed[0]}.{needed[1]}"
    if device.startswith(("cpu", "mps")):
        return f"quantize: {kind} needs an NVIDIA GPU of compute capability {least} ({gpus}), and this is {device}"
    if capability is not None and capability < needed:
        has = f"{capability[0]}.{capability[1]}"
        return f"quantize: {kind} needs compute capability {least} ({gpus}), and this GPU has {has}"
    if kind == "fp8" and dtype not in ("auto", "bf16"):
        return f"quantize: fp8 works on bf16 weights only, and dtype is {dtype}"
    if loras:
        return f"quantize: {kind} and LoRAs do not go together: LoRAs are added to weights that are not quantised"
    return None


def takes(name: str, rows: int, columns: int) -> bool:
    """Whether the `rows` x `columns` matrix of the Linear layer called `name` is quantised: attention and feed-forward
    of transformer blocks. What has one row per picture (times, pooled texts, norms) is small, sensitive, and has too
    few rows for the kernels."""
    path = name.split(".")
    inside = any(part.endswith("transformer_blocks") for part in path)
    return inside and not any("norm" in part for part in path) and not (rows % _MULTIPLE or columns % _MULTIPLE)


def apply(kind: str, denoiser: Any) -> int:
    """Quantise `denoiser` in place, once; the number of layers that were. To be called before it is compiled. Raises
    SettingsError where torchao is missing or fails."""
    if kind not in KINDS or getattr(denoiser, _MARK, None):
        return 0
    problem = TORCHAO.missing()
    if problem:
        raise SettingsError(problem)
    import torch

    chosen: list[str] = []

    def chooses(module: Any, name: str) -> bool:
        wanted = isinstance(module, torch.nn.Linear) and takes(name, module.out_features, module.in_features)
        chosen.extend([name] if wanted else [])
        return wanted

    try:
        # Tensors that inference mode made cannot be replaced inside compiled code.
        with torch.inference_mode(False), torch.no_grad():
            _quantise(kind, denoiser, chooses)
    except (ImportError, AttributeError, TypeError, AssertionError, NotImplementedError) as error:
        plain = " ".join(str(error).split())[:200]
        raise SettingsError(f"torchao cannot quantise to {kind} here: {plain}", TORCHAO.install) from error
    setattr(denoiser, _MARK, kind)
    return len(chosen)


def _quantise(kind: str, denoiser: Any, chooses: Any) -> None:
    from importlib import import_module

    ao = import_module("torchao.quantization")
    if kind == "int8":
        config = ao.Int8DynamicActivationInt8WeightConfig()
    else:
        config = ao.Float8DynamicActivationFloat8WeightConfig(granularity=ao.PerRow())
    ao.quantize_(denoiser, config, filter_fn=chooses)
