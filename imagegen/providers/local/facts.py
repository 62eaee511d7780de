"""Facts: what decided a picture beside its prompt, for its sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen.providers.local.extras import marks
from imagegen.providers.local.machine import machine
from imagegen.providers.local.piece import Piece, kind_of, strength_of

if TYPE_CHECKING:
    from imagegen.providers.local.engine import Engine


def facts_of(engine: Engine, piece: Piece, rows: int, *, tiled: bool, prompt_cut: bool) -> Mapping[str, Any]:
    """The facts of `piece`, as `engine` made it in a batch of `rows`."""
    return {
        "model": engine.weights.family.name,
        "weights": engine.weights.digest,
        "revision": engine.weights.revision,
        "kind": kind_of(piece),
        "seed": piece.seed,
        "steps": piece.steps,
        "guidance": piece.guidance,
        "scheduler": piece.scheduler or engine.parts.config("scheduler").get("_class_name"),
        "strength": strength_of(piece) if piece.image is not None else None,
        "batch": [rows, piece.height, piece.width],
        "dtype": engine.precision.dtype,
        "vae_dtype": engine.precision.vae,
        "loras": [[Path(path).name, engine.adapters.digest(path), weight] for path, weight in piece.loras],
        "control": engine.controls.facts(piece),
        "refiner": engine.refiner.facts(piece) if engine.refiner else None,
        "tiled": tiled,
        "offload": engine.means.offload,
        "compile": engine.mode,
        **marks(engine.extras),
        "deterministic": engine.deterministic,
        "prompt_cut": prompt_cut,
        **machine(engine.device),
    }
