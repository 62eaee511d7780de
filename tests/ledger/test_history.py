"""History: runs as somebody looks back at them, alive, ended or dead, and the command that goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imagegen.errors import Exit
from imagegen.ledger import Ledger, attempts, holdings, jobs, runs
from imagegen.ledger.history import MEANING, Past, beginning_with, count, going_on, latest
from imagegen.ledger.jobs import Staged
from ledger.bookkeeping import CENT, NOON, granted, unknown

SAID = {"output": "out/shop", "yes": False}


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    with closing(Ledger(home, lambda: NOON)) as ledger:
        ledger.write(lambda books: holdings.place_collection(books, "shop", "/out/shop", NOON))
        yield ledger


def begin(ledger: Ledger, run: str, at: float = 0, collection: str = "shop", flags: dict[str, Any] = SAID) -> None:
    """A run that began `at` seconds after noon."""
    ledger.write(lambda books: runs.start(books, run, collection, "/m/shop.yaml", flags, NOON + at))


def end(ledger: Ledger, run: str, code: int, **said: Any) -> None:
    ledger.write(lambda books: runs.end(books, run, code, said, NOON + 60))


def pay(ledger: Ledger, run: str, charge: int, name: str = "mug") -> None:
    def op(books: sqlite3.Connection) -> None:
        attempt = granted(books, name, run=run)
        attempts.sent(books, attempt, NOON)
        attempts.close(books, attempt, charge, "usage", NOON)

    ledger.write(op)


def past(ledger: Ledger, run: str) -> Past:
    with ledger.reading() as books:
        (found,) = beginning_with(books, ledger.locks, run)
    return found


def test_a_run_that_ended(ledger: Ledger) -> None:
    """What the run said of itself, and its money as the books have it today."""
    begin(ledger, "aa11")
    pay(ledger, "aa11", 3 * CENT)
    unknown(ledger, "cup", run="aa11")
    end(ledger, "aa11", 6, made=1, unknown=1, estimated_usd="0.08", spent_usd="0.02", stopped_by="the budget of $1")
    found = past(ledger, "aa11")
    assert (found.state, found.exit_code, found.ended) == ("ended", 6, NOON + 60)
    assert (found.counts, found.estimated) == ({"made": 1, "unknown": 1}, 8 * CENT)
    assert (found.charged, found.unknown, found.unknown_at_most, found.open) == (3 * CENT, 1, CENT, 0)
    assert (found.stopped_by, found.folder, found.flags) == ("the budget of $1", "/out/shop", SAID)
    assert going_on(found) == ["imagegen unknown", "imagegen resume aa11"]


def test_a_run_is_alive_as_long_as_it_holds_its_lock(ledger: Ledger) -> None:
    """Its counts and its estimate are those of its work list; without the lock it died, lock file or none."""
    alive = runs.new_run(ledger.locks)
    begin(ledger, alive.run)
    lines = [
        Staged(seq=n, row=f"r{n}", sample=0, state="todo" if n else "made", priority=2, file=f"{n}", fold=f"{n}",
               about="{}", estimate=4 * CENT)
        for n in range(3)
    ]  # fmt: skip
    ledger.write(lambda books: jobs.stage(books, alive.run, lines))
    ledger.write(lambda books: granted(books, "mug", run=alive.run))
    running = past(ledger, alive.run)
    assert (running.state, running.counts, running.estimated) == ("running", {"made": 1, "todo": 2}, 12 * CENT)
    assert (running.open, running.charged) == (1, 0)
    assert going_on(running) == []
    alive._lock.release()  # as the kernel does: the file stays
    assert past(ledger, alive.run).state == "died"
    (ledger.locks / f"{alive.run}.lock").unlink(missing_ok=True)
    dead = past(ledger, alive.run)
    assert dead.state == "died"
    assert going_on(dead) == [f"imagegen resume {alive.run}"]


def test_a_later_run_of_the_folder_goes_on_itself(ledger: Ledger) -> None:
    """Only the newest run of a folder is resumed; another folder's does not count."""
    begin(ledger, "aa11")
    end(ledger, "aa11", 4, made=1)
    begin(ledger, "bb22", at=5)
    end(ledger, "bb22", 0, kept=2)
    begin(ledger, "cc33", at=9, collection="other")
    end(ledger, "cc33", 3, failed=1)
    assert (past(ledger, "aa11").later, going_on(past(ledger, "aa11"))) == ("bb22", [])
    assert (past(ledger, "bb22").later, going_on(past(ledger, "bb22"))) == (None, [])
    assert (past(ledger, "cc33").later, going_on(past(ledger, "cc33"))) == (None, ["imagegen resume cc33"])


def test_a_run_without_flags_is_begun_anew(ledger: Ledger) -> None:
    """What was not started from the command line cannot be resumed from it."""
    begin(ledger, "aa11", flags={})
    end(ledger, "aa11", 5)
    assert going_on(past(ledger, "aa11")) == ["imagegen run /m/shop.yaml"]


def test_the_list_is_newest_first(ledger: Ledger) -> None:
    """As many as asked for; the count is of all."""
    for number in range(5):
        begin(ledger, f"{number}abc", at=number)
    with ledger.reading() as books:
        assert [each.id for each in latest(books, ledger.locks, 3)] == ["4abc", "3abc", "2abc"]
        assert count(books) == 5
        assert [each.id for each in beginning_with(books, ledger.locks, "3AB")] == ["3abc"]
        assert beginning_with(books, ledger.locks, "%") == []


def test_every_exit_code_has_a_meaning() -> None:
    """And no other has."""
    assert set(MEANING) == set(Exit)
