"""`imagegen runs list` and `imagegen runs show RUN`: what was run, what became of it, and how to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagegen.cli import say
from imagegen.domain.words import pictures

if TYPE_CHECKING:
    from imagegen.ledger.history import Past

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Earlier runs: what became of them, what they cost, and how to go on.",
)

AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")]

#: An exit code in two words, for the list.
SHORT = {
    0: "all there", 1: "a bug", 2: "not begun", 3: "some failed", 4: "budget", 5: "provider", 6: "unknown",
    7: "storage", 8: "locked", 9: "waiting", 130: "interrupted", 143: "terminated",
}  # fmt: skip

#: So many columns give room for more than the most important.
WIDE = 100

#: Where the second column of `show` begins.
INDENT = 15

_ORDER = ("made", "cached", "kept", "refused", "failed", "unknown", "waiting", "skipped", "todo")
_NAMES = {"kept": "already there", "cached": "from the cache", "todo": "not reached"}


@app.command("list", help="The last runs of this home, the newest first.")
def list_runs(
    most: Annotated[int, typer.Option("--number", "-n", min=1, help="How many runs.")] = 20, as_json: AsJson = False
) -> int:
    """Look, list."""
    from imagegen.ledger import history, schema
    from imagegen.settings import home_folder

    home = home_folder()
    with schema.looking(home / "ledger.db") as connection:
        found = list(history.latest(connection, home / "runs", most)) if connection else []
        there = history.count(connection) if connection else 0
    if as_json:
        for past in found:
            say.event(as_event(past))
    else:
        _print_list(found, there)
    return 0


@app.command("show", help="Everything about one run.")
def show_run(
    run: Annotated[str, typer.Argument(help="A run's id, how it begins, or last.", show_default=False)],
    as_json: AsJson = False,
) -> int:
    """Find, print."""
    from imagegen.errors import UsageError
    from imagegen.ledger import history, schema
    from imagegen.settings import home_folder

    home = home_folder()
    with schema.looking(home / "ledger.db") as connection:
        if connection is None or not history.count(connection):
            raise UsageError("nothing was run in this home yet", "imagegen run MANIFEST starts a run")
        if run == "last":
            found = list(history.latest(connection, home / "runs", 1))
        else:
            found = history.beginning_with(connection, home / "runs", run) if run else []
    if not found:
        raise UsageError(f"no run is called {run!r}", "`imagegen runs list` has their ids")
    if len(found) > 1:
        ids = ", ".join(past.id for past in found[:5]) + (", …" if len(found) > 5 else "")
        raise UsageError(f"{run!r} is how several runs begin: {ids}", "give more of the id")
    if as_json:
        say.event(as_event(found[0]))
    else:
        _print_one(found[0])
    return 0


def as_event(past: Past) -> dict[str, Any]:
    """A run for machines. Money in USD as text, times in UTC."""
    from imagegen.cli.unknown import iso
    from imagegen.domain.money import plain
    from imagegen.ledger.history import going_on

    return {
        "run": past.id,
        "state": past.state,
        "started": iso(past.started),
        "ended": iso(past.ended),
        "manifest": past.manifest,
        "output": past.folder or None,
        "exit_code": past.exit_code,
        "meaning": _meaning(past),
        "stopped_by": past.stopped_by,
        "counts": past.counts,
        "estimated_usd": None if past.estimated is None else plain(past.estimated),
        "spent_usd": plain(past.charged),
        "unknown": past.unknown,
        "unknown_at_most_usd": plain(past.unknown_at_most),
        "open": past.open,
        "later": past.later,
        "next": going_on(past),
    }


def _print_list(found: list[Past], there: int) -> None:
    from pathlib import Path

    from imagegen.cli.sheet import cell, put, sheet, width
    from imagegen.cli.unknown import when
    from imagegen.domain.money import show

    if not found:
        put("Nothing was run in this home yet.")
        return
    columns = ["Run", "Started (UTC)", "Manifest", "End", "Pictures", "Estimated", "Spent", "Unknown"]
    shown = [name for name in columns if width() >= WIDE or name not in ("Estimated", "Unknown")]
    figures = ("Pictures", "Estimated", "Spent", "Unknown")
    table = sheet(*shown, right=figures, keep=("Run", "Started (UTC)", "End", *figures))
    for past in found:
        cells = {
            "Run": past.id,
            "Started (UTC)": when(past.started),
            "Manifest": Path(past.manifest).name,
            "End": f"{past.exit_code} {SHORT.get(past.exit_code or 0, '')}" if past.state == "ended" else past.state,
            "Pictures": _there(past),
            "Estimated": "" if past.estimated is None else show(past.estimated),
            "Spent": show(past.charged),
            "Unknown": f"≤ {show(past.unknown_at_most)}" if past.unknown else "",
        }
        table.add_row(*(cell(cells[name]) if cells[name] else "" for name in shown))
    put(table)
    doubt = sum(past.unknown for past in found)
    if doubt:
        at_most = show(sum(past.unknown_at_most for past in found))
        put(f"Unknown: {pictures(doubt)}, possibly charged, at most {at_most}. List: imagegen unknown")
    if there > len(found):
        put(f"… and {there - len(found):,} earlier; -n {there} lists them all")


def _there(past: Past) -> str:
    from imagegen.domain.result import PRESENT

    whole = sum(past.counts.values())
    return f"{sum(past.counts.get(state, 0) for state in PRESENT):,} of {whole:,}" if whole else ""


def _print_one(past: Past) -> None:
    from textwrap import wrap

    from imagegen.cli.sheet import cell, put, width

    put(cell(f"Run {past.id}", style="bold"))
    for name, text in _facts(past):
        room, begin = max(20, width() - INDENT), name
        for line in text.split("\n"):
            # Words are broken nowhere: a path or a command can be copied.
            for piece in wrap(say.visible(line), room, break_long_words=False, break_on_hyphens=False):
                print(f"{begin:<{INDENT}}{piece}")  # noqa: T201
                begin = ""


def _facts(past: Past) -> list[tuple[str, str]]:
    from imagegen.cli.unknown import when
    from imagegen.domain.money import show
    from imagegen.ledger.history import going_on
    from imagegen.report.tally import duration

    ended = f"{when(past.ended)}, after {duration(past.ended - past.started)}" if past.ended else ""
    at_work = f"process {past.pid} on {past.host}" if past.state == "running" else ""
    counts = ", ".join(f"{past.counts[each]:,} {_NAMES.get(each, each)}" for each in _ORDER if past.counts.get(each))
    doubt = f"{pictures(past.unknown)}, at most {show(past.unknown_at_most)}, possibly charged" if past.unknown else ""
    out = f"{pictures(past.open)}, not counted as spent yet" if past.open else ""
    # A run that died in the middle of its planning has only begun to know what it would cost.
    estimated = "" if past.estimated is None else show(past.estimated)
    facts = [
        ("Manifest", past.manifest),
        ("Folder", past.folder),
        ("Started (UTC)", when(past.started)),
        ("Ended (UTC)", ended),
        ("State", _meaning(past) if past.exit_code is None else f"exit code {past.exit_code}: {_meaning(past)}"),
        ("At work", at_work),
        ("Stopped by", past.stopped_by or ""),
        ("Pictures", counts),
        ("Estimated", estimated),
        ("Spent", show(past.charged)),
        ("Unknown", doubt),
        ("Still out", out),
        ("Later run", f"{past.later} went on in this folder" if past.later else ""),
        ("Go on with", "\n".join(going_on(past))),
    ]
    return [(name, text) for name, text in facts if text]


def _meaning(past: Past) -> str:
    from imagegen.ledger.history import MEANING

    if past.state == "running":
        return "running"
    if past.state == "died":
        return "died: it was killed, or its machine went down"
    return {int(code): said for code, said in MEANING.items()}.get(past.exit_code or 0, "")
