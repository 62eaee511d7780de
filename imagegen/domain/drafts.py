"""Drafts and attempts: how the pictures of a row are numbered beyond its own `n`, and what people call them."""

from __future__ import annotations

#: `sample` of a draft in the books: this many times (the picture's own sample + 1), and its number.
DRAFT_SAMPLES = 1000
#: Between the `sample` in the Requests of a picture's attempts: no row has so many samples or drafts.
ATTEMPTS_APART = 100_000


def numbers(sample: int) -> tuple[int, int | None]:
    """The picture that `sample` belongs to, and which of its drafts it is (None: the picture itself); from 0."""
    if sample < DRAFT_SAMPLES:
        return sample, None
    return sample // DRAFT_SAMPLES - 1, sample % DRAFT_SAMPLES


def called(row: str, sample: int, several: bool | None = None, sign: str = "#") -> str:
    """ "mug", "mug #2", "mug draft 3", "mug #2 draft 3": a picture as people read it. `several`: the row has more than
    one, drafts not counted; where that is not known, the first goes without its number."""
    picture, draft = numbers(sample)
    name = f"{row} {sign}{picture + 1}" if (picture > 0 if several is None else several) else row
    return name if draft is None else f"{name} draft {draft + 1}"
