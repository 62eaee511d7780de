"""Vetting: what a model's folder may not hold. Weights are data: no pickles, no code of the model's own.

A pickle (.bin, .ckpt, .pt, .pth) can run any program when it is loaded, and so can a folder that names Python of its
own. Neither is ever loaded here, so either is refused before anything is. Pure but for reading.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from imagegen.errors import SettingsError
from imagegen.providers.local.families import Family, family_of
from imagegen.providers.local.jsonfile import read_json

_PICKLES = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle"})
#: OpenVINO's own format, which some hubs lay beside the weights; no pickle, and nothing reads it here.
_NO_PICKLE = "openvino_"
_CODE = frozenset({".py", ".pyc", ".so", ".pyd", ".dll"})
_LIBRARIES = ("diffusers", "transformers")
#: Keys by which a configuration asks for Python from its own folder or from a hub.
_REMOTE = ("auto_map", "custom_pipeline", "custom_pipelines", "trust_remote_code")

_SAFE = "take the model's safetensors files: `imagegen models pull`"
_PLAIN = "use weights in diffusers' own layout, without code"


def check_files(folder: Path, components: Iterable[str]) -> None:
    """Refuses pickles and code, in `folder` itself and in the folders of its components. Raises SettingsError."""
    for name in ("", *components):
        inside = folder / name
        if not inside.is_dir():
            continue
        with os.scandir(inside) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                _check_file(inside / entry.name)


def _check_file(path: Path) -> None:
    ending = path.suffix.lower()
    if ending in _PICKLES and not path.name.startswith(_NO_PICKLE) and path.is_file():
        raise SettingsError(
            f"{path} is a pickle, which can run any program when it is loaded", f"remove it, or {_SAFE}"
        )
    if ending in _CODE and path.is_file():
        raise SettingsError(f"{path} is code, and code of a model is never run", _PLAIN)


def check_config(path: Path) -> dict[str, Any]:
    """The configuration in `path`. Raises SettingsError when it asks for code, or is of quantised weights."""
    said = read_json(path)
    key = _asks_for_code(said)
    if key is not None:
        raise SettingsError(f"{path} wants code of its own to be run ({key})", _PLAIN)
    if said.get("quantization_config"):
        raise SettingsError(f"{path}: quantised weights are not read", "take the model's 16-bit or 32-bit files")
    return said


def _asks_for_code(said: Mapping[str, Any]) -> str | None:
    waiting: list[Any] = [said]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for key in _REMOTE:
                if value.get(key):
                    return key
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return None


def check_index(path: Path, index: Mapping[str, Any]) -> tuple[Family, dict[str, str]]:
    """The family, and component -> class of those that are there, of model_index.json at `path`. Raises SettingsError
    for another pipeline, a component of another library or class, one that is missing or nobody knows."""
    family = _family(path, index)
    found = {}
    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list):
            continue
        if len(value) != 2:
            raise SettingsError(f"{path}: {name} is no pair of a library and a class", "download the model again")
        library, kind = value
        if library is None and kind is None:
            continue
        _check_class(path, family, name, library, kind)
        found[name] = kind
    for name in (*family.classes, "scheduler"):
        if name not in found and name not in family.optional:
            raise SettingsError(f"{path}: {name} is missing, which {family.title} needs", "download the model again")
    return family, found


def _family(path: Path, index: Mapping[str, Any]) -> Family:
    kind = index.get("_class_name")
    if isinstance(kind, list):
        raise SettingsError(f"{path} wants code of its own to be run (_class_name {kind})", _PLAIN)
    if not isinstance(kind, str):
        raise SettingsError(f"{path} names no pipeline", "download the model again")
    family = family_of(kind)
    if family is None:
        raise SettingsError(f"{path}: the pipeline {kind} is not run here", "SDXL, SD 3.5, FLUX.1 and FLUX.2 klein are")
    both = family.name == "sdxl-refiner" and index.get("text_encoder") not in (None, [None, None])
    # Diffusers' picture-to-picture pipeline is the refiner's own, and may also be what a base model was saved as.
    return family_of("StableDiffusionXLPipeline") or family if both else family


def _check_class(path: Path, family: Family, name: str, library: Any, kind: Any) -> None:
    if library not in _LIBRARIES or not isinstance(kind, str) or not kind.isidentifier():
        what = f"{path} wants code of its own to be run ({name}: {library}.{kind})"
        raise SettingsError(what, _PLAIN)
    if name == "scheduler":
        if library != "diffusers" or not kind.endswith("Scheduler"):
            raise SettingsError(f"{path}: {kind} is no scheduler", "download the model again")
        return
    if name not in family.classes:
        raise SettingsError(f"{path}: {family.title} has no component {name}", "download the model again")
    allowed = family.classes[name]
    if allowed and kind not in allowed:
        raise SettingsError(
            f"{path}: {name} is a {kind}; {family.title} has a {allowed[0]}", "other models are not run"
        )
