"""Memory: an engine that gives way when memory runs out. Pictures go on being made, fewer at once or more slowly.

    try -> out of memory? let everything go, decide what to do (memoryplan), try what is left again

A picture made again has its own seed and its own place, so it comes out the same.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagegen.providers.local.bucket import Bucket, bucket_of, ladder
from imagegen.providers.local.machine import machine
from imagegen.providers.local.memoryknown import Known
from imagegen.providers.local.memoryplan import MOST, Means, Stage, after, cut, name_of, said, scaled, too_large
from imagegen.providers.local.memoryprobe import Gauge, each_of, gauge_of, room
from imagegen.providers.local.outofmemory import ran_out
from imagegen.providers.local.parts import empty
from imagegen.providers.local.piece import Flaw, Piece, Pixels
from imagegen.providers.local.residency import Work, by_stages, put, texts_first

if TYPE_CHECKING:
    from imagegen.providers.local.engine import Engine

#: Pictures at once where memory cannot be gauged, as on a CPU, and nobody says how many.
UNGAUGED = 4
#: Pictures that go through the stages together where these take turns: so many texts are kept for certain.
AT_ONCE = 100


class Trouble(NamedTuple):
    """Where memory ran out, and with how many pictures at once."""

    stage: Stage
    rows: int


class Frugal:
    """`engine`, within the memory there is. Not for several threads at once.

    `known`: a JSON file that remembers what fitted; None for this process only. `batch`: the user's own upper bound.
    `tell` hears what is done to save memory. `gauge`: what measures the device; by default torch, on CUDA.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        known: Path | None,
        batch: int | None = None,
        tell: Callable[[str], None] = lambda text: None,
        gauge: Gauge | None = None,
    ) -> None:
        self.engine = engine
        self._known, self._bound, self._tell = Known(known), batch, tell
        self._gauge = gauge or gauge_of(engine.device)
        self._device = str(machine(engine.device)["device"])
        self._now: dict[str, Means] = {}
        self._seen: tuple[Bucket, int] | None = None

    def batch(self, bucket: Bucket) -> int:
        """Pictures of `bucket` that are best made at once: as many as fitted before, else as many as should."""
        means = self.means(bucket)
        if not means.batch and self._gauge is not None:
            means = replace(means, batch=self._probed(bucket, self._gauge))
            self._now[self._name(bucket)] = means
        return self._bounded(means.batch or self._bound or UNGAUGED)

    def at_once(self, bucket: Bucket) -> int:
        """Pictures of `bucket` that are best handed to one `make`: a batch; more where weights move for each call."""
        return AT_ONCE if self.means(bucket).staged else self.batch(bucket)

    def means(self, bucket: Bucket) -> Means:
        """What is known of `bucket`, from this run or from earlier ones."""
        name = self._name(bucket)
        return self._now.get(name) or self._known.get(name) or Means()

    def prepare(self, pieces: Sequence[Piece]) -> None:
        """As Engine.prepare: worth it for a whole job, where encoders have to be dropped."""
        self.engine.prepare(pieces)

    def make(
        self, pieces: Sequence[Piece], padded_to: int | None = None, *, rows_left: int | None = None, graphs: int = 1
    ) -> list[Pixels | Flaw]:
        """As Engine.make, for any number of pictures of one bucket; none of its errors is that memory ran out. A
        picture that does not fit even alone is a Flaw; the others go on. Any other error of a device is let out."""
        if not pieces:
            return []
        engine = self.engine
        bucket = bucket_of(pieces[0], engine.weights.digest, flow=engine.weights.family.flow)
        work = Work(list(pieces), padded_to, rows_left, graphs)
        while work.left:
            means = self.means(bucket)
            put(engine, means)
            work.limit = self._bounded(means.batch or padded_to or self.batch(bucket))
            trouble = self._tried(work, means)
            if trouble is not None:
                self._let_go()
                self._give_way(bucket, work, trouble)
        name = self._name(bucket)
        if name in self._now:
            self._known.keep(name, self._now[name])
        return work.results

    def _tried(self, work: Work, means: Means) -> Trouble | None:
        """Go on with `work` as far as it goes. No frame that holds tensors is left when this returns."""
        try:
            if means.staged:
                by_stages(self.engine, work, AT_ONCE)
            else:
                self._plainly(work, means)
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
            rows = work.rows
        else:
            return None
        # Weights that do not load do so no better for fewer pictures.
        loading, self.engine.parts.loading = self.engine.parts.loading, ""
        return Trouble(self.engine.stage, 1 if loading else rows)

    def _plainly(self, work: Work, means: Means) -> None:
        """One batch after another, all of the model on the device."""
        engine = self.engine
        while work.left:
            part = cut(len(work.left), work.limit, work.padded_to, fixed=work.fixed(engine))[0]
            places = work.left[: part.rows]
            work.at, work.rows = places[0], 1
            pieces = [work.pieces[place] for place in places]
            if means.measures:
                texts_first(engine, pieces)
            work.rows = part.padded_to
            left = None if work.rows_left is None else work.rows_left - work.done
            made = engine.make(pieces, part.padded_to, rows_left=left, graphs=work.graphs)
            work.put(places, made)

    def _let_go(self) -> None:
        """Free what the failed attempt left behind."""
        gc.collect()
        empty(self.engine.device)

    def _give_way(self, bucket: Bucket, work: Work, trouble: Trouble) -> None:
        """The next measure for `bucket`, or the end for the picture at hand."""
        before = self.means(bucket)
        now = after(before, trouble.stage, trouble.rows)
        if now is None:
            total = self._gauge.total() if self._gauge else None
            work.put([work.at], [Flaw(too_large(bucket.width, bucket.height, self._device, total))])
            return
        self._now[self._name(bucket)] = now
        self._tell(said(before, now, bucket.width, bucket.height))

    def _probed(self, bucket: Bucket, gauge: Gauge) -> int:
        """Pictures that should fit. What one takes is seen once; where it would have to be compiled, it is reckoned
        from a bucket that was seen."""
        most = self._bound or MOST
        if self._seen is not None and self.engine.mode != "eager":
            return room(self.engine, scaled(self._seen[1], self._seen[0], bucket), gauge, most)
        put(self.engine, self.means(bucket))
        try:
            each = each_of(self.engine, bucket, gauge)
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
            each = None
        if each is None:
            self._let_go()
            return 1
        self._seen = bucket, each
        return room(self.engine, each, gauge, most)

    def _bounded(self, rows: int) -> int:
        return ladder(min(rows, self._bound or rows))[0]

    def _name(self, bucket: Bucket) -> str:
        number = "+".join(filter(None, (self.engine.precision.dtype, self.engine.extras.quantize)))
        return name_of(bucket, self._device, number)
