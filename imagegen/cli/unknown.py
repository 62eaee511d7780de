"""`imagegen unknown`: pictures that may have been charged and never arrived."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagegen.cli import say
from imagegen.domain.words import counted

if TYPE_CHECKING:
    from imagegen.ledger.unknowns import Settled, UnknownAttempt

app = typer.Typer(add_completion=False, rich_markup_mode=None)

#: So many characters of row ids are shown; the first id always is.
ROOM = 13


@app.command(help="List pictures that may have been charged and never arrived. Ends with 6 when there are some.")
def unknown(
    also_settled: Annotated[bool, typer.Option("--all", help="Also list what was settled already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")] = False,
) -> int:
    """Look, list, say what can be done."""
    from imagegen.errors import Exit
    from imagegen.ledger import schema, unknowns
    from imagegen.settings import home_folder

    home = home_folder()
    answers = take_stock(home)
    with schema.looking(home / "ledger.db") as connection:
        found = list(unknowns.unknowns(connection)) if connection else []
        settled = list(unknowns.settled(connection)) if connection and also_settled else []
    if as_json:
        _print_json(found, settled)
    else:
        _print_settled(settled)
        _print_unknown(found, answers)
    return Exit.UNKNOWN if found else Exit.OK


def take_stock(home: Path) -> int:
    """Close the books on what dead runs left open. Returns how many of their answers the next run will collect."""
    from imagegen.ledger import Ledger

    if not (home / "ledger.db").exists():
        return 0
    with closing(Ledger(home)) as ledger:
        return sum(len(left.items) for left in ledger.take_over())


def _print_unknown(found: Sequence[UnknownAttempt], answers: int) -> None:
    from imagegen.cli.sheet import put
    from imagegen.domain.money import show

    if answers:
        waiting = counted(answers, "picture")
        say.note(f"{waiting} of an interrupted run can still be collected; the next run does, for nothing")
    if not found:
        put("No unknown attempts.")
        return
    for folder in dict.fromkeys(one.folder for one in found):
        _print_folder(folder, [one for one in found if one.folder == folder])
    total, pictures = sum(one.most for one in found), sum(len(one.rows) for one in found)
    charged = (
        "It was sent, no answer came, and it may have been"
        if pictures == 1
        else "They were sent, no answer came, and they may have been"
    )
    put(f"{counted(pictures, 'picture')}, at most {show(total)}. {charged} charged. The money stays counted as spent.")
    put("", "Look for them in your provider's usage or bill, then:")
    put("imagegen settle ID --charged         found there: book it as spent", indent=2)
    put("imagegen settle ID --not-charged     not there: the money comes free", indent=2)
    put("imagegen resume --retry-unknown      do not look, buy again", indent=2)


def _print_folder(folder: str, found: Sequence[UnknownAttempt]) -> None:
    from imagegen.cli.sheet import cell, put, sheet
    from imagegen.domain.money import show
    from imagegen.ledger.unknowns import short

    table = sheet(
        "ID", "Sent (UTC)", "Asked of", "Rows", "At most", right=("At most",), keep=("ID", "Sent (UTC)", "At most")
    )
    for one in found:
        asked = f"{one.provider}/{one.model}"
        table.add_row(cell(short(one.attempt)), cell(when(one.sent)), cell(asked), cell(rows(one.rows)), show(one.most))
    put(cell(f"In {folder}" if folder else "In a folder that is not known any more", style="bold"), table, "")


def _print_settled(settled: Sequence[Settled]) -> None:
    from imagegen.cli.sheet import cell, put, sheet
    from imagegen.domain.money import show
    from imagegen.ledger.unknowns import short

    if not settled:
        return
    keep = ("ID", "Settled (UTC)", "Booked")
    table = sheet("ID", "Settled (UTC)", "Asked of", "Rows", "Booked", right=("Booked",), keep=keep)
    for one in settled:
        asked = f"{one.provider}/{one.model}"
        table.add_row(
            cell(short(one.attempt)), cell(when(one.closed)), cell(asked), cell(rows(one.rows)), show(one.charged)
        )
    put(cell("Settled", style="bold"), table, "")


def _print_json(found: Sequence[UnknownAttempt], settled: Sequence[Settled]) -> None:
    from imagegen.domain.money import plain

    lines: list[dict[str, Any]] = [
        {"attempt": one.attempt, "state": "unknown", "sent": iso(one.sent), "provider": one.provider}
        | {"model": one.model, "rows": list(one.rows), "at_most_usd": plain(one.most), "reason": one.reason}
        | {"folder": one.folder or None}
        for one in found
    ]
    lines += [
        {"attempt": one.attempt, "state": "settled", "sent": iso(one.sent), "provider": one.provider}
        | {"model": one.model, "rows": list(one.rows), "charged_usd": plain(one.charged), "settled": iso(one.closed)}
        for one in settled
    ]
    for line in lines:
        say.event(line)


def rows(ids: Sequence[str]) -> str:
    """Row ids in a few words: "mug, cup and 4 more"."""
    named = list(ids[:1])
    for each in ids[1:]:
        if len(", ".join([*named, each])) > ROOM:
            return f"{', '.join(named)} and {len(ids) - len(named)} more"
        named.append(each)
    return ", ".join(named)


def when(seconds: float | None) -> str:
    """A time for people, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M") if seconds is not None else ""


def iso(seconds: float | None) -> str | None:
    """A time for machines."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds is not None else None
