"""Random LoRAs for tiny models, byte by byte: the same on every machine. Pure: no torch."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator

from imagegen.errors import UsageError
from imagegen.providers.local.lorafile import shapes
from imagegen.providers.local.loranames import kohya as kohya_names
from imagegen.providers.local.weights import Weights

#: A name in kohya's format, the modules that it stands for.
_Group = tuple[str, tuple[str, ...]]


def make(weights: Weights, rank: int, kohya: bool, seed: int) -> bytes:
    """A safetensors file with a random LoRA of `rank` for all attention of `weights`, in kohya's format or in peft's.
    Raises UsageError for a rank below 1, and for kohya's format where diffusers reads none."""
    if rank < 1:
        raise UsageError(f"the rank is {rank}", "give a whole number from 1")
    modules = shapes(weights)
    tensors: dict[str, tuple[list[int], bytes]] = {}
    chance = random.Random(seed)  # noqa: S311  not a secret
    for name, parts in _groups(weights, kohya):
        inputs, outputs = modules[parts[0]][0], [modules[part][1] for part in parts]
        down = _numbers(chance, rank * inputs, inputs**-0.5)
        up = _numbers(chance, rank * sum(outputs), 0.5 * rank**-0.5)
        if kohya:
            tensors[f"lora_unet_{name}.lora_down.weight"] = ([rank, inputs], down)
            tensors[f"lora_unet_{name}.lora_up.weight"] = ([sum(outputs), rank], up)
            tensors[f"lora_unet_{name}.alpha"] = ([], struct.pack("<f", rank))
            continue
        place = 0
        for part, count in zip(parts, outputs, strict=True):
            head, size = f"{weights.family.denoiser}.{part}", count * rank * 4
            tensors[f"{head}.lora_A.weight"] = ([rank, inputs], down)
            tensors[f"{head}.lora_B.weight"] = ([count, rank], up[place : place + size])
            place += size
    return _file(tensors)


def _groups(weights: Weights, kohya: bool) -> Iterator[_Group]:
    """What to change: matrices of attention, those together that kohya's format has as one."""
    family, modules = weights.family.name, shapes(weights)
    if family == "sd3":
        if kohya:
            raise UsageError("diffusers reads no LoRA of SD 3.5 in kohya's format", "leave kohya out")
        yield from ((name, (name,)) for name in sorted(modules) if ".attn.to_" in name)
        return
    layers = weights.configs[weights.family.denoiser].get("layers_per_block", 2)
    for name, parts in sorted(kohya_names(family, modules, layers).items()):
        makers_own = name.startswith(("input_", "middle_", "output_", "double_"))
        if makers_own and all(".attn" in part for part in parts):
            yield name, parts


def _numbers(chance: random.Random, count: int, spread: float) -> bytes:
    return struct.pack(f"<{count}f", *(chance.gauss(0, spread) for _ in range(count)))


def _file(tensors: dict[str, tuple[list[int], bytes]]) -> bytes:
    """`tensors` (name -> shape and little-endian float32) as a safetensors file."""
    header, place = {}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [place, place + len(data)]}
        place += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values())
