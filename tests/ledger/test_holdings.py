"""Holdings: which picture satisfies which row of a folder."""

from __future__ import annotations

import sqlite3
from typing import Any

from imagegen.ledger import holdings
from imagegen.ledger.holdings import Holding
from ledger.bookkeeping import NOON


def holding(row: str, sample: int = 0, digest: str = "d1", **more: Any) -> Holding:
    """The picture of a row."""
    values = {"fingerprint": "f", "key": "k", "provider": "openai", "model": "gpt-image-2", "address": None}
    values |= {
        "finish": "{}",
        "file": f"{row}.png",
        "bytes": 10,
        "mtime_ns": 2**60 + 1,
        "about": '{"made": {"seed": 7}}',
    }
    return Holding(row=row, sample=sample, digest=digest, **(values | more))


def test_a_holding_comes_back_as_it_was(books: sqlite3.Connection) -> None:
    """Every field is kept exactly, also a file's time in nanoseconds and an address."""
    mug = holding("mug", 2, address="http://127.0.0.1:9/v1")
    holdings.hold(books, "shop", mug)
    assert holdings.of_rows(books, "shop", ["mug", "cup"]) == {("mug", 2): mug}
    assert mug.facts() == {"made": {"seed": 7}}


def test_a_row_holds_one_picture_per_sample(books: sqlite3.Connection) -> None:
    """A new picture takes the place of the row's old one; other samples stay."""
    for each in (holding("mug"), holding("mug", 1), holding("mug", digest="d2")):
        holdings.hold(books, "shop", each)
    found = holdings.of_rows(books, "shop", ["mug"])
    assert {place: held.digest for place, held in found.items()} == {("mug", 0): "d2", ("mug", 1): "d1"}


def test_collections_are_apart(books: sqlite3.Connection) -> None:
    """The same row id in another folder is another row."""
    holdings.hold(books, "shop", holding("mug"))
    assert holdings.of_rows(books, "blog", ["mug"]) == {}
    assert (holdings.count(books, "shop"), holdings.count(books, "blog")) == (1, 0)


def test_needed_is_over_all_collections(books: sqlite3.Connection) -> None:
    """The digests that any folder's pictures are made of, and not those that were replaced."""
    for collection, each in (
        ("shop", holding("mug")),
        ("blog", holding("a", digest="d2")),
        ("shop", holding("mug", digest="d3")),
    ):
        holdings.hold(books, collection, each)
    assert holdings.needed(books) == {"d2", "d3"}


def test_a_folder_is_known_by_its_place(books: sqlite3.Connection) -> None:
    """A collection is found where it was last seen, and follows its folder."""
    holdings.place_collection(books, "old", "/out/shop", NOON)
    holdings.place_collection(books, "new", "/out/shop", NOON + 1)
    assert holdings.collection_at(books, "/out/shop") == "new"
    holdings.place_collection(books, "new", "/out/moved", NOON + 2)
    assert holdings.collection_at(books, "/out/moved") == "new"
    assert holdings.collection_at(books, "/out/shop") == "old"
    assert holdings.collection_at(books, "/elsewhere") is None
