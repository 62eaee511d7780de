"""Extras: the opt-in adapters of the engine as values: quantising, TensorRT, step caching. Pure: no torch.

Quantising and step caching change pictures and stand in the Key. TensorRT changes them no more than compiling does
and does not; sidecars name all three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from typing import Any

from imagegen.errors import SettingsError
from imagegen.providers.local import quantize, stepcache, tensorrt

NONE = "none"
WORDS = {"quantize": (NONE, *quantize.KINDS), "accelerate": (NONE, "tensorrt")}


@dataclass(frozen=True, slots=True)
class Extras:
    """What is asked for. `quantize`: none, int8 or fp8; `accelerate`: none or tensorrt; `step_cache`: the canonical
    text of stepcache.StepCache, "" for none."""

    quantize: str = NONE
    accelerate: str = NONE
    step_cache: str = ""

    def compiled(self, wanted: str, backend: str) -> tuple[str, str]:
        """How the denoiser is compiled, and by which backend, where `wanted` and `backend` were asked for. Quantised
        weights are slow until they are compiled, so that "auto" need not try them uncompiled first."""
        if self.accelerate == "tensorrt":
            return "full", tensorrt.BACKEND
        return ("regional" if wanted == "auto" and self.quantize != NONE else wanted), backend


PLAIN = Extras()


def extras_of(said: Mapping[str, Any]) -> Extras:
    """The Extras that settings or a manifest say. Raises SettingsError, with a suggestion, for what they cannot be."""
    found = PLAIN
    names = [field.name for field in fields(Extras)]
    for name, value in said.items():
        if name not in names:
            raise SettingsError(f"{name} is unknown", _near(name, names))
        # YAML reads `off` and `no` as False.
        text = "" if value is None or value is False else str(value).strip().lower()
        if name == "step_cache":
            cache = stepcache.parse(text)
            found = replace(found, step_cache=cache.text if cache else "")
        elif text and text not in WORDS[name]:
            raise SettingsError(f"{name} is {value!r}", _near(text, WORDS[name]))
        else:
            found = replace(found, **{name: text or NONE})
    return found


def refuses(
    extras: Extras,
    family: str,
    capability: tuple[int, int] | None = None,
    device: str = "auto",
    loras: Sequence[object] = (),
    *,
    steps: int | None = None,
    dtype: str = "auto",
    compile: str = "auto",
) -> str | None:
    """Why a picture cannot be made with `extras`, in one sentence; None where it can. What is not known yet refuses
    nothing: `capability` None, `device` "auto", `steps` None."""
    cache = stepcache.parse(extras.step_cache)
    if extras.accelerate == "tensorrt":
        problem = tensorrt.refuses(device, compile, loras=bool(loras))
        if problem:
            return problem
        for name, other in (("quantize", extras.quantize), ("step_cache", extras.step_cache)):
            if other not in ("", NONE):
                return f"accelerate: tensorrt and {name}: {other} do not go together: leave out one of them"
    return quantize.refuses(extras.quantize, device, capability, dtype, loras=bool(loras)) or (
        stepcache.refuses(cache, family, steps) if cache else None
    )


def missing(extras: Extras) -> str | None:
    """What has to be installed for `extras`, with the command; None where all is there. Imports none of it."""
    if extras.quantize != NONE and (problem := quantize.TORCHAO.missing()):
        return problem
    return tensorrt.TENSORRT.missing() if extras.accelerate == "tensorrt" else None


def check_extras(
    extras: Extras, family: str, capability: tuple[int, int] | None, device: str, *, dtype: str, compile: str
) -> None:
    """What an engine asks once, before anything is loaded. Raises SettingsError."""
    problem = refuses(extras, family, capability, device, dtype=dtype, compile=compile) or missing(extras)
    if problem:
        raise SettingsError(problem)


def ready(extras: Extras, cache: Path | None) -> None:
    """What `extras` need of the process, before anything is compiled. `cache`: the folder for compiled code."""
    if extras.accelerate == "tensorrt":
        tensorrt.prepare(cache / "tensorrt" if cache else None)


def marks(extras: Extras) -> dict[str, Any]:
    """What sidecars say of `extras`: null for what was not asked for."""
    said: dict[str, Any] = {
        "quantize": extras.quantize if extras.quantize != NONE else None,
        "accelerate": extras.accelerate if extras.accelerate != NONE else None,
        "step_cache": extras.step_cache or None,
    }
    used = {"torchao": said["quantize"], "torch_tensorrt": said["accelerate"]}
    versions = {name: _version(name) for name, word in used.items() if word}
    return {**said, "adapters": versions} if versions else said


def key_parts(extras: Extras) -> dict[str, str]:
    """What of `extras` changes pictures, for their Keys: "step_cache" for the Request's field of that name, "quantize"
    for its options. Nothing for what was not asked for."""
    parts = {"step_cache": extras.step_cache, "quantize": extras.quantize}
    return {name: text for name, text in parts.items() if text not in ("", NONE)}


def _version(package: str) -> str:
    try:
        return metadata.version(package.replace("_", "-"))
    except metadata.PackageNotFoundError:
        return "unknown"


def _near(word: str, words: Sequence[str]) -> str:
    near = get_close_matches(word, words, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}there are {', '.join(words)}"
