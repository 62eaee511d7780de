"""Which files of a component's folder are its weights, and what they say of themselves. Pure but for reading.

A component's weights are one file or several with an index, at full precision or as a variant ("fp16", "bf16"). The
plain ones are taken where both are there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagegen.errors import SettingsError
from imagegen.providers.local import header
from imagegen.providers.local.jsonfile import read_json

#: Variants of a component's weights, in the order they are taken; None: the plain ones.
VARIANTS = (None, "fp16", "bf16")

#: Types that weights may have, in torch's words. Whole numbers stand for positions, not for weights.
FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_WHOLE = frozenset({"I64", "I32", "U8", "BOOL"})

_AGAIN = "download the model again"


@dataclass(frozen=True)
class Part:
    """A component's weights: its files (relative to the model's folder), their variant, and every tensor's header."""

    files: tuple[str, ...]
    variant: str | None
    tensors: Mapping[str, header.Tensor]
    size: int

    @property
    def dtypes(self) -> frozenset[str]:
        """The types of its weights, in torch's words."""
        return frozenset(FLOATS[tensor.dtype] for tensor in self.tensors.values() if tensor.dtype in FLOATS)

    @property
    def parameters(self) -> int:
        """How many numbers its weights are."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors.values())


def part(folder: Path, component: str, stem: str) -> Part:
    """The weights of `component`, whose files begin with `stem` ("model", "diffusion_pytorch_model").
    Raises SettingsError: none there, a file is missing, cut or no safetensors, or types that are not run here."""
    for variant in VARIANTS:
        dot = f".{variant}" if variant else ""
        single = f"{component}/{stem}{dot}.safetensors"
        if (folder / single).is_file():
            return _part(folder, component, (single,), variant, None)
        index = f"{component}/{stem}.safetensors.index{dot}.json"
        if (folder / index).is_file():
            places = _places(folder, component, index)
            return _part(folder, component, (index, *sorted(set(places.values()))), variant, places)
    raise SettingsError(f"{folder}: {component} has no safetensors weights", _AGAIN)


def _places(folder: Path, component: str, index: str) -> dict[str, str]:
    """Tensor -> file, of an index."""
    said = read_json(folder / index).get("weight_map")
    if not isinstance(said, dict) or not said:
        raise SettingsError(f"{folder / index} lists no weights", _AGAIN)
    for name in said.values():
        if not isinstance(name, str) or not name.endswith(".safetensors") or "/" in name or "\\" in name:
            raise SettingsError(f"{folder / index} names {name!r}, which is no safetensors file beside it", _AGAIN)
    return {tensor: f"{component}/{name}" for tensor, name in said.items()}


def _part(
    folder: Path, component: str, files: tuple[str, ...], variant: str | None, places: Mapping[str, str] | None
) -> Part:
    tensors: dict[str, header.Tensor] = {}
    size = 0
    for name in files:
        path = folder / name
        if not path.is_file():
            raise SettingsError(f"{path} is missing, though its index lists it", _AGAIN)
        size += path.stat().st_size
        if not name.endswith(".safetensors"):
            continue
        found = header.read(path).tensors
        if places is not None and {tensor for tensor, file in places.items() if file == name} != set(found):
            raise SettingsError(f"{path} does not hold the tensors that its index lists", _AGAIN)
        tensors |= found
    _check_types(folder / component, tensors)
    return Part(files, variant, tensors, size)


def _check_types(where: Path, tensors: Mapping[str, header.Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype not in FLOATS and tensor.dtype not in _WHOLE:
            what = f"{where}: {name} is {tensor.dtype}; quantised weights are not read"
            raise SettingsError(what, "take the model's 16-bit or 32-bit files")
