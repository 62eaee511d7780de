"""`imagegen models tiny`: what was written, and the next command."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagegen.cli import say
from imagegen.cli.cache import size_words
from imagegen.providers.local import tiny, tinycatalog, tinycontrol
from imagegen.providers.local.weights import Weights, glance


def write(
    folder: Path, families: list[str] | None, loras: bool, controls: bool = False
) -> tuple[dict[str, Weights], list[Path]]:
    """Write the models and, where asked for, a LoRA for each and what holds SDXL to shapes; what is there then."""
    made = tiny.write(folder, families or tiny.USUAL)
    files = [tiny.write_lora(folder, name) for name in made] if loras else []
    if controls:
        for name in tinycontrol.NAMES:
            tiny.write_control(folder, name)
    tinycatalog.write(folder, made)
    return {name: glance(where) for name, where in made.items()}, files


def as_json(name: str, weights: Weights) -> dict[str, Any]:
    """One line for machines."""
    return {
        "event": "tiny",
        "family": name,
        "folder": str(weights.folder),
        "pipeline": weights.family.pipeline,
        "bytes": weights.size,
    }


def show(folder: Path, made: Mapping[str, Weights], loras: list[Path]) -> None:
    """A line each, and what to do with them."""
    from imagegen.cli.sheet import cell, put, sheet

    table = sheet("Model", "Size", "Folder", right=("Size",), keep=("Model", "Size"))
    for name, weights in made.items():
        table.add_row(cell(name), size_words(weights.size), cell(str(weights.folder)))
    for path in loras:
        table.add_row(cell("LoRA"), size_words(path.stat().st_size), cell(str(path)))
    put(table, "")
    put("Random weights: they paint noise, quickly, and cost nothing. To use them, say in a manifest:")
    for line in _snippet(folder, made):
        say.put(say.visible(f"  {line}"), sys.stdout)
    if folder.parts[-2:] == ("manifests", "tiny"):
        say.info("next: imagegen run manifests/local-demo.yaml, which does so")


def _snippet(folder: Path, made: Mapping[str, Weights]) -> list[str]:
    usable = {_MODELS[name]: weights.folder for name, weights in made.items() if name in tinycatalog.STANDS_FOR}
    listed = ", ".join(f"{model}: {place}" for model, place in usable.items())
    catalog = [f"catalog: {folder / 'catalog.yaml'}"] if usable else []
    return [*catalog, f"weights: {{{listed}}}"]


#: The catalogue's model that each stands in for.
_MODELS = {
    "sdxl": "sdxl",
    "sdxl-refiner": "sdxl-refiner",
    "sd3": "sd-3.5-large",
    "flux": "flux-dev",
    "flux-schnell": "flux-schnell",
    "flux2": "flux-2-klein-4b",
}
