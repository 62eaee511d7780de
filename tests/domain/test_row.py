"""Row: what a person may write for a picture, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from imagegen.domain.row import NOT_THE_PICTURE, Row, pixels


def row(**said: Any) -> Row:
    """A row that says `said`."""
    return Row(**({"id": "mug", "prompt": "A mug"} | said))


SAME = [
    ("size", "1024x768", "1024x768"),
    ("size", " 1024 X 768 ", "1024x768"),
    ("size", "1024×768", "1024x768"),
    ("size", "Auto", "auto"),
    ("aspect_ratio", "16:9", "16:9"),
    ("aspect_ratio", " 16 / 9 ", "16:9"),
    ("tags", "a, b;c ,", ("a", "b", "c")),
    ("tags", ["a b", "c"], ("a b", "c")),
    ("image", "cup.png", "cup.png"),
    ("image", ["a.png", "b.png"], ("a.png", "b.png")),
    ("max_price", "0.05", Decimal("0.05")),
]


@pytest.mark.parametrize(("field", "said", "means"), SAME)
def test_people_write_one_thing_in_several_ways(field: str, said: Any, means: Any) -> None:
    """Sizes, ratios and lists of words are understood as they are written."""
    assert getattr(row(**{field: said}), field) == means


WRONG = [
    ("id", ""),
    ("prompt", ""),
    ("size", "big"),
    ("size", "0x100"),
    ("size", "1024"),
    ("size", "100000x1"),
    ("aspect_ratio", "wide"),
    ("aspect_ratio", "0:1"),
    ("subject", "cat"),
    ("fit", "crop"),
    ("n", 0),
    ("n", 101),
    ("seed", -1),
    ("seed", 2**32),
    ("steps", 0),
    ("strength", 1.5),
    ("priority", 0),
    ("priority", 4),
    ("max_price", "-1"),
    ("format", "gif"),
    ("encode_quality", 0),
    ("encode_quality", 101),
    ("background", "white"),
    ("lane", "fast"),
    ("promt", "A mug"),
    ("lora", {"path": ""}),
    ("accept", {"attempts": 0}),
]


@pytest.mark.parametrize(("field", "said"), WRONG, ids=str)
def test_what_means_nothing_is_refused(field: str, said: Any) -> None:
    """The error is about the field at fault."""
    with pytest.raises(ValidationError) as caught:
        row(**{field: said})
    assert caught.value.errors()[0]["loc"][0] == field


def test_a_row_is_a_value() -> None:
    """Equal rows are equal, and nobody changes one."""
    assert row(size="1024X768") == row(size="1024x768")
    with pytest.raises(ValidationError):
        row().prompt = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "means"),
    [("1200x630", (1200, 630)), ("99999x1", (99999, 1)), ("auto", None), ("x", None), ("1200x630 ", None)],
)
def test_pixels_of_a_size(text: str, means: tuple[int, int] | None) -> None:
    """A size in pixels is two numbers; `auto` and anything else is none."""
    assert pixels(text) == means


def test_what_is_not_about_the_picture() -> None:
    """These fields may change without a picture being made anew; they are fields of Row."""
    assert set(Row.model_fields) >= NOT_THE_PICTURE
    assert {"prompt", "size", "model", "quality", "seed", "text", "fit"}.isdisjoint(NOT_THE_PICTURE)
