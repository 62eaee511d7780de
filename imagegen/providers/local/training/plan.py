"""Plan: which sizes the pictures are trained in, and which of them each step sees. Pure: no torch.

A step's pictures follow from the seed and the step's number alone, so a resumed run sees what an undisturbed one sees.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

from imagegen.providers.local.training.course import GRID

#: Width, height.
Size = tuple[int, int]


def sizes(edge: int) -> Iterator[Size]:
    """Every size with at most `edge` x `edge` pixels that is trained in, from upright to wide, 4:1 at most."""
    for width in range(GRID, 2 * edge + 1, GRID):
        height = edge * edge // width // GRID * GRID
        if height and max(width, height) <= 2 * edge:
            yield width, height


def fitted(width: int, height: int, edge: int) -> Size:
    """The size that a picture of `width` x `height` is scaled and cropped to: nearest in shape, then largest."""
    wanted = math.log(width / height)
    return min(sizes(edge), key=lambda size: (abs(math.log(size[0] / size[1]) - wanted), -size[0] * size[1]))


class Sequel:
    """Which pictures each batch has: in every round over all of them each once, those of one size together."""

    def __init__(self, fits: Sequence[Size], batch: int, seed: int) -> None:
        self._batch, self._seed = batch, seed
        self._buckets: dict[Size, list[int]] = {}
        for place, size in enumerate(fits):
            self._buckets.setdefault(size, []).append(place)
        #: Batches in a round.
        self.round = sum(-(-len(places) // batch) for places in self._buckets.values())
        self._drawn: tuple[int, list[tuple[int, ...]]] = (-1, [])

    def at(self, number: int) -> tuple[int, ...]:
        """Places of the pictures in batch `number`, which counts from 0 over all rounds."""
        turn, place = divmod(number, self.round)
        if self._drawn[0] != turn:
            self._drawn = turn, self._draw(turn)
        return self._drawn[1][place]

    def _draw(self, turn: int) -> list[tuple[int, ...]]:
        chance = random.Random(f"{self._seed}:{turn}")  # noqa: S311  not a secret
        batches = []
        for places in self._buckets.values():
            order = chance.sample(places, len(places))
            batches += [tuple(order[begin : begin + self._batch]) for begin in range(0, len(order), self._batch)]
        chance.shuffle(batches)
        return batches
