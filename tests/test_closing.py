"""Closing: the files in the folder, the summary, and the one exit code."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imagegen import closing
from imagegen.clock import SystemClock
from imagegen.domain.result import Result, Summary
from imagegen.errors import Exit, StorageError
from imagegen.keep import Desk
from imagegen.ledger import Ledger, attempts, jobs, runs, tally
from imagegen.ledger.attempts import Granted, Item
from imagegen.ledger.budgets import Budget
from imagegen.ledger.jobs import Staged
from imagegen.loop import Kit, Loop
from imagegen.output import OutputFolder
from imagegen.pool import Inline
from imagegen.stores.disk import DiskStore
from imagegen.wiring import Project, open_project

NOON = 1_795_348_800.0
CENT = 10**7


class Silent:
    """A Listener for runs that nobody watches."""

    def row(self, result: Result) -> None: ...
    def waiting(self, why: str) -> None: ...
    def bug(self, error: BaseException) -> None: ...
    def tick(self) -> None: ...


def line(seq: int, row: str, state: str, **more: Any) -> Staged:
    """A line of the work list that is at its end."""
    values: dict[str, Any] = {
        "sample": 0,
        "priority": 2,
        "file": f"{row}.png",
        "fold": f"{row}.png",
        "premium": 9 * CENT,
    }
    values |= {"estimate": 4 * CENT, "provider": "openai", "model": "dall-e-3", "key": row.ljust(64, "0")}
    about = {"prompt": f"A {row}", "place": f"m.yaml:{seq + 3}", "fields": {"quality": "hd"}}
    return Staged(seq=seq, row=row, state=state, about=json.dumps(about), **(values | more))


@dataclass
class End:
    """A run at its end."""

    project: Project
    kit: Kit
    loop: Loop

    def stage(self, *lines: Staged) -> None:
        """What the run's work list holds."""
        self.kit.ledger.write(lambda connection: jobs.stage(connection, self.loop.run, lines))

    def spend(self, amount: int | None) -> None:
        """Let the run have paid `amount`; None: it never heard."""

        def op(connection: sqlite3.Connection) -> None:
            key = str(amount).rjust(64, "0")
            granted = attempts.reserve(
                connection, key[-32:], run=self.loop.run, collection="shop", provider="openai", model="dall-e-3",
                items=[Item(key, "mug", 0, "{}", CENT, 5 * CENT)], budget=Budget(), clock=NOON,
            )  # fmt: skip
            assert isinstance(granted, Granted)
            attempts.sent(connection, granted.attempt, NOON)
            attempts.close(connection, granted.attempt, amount, "usage", NOON)

        self.kit.ledger.write(op)

    def close(self, **more: Any) -> Summary:
        """Close it."""
        return closing.close(self.project, self.kit, self.loop, 2.5, output=Path("out/m"), **more)

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.kit.desk.folder.path


@pytest.fixture
def end(home: Path, tmp_path: Path) -> Iterator[End]:
    """A run that has done nothing."""
    (tmp_path / "m.yaml").write_text("imagegen: 1\nrows: []\n")
    with ExitStack() as stack:
        store = DiskStore(home / "cache")
        stack.callback(store.close)
        ledger = Ledger(home, lambda: NOON)
        stack.callback(ledger.close)
        folder = OutputFolder(tmp_path / "out" / "m")
        folder.prepare()
        alive = runs.new_run(ledger.locks)
        stack.callback(alive.drop)
        ledger.write(lambda connection: runs.start(connection, alive.run, "shop", "m.yaml", {}, NOON))
        desk = Desk(store, folder, "shop", lambda: NOON)
        kit = Kit(ledger, desk, {}, lambda name, size: Inline(), SystemClock(), Budget(), Silent())
        yield End(open_project(tmp_path / "m.yaml"), kit, Loop(kit, alive.run))


def test_a_run_in_which_all_is_there_ends_with_0(end: End) -> None:
    """Counts, money and names are those of the work list and the books."""
    end.stage(line(0, "mug", "made"), line(1, "cup", "cached"), line(2, "jug", "kept"))
    end.spend(4 * CENT)
    summary = end.close()
    assert (summary.exit_code, summary.rows, summary.counts) == (0, 3, {"made": 1, "cached": 1, "kept": 1})
    assert (summary.spent, summary.estimated, summary.premium) == (4 * CENT, 4 * CENT, 27 * CENT)
    assert (summary.manifest, summary.output, summary.seconds, summary.run) == ("m.yaml", "out/m", 2.5, end.loop.run)
    assert summary.premium_model == "GPT Image 2.5 Sunburst"
    assert (summary.unknown_at_most, summary.stand_ins, summary.stopped_by) == (0, None, None)
    with end.kit.ledger.reading() as reader:
        run = runs.latest(reader)
    assert run is not None
    assert (run.state, run.exit_code) == ("ended", 0)
    assert run.summary == {"made": 1, "cached": 1, "kept": 1, "spent_usd": "0.04", "estimated_usd": "0.04"}


CODES = [
    ((), (), False, 0),
    (("made", "kept", "cached"), (), False, 0),
    (("made", "failed"), (), False, 3),
    (("refused",), (), False, 3),
    (("made", "waiting"), (), False, 9),
    (("waiting", "failed"), (), False, 9),
    (("skipped",), (Exit.BUDGET,), False, 4),
    (("skipped", "failed"), (Exit.PROVIDER,), False, 5),
    (("skipped",), (Exit.PROVIDER, Exit.BUDGET), False, 4),
    (("made",), (), True, 6),
    (("failed", "skipped"), (Exit.BUDGET,), True, 6),
    (("made",), (Exit.STORAGE,), True, 7),
    (("made",), (Exit.BUG, Exit.STORAGE), True, 1),
    (("skipped",), (Exit.INTERRUPTED, Exit.BUDGET), True, 130),
]


@pytest.mark.parametrize(("states", "stops", "unknown", "code"), CODES)
def test_the_exit_code_is_the_worst_that_holds(
    end: End, states: tuple[str, ...], stops: tuple[Exit, ...], unknown: bool, code: int
) -> None:
    """States of rows, what stopped the loop, and unknown attempts, those of earlier runs too."""
    end.stage(*(line(n, f"row{n}", state) for n, state in enumerate(states)))
    if unknown:
        end.spend(None)
    end.loop.stops |= set(stops)
    summary = end.close()
    assert summary.exit_code == code
    assert summary.unknown_at_most == (5 * CENT if unknown else 0)
    assert summary.spent == 0


def test_results_lie_in_the_folder_whole(end: End) -> None:
    """JSON lines and a table of all rows in manifest order, a report, and refused rows as a manifest again."""
    end.stage(line(1, "cup", "refused", reason="no quality hd"), line(0, "mug", "made"))
    end.close()
    lines = [json.loads(text) for text in (end.folder / "results.jsonl").read_text().splitlines()]
    assert [(each["id"], each["state"]) for each in lines] == [("mug", "made"), ("cup", "refused")]
    with open(end.folder / "results.csv", encoding="utf-8", newline="") as table:
        assert [row["id"] for row in csv.DictReader(table)] == ["mug", "cup"]
    with open(end.folder / "refused.csv", encoding="utf-8", newline="") as table:
        (row,) = csv.DictReader(table)
    assert (row["id"], row["prompt"], row["quality"], row["why_refused"]) == ("cup", "A cup", "hd", "no quality hd")
    assert "A mug" in (end.folder / "report.html").read_text()
    names = {path.name for path in end.folder.rglob("*")}
    assert names == {".imagegen", "results.jsonl", "results.csv", "report.html", "refused.csv"}


def test_refused_rows_of_an_earlier_run_are_taken_away(end: End) -> None:
    """When nothing is refused any more, there is nothing left to mend."""
    (end.folder / "refused.csv").write_text("id,prompt\n")
    end.stage(line(0, "mug", "made"))
    end.close()
    assert not (end.folder / "refused.csv").exists()


def test_a_ci_job_gets_a_page(end: End, tmp_path: Path) -> None:
    """The page is added to what other steps wrote."""
    page = tmp_path / "summary.md"
    page.write_text("# Before\n")
    end.stage(line(0, "mug", "made"), line(1, "cup", "failed", reason="it is blank"))
    end.close(step_summary=page)
    text = page.read_text()
    assert text.startswith("# Before\n")
    assert "it is blank" in text


def test_results_that_cannot_be_written_are_an_error(end: End) -> None:
    """Exit 7 with the reason; the run is not said to have ended."""
    (end.folder / "results.csv").mkdir()
    end.stage(line(0, "mug", "made"))
    with pytest.raises(StorageError, match="the results cannot be written") as caught:
        end.close()
    assert caught.value.exit_code == 7
    with end.kit.ledger.reading() as reader:
        run = runs.latest(reader)
    assert run is not None
    assert run.state != "ended"


def test_work_lists_of_earlier_runs_go(end: End) -> None:
    """The folder's last run is remembered row by row, the ones before it only as runs."""
    end.kit.ledger.write(lambda connection: runs.start(connection, "earlier", "shop", "m.yaml", {}, NOON - 1))
    end.kit.ledger.write(lambda connection: runs.start(connection, "foreign", "other", "n.yaml", {}, NOON - 1))
    for run in ("earlier", "foreign"):
        end.kit.ledger.write(lambda connection, run=run: jobs.stage(connection, run, [line(0, "mug", "made")]))
    end.stage(line(0, "mug", "kept"))
    end.close()
    with end.kit.ledger.reading() as reader:
        left = {run: tally.counts(reader, run) for run in ("earlier", "foreign", end.loop.run)}
    assert left == {"earlier": {}, "foreign": {"made": 1}, end.loop.run: {"kept": 1}}
