"""A comparison of plans as Markdown for a pull request. Nothing that stands in a manifest becomes markup, a link or
a mention, and the whole fits into one comment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from imagegen.cli.change_words import delta, told
from imagegen.cli.say import visible
from imagegen.domain.words import counted
from imagegen.report.markdown import escape

if TYPE_CHECKING:
    from imagegen.cli.against import Comparison

#: The longest comment that GitHub takes is 65,536 characters; what comes after the rows needs a few.
MOST = 60_000
#: Where GitHub would see a mention, an issue or an address. Broken by a space of no width.
_LINKED = re.compile(r"(?<=[@#])(?=\w)|(?<=:)(?=//)|(?i:(?<=www))(?=\.)|(?<=\w)(?=\\#)|(?i:(?<=GH))(?=-\d)")
_GAP = "&#8203;"


def markdown(found: Comparison) -> str:
    """The whole comment."""
    from imagegen.cli.against import headline, remarks, settings_lines

    parts = [f"### Plan of {inert(str(found.old.head['manifest']))}", f"**{inert(headline(found))}**"]
    if found.groups:
        parts += ["\n".join(_table(found)), _folded(found)]
    else:
        parts.append(f"No row has changed since the plan of {found.old.head['planned_on']}.")
    said = [*settings_lines(found), *remarks(found)]
    if said:
        parts.append("\n".join(f"- {inert(line)}" for line in said))
    return "\n\n".join(parts) + "\n"


def inert(text: str) -> str:
    """`text` on one line as plain words, whatever it holds; cut when long."""
    return _LINKED.sub(_GAP, escape(visible(text)))


def _table(found: Comparison) -> Iterator[str]:
    yield "| change | rows | cost | what |"
    yield "|---|---:|---:|---|"
    for kind, text, group in found.grouped():
        yield f"| {kind} | {group.rows:,} | {inert(delta(group.cost))} | {inert(text)} |"


def _folded(found: Comparison) -> str:
    from imagegen.cli.against import name

    lines, room, shown = [], MOST, 0
    for change, said in told(chain.from_iterable(changes for _, changes in found.listed())):
        line = f"| {change.kind} | {inert(name(change))} | {'<br>'.join(map(inert, said))} |"
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
        shown += 1
    total = sum(group.rows for group in found.groups.values())
    rest = (
        [f"\n{total - shown:,} more rows: `imagegen plan --against` with `--json` lists all."] if total > shown else []
    )
    head = ["| change | row | what |", "|---|---|---|"]
    summary = f"<summary>{counted(total, 'row')}</summary>"
    return "\n".join(["<details>", summary, "", *head, *lines, *rest, "", "</details>"])
