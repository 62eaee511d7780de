"""Residency: which weights are on the device, and the way of making pictures in which they take turns.

    texts of all -> (encoders go) -> latents of all, kept on the CPU -> (denoiser goes) -> pictures of all

So each weight moves once for all pictures that are made together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imagegen.providers.local.memoryplan import HOST, Means, cut
from imagegen.providers.local.outofmemory import ran_out
from imagegen.providers.local.piece import Flaw, Piece, Pixels

if TYPE_CHECKING:
    from torch import Tensor

    from imagegen.providers.local.engine import Engine
    from imagegen.providers.local.parts import Parts


@dataclass(eq=False)
class Work:
    """Pictures of one bucket on their way, so that an attempt that fails loses only what it was at. `padded_to`,
    `rows_left`, `graphs`: see Engine.make. `limit`: pictures at once. `at`: the place of the picture, or the first of
    `rows` at once, that is being made."""

    pieces: list[Piece]
    padded_to: int | None
    rows_left: int | None
    graphs: int
    limit: int = 1
    at: int = 0
    rows: int = 1
    made: dict[int, Pixels | Flaw] = field(default_factory=dict)
    latents: dict[int, tuple[Tensor, Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def left(self) -> list[int]:
        """Places of pictures that are not made."""
        return [place for place in range(len(self.pieces)) if place not in self.made]

    @property
    def done(self) -> int:
        """How many are made."""
        return len(self.made)

    @property
    def results(self) -> list[Pixels | Flaw]:
        """All pictures, in order."""
        return [self.made[place] for place in range(len(self.pieces))]

    def put(self, places: Sequence[int], made: Sequence[Pixels | Flaw]) -> None:
        """The pictures of `places` are made."""
        self.made.update(zip(places, made, strict=True))
        for place in places:
            self.latents.pop(place, None)

    def fixed(self, engine: Engine) -> bool:
        """Whether batches are all of one shape: it was asked for by padding, or a shape costs a graph, or bytes."""
        if self.padded_to is None:
            return False
        return self.padded_to > len(self.pieces) or engine.deterministic or engine.mode != "eager"


def put(engine: Engine, means: Means) -> None:
    """Let `engine` make pictures by `means`: what has to lie elsewhere than before is dropped, and loaded there."""
    if means == engine.means:
        return
    for parts in _all_parts(engine):
        encoders = frozenset(name for name in parts.index if name.startswith("text_encoder"))
        wanted = encoders if HOST in means.measures else frozenset()
        if wanted != parts.on_host:
            parts.drop(*encoders)
            parts.on_host = wanted
    if means.groups != engine.means.groups:
        engine.drop_denoiser()
        for parts in _all_parts(engine):
            parts.in_groups = frozenset({parts.family.denoiser}) if means.groups else frozenset()
    engine.means = means


def _all_parts(engine: Engine) -> list[Parts]:
    return [engine.parts, *([engine.refiner.parts] if engine.refiner else [])]


def new_texts(engine: Engine, pieces: Sequence[Piece]) -> bool:
    """Whether any text of `pieces` has to go through the encoders."""
    models = [(engine.model, engine.texts, pieces)]
    if engine.refiner:
        refined = [piece for piece in pieces if piece.refine_at is not None]
        models.append((engine.refiner.model, engine.refiner.texts, refined))
    return any(
        text is not None and text not in texts
        for model, texts, rows in models
        for piece in rows
        for text in (piece.prompt, model.negatives(piece))
    )


def texts_first(engine: Engine, pieces: Sequence[Piece]) -> None:
    """Encode the texts of `pieces` and drop the encoders. Where these do not fit beside the rest, the rest goes."""
    if new_texts(engine, pieces):
        try:
            engine.prepare(pieces)
            fitted = True
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
            fitted = False
        if not fitted:
            engine.drop_denoiser()
            engine.parts.drop("vae")
            engine.prepare(pieces)
    engine.drop_encoders()


def by_stages(engine: Engine, work: Work, at_once: int) -> None:
    """Make what is left of `work`, `at_once` pictures at a time, only what is at work on the device."""
    while work.left:
        places = work.left[:at_once]
        raw = [place for place in places if place not in work.latents]
        if raw:
            _texts(engine, work, raw)
            _latents(engine, work, raw)
        _make_room(engine)
        for place in places:
            work.at, work.rows = place, 1
            _picture(engine, work, place)


def _texts(engine: Engine, work: Work, places: Sequence[int]) -> None:
    pieces = [work.pieces[place] for place in places]
    if new_texts(engine, pieces):
        _make_room(engine)
        engine.parts.drop("vae")
        for place, piece in zip(places, pieces, strict=True):
            work.at, work.rows = place, 1
            engine.prepare([piece])
    engine.drop_encoders()


def _latents(engine: Engine, work: Work, places: Sequence[int]) -> None:
    if work.pieces[0].image is None:
        engine.parts.drop("vae")
    engine.settle(work.rows_left, work.graphs)
    begin = 0
    for part in cut(len(places), work.limit, work.padded_to, fixed=work.fixed(engine)):
        now = places[begin : begin + part.rows]
        begin += part.rows
        work.at, work.rows = now[0], part.padded_to
        pieces = [work.pieces[place] for place in now]
        finished = engine.latents_of(pieces + pieces[-1:] * (part.padded_to - part.rows))[: part.rows].cpu()
        for place, piece, row in zip(now, pieces, finished, strict=True):
            work.latents[place] = row[None], engine.facts(piece, part.padded_to)


def _picture(engine: Engine, work: Work, place: int) -> None:
    finished, facts = work.latents[place]
    piece = work.pieces[place]
    made = engine.pictures_of(piece, finished.to(engine.device))[0]
    work.put([place], [made if isinstance(made, Flaw) else Pixels(made, {**facts, "tiled": engine.tiled(piece)})])


def _make_room(engine: Engine) -> None:
    """The denoiser goes, but for one that lies on the CPU anyway."""
    if not engine.means.groups:
        engine.drop_denoiser()
