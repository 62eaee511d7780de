"""Budgets: what fits, what is denied, and the windows it is counted in."""

from __future__ import annotations

import sqlite3

import pytest

from imagegen.ledger import attempts
from imagegen.ledger.attempts import Granted
from imagegen.ledger.budgets import Budget, Denied, day_of, minute_of, now_of
from ledger.bookkeeping import CENT, DAY, HOUR, MINUTE, NOON, granted, reserve, totals


def spend(connection: sqlite3.Connection, name: str, amount: int = CENT, **more: object) -> None:
    """Buy one picture for `amount`."""
    attempt = granted(connection, name, most=amount, **more)
    attempts.sent(connection, attempt, NOON)
    attempts.close(connection, attempt, amount, "usage", NOON)


@pytest.mark.parametrize("scope", ["run", "hour", "day", "month"])
def test_a_budget_is_filled_to_the_last_nanodollar(books: sqlite3.Connection, scope: str) -> None:
    """What exactly fits is granted; one nanodollar more is denied with the figures."""
    budget = Budget(**{scope: 2 * CENT})
    spend(books, "first", budget=budget)

    assert reserve(books, "more", most=CENT + 1, budget=budget) == Denied(
        scope, 2 * CENT, CENT, 0, final=scope != "hour"
    )  # type: ignore[arg-type]
    assert isinstance(reserve(books, "second", budget=budget), Granted)
    assert reserve(books, "third", most=1, budget=budget) == Denied(scope, 2 * CENT, CENT, CENT, final=False)  # type: ignore[arg-type]


def test_a_denial_changes_nothing(books: sqlite3.Connection) -> None:
    """What is denied leaves no attempt, no claim and no total behind."""
    reserve(books, "mug", budget=Budget(day=1))

    assert totals(books) == {}
    assert books.execute("SELECT (SELECT COUNT(*) FROM attempts) + (SELECT COUNT(*) FROM claims)").fetchone() == (0,)


@pytest.mark.parametrize(
    ("scope", "amount", "final"),
    [
        ("run", 2 * CENT, True),
        ("day", 2 * CENT, True),
        ("month", 2 * CENT, True),
        ("hour", CENT, False),
        ("hour", CENT + 1, True),
    ],
)
def test_a_denial_is_final_when_waiting_cannot_help(
    books: sqlite3.Connection, scope: str, amount: int, final: bool
) -> None:
    """Spent money comes back only within an hour budget, and only for what fits into it at all."""
    budget = Budget(**{scope: CENT})
    spend(books, "mug", budget=budget)

    answer = reserve(books, "cup", most=amount, budget=budget)
    assert isinstance(answer, Denied)
    assert (answer.scope, answer.final) == (scope, final)


def test_reserved_money_may_come_free(books: sqlite3.Connection) -> None:
    """A denial because of money that is only reserved is not final, and a release makes room."""
    budget = Budget(day=CENT)
    held = granted(books, "mug", budget=budget)
    assert reserve(books, "cup", budget=budget) == Denied("day", CENT, 0, CENT, final=False)

    attempts.release(books, held, NOON, "not sent")
    assert isinstance(reserve(books, "cup", budget=budget), Granted)


def test_the_cheaper_charge_gives_the_difference_back(books: sqlite3.Connection) -> None:
    """A reservation settled for less leaves room for the next one."""
    budget = Budget(day=CENT)
    attempt = granted(books, "mug", budget=budget)
    attempts.sent(books, attempt, NOON)
    attempts.close(books, attempt, CENT // 4, "usage", NOON)

    assert isinstance(reserve(books, "cup", most=CENT - CENT // 4, budget=budget), Granted)


def test_a_run_budget_counts_one_run_and_a_day_budget_all(books: sqlite3.Connection) -> None:
    """Another run has its own run budget; the day's is shared by all runs of the home."""
    spend(books, "mug", run="one")
    assert isinstance(reserve(books, "cup", run="two", budget=Budget(run=CENT)), Granted)
    assert isinstance(reserve(books, "jug", run="two", budget=Budget(day=2 * CENT)), Denied)


def test_the_first_limit_that_binds_is_named(books: sqlite3.Connection) -> None:
    """With several limits the one that denies is named, not the others."""
    answer = reserve(books, "mug", budget=Budget(run=5 * CENT, hour=5 * CENT, day=CENT - 1, month=1))
    assert isinstance(answer, Denied)
    assert answer.scope == "day"


@pytest.mark.parametrize(
    ("later", "fits"),
    [
        (0, False),
        (59 * MINUTE, False),
        (HOUR - 1, False),
        (HOUR, False),
        (HOUR + MINUTE - 1, False),
        (HOUR + MINUTE, True),
    ],
)
def test_the_hour_is_any_sixty_minutes(books: sqlite3.Connection, later: float, fits: bool) -> None:
    """Money spent at the first second of a minute is counted until 61 minutes later: the oldest minute whole."""
    budget = Budget(hour=CENT)
    spend(books, "mug", clock=NOON)

    assert isinstance(reserve(books, "cup", budget=budget, clock=NOON + later), Granted) is fits


def test_money_spent_late_in_a_minute_is_counted_a_whole_hour(books: sqlite3.Connection) -> None:
    """No sixty minutes hold more than the budget, also when the money went at the last second of a minute."""
    spend(books, "mug", clock=NOON + 59.9)
    assert isinstance(reserve(books, "cup", budget=Budget(hour=CENT), clock=NOON + 59.9 + HOUR - 0.1), Denied)


@pytest.mark.parametrize(
    ("scope", "clock", "fits"),
    [
        ("day", NOON + DAY / 2 - 1, False),
        ("day", NOON + DAY / 2, True),
        ("month", NOON + 8 * DAY + DAY / 2 - 1, False),
        ("month", NOON + 8 * DAY + DAY / 2, True),
    ],
)
def test_days_and_months_begin_at_midnight_utc(books: sqlite3.Connection, scope: str, clock: float, fits: bool) -> None:
    """A day budget is new at 00:00 UTC, a month budget on the first of the month."""
    spend(books, "mug")
    assert isinstance(reserve(books, "cup", budget=Budget(**{scope: CENT}), clock=clock), Granted) is fits


def test_what_is_settled_tomorrow_counts_today(books: sqlite3.Connection) -> None:
    """A reservation settles in the windows it was made in, however late."""
    late = granted(books, "mug", clock=NOON)
    attempts.sent(books, late, NOON)
    attempts.close(books, late, CENT, "usage", NOON + 2 * DAY)

    assert totals(books)["day:2026-11-22"] == (0, CENT)
    assert isinstance(reserve(books, "cup", budget=Budget(day=CENT), clock=NOON + 2 * DAY), Granted)


@pytest.mark.parametrize("back", [MINUTE, 2 * HOUR, 40 * DAY])
@pytest.mark.parametrize("scope", ["hour", "day", "month"])
def test_a_clock_that_goes_back_brings_no_money(books: sqlite3.Connection, back: float, scope: str) -> None:
    """The ledger's time never goes back, so no window that was filled opens again."""
    spend(books, "mug", clock=NOON)
    assert isinstance(reserve(books, "cup", budget=Budget(**{scope: CENT}), clock=NOON - back), Denied)


def test_the_ledgers_time_never_goes_back(books: sqlite3.Connection) -> None:
    """now_of is the clock's time or the latest that was ever seen."""
    assert [now_of(books, clock) for clock in (NOON, NOON - DAY, NOON + 1.25, NOON)] == [
        NOON,
        NOON,
        NOON + 1.25,
        NOON + 1.25,
    ]


def test_windows_are_named_by_utc() -> None:
    """Minutes count from 1970, days are UTC dates."""
    assert (minute_of(119.9), day_of(NOON), day_of(NOON + DAY / 2)) == (1, "2026-11-22", "2026-11-23")


def test_a_budget_without_limits_is_none() -> None:
    """A budget of 0 is a limit; one without any limit counts as no budget."""
    assert not Budget()
    assert Budget(run=0)
