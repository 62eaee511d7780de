"""Studio: the engine that is at work, of one model at a time, and how pictures are cut into batches for it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagegen.domain.request import Request
from imagegen.errors import SettingsError
from imagegen.files import write_whole
from imagegen.localsettings import LocalSettings
from imagegen.providers.local.bucket import Graph, Part, Terms, bucket_of, graph_of, ladder, tail
from imagegen.providers.local.compiling import COMPILE_SECONDS
from imagegen.providers.local.extras import PLAIN, Extras
from imagegen.providers.local.piece import Flaw, Piece, Pixels
from imagegen.providers.local.weights import Weights, look
from imagegen.providers.local.where import remembered

if TYPE_CHECKING:
    from imagegen.providers.local.memory import Frugal

#: Pictures handed over at once where nobody says how many: on a GPU, which takes as many as fit; and on a CPU, where
#: more are not made sooner.
GPU_BATCH, CPU_BATCH = 16, 4
#: What the refiner of SDXL is called where weights are looked for.
REFINER = "sdxl-refiner"


@dataclass(frozen=True)
class Stock:
    """What is here to work with. `folders`: model -> where its weights are; `controls` are the nets' folders by what
    the engine calls them; `licenses`: model -> the licence of its weights."""

    folders: Mapping[str, Path]
    home: Path
    controls: Mapping[str, Path] = field(default_factory=dict)
    licenses: Mapping[str, str] = field(default_factory=dict)
    extras: Extras = PLAIN


class Done(NamedTuple):
    """Pictures, and the seconds that they took; what loading the model took is not counted."""

    pictures: list[Pixels | Flaw]
    seconds: float


@dataclass(frozen=True, slots=True)
class _Setup:
    """What an engine was built with."""

    weights: str
    step_cache: str
    nets: bool
    refiner: bool

    def serves(self, other: _Setup) -> bool:
        """Whether it does for a request that wants `other`."""
        same = (self.weights, self.step_cache) == (other.weights, other.step_cache)
        return same and self.nets >= other.nets and self.refiner >= other.refiner


class Studio:
    """One engine, and the next when the model changes. `tell` hears what a person should know. Not for several
    threads at once."""

    def __init__(self, stock: Stock, settings: LocalSettings) -> None:
        self._stock, self._settings = stock, settings
        self.tell: Callable[[str], None] = lambda text: None
        self.batch = most_at_once(settings)
        self._frugal: Frugal | None = None
        self._setup: _Setup | None = None
        self._left, self._shapes = 0, 1
        self._graphs: dict[Graph, set[int]] = {}

    def expect(self, pictures: int, shapes: int) -> None:
        """So many `pictures` are to come, in so many shapes."""
        self._left, self._shapes = pictures, max(1, shapes)

    def make(self, request: Request, pieces: Sequence[Piece]) -> Done:
        """The pictures of `pieces`, all like `request`. Raises SettingsError: its weights are gone, were changed or
        cannot be used."""
        frugal = self._frugal_of(request)
        made: list[Pixels | Flaw] = []
        began, loading = time.monotonic(), frugal.engine.parts.spent
        for part in self._parts(frugal, pieces):
            rows = pieces[len(made) : len(made) + part.rows]
            made += frugal.make(rows, part.padded_to, rows_left=max(self._left, len(rows)), graphs=self._shapes)
            self._left -= len(rows)
        return Done(made, time.monotonic() - began - (frugal.engine.parts.spent - loading))

    def close(self) -> None:
        """Free the device."""
        if self._frugal is not None:
            self._frugal.engine.close()
        self._frugal = self._setup = None
        self._graphs.clear()

    def _parts(self, frugal: Frugal, pieces: Sequence[Piece]) -> Sequence[Part]:
        """How `pieces` are cut: whole batches, and the rest as it costs least."""
        engine, rows = frugal.engine, len(pieces)
        bucket = bucket_of(pieces[0], engine.weights.digest, flow=engine.weights.family.flow)
        fixed, compiled = self._settings.deterministic, engine.mode != "eager"
        # What memory there is must not decide which bytes come out.
        most = ladder(self._settings.batch or CPU_BATCH if fixed else frugal.at_once(bucket))[0]
        there = self._graphs.setdefault(graph_of(bucket, 0), set())
        terms = Terms(most, compiled, engine.seconds, COMPILE_SECONDS[engine.mode], deterministic=fixed)
        parts = (*[Part(most, most)] * (rows // most), *tail(rows % most, terms, there))
        there.update(part.padded_to for part in parts if compiled)
        return parts

    def _frugal_of(self, request: Request) -> Frugal:
        wanted = _Setup(request.weights or "", request.step_cache or "", bool(request.control), bool(request.refiner))
        if self._frugal is None or self._setup is None or not self._setup.serves(wanted):
            self.close()
            self._setup, self._frugal = wanted, self._built(request)
        return self._frugal

    def _built(self, request: Request) -> Frugal:
        from imagegen.providers.local.engine import Engine
        from imagegen.providers.local.machine import device_of
        from imagegen.providers.local.memory import Frugal

        weights = self._weights(request.model, request.weights)
        refiner = self._weights(REFINER, request.refiner) if request.refiner else None
        self._license(request.model)
        settings, stock = self._settings, self._stock
        engine = Engine(
            weights,
            device=device_of(settings.device),
            dtype=settings.dtype,
            compile=settings.compile,
            deterministic=settings.deterministic,
            cache=stock.home / "compiled",
            controls=stock.controls if request.control else None,
            refiner=refiner,
            extras=replace(stock.extras, step_cache=request.step_cache or ""),
            tell=self._say,
        )
        batch = ladder(settings.batch)[0] if settings.batch else None
        return Frugal(engine, known=stock.home / "memory.json", batch=batch, tell=self._say)

    def _weights(self, model: str, digest: str | None) -> Weights:
        if model not in self._stock.folders:
            raise SettingsError(f"the weights of {model} are not here any more", f"imagegen models pull {model}")
        weights = look(self._stock.folders[model], remembered(self._stock.home))
        if weights.digest != digest:
            raise SettingsError(f"the weights of {model} were changed since it was planned", "run again")
        return weights

    def _say(self, text: str) -> None:
        self.tell(text)  # whoever hears may come after the engine

    def _license(self, model: str) -> None:
        """Say once in a home under which licence a model's weights are."""
        path, license_name = self._stock.home / "licenses.json", self._stock.licenses.get(model)
        try:
            told = json.loads(path.read_bytes())
        except (OSError, ValueError):
            told = []
        if license_name and isinstance(told, list) and model not in told:
            self._say(f"the weights of {model} are under this licence: {license_name}")
            write_whole(path, json.dumps([*told, model]).encode())


def most_at_once(settings: LocalSettings) -> int:
    """The most pictures handed over at once. Whether there is a GPU is guessed: torch, which knows, takes seconds to
    import."""
    some = settings.device in ("auto", "all") and shutil.which("nvidia-smi") is not None
    gpu = some or settings.device.startswith("cuda")
    return ladder(settings.batch or (CPU_BATCH if settings.deterministic or not gpu else GPU_BATCH))[0]
