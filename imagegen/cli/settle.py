"""`imagegen settle ID --charged | --not-charged`: close unknown attempts once the provider's bill was read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from imagegen.domain.money import Nano
    from imagegen.ledger.unknowns import UnknownAttempt

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_LIST = "`imagegen unknown` lists them"


class Booked(NamedTuple):
    """An attempt that was settled, and what was booked for it (nanodollars)."""

    attempt: UnknownAttempt
    amount: Nano


@app.command(help="Close unknown attempts: charged or not charged.")
def settle(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID|ROW...", help="An attempt's id or a part of it, or a row's id."),
    ] = None,
    charged: Annotated[bool, typer.Option("--charged", help="The provider billed it.")] = False,
    not_charged: Annotated[bool, typer.Option("--not-charged", help="The provider did not bill it.")] = False,
    amount: Annotated[
        str | None, typer.Option(metavar="USD", help="What was billed [what was set aside for it].")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Settle every unknown attempt alike.")] = False,
) -> int:
    """Check, book, say what was booked."""
    from imagegen.domain.money import show

    booked = _settle(names or [], every, _charge(charged, not_charged, amount), single=amount is not None)
    for one in booked:
        _say(one)
    if len(booked) > 1:
        print(f"{len(booked)} attempts, {show(sum(one.amount for one in booked))}")  # noqa: T201
    if not booked:
        print("No unknown attempts.")  # noqa: T201
    else:
        print("Their pictures are still missing: the next run of the manifest buys them.")  # noqa: T201
    return 0


def _charge(charged: bool, not_charged: bool, amount: str | None) -> Nano | None:
    """What to book: an amount, 0, or None for all that was set aside. Raises UsageError."""
    from imagegen.domain.money import nano
    from imagegen.errors import UsageError

    if charged == not_charged:
        raise UsageError("say what became of it", "add --charged or --not-charged, one of them")
    if amount is None:
        return None if charged else 0
    if not_charged:
        raise UsageError("--amount goes with --charged", "leave it out")
    try:
        billed = nano(amount.removeprefix("$"))
    except ValueError as problem:
        raise UsageError(f"--amount: {problem}", "give US dollars, such as 0.04") from None
    if billed < 0:
        raise UsageError("--amount is negative", "give US dollars, such as 0.04")
    return billed


def _settle(names: Sequence[str], every: bool, charge: Nano | None, single: bool) -> list[Booked]:
    from imagegen.errors import UsageError
    from imagegen.ledger import Ledger
    from imagegen.settings import home_folder

    if bool(names) == every:
        raise UsageError("say which attempts to settle", f"give ids, or --all; {_LIST}")
    home = home_folder()
    if not (home / "ledger.db").exists():
        if every:
            return []
        raise UsageError(f"no unknown attempt is called {names[0]!r}: nothing was ever bought here")
    with closing(Ledger(home)) as ledger:
        ledger.take_over()  # what a dead run left open is unknown from now on
        return ledger.write(_booking(names, every, charge, single, ledger.clock()))


def _booking(
    names: Sequence[str], every: bool, charge: Nano | None, single: bool, clock: float
) -> Callable[[sqlite3.Connection], list[Booked]]:
    """The one transaction: all of them, or none when one name is wrong."""

    def book(connection: sqlite3.Connection) -> list[Booked]:
        from imagegen.errors import UsageError
        from imagegen.ledger import unknowns

        known = {one.attempt: one for one in unknowns.unknowns(connection)}
        chosen = list(known) if every else list(dict.fromkeys(_one(connection, name) for name in names))
        if single and len(chosen) > 1:
            raise UsageError("--amount is what one attempt was billed", "settle them one by one")
        return [Booked(known[each], unknowns.settle(connection, each, charge, clock)) for each in chosen]

    return book


def _one(connection: sqlite3.Connection, name: str) -> str:
    """The attempt that `name` means. Raises UsageError when it is none or several."""
    from imagegen.errors import UsageError
    from imagegen.ledger import unknowns

    found = unknowns.matching(connection, name)
    if not found:
        raise UsageError(f"no unknown attempt is called {name!r}", _LIST)
    if len(found) > 1:
        ids = ", ".join(map(unknowns.short, found[:5])) + (", …" if len(found) > 5 else "")
        raise UsageError(f"{name!r} is {len(found)} unknown attempts: {ids}", "give one id")
    return found[0]


def _say(one: Booked) -> None:
    from imagegen.cli.say import visible
    from imagegen.cli.unknown import rows
    from imagegen.domain.money import show
    from imagegen.ledger.unknowns import short

    what = f"charged, {show(one.amount)} booked" if one.amount else f"not charged, {show(one.attempt.most)} came free"
    print(visible(f"{short(one.attempt.attempt)} ({rows(one.attempt.rows)}): {what}"))  # noqa: T201
