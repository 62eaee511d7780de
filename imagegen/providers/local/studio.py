"""Studio: the engine that is at work, of one model at a time, and how a batch is cut for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagegen.domain.request import Request
from imagegen.errors import SettingsError
from imagegen.files import write_whole
from imagegen.localsettings import LocalSettings
from imagegen.providers.local.bucket import Graph, Part, Terms, bucket_of, graph_of, ladder, tail
from imagegen.providers.local.compiling import COMPILE_SECONDS
from imagegen.providers.local.piece import Flaw, Piece, Pixels
from imagegen.providers.local.weights import Weights, look
from imagegen.providers.local.where import remembered

if TYPE_CHECKING:
    from imagegen.providers.local.engine import Engine

#: Pictures at once where nobody says how many, on a CPU: more of them are not made sooner there.
BATCH = 4


class Studio:
    """One engine, and the next when the model changes. `licenses`: model -> its licence. `tell` hears what a person
    should know. Not for several threads at once."""

    def __init__(
        self,
        folder_of: Callable[[str], Path],
        home: Path,
        settings: LocalSettings,
        licenses: Mapping[str, str],
    ) -> None:
        self.home, self._folder_of, self._settings, self._licenses = home, folder_of, settings, licenses
        self.tell: Callable[[str], None] = lambda text: None
        self.batch = ladder(settings.batch or BATCH)[0]
        self._engine: Engine | None = None
        self._weights: Weights | None = None
        self._left, self._shapes = 0, 1
        self._graphs: dict[Graph, set[int]] = {}

    def expect(self, pictures: int, shapes: int) -> None:
        """So many `pictures` are to come, in so many shapes."""
        self._left, self._shapes = pictures, max(1, shapes)

    def make(self, request: Request, pieces: Sequence[Piece]) -> list[Pixels | Flaw]:
        """The pictures of `pieces`, all like `request`. Raises SettingsError: its weights are gone, were changed or
        cannot be used."""
        engine = self._engine_of(request)
        made: list[Pixels | Flaw] = []
        for part in self._parts(engine, pieces):
            rows = pieces[len(made) : len(made) + part.rows]
            made += engine.make(rows, part.padded_to, rows_left=max(self._left, len(rows)), graphs=self._shapes)
            self._left -= len(rows)
        return made

    def close(self) -> None:
        """Free the device."""
        if self._engine is not None:
            self._engine.close()
        self._engine = self._weights = None
        self._graphs.clear()

    def _parts(self, engine: Engine, pieces: Sequence[Piece]) -> Sequence[Part]:
        """How `pieces` are cut: whole batches as they are, a smaller one as it costs least."""
        rows, mode = len(pieces), engine.mode
        flow = engine.weights.family.flow
        there = self._graphs.setdefault(graph_of(bucket_of(pieces[0], engine.weights.digest, flow=flow), 0), set())
        terms = Terms(
            batch=self.batch,
            compiled=mode != "eager",
            seconds=engine.seconds,
            compile_seconds=COMPILE_SECONDS[mode],
            deterministic=self._settings.deterministic,
        )
        parts = (Part(rows, rows),) if rows == self.batch else tail(rows, terms, there)
        there.update(part.padded_to for part in parts if terms.compiled)
        return parts

    def _engine_of(self, request: Request) -> Engine:
        if self._engine is not None and self._weights is not None and self._weights.digest == request.weights:
            return self._engine
        self.close()
        from imagegen.providers.local.engine import Engine
        from imagegen.providers.local.machine import device_of

        weights = look(self._folder_of(request.model), remembered(self.home))
        if weights.digest != request.weights:
            raise SettingsError(f"the weights of {request.model} were changed since it was planned", "run again")
        self._license(request.model)
        settings = self._settings
        self._weights = weights
        self._engine = Engine(
            weights,
            device=device_of(settings.device),
            dtype=settings.dtype,
            compile=settings.compile,
            deterministic=settings.deterministic,
            cache=self.home / "compiled",
            tell=self._say,
        )
        return self._engine

    def _say(self, text: str) -> None:
        self.tell(text)  # whoever hears may come after the engine

    def _license(self, model: str) -> None:
        """Say once in a home under which licence a model's weights are."""
        path, license_name = self.home / "licenses.json", self._licenses.get(model)
        try:
            told = json.loads(path.read_bytes())
        except (OSError, ValueError):
            told = []
        if license_name and isinstance(told, list) and model not in told:
            self.tell(f"the weights of {model} are under this licence: {license_name}")
            write_whole(path, json.dumps([*told, model]).encode())
