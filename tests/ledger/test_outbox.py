"""The outbox's lines: who may have which in hand, and when."""

from __future__ import annotations

import sqlite3

from imagegen.ledger import outbox, runs
from imagegen.ledger.outbox import KEPT, LEASE, Message
from ledger.bookkeeping import DAY, NOON


def put(books: sqlite3.Connection, *names: str, run: str = "run", clock: float = NOON, state: str = "made") -> None:
    """A message called each of `names`, about a row of that name."""
    for name in names:
        body = f'{{"data": {{"state": "{state}", "key": "key-{name}"}}}}'
        outbox.put(books, name, run, name, 0, f"https://{name}.example/", body, clock)


def due(books: sqlite3.Connection, until: float = NOON, but: tuple[str, ...] = ()) -> list[str]:
    return [message.id for message in outbox.due(books, until, but)]


def first(books: sqlite3.Connection, until: float = NOON) -> Message:
    return next(outbox.due(books, until))


def test_the_longest_due_comes_first(books: sqlite3.Connection) -> None:
    """What is due later, and what other runs have, stays out; a run's manifest is told with it."""
    runs.start(books, "run", "shop", "/shop/rows.csv", {}, NOON)
    put(books, "b", clock=NOON - 1)
    put(books, "a")
    put(books, "c", clock=NOON + 1)
    put(books, "d", run="other")
    assert due(books) == ["b", "a", "d"]
    assert due(books, but=("other",)) == ["b", "a"]
    assert due(books, NOON + 1) == ["b", "a", "d", "c"]
    assert [message.manifest for message in outbox.due(books, NOON)] == ["/shop/rows.csv", "/shop/rows.csv", ""]


def test_a_message_is_in_one_hand_only(books: sqlite3.Connection) -> None:
    """Of two who found the same, the first gets it; the other nothing, now and as long as the claim holds."""
    put(books, "a")
    found = first(books)
    assert outbox.claim(books, found, "one", NOON) is not None
    assert outbox.claim(books, found, "two", NOON) is None
    assert due(books, NOON + LEASE - 1) == []
    (held,) = outbox.messages(books, ["due"])
    assert (held.tries, held.in_hand) == (1, True)


def test_a_try_is_written_once(books: sqlite3.Connection) -> None:
    """Who lost his claim to another changes nothing any more."""
    put(books, "a")
    slow = first(books)
    outbox.claim(books, slow, "one", NOON)
    quick = first(books, NOON + LEASE)
    outbox.claim(books, quick, "two", NOON + LEASE)
    outbox.tried(books, slow, "given_up", NOON, "too slow")
    assert [message.state for message in outbox.messages(books, ["due", "given_up"])] == ["due"]
    outbox.tried(books, quick, "delivered", NOON)
    outbox.tried(books, quick, "due", NOON)
    assert [message.state for message in outbox.messages(books, ["due", "delivered"])] == ["delivered"]


def test_what_the_dead_had_in_hand_is_due(books: sqlite3.Connection) -> None:
    """Of one sender and no other; the try counts, for it may have arrived."""
    put(books, "a", "b", "c")
    for message, sender in zip(list(outbox.due(books, NOON)), ("one", "two", "one"), strict=True):
        outbox.claim(books, message, sender, NOON)
    assert sorted(outbox.senders(books)) == ["one", "two"]
    assert outbox.freed(books, "one", NOON) == 2
    assert sorted(due(books)) == ["a", "c"]
    assert [message.tries for message in outbox.due(books, NOON)] == [1, 1]
    assert outbox.senders(books) == ["two"]


def test_counting_reviving_and_forgetting(books: sqlite3.Connection) -> None:
    """What was given up can begin anew; what is over is forgotten after 30 days, what waits never is."""
    assert outbox.count(books) == outbox.Count(0, 0, None)
    put(books, "a", "b", "c")
    for message, state in zip(list(outbox.due(books, NOON)), ("given_up", "delivered", "due"), strict=True):
        outbox.claim(books, message, "one", NOON)
        outbox.tried(books, message, state, NOON + 5, "because")
    assert outbox.count(books) == outbox.Count(1, 1, NOON + 5)
    assert outbox.revived(books, NOON + 9) == 1
    assert outbox.count(books) == outbox.Count(2, 0, NOON + 5)
    assert [(message.id, message.tries) for message in outbox.messages(books, ["due"])] == [("a", 0), ("c", 1)]
    assert outbox.tidy(books, NOON + KEPT) == 0
    assert outbox.tidy(books, NOON + KEPT + DAY) == 1
    assert [message.id for message in outbox.messages(books, ["due", "delivered"])] == ["a", "c"]


def test_what_was_told_last(books: sqlite3.Connection) -> None:
    """By folder, whichever run told it."""
    for run, collection in (("old", "shop"), ("new", "shop"), ("far", "else")):
        runs.start(books, run, collection, "/m", {}, NOON)
    put(books, "a", run="old", state="unknown")
    body = '{"data": {"state": "made", "key": "k"}}'
    outbox.put(books, "a2", "new", "a", 0, "https://a.example/", body, NOON + 1)
    put(books, "b", run="far")
    assert outbox.told(books, "shop") == {("a", 0, "https://a.example/"): ("made", "k")}
