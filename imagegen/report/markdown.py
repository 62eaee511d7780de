"""A run as Markdown for a CI job's summary page. Texts of the manifest cannot become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from imagegen.domain.money import show
from imagegen.domain.result import Result, Summary
from imagegen.report.attention import needs, wanting
from imagegen.report.figures import STATES
from imagegen.report.tables import encodable
from imagegen.report.tally import duration, saving

#: Rows listed by name; CI cuts a long page off.
LISTED = 50
_LONGEST = 160
_ACTIVE = re.compile(r"[\\`*_\[\]()<>|~#$!&{}]")


def markdown_summary(summary: Summary, results_needing_attention: Iterable[Result]) -> str:
    """The figures of a run, what to do about what is missing, and its first rows, as GitHub's Markdown."""
    parts = [f"## imagegen: {escape(summary.manifest) or 'run'}", _figures(summary)]
    if summary.stopped_by:
        parts.append(f"**Stopped early:** {escape(summary.stopped_by)}")
    wanted = needs(summary)
    if wanted:
        parts.append("\n".join(f"- **{need.count:,} {need.state}**: {escape(need.todo)}" for need in wanted))
        found = (result for result in results_needing_attention if wanting(result))
        parts.append("\n".join(_rows(found, sum(need.count for need in wanted))))
    parts += [f"> {escape(note)}" for note in summary.notes]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """`text` on one line, cut when long, as plain words in Markdown and in a cell of a table."""
    flat = " ".join(encodable(text).split())
    if len(flat) > _LONGEST:
        flat = flat[: _LONGEST - 1].rstrip() + "…"
    return _ACTIVE.sub(lambda match: f"\\{match[0]}", flat)


def _figures(summary: Summary) -> str:
    drafts = sum(summary.drafts.values())
    figures = [("rows", f"{summary.rows - drafts:,}")]
    figures += [(state, f"{summary.noted(state):,}") for state in STATES if summary.noted(state)]
    figures += [("drafts", f"{drafts:,}")] if drafts else []
    figures += [("spent", show(summary.spent)), ("estimated", show(summary.estimated)), *_comparison(summary)]
    figures.append(("time", duration(summary.seconds)))
    rows = ("| " + " | ".join(cells) + " |" for cells in zip(*figures, strict=True))
    head, body = rows
    return f"{head}\n{'|---:' * len(figures)}|\n{body}"


def _comparison(summary: Summary) -> Iterator[tuple[str, str]]:
    against, model = saving(summary), escape(summary.premium_model or "the premium model")
    if against is None or summary.premium is None:
        return
    yield f"on {model}", show(summary.premium)
    # Where nothing was bought (placeholders, everything cached) a saving would be a boast.
    if summary.spent:
        yield "saved", f"{show(against.amount)} ({against.percent} %)"


def _rows(results: Iterable[Result], total: int) -> Iterator[str]:
    yield "| state | id | reason | prompt |\n|---|---|---|---|"
    for result in islice(results, LISTED):
        cells = (result.state, result.id, result.reason or "", result.prompt)
        yield "| " + " | ".join(escape(cell) for cell in cells) + " |"
    if total > LISTED:
        yield f"\n{total - LISTED:,} more in results.csv"
