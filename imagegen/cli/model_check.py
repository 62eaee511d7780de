"""`imagegen models check`: how what was found is printed, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

from imagegen.cli import look, say
from imagegen.errors import Exit, UsageError

if TYPE_CHECKING:
    from imagegen.checking import Check
    from imagegen.modelcheck import Finding


def day(text: str | None) -> date | None:
    """The day given as --today. Raises UsageError."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"--today: {text!r} is no date", "write it as 2026-12-01") from None


def exit_code(check: Check, strict: bool) -> Exit:
    """3 with `strict` when a model in use is shut down, 0 otherwise."""
    return Exit.SOME_FAILED if strict and check.retired else Exit.OK


def show(check: Check, strict: bool, diff: bool) -> None:
    """For people. With `diff` stdout holds the patch and nothing else."""
    from imagegen.cli import check_words

    if not diff:
        check_words.print_table(check)
    else:
        for line in check_words.plain_lines(check):
            say.info(line)
        _print_patch(check.diff)
    look.say_notes((*check.notes, *check.proposals))
    if strict and check.retired:
        many = "models in use are" if check.retired > 1 else "model in use is"
        say.error(f"{check.what}: {check.retired} {many} shut down; {check.todo}")


def _print_patch(patch: bytes) -> None:
    """To a file or pipe the very bytes; to a terminal nothing that it would obey."""
    sys.stdout.flush()
    if sys.stdout.isatty():
        for line in patch.decode("utf-8", "replace").splitlines():
            print(say.visible(line))  # noqa: T201
    else:
        sys.stdout.buffer.write(patch)
        sys.stdout.buffer.flush()


def as_json(check: Check, strict: bool, diff: bool) -> Iterable[dict[str, Any]]:
    """A line for each model, the patch, and last the whole."""
    from imagegen.modelcheck.dates import count

    yield from map(_event, check.found)
    if diff:
        yield {"event": "diff", "patch": check.diff.decode("utf-8", "replace"), "notes": list(check.proposals)}
    asked = check.announced
    yield {
        "event": "check",
        "exit_code": int(exit_code(check, strict)),
        "of": check.what,
        "today": check.today.isoformat(),
        "models": len({finding.model.name for finding in check.found}),
        **{str(level): number for level, number in count(check.found).items()},
        "old_prices": sum(finding.price_days is not None for finding in check.found),
        "asked": asked.host if asked and not asked.trouble else None,
        "notes": list(check.notes),
    }


def _event(finding: Finding) -> dict[str, Any]:
    use, price = finding.use, finding.offer.price
    return {
        "event": "model",
        "model": finding.model.name,
        "provider": finding.offer.provider,
        "level": finding.level,
        "shutdown_on": finding.day.isoformat() if finding.day else None,
        "days_left": finding.days_left,
        "replaced_by": finding.successor,
        "rows": use.rows,
        "named": use.named,
        "made": use.made,
        "first": [{"id": name, "place": place_of(place)} for name, place in use.first],
        "lists": use.lists,
        "then": {name: rows for name, rows in finding.then.items() if name},
        "stranded": finding.then.get("", 0),
        "price_read_on": price.read_on.isoformat() if price else None,
        "price_days": finding.price_days,
        "remarks": list(finding.remarks),
    }


def place_of(place: Iterable[Any]) -> str:
    """ "file:line:column"."""
    return ":".join(str(part) for part in place if part)
