"""Buckets and batches: which pictures go through the engine together, and in which order. Pure: no torch, no NumPy.

    buckets of pieces -> plan -> batches

A bucket holds whatever forces another graph, other weights or another number of steps. How much guidance, which
prompt and which seed force nothing: each row of a batch has its own. Where a bucket's rows fill no whole batch, the
rest is padded, split or compiled for by what each costs: padding by rule would eat what compiling gains.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

from imagegen.providers.local.piece import Kind, Piece, begins_at, kind_of, net_of, strength_of


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """What the rows of a batch have in common. `weights`: the digest of the weights. `guided`: whether the denoiser
    is asked twice a step (CFG). `begin`: the first of the `steps` that is done, which strength decides. `control`: the
    kind of ControlNet, "" for none; how strongly it holds is each row's own. `refine_at`: where the refiner takes
    over, 0 for never."""

    weights: str
    loras: tuple[tuple[str, float], ...]
    width: int
    height: int
    guided: bool
    kind: Kind
    steps: int
    begin: int
    scheduler: str
    control: str = ""
    refine_at: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class Graph:
    """What is compiled once: the denoiser of some weights for `rows` pictures of one size. LoRAs are swapped within
    it; steps, scheduler and what a picture starts from do not enter it. `control`: a ControlNet is compiled beside it,
    `refined`: the refiner's denoiser is."""

    weights: str
    width: int
    height: int
    guided: bool
    rows: int
    control: str = ""
    refined: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides how a bucket's rows are cut into batches. `batch`: the rows that fit into memory. `compiled`: False
    for eager, where any number of rows is as good. `seconds` a picture takes, `compile_seconds` one more graph.
    `start`: what a batch takes beside its rows, in pictures; a half of one was measured on a CPU, less is expected of
    a GPU. `deterministic`: every batch has `batch` rows, so that bytes depend on nothing but the row."""

    batch: int
    compiled: bool = False
    seconds: float = 0.0
    compile_seconds: float = 0.0
    start: float = 0.25
    deterministic: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One batch's rows, and the rows it has with padding."""

    rows: int
    padded_to: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that go through the engine at once: their places in the input, in its order. `padded_to`: rows of the
    batch, the last one repeated to fill it up."""

    bucket: Bucket
    rows: tuple[int, ...]
    padded_to: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Batches in the order in which they are best made. `compiled`: graphs that have to be compiled for them."""

    batches: tuple[Batch, ...]
    compiled: frozenset[Graph]

    @property
    def rows(self) -> int:
        """Pictures."""
        return sum(len(batch.rows) for batch in self.batches)

    @property
    def padded_rows(self) -> int:
        """Rows that are computed and thrown away."""
        return sum(batch.padded_to - len(batch.rows) for batch in self.batches)

    @property
    def padded_share(self) -> float:
        """Share of all rows computed that is thrown away, 0 to 1."""
        computed = self.rows + self.padded_rows
        return self.padded_rows / computed if computed else 0.0


def bucket_of(piece: Piece, weights_digest: str, *, flow: bool = False) -> Bucket:
    """The bucket of `piece`. `flow`: the weights' family walks along straight lines (SD 3.5, FLUX), which rounds a
    strength to its steps in another way."""
    strength = strength_of(piece)
    return Bucket(
        weights_digest,
        piece.loras,
        piece.width,
        piece.height,
        piece.guidance > 1,
        kind_of(piece),
        piece.steps,
        begins_at(piece.steps, strength, flow=flow) if piece.image is not None else 0,
        piece.scheduler,
        net_of(piece),
        piece.refine_at or 0.0,
    )


def graph_of(bucket: Bucket, rows: int) -> Graph:
    """The graph that a batch of `rows` in `bucket` runs."""
    return Graph(bucket.weights, bucket.width, bucket.height, bucket.guided, rows, bucket.control, bucket.refine_at > 0)


def ladder(most: int) -> tuple[int, ...]:
    """The sizes of batches, largest first: the powers of two up to `most`, which is 1 or more."""
    return tuple(1 << power for power in range(max(1, most).bit_length() - 1, -1, -1))


def tail(rows: int, terms: Terms, there: Iterable[int] = ()) -> tuple[Part, ...]:
    """How the last `rows`, fewer than a batch, are made. `there`: sizes of batches whose graph is compiled already.

    Deterministic: padded to a whole batch. Eager: as they are. Else whatever takes the least time: a graph of just
    that size where there is one; padding, which costs `seconds` a row; more graphs from the ladder, which cost
    `compile_seconds` each; several batches, which cost `start` each. A graph that is compiled for them makes one batch
    of them.
    """
    if rows <= 0:
        return ()
    steps = ladder(terms.batch)
    if rows > steps[0]:
        raise ValueError(f"{rows} rows are more than a batch of {steps[0]}")
    if terms.deterministic:
        return (Part(rows, steps[0]),)
    if not terms.compiled:
        return (Part(rows, rows),)
    usable = frozenset(size for size in there if size <= steps[0])
    return _cheapest(rows, steps, usable, terms.seconds, terms.compile_seconds, terms.start * terms.seconds)


@lru_cache(maxsize=4096)
def _cheapest(
    rows: int, steps: tuple[int, ...], there: frozenset[int], seconds: float, compiling: float, starting: float
) -> tuple[Part, ...]:
    """Try every choice of graphs to compile beside those `there`; the fewest batches among equals."""
    missing = [size for size in steps if size not in there]
    filled = _filled(rows, there, seconds, starting)
    best: tuple[float, int, tuple[int, ...]] | None = None
    for count in range(len(missing) + 1):
        for fresh in combinations(missing, count):
            rest = filled[max(0, rows - sum(fresh))]
            if rest is None:
                continue
            sizes = fresh + rest
            cost = (sum(sizes) - rows) * seconds + count * compiling + len(sizes) * starting
            if best is None or (cost, len(sizes)) < best[:2]:
                best = cost, len(sizes), sizes
    assert best is not None, "a batch of the ladder's largest size holds them all"
    return _parts(rows, best[2])


def _filled(rows: int, sizes: Collection[int], seconds: float, starting: float) -> list[tuple[int, ...] | None]:
    """For 0 to `rows` rows the batches of `sizes` that hold them at the least cost; None where there is no size."""
    found: list[tuple[int, ...] | None] = [()]
    for count in range(1, rows + 1):
        ways = [(size, *(found[max(0, count - size)] or ())) for size in sizes]
        found.append(min(ways, key=lambda way: (sum(way) * seconds + len(way) * starting, len(way)), default=None))
    return found


def _parts(rows: int, sizes: tuple[int, ...]) -> tuple[Part, ...]:
    """`rows` over batches of `sizes`, the largest first; only the last is padded."""
    parts: list[Part] = []
    for size in sorted(sizes, reverse=True):
        parts.append(Part(min(size, rows), size))
        rows -= parts[-1].rows
    return tuple(parts)


def plan(rows: Iterable[Bucket], terms: Callable[[Bucket], Terms], there: Iterable[Graph] = ()) -> Plan:
    """Batches for `rows`, each the bucket of one picture. `there`: graphs that need no compiling any more.

    Weights change seldom, LoRAs less seldom, sizes least seldom of the rest; what has most rows comes first, so that
    what is compiled first serves most. Within a bucket the input's order is kept.
    """
    places: dict[Bucket, list[int]] = {}
    for place, bucket in enumerate(rows):
        places.setdefault(bucket, []).append(place)
    known: dict[Graph, set[int]] = {}
    for graph in there:
        known.setdefault(replace(graph, rows=0), set()).add(graph.rows)
    batches: list[Batch] = []
    compiled: set[Graph] = set()
    for bucket in _ordered(places):
        asked = terms(bucket)
        graphs = known.setdefault(graph_of(bucket, 0), set())
        for batch in _batches(bucket, places[bucket], asked, graphs):
            batches.append(batch)
            if asked.compiled and batch.padded_to not in graphs:
                graphs.add(batch.padded_to)
                compiled.add(graph_of(bucket, batch.padded_to))
    return Plan(tuple(batches), frozenset(compiled))


def _ordered(places: dict[Bucket, list[int]]) -> list[Bucket]:
    """Model, then LoRAs, then size, each with most rows first; what has as many, as the input has it."""
    counts: dict[tuple[object, ...], int] = {}
    firsts: dict[tuple[object, ...], int] = {}
    for bucket, found in places.items():
        for level in _levels(bucket):
            counts[level] = counts.get(level, 0) + len(found)
            firsts[level] = min(firsts.get(level, found[0]), found[0])

    def rank(bucket: Bucket) -> list[tuple[int, int]]:
        ranks = [(-counts[level], firsts[level]) for level in _levels(bucket)]
        return [*ranks, (-len(places[bucket]), places[bucket][0])]

    return sorted(places, key=rank)


def _levels(bucket: Bucket) -> Iterator[tuple[object, ...]]:
    model = (bucket.weights,)
    loras = (*model, bucket.loras)
    yield from (model, loras, (*loras, bucket.width, bucket.height))


def _batches(bucket: Bucket, places: list[int], terms: Terms, graphs: Collection[int]) -> Iterator[Batch]:
    """One bucket's batches, where `graphs` of so many rows are there."""
    full = ladder(terms.batch)[0]
    whole, rest = divmod(len(places), full)
    parts = [Part(full, full)] * whole
    parts += tail(rest, terms, {*graphs, full} if whole else graphs)
    begin = 0
    for part in parts:
        yield Batch(bucket, tuple(places[begin : begin + part.rows]), part.padded_to)
        begin += part.rows
