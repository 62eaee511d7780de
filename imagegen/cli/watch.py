"""Watchers: how a run is told to people (a bar in a terminal, plain lines in a pipe) and to machines (JSON Lines)."""

from __future__ import annotations

import sys
import time
from typing import Any

from imagegen.cli import say
from imagegen.domain.drafts import called
from imagegen.domain.events import RunRow, RunSummary
from imagegen.domain.money import Nano, plain, show
from imagegen.domain.queue import QUEUED
from imagegen.domain.result import PRESENT, Result, Summary
from imagegen.domain.words import plural, with_drafts
from imagegen.planned import Planned

#: Refusals and failures beyond this many are only counted: the files have them all.
SHOWN = 10


class Watcher:
    """Plain lines on stderr. The others add to it."""

    every_row = False

    def __init__(self, quiet: bool = False, interval: float = 10.0) -> None:
        self._quiet, self._interval = quiet, interval
        self._refused = self._failed = 0
        self.done = self.total = 0
        self.spent: Nano = 0
        self.budget: Nano | None = None
        self._began = self._last = time.monotonic()
        self._waited = 0.0
        self.bugs: list[BaseException] = []

    def note(self, text: str) -> None:
        """Something to know."""
        say.note(text)

    def refused(self, planned: Planned) -> None:
        """Planning refuses a picture."""
        self._refused += 1
        if self._refused <= SHOWN:
            file, line, column = planned.draft.place
            where = ":".join(str(part) for part in (file, line, column) if part)
            say.info(f"{where}: {planned.row.id}: {planned.reason}")
        elif self._refused == SHOWN + 1:
            say.info("… and more")

    def staged(self, counts: dict[str, int], estimate: Nano, budget: Nano | None, drafts: int = 0) -> None:
        """The plan stands."""
        self.total, self.budget = counts.get("todo", 0) + counts.get("held", 0), budget
        self._began = self._last = time.monotonic()
        if self.total and not self._quiet:
            there = sum(counts.get(state, 0) for state in PRESENT)
            kept = f", {there:,} already there" if there else ""
            say.info(f"{with_drafts(self.total, drafts)} to do{kept}; about {show(estimate)}")

    def confirm(self, question: str) -> bool | None:
        """Ask, where somebody can answer."""
        if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
            return None
        import typer

        return typer.confirm(question, default=False, err=True)

    def row(self, result: Result) -> None:
        """A picture's fate."""
        self.done += 1
        self.spent += result.cost or 0
        if result.state not in (*PRESENT, "skipped") and result.reason != QUEUED and not _of_a_draft(result):
            self._failed += 1
            if self._failed <= SHOWN:
                name = called(result.id, result.sample)
                self.bad(f"{name}: {result.state}: {result.reason}")
            elif self._failed == SHOWN + 1:
                self.bad("… and more; results.csv has them all")

    def bad(self, text: str) -> None:
        """A line about a picture that is not there."""
        say.info(text)

    def waiting(self, why: str) -> None:
        """Nothing can be started for a while."""
        if time.monotonic() - self._waited > 60:
            self._waited = time.monotonic()
            say.note(f"waiting: {why}")

    def bug(self, error: BaseException) -> None:
        """Kept for the log."""
        self.bugs.append(error)

    def tick(self) -> None:
        """Now and then a line of progress."""
        if not self._quiet and self.total and time.monotonic() - self._last >= self._interval:
            self._last = time.monotonic()
            say.info(self.progress())

    def progress(self) -> str:
        """How far it is, in a line."""
        rate = self.done / max(0.001, time.monotonic() - self._began)
        left = f", {_duration((self.total - self.done) / rate)} left" if rate and self.done < self.total else ""
        of = f" of {show(self.budget)}" if self.budget else ""
        return f"{self.done:,} of {self.total:,}, {_pace(rate)}, {show(self.spent)}{of} spent{left}"

    def close(self) -> None:
        """Nothing more comes."""

    def summary(self, summary: Summary) -> None:
        """The last words."""
        for line in closing_words(summary):
            say.info(line)


class Bar(Watcher):
    """A progress bar in a terminal."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self._progress: Any = None
        self._task: Any = None

    def staged(self, counts: dict[str, int], estimate: Nano, budget: Nano | None, drafts: int = 0) -> None:
        """The plan stands: show the bar."""
        self._quiet = False
        super().staged(counts, estimate, budget, drafts)
        self._quiet = True
        if not self.total:
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            BarColumn(bar_width=None),
            TextColumn("{task.description}", markup=False),
            console=Console(stderr=True),
            transient=True,
            refresh_per_second=8,
        )
        self._task = self._progress.add_task("", total=self.total)
        self._progress.start()

    def tick(self) -> None:
        """Move the bar."""
        if self._progress:
            self._progress.update(self._task, completed=self.done, description=self.progress())

    def bad(self, text: str) -> None:
        """A line above the bar."""
        if self._progress:
            self._progress.console.print(say.visible(text), markup=False, highlight=False)
        else:
            say.info(text)

    def close(self) -> None:
        """Take the bar away."""
        if self._progress:
            self._progress.stop()
            self._progress = None


class Json(Watcher):
    """JSON Lines on stdout, one per picture and a last one; people's text stays on stderr."""

    every_row = True

    def row(self, result: Result) -> None:
        """One event."""
        super().row(result)
        event: RunRow = {
            "event": "row",
            "id": result.id,
            "sample": result.sample,
            "state": result.state,
            "file": result.file if result.state in PRESENT else None,
            "model": result.model,
            "provider": result.provider,
            "cost_usd": None if result.cost is None else plain(result.cost),
            "cached": result.state in ("cached", "kept"),
            "key": result.key,
            "reason": result.reason,
        }
        if result.role:
            event["role"] = result.role
        if result.renditions:
            event["renditions"] = result.renditions
        say.event(event)

    def summary(self, summary: Summary) -> None:
        """The last event."""
        super().summary(summary)
        say.event(summary_event(summary))


def summary_event(summary: Summary) -> RunSummary:
    """The summary as the last JSON line. `cached` counts everything that was there, `kept` those of it
    that already lay in the folder."""
    counts = summary.counts
    event: RunSummary = {
        "event": "summary",
        "exit_code": summary.exit_code,
        "rows": summary.rows,
        "made": counts.get("made", 0),
        "cached": counts.get("cached", 0) + counts.get("kept", 0),
        "kept": counts.get("kept", 0),
        "refused": counts.get("refused", 0),
        "failed": counts.get("failed", 0),
        "unknown": counts.get("unknown", 0),
        "waiting": counts.get("waiting", 0),
        "skipped": counts.get("skipped", 0),
        "estimated_usd": plain(summary.estimated),
        "spent_usd": plain(summary.spent),
        "unknown_at_most_usd": plain(summary.unknown_at_most),
        "run": summary.run,
        "output": summary.output,
        "stopped_by": summary.stopped_by,
        "seconds": round(summary.seconds, 3),
    }
    if summary.drafts:
        event["drafts"] = sum(summary.drafts.values())
    return event


def closing_words(summary: Summary) -> list[str]:
    """What is said at the end: what was done, what it cost, what needs attention, where it lies."""
    counts = summary.counts
    names = {"kept": "already there", "cached": "from the cache"}
    order = ("made", "cached", "kept", "refused", "failed", "unknown", "waiting", "skipped")
    drafts = summary.drafts
    done = ", ".join(
        f"{counts[state]:,} {names.get(state, state)}{_of_them(counts[state], drafts.get(state, 0))}"
        for state in order
        if counts.get(state)
    )
    words = [f"{done or 'nothing to do'}; {show(summary.spent)} spent in {_duration(summary.seconds)}"]
    premium, there = summary.premium, sum(counts.get(state, 0) for state in PRESENT)
    alone = f"{show(premium)} on {summary.premium_model} alone" if premium else ""
    if summary.stand_ins is not None and there:
        beside = f" ({alone})" if alone else ""
        words.append(f"placeholders: the models they stand in for would cost about {show(summary.stand_ins)}{beside}")
    elif alone and there and summary.spent < (premium or 0):
        words.append(f"these would cost {alone}")
    if summary.unknown_at_most:
        words.append(
            f"unknown: possibly charged, at most {show(summary.unknown_at_most)} (kept in the budget)."
            " List: imagegen unknown; re-buy: imagegen resume --retry-unknown;"
            " found in your provider's bill: imagegen settle ID --charged | --not-charged"
        )
    if summary.stopped_by:
        words.append(f"stopped: {summary.stopped_by}")
    if summary.pictures("refused"):
        words.append(f"refused rows, ready to edit and run again: {summary.output}/refused.csv")
    words += summary.notes
    return [*words, f"pictures, results and report: {summary.output}/report.html"]


def _of_a_draft(result: Result) -> bool:
    """Whether the picture that it leads to tells enough; not where it may have been paid for."""
    return result.role == "draft" and result.state != "unknown"


def _of_them(number: int, drafts: int) -> str:
    """ " (4 of them drafts)": how many of a state's pictures were made only to choose from."""
    if not drafts:
        return ""
    return f" ({plural(drafts, 'draft')})" if drafts == number else f" ({drafts:,} of them {plural(drafts, 'draft')})"


def _duration(seconds: float) -> str:
    from imagegen.report.tally import duration

    return duration(seconds)


def _pace(rate: float) -> str:
    """`rate` in pictures a second, as people say it: by the minute where it is slow."""
    return f"{rate:.1f} images/s" if rate >= 1 else f"{60 * rate:.1f} images/min"
