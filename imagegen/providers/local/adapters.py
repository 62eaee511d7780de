"""Adapters: LoRAs added into the denoiser's own weights, in place.

What is compiled stays as it is, no step gets slower, and several LoRAs cost what one costs. The weights under a
LoRA are read from their files again when it is taken off, so that what comes after it is exact to the bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagegen.errors import SettingsError
from imagegen.providers.local import lorafile
from imagegen.providers.local.loraplaces import places
from imagegen.providers.local.parts import Parts

if TYPE_CHECKING:
    from torch import Tensor

#: What a batch wears: (path of the file, weight), in the order they are added.
Worn = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What one LoRA adds to one module: `up` @ `down`, times `scale`."""

    down: Tensor
    up: Tensor
    scale: float

    def added(self, like: Tensor) -> Tensor:
        """The change itself, float32, in the shape and place of the weight `like`."""
        import torch

        up, down = (each.to(like.device, torch.float32).flatten(1) for each in (self.up, self.down))
        return ((up @ down) * self.scale).view(like.shape)


class Adapters:
    """The LoRAs that one model's denoiser wears."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._worn: Worn = ()
        self._touched: set[str] = set()
        self._digests: dict[str, str] = {}

    def wear(self, wanted: Worn) -> None:
        """Wear `wanted` and nothing else. Raises SettingsError (one line) for a LoRA that does not fit."""
        if wanted == self._worn:
            return
        changes: dict[str, list[Change]] = {}
        for path, weight in wanted:
            for module, change in self._read(Path(path), weight):
                changes.setdefault(module, []).append(change)
        # From here on nothing but memory can fail; should it, what is worn is unknown.
        self._worn = (("", 0.0),)
        self._put(changes)
        self._touched = set(changes)
        self._worn = wanted

    def digest(self, path: str) -> str:
        """SHA-256 of the LoRA in `path`, as it was when it was first worn."""
        if path not in self._digests:
            self._digests[path] = lorafile.read(Path(path)).digest()
        return self._digests[path]

    def forget(self) -> None:
        """The denoiser was dropped; the next one comes bare."""
        self._worn, self._touched = (), set()

    def _put(self, changes: Mapping[str, Sequence[Change]]) -> None:
        import torch

        denoiser = self._parts.get(self._parts.family.denoiser)
        for module, base in self._originals(self._touched | set(changes)):
            weight = denoiser.get_parameter(f"{module}.weight")
            bare = base.to(weight.device, weight.dtype)
            new = bare.to(torch.float32)
            for change in changes.get(module, ()):
                new = new + change.added(weight)
            weight.copy_(new)

    def _originals(self, modules: Iterable[str]) -> Iterable[tuple[str, Tensor]]:
        """Each of `modules` with its weight as it is on disk."""
        from safetensors import safe_open

        name, folder = self._parts.family.denoiser, self._parts.folder
        left = {f"{module}.weight": module for module in modules}
        for file in self._parts.weights.parts[name].files:
            if not file.endswith(".safetensors"):
                continue
            with safe_open(folder / file, framework="pt") as opened:
                for key in sorted(left.keys() & set(opened.keys())):
                    yield left[key], opened.get_tensor(key)

    def _read(self, path: Path, weight: float) -> Iterable[tuple[str, Change]]:
        from safetensors import safe_open

        lora = lorafile.read(path)
        problem = lorafile.refuses(lora, self._parts.weights)
        if problem:
            raise SettingsError(problem)
        sizes = lorafile.shapes(self._parts.weights)
        with safe_open(lora.path, framework="pt") as opened:
            for place in places(lora, self._parts.weights):
                down, up = opened.get_tensor(place.down), opened.get_tensor(place.up)
                alpha = float(opened.get_tensor(place.alpha)) if isinstance(place.alpha, str) else place.alpha
                rows = up.split([sizes[module][1] for module in place.modules])
                for module, part in zip(place.modules, rows, strict=True):
                    yield module, Change(down, part, weight * alpha / down.shape[0])
