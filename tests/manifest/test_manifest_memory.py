"""Rows in memory are read and checked like those of a file, and named by their number."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imagegen.domain.row import Lora, Row
from imagegen.errors import ManifestError, UsageError
from imagegen.manifest import open_manifest
from imagegen.manifest.memory import open_rows


@dataclass
class Product:
    """What a shop may have."""

    id: str
    prompt: str
    price: float = 4.5
    use_case: str | None = None


class Use(Enum):
    """What a picture is for."""

    SHOT = "product_shot"


class Text(str, Enum):  # noqa: UP042  the older way
    """The same as text."""

    SHOT = "product_shot"


class Frame(list[str]):
    """Like a table of pandas: to go through it is to go through the names of its columns."""

    columns = ("prompt",)


Tuple = namedtuple("Tuple", "id prompt")


def said(source: Any, **more: Any) -> list[dict[str, Any]]:
    """The rows of `source`, each as the fields that differ from a row that says nothing."""
    return [placed.row.model_dump(exclude_defaults=True) for placed in open_rows(source, "shop", **more).rows()]


@pytest.mark.parametrize(
    "row",
    [
        {"id": "mug", "prompt": " A mug ", "use_case": None, "seed": float("nan")},
        Product("mug", "A mug"),
        Tuple("mug", "A mug"),
        SimpleNamespace(id="mug", prompt="A mug", _own=1, stock=3),
        Row(id="mug", prompt="A mug"),
    ],
    ids=["mapping", "dataclass", "named tuple", "object", "Row"],
)
def test_a_row_may_be_a_mapping_or_an_object(row: Any) -> None:
    """Mappings and whatever has row fields as attributes give the same row; None and NaN count as not said."""
    assert said([row]) == [{"id": "mug", "prompt": "A mug"}]


def test_what_a_model_does_not_say_is_left_to_the_defaults() -> None:
    """Only what was set of a pydantic model counts."""
    found = said({"defaults": {"n": 3, "format": "webp"}, "rows": [Row(id="mug", prompt="A mug", format="avif")]})
    assert found == [{"id": "mug", "prompt": "A mug", "n": 3, "format": "avif"}]


def test_a_text_is_a_prompt() -> None:
    """Ids are made from the content, as for a table without ids."""
    table = open_manifest(_table("prompt\nA mug\nA bowl\n"))
    assert said(["A mug", "A bowl"]) == [placed.row.model_dump(exclude_defaults=True) for placed in table.rows()]


def _table(text: str) -> Path:
    path = Path("rows.csv")
    path.write_text(text, encoding="utf-8")
    return path


def test_values_of_python_become_fields() -> None:
    """Numbers, paths, enums, amounts, lists, nested mappings and models arrive as the fields hold them."""
    row = {
        "prompt": "A mug",
        "seed": Fraction(7, 1),
        "guidance": Decimal("7.5"),
        "max_price": 0.04,
        "image": [Path("in") / "mug.png"],
        "use_case": Use.SHOT,
        "tags": ("a", Text.SHOT),
        "lora": Lora(path="a.safetensors", weight=0.5),
        "accept": {"text": True},
        "options": {"openai": {"moderation": "low", "n": 1, "deep": [1.5, None]}},
        "deadline": __import__("datetime").date(2027, 1, 2),
    }
    [found] = said([row])
    assert found | {"id": ""} == {
        "id": "",
        "prompt": "A mug",
        "seed": 7,
        "guidance": 7.5,
        "max_price": Decimal("0.04"),
        "image": ("in/mug.png",),
        "use_case": "product_shot",
        "tags": ("a", "product_shot"),
        "lora": {"path": "a.safetensors", "weight": 0.5},
        "accept": {"text": True},
        "options": {"openai": {"moderation": "low", "n": 1, "deep": [1.5, None]}},
        "deadline": "2027-01-02",
    }


CYCLE: dict[str, Any] = {"prompt": "A mug"}
CYCLE["options"] = CYCLE


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"promt": "A mug"}, "shop[1]: unknown field promt; did you mean prompt?"),
        ({"id": "b"}, "shop[1]: the row has no prompt; write one"),
        ("  ", "shop[1]: the row has no prompt; write one"),
        ({"prompt": "A mug", "n": 0}, "shop[1]: n: 0 is too small; use 1 or more"),
        ({"prompt": "A mug", "n": 1.5}, "shop[1]: n: 1.5 is not a whole number"),
        ({"prompt": "A mug", "size": "huge"}, "shop[1]: size: 'huge' does not fit"),
        ({"prompt": "A mug", "seed": 10**5000}, "shop[1]: seed: the number is too large"),
        ({"prompt": "A mug", "guidance": float("inf")}, "shop[1]: guidance: inf is not a number"),
        ({"prompt": "A\0mug"}, "shop[1]: prompt: a NUL character is not text"),
        ({"prompt": "\ud83d"}, "shop[1]: prompt: it holds half a character"),
        ({"prompt": b"A mug"}, "shop[1]: prompt: a value of the type bytes says nothing here"),
        ({"prompt": "A mug", "accept": {"texts": 1}}, "shop[1]: unknown key accept.texts; did you mean text?"),
        ({5: "A mug"}, "shop[1]: the key 5 is not text"),
        (CYCLE, "shop[1]: options: nested more than 20 levels deep"),
        ({"id": "a", "prompt": "Another"}, "shop[1]: the id 'a' is used twice, first at shop[0]; give one"),
        (7, "shop[1]: 7 stands where a row is wanted; give a mapping"),
        (None, "shop[1]: nothing stands where a row is wanted"),
        (Product, "where a row is wanted; give a mapping"),
        (["A mug"], "shop[1]: a list stands where a row is wanted"),
        (SimpleNamespace(title="A mug"), "where a row is wanted; give a mapping"),
    ],
)
def test_what_is_wrong_names_the_row_by_its_number(row: Any, says: str) -> None:
    """One line: which row, which field, what to do."""
    with pytest.raises(ManifestError) as caught:
        said([{"id": "a", "prompt": "A mug"}, row])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (5, "shop: 5 where rows are wanted; give a list of mappings"),
        ("A mug", "shop: 'A mug' where rows are wanted"),
        ({"prompt": "A mug"}, "shop: a mapping without rows is not a manifest; put a single row into a list"),
        ({"row": []}, "shop: a mapping without rows is not a manifest; add rows"),
        ({"rows": "A mug"}, "shop: 'A mug' where rows are wanted"),
        ({"rows": [], "bugdet": 2}, "shop: unknown key bugdet; did you mean budget?"),
        ({"rows": [], "imagegen": 2}, "shop: imagegen: only version 1"),
        ({"rows": [], "budget": -1}, "shop: budget.run: '-1' is too small; use more than 0"),
        ({"rows": [], "defaults": {"size": "x"}}, "shop: defaults.size: 'x' does not fit"),
        ({"rows": [], "output": {"name": "{{ id"}}, "shop: "),
        ({"rows": [], "matrix": {"c": object()}}, "shop: matrix.c: a value of the type object says nothing here"),
        (Frame(), "shop: a table object is not rows; hand over its rows"),
    ],
)
def test_what_is_wrong_with_the_whole_names_it(source: Any, says: str) -> None:
    """A heading in memory is checked like a file's."""
    with pytest.raises(ManifestError) as caught:
        open_rows(source, "shop")
    assert str(caught.value).startswith(says)


def test_a_mapping_is_a_whole_manifest() -> None:
    """Defaults, matrix, names, renditions, budget and a table as source mean what they mean in YAML."""
    _table("title\nHat\n")
    source = {
        "defaults": {"use_case": "product_shot", "encode_quality": 80},
        "matrix": {"colour": ["red", 2]},
        "rows": [{"id": "mug", "prompt": "A {{ colour }} mug"}],
        "source": {"file": "rows.csv", "each": {"id": "{{ row.title }}", "prompt": "A {{ colour }} {{ row.title }}"}},
        "output": {"name": "{{ colour }}/{{ id }}", "renditions": {"card": "64x64"}},
        "budget": 2.5,
        "concurrency": {"openai": 3},
    }
    manifest = open_rows(source, "shop")
    found = [(placed.row.id, placed.row.prompt, placed.row.use_case, placed.name) for placed in manifest.rows()]
    assert found == [
        ("mug-red", "A red mug", "product_shot", "red/mug-red"),
        ("mug-2", "A 2 mug", "product_shot", "2/mug-2"),
        ("Hat-red", "A red Hat", "product_shot", "red/Hat-red"),
        ("Hat-2", "A 2 Hat", "product_shot", "2/Hat-2"),
    ]
    assert manifest.settings()["budget"] == {"run": Decimal("2.5")}
    assert manifest.settings()["concurrency"] == {"openai": 3}
    assert [each.name for each in manifest.header.output.made_renditions] == ["card"]


def test_rows_can_be_gone_through_again_and_again() -> None:
    """An iterator is kept; a list is taken as it was; anything else that can be gone through is asked anew."""
    rows = ["A mug"]

    class Counted:
        """Counts how often it is asked."""

        asked = 0

        def __iter__(self) -> Iterator[str]:
            Counted.asked += 1
            yield "A mug"

    for source in (iter(rows), rows, Counted()):
        manifest = open_rows(source, "shop")
        first = list(manifest.rows())
        rows.append("A bowl") if source is rows else None
        assert list(manifest.rows()) == first
        assert len(first) == 1
    assert Counted.asked == 2


def test_unused_attributes_are_noted_once() -> None:
    """An object's other attributes are its own affair, but a misspelt one should be seen."""
    manifest = open_rows([Product("a", "A mug"), Product("b", "A bowl")], "shop")
    assert len(list(manifest.rows())) == 2
    assert manifest.notes == ["attributes not used: price (did you mean max_price?)"]


def test_fields_for_all_rows() -> None:
    """They override a row's own, and are checked."""
    assert said([{"id": "a", "prompt": "A mug", "model": "sdxl"}], set_fields={"model": "dall-e-3"}) == [
        {"id": "a", "prompt": "A mug", "model": "dall-e-3"}
    ]
    with pytest.raises(UsageError, match="modle"):
        said(["A mug"], set_fields={"modle": "sdxl"})
