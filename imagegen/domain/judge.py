"""Judge: a vision model that scores pictures, as the catalogue knows it, and what an answer of its costs.

Asking it is a lane of its own, so that the work list and the ledger tell it from pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import NamedTuple

from imagegen.domain.model import Estimate
from imagegen.domain.money import Nano

#: Tokens of an answer, by what such answers look like: one short sentence a picture in JSON.
PER_PICTURE = 45
AROUND = 15
#: A token is at least a byte of text and about four of English.
BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """`api_name` is what goes over the wire; `text_in` and `text_out` are nanodollars per million tokens.

    A picture counts for `per_patch` tokens per 32x32 pixels, `picture_tokens` at most; for just those whatever its size
    where `per_patch` is 0. `effort` is how much it is told to think first, in its provider's word. `max_inputs`:
    pictures that it takes at once."""

    name: str
    provider: str
    api_name: str
    text_in: Nano
    text_out: Nano
    picture_tokens: int
    source: str
    read_on: date
    per_patch: float = 0.0
    max_inputs: int = 16
    effort: str | None = None
    shutdown_on: date | None = None

    def gone(self, today: date) -> bool:
        """Whether it is shut down on `today`."""
        return self.shutdown_on is not None and self.shutdown_on <= today

    def charge(self, tokens_in: int, tokens_out: int) -> Nano:
        """What so many tokens cost; parts of a nanodollar count whole."""
        return ceil((tokens_in * self.text_in + tokens_out * self.text_out) / 1_000_000)

    def estimate(self, prompt: str, count: int, width: int, height: int, most_out: int) -> Estimate:
        """What it costs to ask about `count` pictures of one size; the answer has `most_out` tokens at most."""
        patches = ceil(width / 32) * ceil(height / 32)
        each = ceil(patches * self.per_patch) if self.per_patch else self.picture_tokens
        each = min(self.picture_tokens, each)
        text = len(prompt.encode())
        expected = self.charge(ceil(text / BYTES) + count * each, AROUND + count * PER_PICTURE)
        return Estimate(expected, self.charge(text + count * each, most_out), "estimated")


class Judging(NamedTuple):
    """A judge that is to be asked, at another `address` than its provider's own if at one, and for how much."""

    judge: Judge
    address: str | None
    price: Estimate
