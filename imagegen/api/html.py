"""HTML for notebooks: small pictures in the page itself, everything else escaped, no script and no address.

A notebook keeps what is shown in it, so pictures are shrunk and only the first few are shown.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from imagegen.api.texts import headline, remarks, table
from imagegen.domain.money import nano, show

if TYPE_CHECKING:
    from imagegen.api.plans import Plan
    from imagegen.api.results import Result
    from imagegen.api.summaries import Summary

#: Pixels of a small picture's longer edge: enough for screens that show two for one.
EDGE = 400
#: Pictures shown; the others are counted.
SHOWN = 24
#: Characters of a prompt, and of a reason.
LONGEST = 160

#: Controls, marks that turn the direction of what follows, half characters.
_NOT_SHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_BOX = "display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start;margin:8px 0"
_CARD = "margin:0;width:200px;font-size:12px;line-height:1.4;overflow-wrap:anywhere"
_PICTURE = "display:block;max-width:200px;max-height:200px;margin-bottom:4px;border-radius:4px"
_EMPTY = "padding:12px 8px;border:1px dashed;border-radius:4px;opacity:.75"
_QUIET = "opacity:.7"
_CELL = "text-align:{};padding:2px 12px 2px 0"


def results_html(results: Sequence[Result]) -> str:
    """A card for each of the first results, and how many more there are; drafts stand back behind their pictures."""
    results = [each for each in results if each.role != "draft"] or results
    more = len(results) - SHOWN
    cards = "".join(_card(result) for result in results[:SHOWN])
    return f'<div style="{_BOX}">{cards}</div>' + (line_html(f"and {more:,} more") if more > 0 else "")


def summary_html(summary: Summary) -> str:
    """What was done, then the pictures."""
    from imagegen.errors import StorageError

    try:
        shown = results_html(summary.results) if summary.pictures else ""
    except StorageError as problem:
        shown = line_html(str(problem))
    return line_html(str(summary)) + shown + line_html(f"Everything: {summary.report}", quiet=True)


def plan_html(plan: Plan) -> str:
    """The plan as a table, with what belongs to the figures below it."""
    said = "".join(line_html(remark, quiet=True) for remark in remarks(plan))
    lines = [
        "".join(_cell("td" if number else "th", text, n) for n, text in enumerate(line))
        for number, line in enumerate(table(plan))
    ]
    shown = f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>" if lines else ""
    return f"<div><strong>{_safe(headline(plan))}</strong></div>{shown}{said}"


def line_html(text: str, *, quiet: bool = False) -> str:
    """A line of text."""
    return f'<div style="{_QUIET}">{_safe(text)}</div>' if quiet else f"<div>{_safe(text)}</div>"


def thumbnail(file: Path) -> str | None:
    """The picture at `file`, shrunk, as a data URI; None where there is none that can be read."""
    from imagegen.picture import BadPicture, eight_bits, inspect

    try:
        picture = inspect(file.read_bytes())
    except (OSError, BadPicture):
        return None
    image = picture.image.convert("RGBA") if picture.alpha else eight_bits(picture.image)
    image.thumbnail((EDGE, EDGE))
    out, form = io.BytesIO(), "PNG" if picture.alpha else "JPEG"
    image.save(out, form, quality=80)
    return f"data:image/{form.lower()};base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


def _card(result: Result) -> str:
    found = thumbnail(result.file) if result.file else None
    if found:
        shown = f'<img src="{found}" alt="{_safe(_short(result.prompt))}" style="{_PICTURE}">'
    else:
        why = result.reason if not result.ok else f"{result.file} cannot be read"
        shown = f'<div style="{_EMPTY}">{_safe(_short(why or result.state))}</div>'
    name = f"{result.id} · {result.sample + 1}" if result.sample else result.id
    below = [" · ".join(part for part in (result.state, _cost(result)) if part), _model(result)]
    quiet = "<br>".join(_safe(_short(line)) for line in below if line)
    caption = f'<strong>{_safe(_short(name))}</strong><br><span style="{_QUIET}">{quiet}</span>'
    title = _safe(_short(result.prompt))
    return f'<figure style="{_CARD}" title="{title}">{shown}<figcaption>{caption}</figcaption></figure>'


def _model(result: Result) -> str:
    return f"placeholder for {result.stands_for}" if result.stands_for else result.model or ""


def _cost(result: Result) -> str:
    if result.cost is None:
        return "cost not known"
    return show(nano(result.cost)) if result.cost else ""


def _cell(tag: str, text: str, number: int) -> str:
    names = 2  # columns of names; figures stand to the right
    return f'<{tag} style="{_CELL.format("left" if number < names else "right")}">{_safe(text)}</{tag}>'


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _safe(text: str) -> str:
    """Text of a manifest as text of a page; what no page can hold is replaced."""
    return escape(_NOT_SHOWN.sub("\ufffd", text))
