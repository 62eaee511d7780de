"""Where a LoRA's tensors belong: for each change its tensors' names in the file and the modules of the denoiser that
it changes. Pure but for reading the header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagegen.providers.local import header, lorafile
from imagegen.providers.local.weights import Weights


@dataclass(frozen=True, slots=True)
class Place:
    """One change. `modules`: several where the LoRA's maker has one matrix for them; `up` is cut up among them.
    `alpha`: a tensor's name, or a number; the change counts alpha / rank times."""

    modules: tuple[str, ...]
    down: str
    up: str
    alpha: str | float


def places(lora: lorafile.Lora, weights: Weights) -> list[Place]:
    """The changes of `lora`, which must fit `weights` (lorafile.refuses)."""
    found = header.read(lora.path)
    tensors: dict[str, dict[str, str]] = {}
    for name in found.tensors:
        module, _, half = lorafile.ending(name) or ("", "", "")
        tensors.setdefault(module, {})[half] = name
    table = lorafile.table(lora, weights, lorafile.shapes(weights))
    said = _settings(lora.path, found.metadata, weights.family.denoiser)
    made = []
    for module, halves in sorted(tensors.items()):
        if "A" not in halves:
            continue
        modules = table[lorafile.bare(module)]
        rank = found.tensors[halves["A"]].shape[0]
        alpha: str | float = halves.get("number") or _alpha(said, modules[0], rank)
        made.append(Place(modules, halves["A"], halves["B"], alpha))
    return made


def _settings(path: Path, metadata: Mapping[str, str], denoiser: str) -> dict[str, Any]:
    """What peft noted of the training: in the file as diffusers does, or in a file beside it as peft itself does."""
    try:
        if "lora_adapter_metadata" in metadata:
            said = json.loads(metadata["lora_adapter_metadata"])
            return {key.removeprefix(f"{denoiser}."): value for key, value in said.items()}
        if path.stem == "adapter_model":
            said = json.loads((path.parent / "adapter_config.json").read_text("utf-8"))
            return said if isinstance(said, dict) else {}
    except (OSError, ValueError, AttributeError, RecursionError):
        pass
    return {}


def _alpha(said: Mapping[str, Any], module: str, rank: int) -> float:
    patterns = said.get("alpha_pattern")
    own = [
        value
        for key, value in (patterns.items() if isinstance(patterns, dict) else ())
        if f".{module}".endswith(f".{key}")
    ]
    alpha = (own or [said.get("lora_alpha")])[0]
    if not isinstance(alpha, int | float):
        return float(rank)
    return float(alpha) * rank**0.5 if said.get("use_rslora") else float(alpha)
