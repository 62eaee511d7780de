"""Spending: what attempts cost, by whatever one asks, agrees with the books to the nanodollar."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from imagegen.ledger import attempts, unknowns
from imagegen.ledger.attempts import Granted, Item
from imagegen.ledger.budgets import Budget
from imagegen.ledger.spending import UNTAGGED, By, Span, Spent, by, total
from ledger.bookkeeping import CENT, DAY, NOON, open_books, recount, totals

ALWAYS = Span()


@pytest.fixture
def books(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A history: three days, two runs, two models; bought dear, cheap and without a price, unknown, free, open."""
    with closing(open_books(tmp_path)) as connection:
        buy(connection, "mug", 7 * CENT, run="one", tags=("autumn", "sale"))
        buy(connection, "cup", 2 * CENT, run="one", tags=("autumn",))
        buy(connection, "jug", 10 * CENT, run="two", basis="reserved", day=1)
        buy(connection, "pot", None, run="two", day=1, model="sdxl", tags=("sale",))
        buy(connection, "pan", 0, run="two", day=-3, basis="nothing", model="flux-dev")
        buy(connection, "lid", -1, run="two", day=2, model="sdxl", tags=("sale",))
        yield connection


def buy(
    connection: sqlite3.Connection,
    name: str,
    charge: int | None,
    *,
    run: str,
    basis: str = "usage",
    day: int = 0,
    model: str = "dall-e-3",
    tags: tuple[str, ...] = (),
    more: tuple[str, ...] = (),
) -> str:
    """An attempt for `name` and `more`: estimated at 4 cents each, 10 set aside. -1: sent and still out."""
    clock = NOON + day * DAY
    items = [Item(f"key-{each}", each, 0, "{}", 4 * CENT, 10 * CENT, tags) for each in (name, *more)]
    granted = attempts.reserve(
        connection, f"{day}-{name}", run=run, collection="shop", provider="openai", model=model, items=items,
        budget=Budget(), clock=clock,
    )  # fmt: skip
    assert isinstance(granted, Granted)
    attempts.sent(connection, granted.attempt, clock)
    if charge != -1:
        attempts.close(connection, granted.attempt, charge, basis, clock)
    return granted.attempt


def spent(pictures: int, estimated: int, charged: int, **more: int) -> Spent:
    """In cents."""
    return Spent(pictures, estimated * CENT, charged * CENT, **{name: value * CENT for name, value in more.items()})


DOUBT = {"unknown": 1, "unknown_at_most": 10 * CENT}
OUT = {"open": 1, "open_at_most": 10 * CENT}

GROUPS: list[tuple[By, dict[str, Spent]]] = [
    (
        "day",
        {
            "2026-11-22": spent(2, 8, 9),
            "2026-11-23": Spent(1, 4 * CENT, 10 * CENT, 10 * CENT, **DOUBT),
            "2026-11-24": Spent(**OUT),
        },
    ),
    ("month", {"2026-11": Spent(3, 12 * CENT, 19 * CENT, 10 * CENT, **DOUBT, **OUT)}),
    ("model", {"dall-e-3": Spent(3, 12 * CENT, 19 * CENT, 10 * CENT), "sdxl": Spent(**DOUBT, **OUT)}),
    ("provider", {"openai": Spent(3, 12 * CENT, 19 * CENT, 10 * CENT, **DOUBT, **OUT)}),
    ("run", {"one": spent(2, 8, 9), "two": Spent(1, 4 * CENT, 10 * CENT, 10 * CENT, **DOUBT, **OUT)}),
    (
        "tag",
        {
            UNTAGGED: Spent(1, 4 * CENT, 10 * CENT, 10 * CENT),
            "autumn": spent(2, 8, 9),
            "sale": Spent(1, 4 * CENT, 7 * CENT, **DOUBT, **OUT),
        },
    ),
]


@pytest.mark.parametrize(("grouping", "groups"), GROUPS, ids=[name for name, _ in GROUPS])
def test_groups(books: sqlite3.Connection, grouping: By, groups: dict[str, Spent]) -> None:
    """Charged, estimated and their difference of what is known; unknown and open apart, at most."""
    found = by(books, grouping, ALWAYS)
    assert found == groups
    assert list(found) == list(groups)


@pytest.mark.parametrize("grouping", [name for name, _ in GROUPS if name != "tag"])
def test_groups_add_up_to_the_total(books: sqlite3.Connection, grouping: By) -> None:
    """And the total is what the running totals of the ledger say."""
    summed = Spent()
    for each in by(books, grouping, ALWAYS).values():
        summed.add(each)
    whole = total(books, ALWAYS)
    assert summed == whole
    assert whole.difference == 7 * CENT
    month = totals(books)["month:2026-11"]
    assert month == (whole.open_at_most, whole.charged + whole.unknown_at_most)
    assert totals(books) == recount(books)


@pytest.mark.parametrize(
    ("since", "until", "charged"),
    [(None, None, 19), (22, 22, 9), (23, None, 10), (None, 22, 9), (22, 23, 19), (24, None, 0), (25, None, 0)],
)
def test_days_are_included(books: sqlite3.Connection, since: int | None, until: int | None, charged: int) -> None:
    """From the first day on and to the last, in UTC."""
    first, last = (None if day is None else date(2026, 11, day) for day in (since, until))
    assert total(books, Span(first, last)).charged == charged * CENT
    assert sum(each.charged for each in by(books, "tag", Span(first, last)).values()) >= charged * CENT


def test_shares_of_one_call_add_up(books: sqlite3.Connection) -> None:
    """A call for three pictures that cost what three do not divide: not a nanodollar is lost among its tags."""
    buy(books, "a", 10**7 + 1, run="three", tags=("batch",), more=("b", "c"))
    found = by(books, "tag", ALWAYS)["batch"]
    assert (found.pictures, found.charged, found.estimated) == (3, 10**7 + 1, 12 * CENT)


def test_settlements_count_as_they_were_settled(books: sqlite3.Connection) -> None:
    """Charged with an amount: that; not charged: nothing, and no picture."""
    (doubt,) = [each.attempt for each in unknowns.unknowns(books)]
    unknowns.settle(books, doubt, 3 * CENT, NOON)
    assert by(books, "model", ALWAYS)["sdxl"] == Spent(1, 4 * CENT, 3 * CENT, **OUT)
    second = buy(books, "urn", None, run="two", tags=("urns",))
    unknowns.settle(books, second, 0, NOON)
    assert "urns" not in by(books, "tag", ALWAYS)
    assert total(books, ALWAYS).charged == 22 * CENT


def test_nothing_was_spent(tmp_path: Path) -> None:
    """A new ledger has no groups, and a total of nothing."""
    with closing(open_books(tmp_path)) as books:
        assert total(books, ALWAYS).nothing
        assert [by(books, name, ALWAYS) for name, _ in GROUPS] == [{}] * len(GROUPS)
