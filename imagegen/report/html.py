"""The report: one page that loads nothing from outside, works without its script and opens from a disk.

Results are gone through several times and never held, so the page of a million rows takes the memory of
one. Markup, style and script lie in `imagegen/data`; every text of a manifest is escaped by the template.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from imagegen.domain.money import show
from imagegen.domain.result import PRESENT, Result, Summary
from imagegen.report.attention import Need, needs, wanting
from imagegen.report.cards import Card, Entry, card, entry
from imagegen.report.drafts import grouped
from imagegen.report.figures import figures, segments, tables
from imagegen.report.tables import Results, encodable
from imagegen.report.tally import ranked, tally

if TYPE_CHECKING:
    from jinja2 import Template

#: Models that get a filter button, the dearest first.
_CHIPS = 12


def write_html(
    results: Results, summary: Summary, out: TextIO, *, limit: int = 2000, when: datetime | None = None
) -> None:
    """Write the report of a run. Of the pictures the first `limit` are shown; rows that are unknown, failed
    or refused are all listed, those waiting or skipped up to `limit`. `when` is printed under the title."""
    count = tally(results())
    page = _template().stream(
        summary=summary,
        title=_title(summary.manifest),
        when=f"{when.day} {when:%B %Y, %H:%M}" if when else "",
        figures=figures(summary, count),
        segments=segments(summary),
        needs=needs(summary),
        entries=lambda need: _entries(results, need, limit),
        listed=lambda need: need.count if need.grave else min(need.count, limit),
        cards=_cards(results, limit),
        shown=min(limit, count.total.pictures - count.total.drafts),
        states=[part.state for part in segments(summary) if part.state in PRESENT],
        groups=[line.name for line in ranked(count.by_model) if line.pictures > line.drafts][:_CHIPS],
        tables=tables(count),
        total=count.total,
        other=summary.spent - count.total.spent,
        style=_data("report.css"),
        script=_data("report.js"),
        style_hash=_hash(_data("report.css")),
        script_hash=_hash(_data("report.js")),
    )
    page.enable_buffering(256)
    for chunk in page:
        out.write(encodable(chunk))


def _cards(results: Results, limit: int) -> Iterator[Card]:
    found = (card(result, drafts) for result, drafts in grouped(results()) if _shown(result, drafts))
    return islice(found, limit)


def _shown(result: Result, drafts: list[Result]) -> bool:
    return any(each.state in PRESENT for each in (result, *drafts))


def _entries(results: Results, need: Need, limit: int) -> Iterator[Entry]:
    found = (entry(result) for result in results() if result.state == need.state and wanting(result))
    return found if need.grave else islice(found, limit)


def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    page.filters.update(money=show, count="{:,}".format)
    return page.from_string(_data("report.html.j2"))


def _data(name: str) -> str:
    return (files("imagegen") / "data" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The name by which the page's own policy lets an inline style or script in."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _title(manifest: str) -> str:
    name = re.split(r"[/\\]", manifest)[-1]
    return re.sub(r"\.(ya?ml|csv|tsv|jsonl|parquet)$", "", name) or "Pictures"
