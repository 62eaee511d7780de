"""`imagegen spend`: what was spent, by day, model, provider, tag or run, against what was estimated."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from imagegen.cli import say
from imagegen.domain.words import pictures

if TYPE_CHECKING:
    from imagegen.domain.money import Nano
    from imagegen.ledger.spending import Span, Spent

app = typer.Typer(add_completion=False, rich_markup_mode=None)

By = Literal["day", "month", "model", "provider", "tag", "run"]

#: So many columns give room for more than the figures.
WIDE = 100

#: Run -> what stands beside its id: its manifest's path and the time of its start.
Runs = Mapping[str, tuple[str, float]]


@app.command(help="What was spent, against what was estimated. Days are UTC.")
def spend(
    by: Annotated[By, typer.Option(help="How to group it.")] = "day",
    since: Annotated[str | None, typer.Option(metavar="DATE", help="From this day on: 2026-11-22, or 2026-11.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="To this day or month, included.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="A CSV on stdout, a line for each group.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")] = False,
) -> int:
    """Look, add up, print."""
    from imagegen.errors import UsageError
    from imagegen.ledger import schema, spending
    from imagegen.settings import home_folder

    if as_csv and as_json:
        raise UsageError("--csv and --json are two forms of the same", "choose one")
    span = _span(since, until)
    groups, total, keeps, runs = dict[str, "Spent"](), spending.Spent(), True, dict[str, tuple[str, float]]()
    with schema.looking(home_folder() / "ledger.db") as connection:
        if connection is not None:
            connection.execute("BEGIN")  # one moment for both: a run may be at work
            groups, total = spending.by(connection, by, span), spending.total(connection, span)
            keeps = spending.keeps_tags(connection)
            if by == "run":
                runs = {each[0]: each[1:] for each in spending.names_of_runs(connection)}
    if as_csv:
        _print_csv(by, groups, runs)
    elif as_json:
        for name, spent in groups.items():
            say.event({"event": "group", "by": by, by: name, **_about(name, runs), **_figures(spent)})
        limits = {"since": _iso(span.since), "until": _iso(span.until)}
        say.event({"event": "spend", "by": by, **limits, **_figures(total)})
    else:
        _print(by, groups, total, runs, keeps)
    return 0


def _span(since: str | None, until: str | None) -> Span:
    from imagegen.errors import UsageError
    from imagegen.ledger.spending import Span

    first, last = _day("--since", since, 0), _day("--until", until, 1)
    if first and last and first > last:
        raise UsageError(f"--since {since} is after --until {until}", "exchange them")
    return Span(first, last)


def _day(option: str, text: str | None, end: int) -> date | None:
    """The day that `text` names; of a month the first or, with `end`, the last. Raises UsageError."""
    import calendar
    import re

    from imagegen.errors import UsageError

    if text is None:
        return None
    match = re.fullmatch(r"(\d{4})-(\d\d)(?:-(\d\d))?", text.strip(), re.ASCII)
    try:
        if match is None:
            raise ValueError
        year, month = int(match[1]), int(match[2])
        last = calendar.monthrange(year, month)[1]
        return date(year, month, int(match[3] or (last if end else 1)))
    except ValueError:  # IllegalMonthError is one
        raise UsageError(f"{option} {text!r} is no date", "write it as 2026-11-22, or 2026-11 for a month") from None


def _figures(spent: Spent) -> dict[str, Any]:
    from imagegen.domain.money import plain

    return {
        "pictures": spent.pictures,
        "estimated_usd": plain(spent.estimated),
        "charged_usd": plain(spent.charged),
        "difference_usd": plain(spent.difference),
        "assumed_usd": plain(spent.assumed),
        "unknown": spent.unknown,
        "unknown_at_most_usd": plain(spent.unknown_at_most),
        "open": spent.open,
        "open_at_most_usd": plain(spent.open_at_most),
    }


def _about(run: str, runs: Runs) -> dict[str, Any]:
    from imagegen.cli.unknown import iso

    return {"manifest": runs[run][0], "started": iso(runs[run][1])} if run in runs else {}


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _print_csv(by: By, groups: Mapping[str, Spent], runs: Runs) -> None:
    import csv

    from imagegen.ledger.spending import Spent
    from imagegen.report.tables import encodable, guard

    about = ["manifest", "started"] if by == "run" else []
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow([by, *about, *_figures(Spent())])
    for name, spent in groups.items():
        beside = _about(name, runs)
        cells = [guard(encodable(str(beside.get(each, "")))) for each in about]
        table.writerow([guard(encodable(name)), *cells, *_figures(spent).values()])


def _print(by: By, groups: Mapping[str, Spent], total: Spent, runs: Runs, keeps: bool) -> None:
    from imagegen.cli.sheet import cell, put, sheet, width
    from imagegen.cli.unknown import when

    if total.nothing:
        put("Nothing was spent.")
        return
    wide = width() >= WIDE
    title = {"day": "Day (UTC)", "month": "Month (UTC)"}.get(by, by.capitalize())
    beside = ["Manifest", "Started (UTC)"][: 2 if wide else 1] if by == "run" else []
    figures = ["Pictures", "Estimated", "Charged", "Difference", *(["Unknown"] if total.unknown else [])]
    keep = ("Run", "Started (UTC)", "Day (UTC)", "Month (UTC)", *figures)
    table = sheet(title, *beside, *figures, right=figures, keep=keep)
    for name, spent in [*groups.items(), ("Total", total)]:
        style = "bold" if spent is total else ""
        about = [Path(runs[name][0]).name, when(runs[name][1])] if name in runs else ["", ""]
        cells = [name, *about[: len(beside)], *_cells(spent, wide)[: len(figures)]]
        table.add_row(*(cell(text, style=style) if text else "" for text in cells))
    put(table)
    for line in _remarks(by, groups, total, keeps):
        put(cell(line))


def _cells(spent: Spent, wide: bool) -> list[str]:
    from imagegen.domain.money import show

    unknown = f"{spent.unknown:,}: ≤ {show(spent.unknown_at_most)}" if spent.unknown else ""
    return [f"{spent.pictures:,}", show(spent.estimated), show(spent.charged), _difference(spent, wide), unknown]


def _difference(spent: Spent, wide: bool) -> str:
    """What was charged beyond the estimate, with its sign and, where there is room, in per cent of the estimate."""
    from imagegen.domain.money import show

    if not spent.difference:
        return show(0)
    sign = "+" if spent.difference > 0 else ""
    percent = f" ({_percent(spent.difference, spent.estimated)})" if spent.estimated and wide else ""
    return f"{sign}{show(spent.difference)}{percent}"


def _percent(part: Nano, whole: Nano) -> str:
    tenths = (2000 * part + whole) // (2 * whole)
    return f"{tenths / 10:+.1f} %"


def _remarks(by: By, groups: Mapping[str, Spent], total: Spent, keeps: bool) -> list[str]:
    """What a reader of the figures should know."""
    from imagegen.domain.money import show
    from imagegen.ledger.spending import UNRECORDED

    said = []
    if total.assumed:
        said.append(f"{show(total.assumed)} of what was charged is what was set aside: no answer named a price.")
    if total.unknown:
        said.append(
            f"Unknown: {pictures(total.unknown)}, possibly charged on top, at most {show(total.unknown_at_most)}:"
            " imagegen unknown"
        )
    if total.open:
        said.append(
            f"Not closed: {pictures(total.open)}, at most {show(total.open_at_most)}, of a run that is at work or died"
            " (imagegen unknown closes the books of what died)."
        )
    if (
        by == "tag"
        and sum(spent.pictures + spent.unknown for spent in groups.values()) > total.pictures + total.unknown
    ):
        said.append("Tags overlap: a picture with several tags counts under each, in the total once.")
    if by == "tag" and (not keeps or UNRECORDED in groups):
        said.append("Tags not recorded: bought by an earlier version of imagegen, which did not keep them.")
    return said
