"""Engines on tiny models, and diffusers' own pipelines beside them, for the tests of this folder."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagegen.providers.local import tiny
from imagegen.providers.local.engine import Engine
from imagegen.providers.local.piece import Flaw, Piece, Pixels
from imagegen.providers.local.weights import Weights, look

#: What diffusers' schedulers do with NumPy and torch is not ours to mend.
THEIRS = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

PIECE = Piece("a red mug on linen", "", 64, 64, 4, 5.0, 7, "")
BATCH = [
    PIECE,
    replace(PIECE, prompt="a green cup", negative="blurry", seed=8),
    replace(PIECE, prompt="a blue plate", guidance=9.0, seed=9),
    replace(PIECE, prompt="a red mug on linen", seed=10),
]


class Workshop:
    """Writes each tiny model once; hands out engines and pipelines."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._weights: dict[str, Weights] = {}
        self._engines: dict[str, Engine] = {}
        self._pipelines: dict[str, Any] = {}

    def weights(self, name: str = "sdxl") -> Weights:
        if name not in self._weights:
            self._weights[name] = look(tiny.write(self._folder, [name])[name])
        return self._weights[name]

    def fresh(self, name: str = "sdxl", **options: Any) -> Engine:
        """An engine of its own, for a test that changes it."""
        return Engine(self.weights(name), **{"compile": "eager", **options})

    def engine(self, name: str = "sdxl") -> Engine:
        """An eager engine in fp32, shared: not to be changed."""
        if name not in self._engines:
            self._engines[name] = self.fresh(name)
        return self._engines[name]

    def pipeline(self, name: str, kind: str) -> Any:
        """diffusers' own pipeline of class `kind` on the same weights."""
        if name not in self._pipelines:
            import diffusers

            from imagegen.providers.local.parts import quiet

            quiet()
            family = self.weights(name).family
            made = getattr(diffusers, family.pipeline)
            self._pipelines[name] = made.from_pretrained(self.weights(name).folder, local_files_only=True)
            self._pipelines[name].set_progress_bar_config(disable=True)
        import diffusers

        made = getattr(diffusers, kind)(**self._pipelines[name].components)
        made.register_to_config(
            **{k: v for k, v in self._pipelines[name].config.items() if k.startswith(("force", "requires", "is_"))}
        )
        made.set_progress_bar_config(disable=True)
        return made


def arrays(made: Sequence[Pixels | Flaw]) -> list[Any]:
    """The pictures, none of which may be flawed."""
    assert all(isinstance(one, Pixels) for one in made), made
    return [one.array for one in made if isinstance(one, Pixels)]


def apart(one: Any, other: Any) -> int:
    """The largest difference of two pictures, in steps of 1/255."""
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def png(width: int = 64, height: int = 64, seed: int = 0) -> bytes:
    """A smooth coloured picture."""
    from PIL import Image

    small = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(out, "PNG")
    return out.getvalue()


def hole(width: int = 64, height: int = 64) -> bytes:
    """A mask of the house: transparent (to be painted anew) in its right half."""
    from PIL import Image

    mask = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (width // 2, 0, width, height))
    out = io.BytesIO()
    mask.save(out, "PNG")
    return out.getvalue()
