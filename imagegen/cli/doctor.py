"""`imagegen doctor [MANIFEST]`: what is there, what is missing, and what mends it."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagegen.cli import say

if TYPE_CHECKING:
    from imagegen.doctor import Finding

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Manifest = Annotated[Path | None, typer.Argument(help="A manifest, to see whether its rows can be made.")]
Online = Annotated[bool, typer.Option("--online", help="Ask each provider one question that costs nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")]

_COLOURS = {"ok": "32", "note": "33", "problem": "31;1"}
_INDENT = 20


@app.command(help="Is everything in place? What is missing, and what mends it.")
def doctor(manifest: Manifest = None, online: Online = False, as_json: AsJson = False) -> int:
    """Look, print as it comes, add up."""
    from imagegen.doctor import examine
    from imagegen.errors import Exit

    count = {"ok": 0, "note": 0, "problem": 0}
    for finding in examine(manifest, online_too=online):
        count[finding.state] += 1
        if as_json:
            say.event(_event(finding))
        else:
            print(_line(finding))  # noqa: T201
    code = Exit.USAGE if count["problem"] else Exit.OK
    if as_json:
        say.event({"event": "doctor", "exit_code": int(code), "notes": count["note"], "problems": count["problem"]})
    else:
        print(f"\n{_verdict(count['problem'])}")  # noqa: T201
    return code


def _event(finding: Finding) -> dict[str, Any]:
    return {
        "event": "finding",
        "state": finding.state,
        "about": finding.about,
        "text": finding.text,
        "mend": finding.mend or None,
    }


def _line(finding: Finding) -> str:
    """The state, what it is about, and what was seen; in a terminal broken between words where it ends."""
    said = say.visible(f"{finding.text}; {finding.mend}" if finding.mend else finding.text)
    head = f"{finding.state:<9}{finding.about:<11}"
    if not sys.stdout.isatty():
        return f"{head}{said}"
    room = max(40, shutil.get_terminal_size().columns)
    text = textwrap.fill(
        said, room, initial_indent=" " * _INDENT, subsequent_indent=" " * _INDENT, break_on_hyphens=False
    )
    state = f"\x1b[{_COLOURS[finding.state]}m{finding.state:<9}\x1b[0m"
    return f"{state}{finding.about:<11}{text[_INDENT:]}"


def _verdict(problems: int) -> str:
    if not problems:
        return "Nothing stands in the way of a run."
    return f"{problems} {'problem' if problems == 1 else 'problems'} to mend before a run can work."
