"""Canny's edges, on pictures whose edges are known."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from imagegen.providers.local.controlcanny import edges


def grey(values: object) -> np.ndarray:
    return np.repeat(np.asarray(values, dtype=np.uint8)[..., None], 3, axis=-1)


def box(value: int = 200) -> np.ndarray:
    picture = np.zeros((20, 24), dtype=np.uint8)
    picture[5:15, 6:18] = value
    return grey(picture)


def test_a_box_has_one_closed_line() -> None:
    found = edges(box())
    lines = np.argwhere(found)
    # One pixel wide: of the two beside the jump the first, left or above, and on the far sides the last inside.
    assert {tuple(line) for line in lines if 7 <= line[0] <= 12} == {
        (row, column) for row in range(7, 13) for column in (5, 17)
    }
    assert {tuple(line) for line in lines if 8 <= line[1] <= 15} == {
        (row, column) for row in (4, 14) for column in range(8, 16)
    }
    assert set(np.unique(found)) == {0, 255}


def test_thresholds() -> None:
    """Sobel makes four of a jump of one: up to 25 none, up to 50 none that is sure, beyond that an edge."""
    for jump, seen in ((25, False), (50, False), (51, True)):
        assert edges(grey([[0] * 5 + [jump] * 5] * 10)).any() == seen


def test_a_weak_line_goes_on_from_a_sure_one_only() -> None:
    """However far: the upper end is sure, the rest is not."""
    jumps = np.maximum(55 - np.arange(300), 45)[:, None]
    assert edges(grey(np.where(np.arange(12) > 5, jumps, 0))).any(axis=1).all()
    assert not edges(grey(np.where(np.arange(12) > 5, np.minimum(jumps, 49), 0))).any()
    assert not edges(grey(np.where(np.arange(12) > 5, jumps - 30, 0)))[40:].any()


def test_a_slanting_line_is_thin() -> None:
    rows, columns = np.indices((32, 32))
    found = edges(grey(np.where(rows > columns, 255, 0)))[4:-4, 4:-4]
    assert (found > 0).sum(axis=0).max() <= 2
    assert (found > 0).sum(axis=0).min() >= 1
    other = edges(grey(np.where(rows + columns > 31, 255, 0)))[4:-4, 4:-4]
    assert 1 <= (other > 0).sum(axis=0).min() <= (other > 0).sum(axis=0).max() <= 2


def test_a_change_of_colour_alone_is_an_edge() -> None:
    picture = np.zeros((10, 10, 3), dtype=np.uint8)
    picture[:, :5, 0], picture[:, 5:, 1] = 120, 120
    assert edges(picture)[1:-1, 4].all()


@pytest.mark.parametrize("value", [0, 255])
def test_an_even_picture_has_none(value: int) -> None:
    assert not edges(np.full((9, 9, 3), value, dtype=np.uint8)).any()


def test_the_same_bytes_everywhere() -> None:
    """Whole numbers only: this digest holds on every machine."""
    rows, columns = np.indices((48, 64))
    wavy = ((rows * rows // 7 + columns * 5 + (rows * columns) // 11) % 256).astype(np.uint8)
    found = edges(np.stack([wavy, wavy[::-1], wavy[:, ::-1]], axis=-1))
    assert hashlib.sha256(found.tobytes()).hexdigest()[:32] == "a01c3e67b02c769092c74a134115f1bc"
