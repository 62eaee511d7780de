"""What a check of models found, in words and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from imagegen.cli.model_check import place_of

if TYPE_CHECKING:
    from imagegen.checking import Check
    from imagegen.modelcheck import Finding, Level

#: So many lists are named.
LISTS = 4


def print_table(check: Check) -> None:
    """What is to be known, a model each, and last the sum."""
    from imagegen.cli.sheet import cell, put, sheet

    table = sheet("", "", "", keep=[""])
    table.columns[2].no_wrap = False
    for word, name, lines in _entries(check):
        table.add_row(cell(word, style=_STYLES.get(word, "")), cell(name), cell(*lines))
    if table.row_count:
        put(table, "")
    for line in closing(check):
        put(cell(line))


def plain_lines(check: Check) -> Iterator[str]:
    """The same, a line each."""
    for word, name, lines in _entries(check):
        yield f"{word}: {name}: {'; '.join(lines)}"
    yield from closing(check)


_STYLES = {"retired": "bold red", "warning": "bold yellow", "notice": "yellow"}


def name_of(finding: Finding) -> str:
    """The model, and who serves it where several do."""
    several = len(finding.model.offers) > 1
    return f"{finding.model.name} on {finding.offer.provider}" if several else finding.model.name


def _entries(check: Check) -> Iterator[tuple[str, str, list[str]]]:
    """What is to be known: a word for it, what it is about, and sentences."""
    for finding in check.found:
        if finding.level != "fine" or finding.remarks:
            word = finding.level if finding.level != "fine" else "remark"
            said = (_ending(finding), *finding.remarks, *_who(finding), *_then(finding))
            yield word, name_of(finding), [part for part in said if part]
    old = sorted(
        (each for each in check.found if each.price_days is not None), key=lambda each: -(each.price_days or 0)
    )
    for days, same in groupby(old, key=lambda each: each.price_days):
        yield _old_prices(days or 0, list(same))


def _old_prices(days: int, found: list[Finding]) -> tuple[str, str, list[str]]:
    """Prices that were read on one day: a single one with its source, several by name."""
    price = found[0].offer.price
    read = f"read {price.read_on}, {days} days ago" if price else ""
    if len(found) == 1 and price:
        return "old price", name_of(found[0]), [f"{read}: {price.source}"]
    return "old prices", read.partition(",")[0], [f"{days} days ago: {', '.join(map(name_of, found))}"]


def _ending(finding: Finding) -> str:
    """ "shuts down 2026-12-01, in 9 days; then use X"."""
    if finding.level == "fine" or (finding.level == "notice" and finding.day is None):
        return ""
    left = finding.days_left
    if finding.level != "later" and (left is None or left <= 0):
        said, then = f"was shut down {finding.day}" if finding.day else "is retired", "use"
    else:
        in_days = f", in {left:,} day{'' if left == 1 else 's'}" if left is not None else ""
        said = f"shuts down {finding.day}{in_days}" if finding.day else "will be shut down, no day is known"
        then = "then use"
    return f"{said}; {then} {finding.successor}" if finding.successor else said


def _who(finding: Finding) -> Iterator[str]:
    """The rows and lists that count on it."""
    use = finding.use
    if use.rows:
        first = ", ".join(f"{name} ({place_of(place)})" for name, place in use.first)
        more = f" and {use.rows - len(use.first):,} more" if use.rows > len(use.first) else ""
        yield f"{use.rows:,} row{'' if use.rows == 1 else 's'}: {first}{more}"
    if use.made:
        yield f"{use.made:,} row{'' if use.made == 1 else 's'} made already"
    if use.lists:
        more = f" and {len(use.lists) - LISTS} more" if len(use.lists) > LISTS else ""
        yield f"in {', '.join(use.lists[:LISTS])}{more}"


def _then(finding: Finding) -> Iterator[str]:
    """What the routes do with rows that name no model."""
    for name, rows in finding.then.items():
        who = f"{rows:,} row{'' if rows == 1 else 's'}"
        yield f"then {name} makes {who}" if name else f"then no model of the routes can make {who}"


def closing(check: Check) -> Iterator[str]:
    """The sum, and whose dates they are."""
    from imagegen.modelcheck.dates import count

    totals, old = count(check.found), sum(finding.price_days is not None for finding in check.found)
    said = [f"{totals[level]} {word}" for level, word in _WORDS.items() if totals[level]]
    said += [f"{old} old price{'' if old == 1 else 's'}"] if old else []
    models = len({finding.model.name for finding in check.found})
    counted = f"{models} model{'' if models == 1 else 's'}"
    if said and totals["fine"]:
        said.append(f"{totals['fine']} in service")
    yield (
        f"{check.what} on {check.today}: {counted}: {', '.join(said) or 'all in service'}"
        if models
        else (f"{check.what}: no model is to be asked")
    )
    if check.announced and check.announced.dates:
        yield f"Dates are those of the catalogue and of {check.announced.host}."


_WORDS: dict[Level, str] = {"retired": "retired", "warning": "within 7 days", "notice": "to note", "later": "later"}
