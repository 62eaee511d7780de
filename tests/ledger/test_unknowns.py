"""Unknown attempts: listed, found by name, settled once, and their money."""

from __future__ import annotations

import sqlite3

import pytest

from imagegen.ledger import Ledger, attempts, holdings, unknowns
from imagegen.ledger.attempts import Claimed, Granted
from imagegen.ledger.budgets import Budget, Denied
from imagegen.ledger.slip import new_attempt
from ledger.bookkeeping import CENT, NOON, granted, recount, reserve, state_of, totals, unknown


def test_unknowns_are_listed_oldest_first_with_their_rows(ledger: Ledger) -> None:
    """Each comes with its folder, what it was asked of, when it was sent and what it may have cost."""
    first = unknown(ledger, "mug", "cup", collection="blog")
    later = unknown(ledger, "jug", clock=NOON + 60)
    ledger.write(lambda connection: granted(connection, "open"))
    ledger.write(lambda connection: holdings.place_collection(connection, "blog", "/out/blog", NOON))

    with ledger.reading() as connection:
        found = list(unknowns.unknowns(connection))
        of_blog = list(unknowns.unknowns(connection, "blog"))

    assert [one.attempt for one in found] == [first, later]
    one = of_blog[0]
    assert (one.attempt, one.folder, one.rows, one.most) == (first, "/out/blog", ("cup", "mug"), 2 * CENT)
    assert (one.provider, one.model, one.sent, one.reason) == ("openai", "gpt-image-2", NOON, "the answer broke off")


def test_total_counts_pictures_and_money(ledger: Ledger) -> None:
    """total is over the pictures of one collection."""
    unknown(ledger, "mug", "cup")
    unknown(ledger, "jug", collection="blog")
    with ledger.reading() as connection:
        assert unknowns.total(connection, "shop") == (2, 2 * CENT)
        assert unknowns.total(connection, "nothing") == (0, 0)


@pytest.mark.parametrize(
    ("charged", "booked", "state"),
    [(None, CENT, "done"), (CENT // 3, CENT // 3, "done"), (2 * CENT, 2 * CENT, "done"), (0, 0, "free")],
)
def test_settling_books_what_was_charged(ledger: Ledger, charged: int | None, booked: int, state: str) -> None:
    """The whole reservation, an amount (dearer ones too) or nothing: booked exactly, in the windows it was made in."""
    attempt = unknown(ledger, "mug")
    assert ledger.write(lambda connection: unknowns.settle(connection, attempt, charged, NOON + 9e6)) == booked
    with ledger.reading() as connection:
        assert state_of(connection, attempt) == (state, CENT, booked)
        assert totals(connection) == recount(connection)
        assert totals(connection).get("day:2026-11-22", (0, 0)) == (0, booked)


def test_an_unknown_is_settled_once(ledger: Ledger) -> None:
    """A second settlement is refused and books nothing."""
    attempt = unknown(ledger, "mug")
    ledger.write(lambda connection: unknowns.settle(connection, attempt, 0, NOON))
    with pytest.raises(LookupError):
        ledger.write(lambda connection: unknowns.settle(connection, attempt, None, NOON))
    with ledger.reading() as connection:
        assert totals(connection) == {}


@pytest.mark.parametrize("state", ["reserved", "sent", "done"])
def test_only_unknown_attempts_are_settled(books: sqlite3.Connection, state: str) -> None:
    """An attempt that is open or known cannot be settled."""
    attempt = granted(books, "mug")
    if state != "reserved":
        attempts.sent(books, attempt, NOON)
    if state == "done":
        attempts.close(books, attempt, 1, "usage", NOON)
    with pytest.raises(LookupError):
        unknowns.settle(books, attempt, None, NOON)


def test_a_settled_picture_may_be_bought_again(ledger: Ledger) -> None:
    """Until it is settled its key is claimed, then no more."""
    attempt = unknown(ledger, "mug")
    assert isinstance(ledger.write(lambda connection: reserve(connection, "mug")), Claimed)
    ledger.write(lambda connection: unknowns.settle(connection, attempt, None, NOON))
    assert isinstance(ledger.write(lambda connection: reserve(connection, "mug")), Granted)


def test_unknown_money_is_counted_until_it_is_known(ledger: Ledger) -> None:
    """It fills a budget; settled as not charged it makes room again."""
    attempt = unknown(ledger, "mug")
    budget = Budget(day=CENT)
    assert isinstance(ledger.write(lambda connection: reserve(connection, "cup", budget=budget)), Denied)
    ledger.write(lambda connection: unknowns.settle(connection, attempt, 0, NOON))
    assert isinstance(ledger.write(lambda connection: reserve(connection, "cup", budget=budget)), Granted)


def test_an_unknown_is_bought_again_when_asked_for(ledger: Ledger) -> None:
    """Its claim passes to the new attempt, which then holds the key as any other; its money stays counted.
    A run's own unknowns are not for itself to buy again."""
    unknown(ledger, "mug")
    assert isinstance(ledger.write(lambda connection: reserve(connection, "mug", run="new")), Claimed)
    assert isinstance(ledger.write(lambda connection: reserve(connection, "mug", retry_unknown=True)), Claimed)
    again = {"run": "new", "retry_unknown": True}
    assert isinstance(ledger.write(lambda connection: reserve(connection, "mug", **again)), Granted)
    held = ledger.write(lambda connection: reserve(connection, "mug", **again))
    assert isinstance(held, Claimed)
    assert held.state == "reserved"
    with ledger.reading() as connection:
        assert totals(connection)["day:2026-11-22"] == (CENT, CENT)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("aaaa1", ["aaaa1111"]),
        ("aaaa", ["aaaa1111", "aaaa2222"]),
        ("AAAA1", ["aaaa1111"]),
        ("aaa", []),
        ("2222", ["aaaa2222"]),
        ("mug", ["aaaa1111"]),
        ("jug", ["aaaa2222", "bbbb3333"]),
        ("", []),
        ("%", []),
        ("sold", []),
    ],
)
def test_an_unknown_is_found_by_id_or_row(ledger: Ledger, name: str, found: list[str]) -> None:
    """A beginning or end of an id, four characters at least, or a row's id; never a settled attempt."""
    for attempt, rows in (("aaaa1111", ["mug"]), ("aaaa2222", ["cup", "jug"]), ("bbbb3333", ["jug"])):
        keys = [f"{attempt}-{row}" for row in rows]  # a row id may be in two folders, with other keys

        def lose(connection: sqlite3.Connection, attempt: str = attempt, keys: list[str] = keys) -> None:
            granted(connection, *keys, attempt=attempt)
            connection.execute("UPDATE items SET row = substr(row, 10) WHERE attempt = ?", (attempt,))
            attempts.close(connection, attempt, None, "unknown", NOON)

        ledger.write(lose)
    gone = unknown(ledger, "sold")
    ledger.write(lambda connection: unknowns.settle(connection, gone, 0, NOON))
    with ledger.reading() as connection:
        assert unknowns.matching(connection, name) == found


def test_what_was_settled_is_listed(ledger: Ledger) -> None:
    """A settled attempt is remembered with its rows, the time and the amount."""
    attempt = unknown(ledger, "mug")
    unknown(ledger, "cup")
    ledger.write(lambda connection: unknowns.settle(connection, attempt, 3, NOON + 5))
    with ledger.reading() as connection:
        (one,) = unknowns.settled(connection)
    assert (one.attempt, one.rows, one.closed, one.charged) == (attempt, ("mug",), NOON + 5, 3)


def test_what_people_see_of_an_id_tells_attempts_apart() -> None:
    """Two attempts of the same second are shown differently."""
    assert len({unknowns.short(new_attempt()) for _ in range(1000)}) == 1000
