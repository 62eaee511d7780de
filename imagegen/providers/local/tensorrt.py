"""TensorRT: the denoiser as engines of NVIDIA's, through torch.compile's backend of torch-tensorrt.

One engine for each static shape, kept in a folder of the home. What is kept has no weights in it: they are put in
again when it is loaded, so that one model's engine never paints with another's. The options are those of
torch-tensorrt 2.9 to 2.14, read in its sources; no GPU has run this.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagegen.choose.extras import Extra
from imagegen.errors import SettingsError
from imagegen.providers.local import compiling

#: What torch.compile knows it as.
BACKEND = "torch_tensorrt"
TENSORRT = Extra("tensorrt", ("torch_tensorrt",), "accelerate: tensorrt")

#: Bytes of engines kept: some ten shapes of SDXL.
_MOST_BYTES = 60 * 1000**3


def refuses(device: str, compile: str = "auto", *, loras: bool = False) -> str | None:
    """Why TensorRT cannot run the denoiser there; None where it can."""
    if device.startswith(("cpu", "mps")):
        return f"accelerate: tensorrt needs an NVIDIA GPU, and this is {device}"
    if compile not in ("auto", "full"):
        return f"accelerate: tensorrt builds the whole denoiser, and compile is {compile}: leave out one of them"
    if loras:
        return "accelerate: tensorrt and LoRAs do not go together: an engine is built with its weights"
    return None


def options(cache: Path | None) -> dict[str, Any]:
    """The backend's options. `cache`: the folder for engines; None keeps none."""
    # Numbers stay in the formats of the weights; later versions know no other way, and pass over the word.
    said: dict[str, Any] = {"use_explicit_typing": True}
    if cache is None:
        return said
    return {
        **said,
        "immutable_weights": False,
        "cache_built_engines": True,
        "reuse_cached_engines": True,
        "engine_cache_dir": str(cache),
        "engine_cache_size": _MOST_BYTES,
        "timing_cache_path": str(cache / "timing.bin"),
    }


def prepare(cache: Path | None) -> None:
    """Make the backend known to torch.compile, its engines kept in `cache`. Raises SettingsError where torch-tensorrt
    is missing or does not load."""
    problem = TENSORRT.missing()
    if problem:
        raise SettingsError(problem)
    from importlib import import_module

    try:
        import_module("torch_tensorrt")
    except (ImportError, OSError, RuntimeError) as error:
        plain = " ".join(str(error).split())[:200]
        raise SettingsError(f"torch-tensorrt does not load: {plain}", TENSORRT.install) from error
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
    compiling.OPTIONS[BACKEND] = options(cache)
