"""Compiling: whether it pays, and how it is done. The decision is pure; torch is imported where it acts.

`regional` compiles the repeated blocks of the denoiser once, `full` the whole denoiser and the VAE's decoder, with
inductor's long search. What was compiled is kept in a folder of ours, so the next process starts warm.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagegen.domain.words import pictures
from imagegen.errors import SettingsError

MODES = ("eager", "regional", "full")

#: Speed against eager, and seconds that one graph set takes to compile. Speed: published for SDXL on an A100 (1.30
#: for full), regional 5/6 of that gain as measured on a CPU. Seconds: FLUX on an H100 (PyTorch, 2026: 67 and 10).
SPEED = {"eager": 1.0, "regional": 1.2, "full": 1.3}
COMPILE_SECONDS = {"eager": 0.0, "regional": 10.0, "full": 120.0}

#: diffusers declares the repeated blocks of most models, but none for SD 3 and for ControlNets.
_BLOCKS = {
    "sd3": ("JointTransformerBlock", "SD3SingleTransformerBlock"),
    "controlnet": ("BasicTransformerBlock",),
}

#: What other backends than inductor are told, where they want anything: backend -> its options.
OPTIONS: dict[str, dict[str, Any]] = {}

#: Graphs of one function that dynamo keeps; beyond its own 8 it would silently go on uncompiled.
_GRAPHS = 256

NO_COMPILER = "no C++ compiler was found, so nothing is compiled; install g++ (or set CXX) for more speed"


@dataclass(frozen=True, slots=True)
class Choice:
    """How the denoiser runs, and the sentence that says why."""

    mode: str
    why: str


def choose(wanted: str, rows_left: int, seconds_eager: float, *, graphs: int = 1, compiler: bool = True) -> Choice:
    """The mode for `rows_left` pictures of `seconds_eager` each in `graphs` shapes. `wanted`: "auto" or one of
    MODES. "auto" takes whichever has everything done first. Raises SettingsError for another word."""
    if wanted != "auto" and wanted not in MODES:
        raise SettingsError(f"compile {wanted!r} is unknown", f"use auto or one of: {', '.join(MODES)}")
    if wanted == "eager":
        return Choice("eager", "not compiled, as asked")
    if not compiler:
        return Choice("eager", NO_COMPILER)
    if wanted != "auto":
        return Choice(wanted, f"compiled ({wanted}), as asked")
    needs = {mode: rows_left * seconds_eager / SPEED[mode] + graphs * COMPILE_SECONDS[mode] for mode in MODES}
    best = min(MODES, key=lambda mode: needs[mode])
    saved = needs["eager"] - needs[best]
    left = f"{pictures(rows_left)} at {seconds_eager:.2f} s"
    if best == "eager":
        pays = break_even(seconds_eager, "regional", graphs=graphs)
        return Choice(best, f"not compiled: {left} left; compiling pays from about {pays:,} on")
    return Choice(best, f"compiled ({best}): {left} left, which should save about {_span(saved)}")


def break_even(seconds_eager: float, mode: str, *, graphs: int = 1) -> int:
    """Pictures of `seconds_eager` each from which on compiling in `mode` takes less time than it costs."""
    gained = seconds_eager * (1 - 1 / SPEED[mode])
    return int(graphs * COMPILE_SECONDS[mode] / gained) + 1 if gained > 0 else sys.maxsize


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def has_compiler() -> bool:
    """Whether a C++ compiler is there, which inductor needs on every device."""
    named = os.environ.get("CXX")
    usual = ("cl",) if sys.platform == "win32" else ("g++", "clang++", "c++")
    return any(shutil.which(name) for name in ((named,) if named else usual))


def keep_in(cache: Path) -> None:
    """Keep what is compiled in `cache`, for later processes too. To be called before anything is compiled."""
    cache.mkdir(parents=True, exist_ok=True)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(cache)
    os.environ["TRITON_CACHE_DIR"] = str(cache / "triton")


def apply(
    mode: str, family: str, denoiser: Any, vae: Any, *, backend: str = "inductor", beside: Sequence[Any] = ()
) -> None:
    """Compile `denoiser` (and for "full" the nets `beside` it and the decoder of `vae`) in place, so that classes and
    names of weights stay; None for what is not to be. Shapes are static: with dynamic ones a later batch would change
    the bytes of an earlier one's repetition."""
    if mode == "eager":
        return
    import torch

    torch._dynamo.config.recompile_limit = max(_GRAPHS, torch._dynamo.config.recompile_limit)
    how: dict[str, Any] = {"backend": backend, "dynamic": False, "fullgraph": True}
    if mode == "regional":
        if denoiser is not None:
            _regional(family, denoiser, how)
        return
    if backend == "inductor":
        _search()
        how["mode"] = "max-autotune-no-cudagraphs"
    if backend in OPTIONS:
        how["options"] = OPTIONS[backend]
    for net in (denoiser, *beside, vae.decoder if vae is not None else None):
        if net is not None:
            net.compile(**how)


def _regional(family: str, denoiser: Any, how: dict[str, Any]) -> None:
    if family not in _BLOCKS:
        denoiser.compile_repeated_blocks(**how)
        return
    for block in denoiser.modules():
        if type(block).__name__ in _BLOCKS[family]:
            block.compile(**how)


def _search() -> None:
    """Inductor's settings for a long search, as diffusers recommends them."""
    import torch

    inductor: Any = torch._inductor.config
    inductor.conv_1x1_as_mm = True
    inductor.coordinate_descent_tuning = True
    inductor.coordinate_descent_check_all_directions = True
    inductor.epilogue_fusion = False
