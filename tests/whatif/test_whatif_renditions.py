"""Renditions that would save a purchase: rows that differ only in size."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from imagegen.domain.money import nano
from imagegen.estimate import Totals
from imagegen.planned import Draft, Seen
from imagegen.whatif.renditions import Renditions, Spare
from tests.planning import planned, preset

FLARE = {"model": "gpt-image-2.5-flare", "prompt": "a mug"}
LARGE, SMALL, WIDE = {"size": "1024x1024"}, {"size": "512x512"}, {"size": "1536x1024"}


def found(rows: list[dict[str, Any]], remembered: int = 100_000, **said: Any) -> Renditions:
    """What was found among `rows`, all for one prompt and model unless they say otherwise."""
    totals, renditions = Totals(), Renditions(remembered=remembered)
    for picture in planned([FLARE | row for row in rows], preset("current"), **said):
        renditions.add(picture, totals.add(picture))
    return renditions


def cost(row: dict[str, Any]) -> int:
    """What a row by itself would cost."""
    return planned([FLARE | row], preset("current"))[0].cost or 0


@pytest.mark.parametrize("rows", [[LARGE, SMALL], [SMALL, LARGE]], ids=["large first", "small first"])
def test_the_smaller_of_two_sizes_is_spare(rows: list[dict[str, Any]]) -> None:
    """Whichever comes first, what is saved is the price of the smaller."""
    assert found(rows).spare() == Spare(1, cost(SMALL))


def test_one_large_picture_serves_many_sizes() -> None:
    """Each further size that it could be finished to is saved."""
    rows = [SMALL, {"size": "900x900"}, {"size": "2048x2048"}, {"size": "700x640"}]
    assert found(rows).spare() == Spare(3, sum(cost(row) for row in rows if row["size"] != "2048x2048"))


@pytest.mark.parametrize(
    "other",
    [
        WIDE,  # another ratio, more than 10 % would be cut
        SMALL | {"prompt": "a bowl"},
        SMALL | {"quality": "high"},
        SMALL | {"model": "gpt-image-2.5-sunburst"},
        SMALL | {"negative_prompt": "blur", "model": "sdxl"},
        SMALL | {"text": "SALE"},
        SMALL | {"background": "transparent"},
        LARGE,  # equal rows share one purchase anyway
        SMALL | {"provider": "placeholder"},
    ],
    ids=str,
)
def test_what_differs_in_more_than_size_is_not(other: dict[str, Any]) -> None:
    """A rendition is the same picture."""
    assert found([LARGE, other]).spare() == Spare()


def test_a_picture_may_lose_a_tenth_of_an_edge() -> None:
    """What `fit: auto` allows: 1024x1024 gives 900x820, but not 900x800."""
    assert found([LARGE, {"size": "900x820"}]).spare().pictures == 1
    assert found([LARGE, {"size": "900x800"}]).spare().pictures == 0


def test_samples_and_seeds_are_pictures_of_their_own() -> None:
    """The second sample of one row is no rendition of the first of another."""
    assert found([LARGE, SMALL | {"n": 3}]).spare() == Spare(1, cost(SMALL))
    seeded = {"model": "flux-schnell", "seed": 1}
    assert found([seeded | LARGE, seeded | SMALL]).spare().pictures == 1
    assert found([seeded | LARGE, seeded | SMALL | {"seed": 2}]).spare().pictures == 0


@pytest.mark.parametrize(("model", "count"), [("gpt-image-2.5-flare", 1), ("imagen-3", 0)])
def test_what_is_there_can_be_finished_too(model: str, count: int) -> None:
    """A large picture that was made before saves the small one, if the same model made it; it is not saved itself."""

    def look(drafts: list[Draft]) -> list[Seen | None]:
        kept = Seen("kept", "", SimpleNamespace(model=model, provider="openai"))
        return [kept if draft.row.size == LARGE["size"] else None for draft in drafts]

    assert found([LARGE, SMALL], look=look).spare().pictures == count
    assert found([LARGE, {"size": "2048x2048"}], look=look).spare() == Spare()


def test_only_so_many_pictures_are_remembered() -> None:
    """Later ones are still compared with the first; that some were left out is known."""
    rows: list[dict[str, Any]] = [{"prompt": f"p{n}"} | LARGE for n in range(5)]
    few = found([*rows, {"prompt": "p1"} | SMALL, {"prompt": "p4"} | SMALL], remembered=3)
    assert (few.full, few.spare().pictures) == (True, 1)
    every = found([*rows, {"prompt": "p1"} | SMALL, {"prompt": "p4"} | SMALL], remembered=5)
    assert (every.full, every.spare().pictures) == (False, 2)


def test_a_refused_or_unpriced_row_is_none() -> None:
    """Only what would be bought can be saved."""
    rows = [LARGE, {"size": "9000x90"}, {"model": "replicate/flux-kontext-pro"}]
    assert found(rows).spare() == Spare()


def test_twelve_rows_that_differ_in_size_are_told_with_their_price() -> None:
    """12 of $0.003 each."""
    rows = [
        {"model": "flux-schnell", "prompt": f"p{n}", "size": size}
        for n in range(12)
        for size in ("1024x1024", "512x512")
    ]
    assert found(rows).spare() == Spare(12, nano("0.036"))
