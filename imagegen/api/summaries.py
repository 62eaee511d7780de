"""Summaries: how a run ended, with its results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from imagegen.api.results import Results, result_of
from imagegen.api.words import in_words
from imagegen.domain import result as domain
from imagegen.domain.money import nano, show, usd
from imagegen.domain.result import PRESENT
from imagegen.errors import Exit, StorageError
from imagegen.output import OutputFolder, Written
from imagegen.report.tables import MONEY
from imagegen.report.tally import duration

_NAMES = frozenset(each.name for each in fields(domain.Result))
#: The lossless list of results in an output folder.
_FILE = "results.jsonl"
_ORDER = ("made", "cached", "kept", "refused", "failed", "unknown", "waiting", "skipped")


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How a run ended. In a notebook it shows its pictures.

    `counts` are pictures by state. `spent` and `estimated` are USD, `unknown_at_most` what earlier and present calls
    without an answer may have cost. `stopped_by` says why something was not reached. `run` is the run's name in the
    ledger, `output` the folder, `seconds` the time from the first row to the last file.
    """

    event: ClassVar[Literal["summary"]] = "summary"
    exit_code: int
    pictures: int
    counts: Mapping[str, int]
    spent: Decimal
    estimated: Decimal
    unknown_at_most: Decimal
    stopped_by: str | None
    notes: tuple[str, ...]
    run: str
    output: Path
    seconds: float
    _written: Written | None = field(repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether every picture is there and nothing is open: the command line's exit code 0."""
        return self.exit_code == Exit.OK

    @property
    def there(self) -> int:
        """How many pictures lie in the folder: made, cached and kept."""
        return sum(self.counts.get(state, 0) for state in PRESENT)

    @property
    def report(self) -> Path:
        """The page that shows everything."""
        return self.output / "report.html"

    @cached_property
    def results(self) -> Results:
        """Every picture's result, in the order of the rows; read from the folder when first asked for. Raises
        StorageError when a later run has put its own results there."""
        folder, written = OutputFolder(self.output), self._written
        path = self.output / _FILE
        try:
            if written is None or folder.state(_FILE, written.bytes, written.mtime_ns) != "ours":
                raise StorageError(f"{path} is not this run's any more", "look at the results before running again")
            with path.open(encoding="utf-8", newline="\n") as lines:
                return Results(result_of(each, self.output) for each in _read(lines))
        except (OSError, ValueError) as problem:
            raise StorageError(f"{path} cannot be read: {problem}", "run again: it costs nothing") from problem

    def __str__(self) -> str:
        names = {"kept": "already there", "cached": "from the cache"}
        present = [state for state in _ORDER if self.counts.get(state)]
        done = ", ".join(f"{self.counts[state]:,} {names.get(state, state)}" for state in present)
        said = [f"{done or 'nothing to do'}; {show(nano(self.spent))} spent in {duration(self.seconds)}"]
        if self.unknown_at_most:
            said.append(f"possibly charged besides: at most {show(nano(self.unknown_at_most))}")
        if self.stopped_by:
            said.append(f"stopped: {self.stopped_by}")
        return "; ".join(said)

    def __repr__(self) -> str:
        return f"<imagegen.Summary {self}>"

    def _repr_html_(self) -> str:
        from imagegen.api.html import summary_html

        return summary_html(self)


def summary_of(found: domain.Summary, output: Path) -> Summary:
    """The end of a run into the folder `output`, which lets its results be found again."""
    try:
        written = OutputFolder(output).seen(_FILE)
    except OSError:
        written = None
    return Summary(
        exit_code=found.exit_code,
        pictures=found.rows,
        counts=dict(found.counts),
        spent=usd(found.spent),
        estimated=usd(found.estimated),
        unknown_at_most=usd(found.unknown_at_most),
        stopped_by=in_words(found.stopped_by) if found.stopped_by else None,
        notes=tuple(map(in_words, found.notes)),
        run=found.run,
        output=output,
        seconds=found.seconds,
        _written=written,
    )


def _read(lines: Iterator[str]) -> Iterator[domain.Result]:
    """The reverse of `imagegen.report.jsonl_line`. Raises ValueError."""
    for line in lines:
        record: dict[str, Any] = json.loads(line)
        for name, outside in MONEY.items():
            amount = record.pop(outside, None)
            record[name] = None if amount is None else nano(amount)
        yield domain.Result(**{name: value for name, value in record.items() if name in _NAMES})
