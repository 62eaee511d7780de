"""Attempts: the money and the claims of one call, against a model that counts exactly."""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from imagegen.ledger import attempts, unknowns
from imagegen.ledger.attempts import Bought, Claimed, Granted
from imagegen.ledger.budgets import Budget, Denied
from ledger.bookkeeping import CENT, HOUR, MINUTE, NOON, granted, open_books, recount, reserve, state_of, totals


@dataclass
class Known:
    """An attempt as the model has it. `time` in seconds, money in nanodollars."""

    id: str
    run: str
    time: float
    state: str
    reserved: int
    spent: int = 0

    @property
    def held(self) -> int:
        """What it takes of every budget it belongs to."""
        return self.reserved + self.spent


CAPS = st.one_of(st.none(), st.integers(0, 12))
AMOUNTS = st.integers(0, 4)


class Books(RuleBasedStateMachine):
    """Reserve, send, close and settle in any order at any time, and count along."""

    opened = Bundle("opened")
    unsure = Bundle("unsure")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.connection = open_books(Path(self.folder.name))
        self.connection.execute("PRAGMA synchronous=OFF")
        self.known: dict[str, Known] = {}
        self.clock = self.latest = NOON
        self.count = 0
        self.budget = Budget()

    def teardown(self) -> None:
        self.connection.close()
        self.folder.cleanup()

    @initialize(run=CAPS, hour=CAPS, day=CAPS, month=CAPS)
    def limits(self, run: int | None, hour: int | None, day: int | None, month: int | None) -> None:
        self.budget = Budget(run, hour, day, month)

    @rule(seconds=st.sampled_from([-7200, -60, 1, 59, 60, 1800, 3600, 3659, 43200, 86400]))
    def time_passes(self, seconds: int) -> None:
        self.clock += seconds

    @rule(target=opened, run=st.sampled_from(["one", "two"]), most=AMOUNTS, pictures=st.integers(1, 3))
    def reserve(self, run: str, most: int, pictures: int) -> object:
        self.latest = max(self.latest, self.clock)
        self.count += 1
        names = [f"{self.count}-{number}" for number in range(pictures)]
        amount = most * pictures
        expected = self._denied(run, amount)
        answer = reserve(self.connection, *names, most=most, run=run, budget=self.budget, clock=self.clock)
        assert (answer if isinstance(answer, Denied) else None) == expected
        if not isinstance(answer, Granted):
            return multiple()
        self.known[answer.attempt] = Known(answer.attempt, run, self.latest, "reserved", amount)
        return answer.attempt

    def _denied(self, run: str, amount: int) -> Denied | None:
        for scope in ("run", "hour", "day", "month"):
            limit = getattr(self.budget, scope)
            inside = [one for one in self.known.values() if self._inside(one, scope, run)]
            reserved, spent = sum(one.reserved for one in inside), sum(one.spent for one in inside)
            if limit is not None and reserved + spent + amount > limit:
                hopeless = spent + amount > limit if scope != "hour" else amount > limit
                return Denied(scope, limit, spent, reserved, hopeless)  # type: ignore[arg-type]
        return None

    def _inside(self, one: Known, scope: str, run: str) -> bool:
        if scope == "run":
            return one.run == run
        if scope == "hour":
            return one.time // MINUTE >= self.latest // MINUTE - 60
        return _window(one.time, scope) == _window(self.latest, scope)

    @rule(attempt=opened)
    def send(self, attempt: str) -> None:
        if self.known[attempt].state == "reserved":
            attempts.sent(self.connection, attempt, self.clock)
            self.known[attempt].state = "sent"
        else:
            with pytest.raises(ValueError, match="not waiting"):
                attempts.sent(self.connection, attempt, self.clock)

    @rule(attempt=opened)
    def accept(self, attempt: str) -> None:
        if self.known[attempt].state in ("sent", "accepted"):
            attempts.accepted(self.connection, attempt, f"job-{attempt}", None)
            self.known[attempt].state = "accepted"
        else:
            with pytest.raises(ValueError, match="not at a provider"):
                attempts.accepted(self.connection, attempt, "job", None)

    @rule(target=opened, attempt=consumes(opened))
    def again(self, attempt: str) -> object:
        following = f"{attempt}+"
        known = self.known[attempt]
        if known.state == "free":
            with pytest.raises(ValueError, match="over"):
                attempts.again(self.connection, attempt, following, self.clock, "busy")
            return multiple()
        attempts.again(self.connection, attempt, following, self.clock, "busy")
        self.known[following] = Known(following, known.run, known.time, "reserved", known.reserved)
        known.state, known.reserved = "free", 0
        return following

    @rule(attempt=consumes(opened), part=st.integers(0, 4))
    def charge(self, attempt: str, part: int) -> None:
        known = self.known[attempt]
        amount = known.reserved * part // 4
        attempts.close(self.connection, attempt, amount, "usage", self.clock)
        if known.state != "free":  # a close that comes too late changes nothing
            known.state, known.reserved, known.spent = "done", 0, amount

    @rule(attempt=consumes(opened))
    def free(self, attempt: str) -> None:
        attempts.close(self.connection, attempt, 0, "nothing", self.clock, "refused")
        self.known[attempt].state, self.known[attempt].reserved = "free", 0

    @rule(attempt=opened)
    def release(self, attempt: str) -> None:
        known = self.known[attempt]
        attempts.release(self.connection, attempt, self.clock, "stopped")
        if known.state == "reserved":
            known.state, known.reserved = "free", 0

    @rule(target=unsure, attempt=consumes(opened))
    def lose(self, attempt: str) -> object:
        known = self.known[attempt]
        attempts.close(self.connection, attempt, None, "unknown", self.clock, "cut off")
        if known.state == "free":
            return multiple()
        known.state, known.reserved, known.spent = "unknown", 0, known.reserved
        return attempt

    @rule(attempt=consumes(unsure), part=st.one_of(st.none(), st.integers(0, 4)))
    def settle(self, attempt: str, part: int | None) -> None:
        known = self.known[attempt]
        amount = None if part is None else known.spent * part // 4
        known.spent = unknowns.settle(self.connection, attempt, amount, self.clock)
        known.state = "done" if known.spent else "free"

    @invariant()
    def totals_are_sums_over_attempts(self) -> None:
        assert totals(self.connection) == recount(self.connection)

    @invariant()
    def attempts_are_as_counted_along(self) -> None:
        found = dict(self.connection.execute("SELECT id, state FROM attempts"))
        assert found == {one.id: one.state for one in self.known.values()}
        for scope, (reserved, spent) in totals(self.connection).items():
            if scope.startswith("run:"):
                inside = [one for one in self.known.values() if f"run:{one.run}" == scope]
                assert reserved + spent == sum(one.held for one in inside)

    @invariant()
    def no_budget_is_ever_exceeded(self) -> None:
        for scope, (reserved, spent) in totals(self.connection).items():
            limit = getattr(self.budget, scope.partition(":")[0], None)
            assert limit is None or reserved + spent <= limit
        if self.budget.hour is not None:
            for one in self.known.values():
                hour = sum(other.held for other in self.known.values() if one.time - HOUR < other.time <= one.time)
                assert hour <= self.budget.hour

    @invariant()
    def claims_belong_to_open_and_unknown_attempts(self) -> None:
        claimed = {attempt for (attempt,) in self.connection.execute("SELECT attempt FROM claims")}
        states = (*attempts.OPEN, "unknown")
        assert claimed == {one.id for one in self.known.values() if one.state in states}


def _window(time: float, scope: str) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d" if scope == "day" else "%Y-%m")


Books.TestCase.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestBooks = Books.TestCase


def test_a_key_is_claimed_once(books: sqlite3.Connection) -> None:
    """While an attempt is open its key is Claimed for everybody else, with its state."""
    attempt = granted(books, "mug")
    assert reserve(books, "mug") == Claimed("key-mug", attempt, "reserved")
    attempts.sent(books, attempt, NOON)
    assert reserve(books, "cup", "mug", run="other") == Claimed("key-mug", attempt, "sent")


def test_an_unknown_attempt_keeps_its_claim(books: sqlite3.Connection) -> None:
    """What may have been paid for is not bought again by itself."""
    attempt = granted(books, "mug")
    attempts.sent(books, attempt, NOON)
    attempts.close(books, attempt, None, "unknown", NOON, "cut off")
    assert reserve(books, "mug") == Claimed("key-mug", attempt, "unknown")


@pytest.mark.parametrize(("charged", "basis"), [(CENT, "usage"), (0, "nothing"), (0, "usage")])
def test_a_closed_attempt_lets_its_claim_go(books: sqlite3.Connection, charged: int, basis: str) -> None:
    """After a close with a known charge the key may be reserved again, unless the picture was bought."""
    attempt = granted(books, "mug")
    attempts.close(books, attempt, charged, basis, NOON)
    assert isinstance(reserve(books, "mug"), Granted)


def test_one_of_two_equal_keys_claims_nothing_for_the_other(books: sqlite3.Connection) -> None:
    """An attempt that meets a claimed key claims none of its own keys."""
    granted(books, "mug")
    assert isinstance(reserve(books, "cup", "mug"), Claimed)
    assert isinstance(reserve(books, "cup"), Granted)


@pytest.mark.parametrize("flaw", [None, "not a picture"])
def test_what_was_paid_for_is_not_bought_again(books: sqlite3.Connection, flaw: str | None) -> None:
    """A key in the books is Bought, with the picture's digest and its flaw; `anew` buys it all the same."""
    attempts.bought(books, "key-mug", "abc", "gpt-image-2", cost=CENT, clock=NOON, flaw=flaw)
    assert reserve(books, "mug") == Bought("key-mug", "abc", flaw)
    assert isinstance(reserve(books, "mug", anew=frozenset({"key-mug"})), Granted)


@pytest.mark.parametrize(
    ("charged", "basis", "state"),
    [(CENT, "usage", "done"), (0, "usage", "done"), (0, "nothing", "free"), (None, "unknown", "unknown")],
)
def test_close_says_how_it_ended(books: sqlite3.Connection, charged: int | None, basis: str, state: str) -> None:
    """A known charge is done, none at all is free, one that is not known is unknown."""
    attempt = granted(books, "mug")
    attempts.close(books, attempt, charged, basis, NOON, "why")
    assert state_of(books, attempt) == (state, CENT, charged)


@pytest.mark.parametrize("second", [None, 0, 3 * CENT])
def test_an_attempt_is_closed_once(books: sqlite3.Connection, second: int | None) -> None:
    """A second close changes neither the attempt nor the totals."""
    attempt = granted(books, "mug")
    attempts.close(books, attempt, CENT // 2, "usage", NOON)
    before = totals(books)
    attempts.close(books, attempt, second, "usage", NOON)
    assert (totals(books), state_of(books, attempt)) == (before, ("done", CENT, CENT // 2))


def test_release_spares_what_was_sent(books: sqlite3.Connection) -> None:
    """release gives back a reservation, and leaves one alone whose call went out."""
    waiting, gone = granted(books, "mug"), granted(books, "cup")
    attempts.sent(books, gone, NOON)
    for attempt in (waiting, gone):
        attempts.release(books, attempt, NOON, "stopped")
    assert [state_of(books, attempt)[0] for attempt in (waiting, gone)] == ["free", "sent"]
    assert totals(books)["day:2026-11-22"] == (CENT, 0)


def test_again_goes_on_with_the_same_money(books: sqlite3.Connection) -> None:
    """again frees the attempt and opens the next with its money, pictures, claims and windows."""
    attempt = granted(books, "mug", "cup")
    attempts.sent(books, attempt, NOON)
    before = totals(books)
    attempts.again(books, attempt, "next", NOON + 100_000, "too busy")

    assert (totals(books), recount(books)) == (before, before)
    assert state_of(books, attempt) == ("free", 0, 0)
    assert state_of(books, "next") == ("reserved", 2 * CENT, None)
    assert reserve(books, "mug") == Claimed("key-mug", "next", "reserved")
    (left,) = attempts.open_of(books, "run")
    assert [each.key for each in left.items] == ["key-cup", "key-mug"]
    assert books.execute("SELECT number FROM attempts WHERE id = 'next'").fetchone() == (2,)


@pytest.mark.parametrize("charged", [CENT, 0, None])
def test_nothing_follows_an_attempt_that_is_over(books: sqlite3.Connection, charged: int | None) -> None:
    """again refuses a closed attempt: its money is gone, or free for others."""
    attempt = granted(books, "mug")
    attempts.close(books, attempt, charged, "usage", NOON)
    with pytest.raises(ValueError, match="over"):
        attempts.again(books, attempt, "next", NOON, "late")
    assert totals(books) == recount(books)


def test_open_of_tells_what_a_run_left(books: sqlite3.Connection) -> None:
    """The open attempts of a run come with their state, job id and pictures; closed and foreign ones do not."""
    granted(books, "foreign", run="other")
    attempts.close(books, granted(books, "closed"), 0, "nothing", NOON)
    attempt = granted(books, "mug")
    attempts.sent(books, attempt, NOON)
    attempts.accepted(books, attempt, "job-1", "https://poll.example/1")

    (left,) = attempts.open_of(books, "run")
    assert (left.id, left.state, left.remote_id, left.poll_url) == (
        attempt,
        "accepted",
        "job-1",
        "https://poll.example/1",
    )
    assert [(each.key, each.most) for each in left.items] == [("key-mug", CENT)]
    assert sorted(attempts.left_behind(books)) == ["other", "run"]
