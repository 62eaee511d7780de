"""Runs: alive as long as they hold their lock, and what becomes of the attempts of those that died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imagegen.errors import LockedError
from imagegen.ledger import Ledger, attempts, runs
from imagegen.ledger.runs import FolderLock, RunLock
from ledger.bookkeeping import CENT, NOON, granted, recount, state_of, totals

HERE = Path(__file__).parent
Begin = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def begin(home: Path) -> Iterator[Begin]:
    """Start a run in a process of its own; it is ready when this returns."""
    started: list[subprocess.Popen[str]] = []

    def begin(run: str) -> subprocess.Popen[str]:
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HERE.parent)}
        command = [sys.executable, HERE / "deadrun.py", home, run]
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]


def kill(process: subprocess.Popen[str]) -> None:
    """As nobody can prepare for."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def states(ledger: Ledger) -> dict[str, str]:
    """Attempt -> state; the attempt that followed `retried` is called by what it follows."""
    with ledger.reading() as connection:
        found = dict(connection.execute("SELECT id, state FROM attempts"))
        for attempt, number in connection.execute("SELECT id, number FROM attempts").fetchall():
            if number == 2:
                found["second"] = found.pop(attempt)
    return found


def test_a_dead_runs_attempts_end_as_far_as_is_known(begin: Begin, home: Path, ledger: Ledger) -> None:
    """After a SIGKILL: what was not sent is free, what was sent and not answered is unknown with its money
    counted, and what was answered or accepted can be collected."""
    kill(begin("dead"))

    left = {each.id: each for each in ledger.take_over()}

    assert set(left) == {"dead-answered", "dead-accepted"}
    assert states(ledger) == {
        "dead-reserved": "free",
        "dead-sent": "unknown",
        "dead-cut": "unknown",
        "dead-answered": "sent",
        "dead-accepted": "accepted",
        "dead-retried": "free",
        "second": "unknown",
        "dead-closed": "done",
    }
    with ledger.reading() as connection:
        assert totals(connection) == recount(connection)
        assert totals(connection)["run:dead"] == (2 * CENT, 3 * CENT + 5)
    kept = {path.name for path in (home / "spool").iterdir()}
    assert kept == {"dead-answered.part", "dead-accepted.part", "dead-closed.part"}


def test_what_was_sent_to_a_queue_is_not_given_up(begin: Begin, ledger: Ledger) -> None:
    """It is found again by its tag, whichever command takes the dead run over first: one that only lists unknown
    attempts knows no providers."""
    kill(begin("dead"))
    ledger.write(lambda c: c.execute("UPDATE attempts SET provider = 'openai.batch' WHERE id = 'dead-sent'"))
    left = {each.id for each in ledger.take_over()}
    assert left == {"dead-answered", "dead-accepted", "dead-sent"}
    assert states(ledger)["dead-sent"] == "sent"


def test_an_answer_of_a_dead_run_comes_home(begin: Begin, ledger: Ledger) -> None:
    """The slip of a collectable attempt has the whole answer, or the job's id, and the picture's request."""
    kill(begin("dead"))
    left = {each.id: each for each in ledger.take_over()}

    answered, accepted = ledger.slip_of(left["dead-answered"]), ledger.slip_of(left["dead-accepted"])
    assert (answered.answer, answered.remote_id) == (b"the whole answer", None)
    assert (accepted.answer, accepted.remote_id, accepted.poll_url) == (None, "job-1", "https://poll.example/1")
    assert [item.key for item in left["dead-answered"].items] == ["key-dead-answered"]


def test_an_earlier_answer_never_passes_for_a_later_one(begin: Begin, ledger: Ledger) -> None:
    """A refusal that was spooled before a second try is not the answer to that try: it is unknown."""
    kill(begin("dead"))
    ledger.take_over()
    assert states(ledger)["second"] == "unknown"


def test_a_live_runs_attempts_are_untouched(begin: Begin, ledger: Ledger) -> None:
    """While its process lives, nobody takes anything over; after its death everything is."""
    process = begin("alive")
    before = states(ledger)

    assert ledger.take_over() == []
    assert states(ledger) == before

    kill(process)
    assert len(ledger.take_over()) == 2


def test_a_run_of_this_process_is_alive_too(ledger: Ledger) -> None:
    """A lock held by the very process that asks counts as held."""
    lock = RunLock(ledger.locks, "mine")
    assert lock.take()
    ledger.write(lambda connection: granted(connection, "mug", run="mine", attempt="a"))

    assert ledger.take_over() == []
    assert states(ledger) == {"a": "reserved"}

    lock.drop()
    ledger.take_over()
    assert states(ledger) == {"a": "free"}


def test_taking_over_twice_changes_nothing_more(begin: Begin, ledger: Ledger) -> None:
    """What can be collected stays collectable until it is; the rest is settled once."""
    kill(begin("dead"))
    first = ledger.take_over()
    with ledger.reading() as connection:
        before = totals(connection)
    assert ledger.take_over() == first
    with ledger.reading() as connection:
        assert totals(connection) == before


def test_only_the_dead_among_several_are_settled(begin: Begin, ledger: Ledger) -> None:
    """A dead run beside a live one is settled alone."""
    begin("alive")
    kill(begin("dead"))
    ledger.take_over()
    found = states(ledger)
    assert (found["dead-sent"], found["alive-sent"]) == ("unknown", "sent")


def test_a_dead_runs_locks_are_removed(begin: Begin, home: Path, ledger: Ledger) -> None:
    """Lock files do not pile up."""
    kill(begin("dead"))
    assert [path.name for path in (home / "runs").iterdir()] == ["dead.lock"]
    ledger.take_over()
    assert list((home / "runs").iterdir()) == []


def test_settle_ends_what_a_finished_run_left_open(ledger: Ledger) -> None:
    """At the end of a run its own open attempts are closed like a dead run's."""
    for name in ("waiting", "gone"):
        ledger.write(lambda connection, name=name: granted(connection, name, attempt=name))
    ledger.write(lambda connection: attempts.sent(connection, "gone", NOON))

    assert ledger.settle("run") == []
    with ledger.reading() as connection:
        assert state_of(connection, "waiting") == ("free", CENT, 0)
        assert state_of(connection, "gone") == ("unknown", CENT, None)


def test_a_lock_is_held_by_one(ledger: Ledger) -> None:
    """A run's lock can be taken once, and again when it was dropped."""
    first, second = RunLock(ledger.locks, "run"), RunLock(ledger.locks, "run")
    assert (first.take(), second.take()) == (True, False)
    first.drop()
    assert second.take()
    second.drop()


def test_one_run_works_in_a_folder(tmp_path: Path) -> None:
    """The second run in an output folder is told who holds it; afterwards the folder is free."""
    lock = FolderLock(tmp_path)
    with pytest.raises(LockedError, match=rf"process {os.getpid()} on .*; wait for it or stop it"):
        FolderLock(tmp_path)
    lock.drop()
    FolderLock(tmp_path).drop()


def test_a_run_is_written_down_from_start_to_end(ledger: Ledger) -> None:
    """A run's line has its manifest and flags from the start, and its end when it ended."""
    ledger.write(lambda connection: runs.start(connection, "ab12", "shop", "shop.yaml", {"yes": True}, NOON))
    with ledger.reading() as connection:
        begun = runs.of(connection, "ab12")
    ledger.write(lambda connection: runs.begin_work(connection, "ab12"))
    ledger.write(lambda connection: runs.end(connection, "ab12", 3, {"made": 2}, NOON + 60))
    with ledger.reading() as connection:
        ended = runs.of(connection, "ab12")

    assert begun is not None
    assert (begun.manifest, begun.flags, begun.state, begun.exit_code) == ("shop.yaml", {"yes": True}, "planning", None)
    assert ended is not None
    assert (ended.state, ended.exit_code, ended.summary, ended.ended) == ("ended", 3, {"made": 2}, NOON + 60)


@pytest.mark.parametrize(
    ("name", "found"), [("ab12", "ab12"), ("ab1", None), ("cd", "cd56"), ("ef", None), ("_b12", None)]
)
def test_a_run_is_found_by_how_its_id_begins(ledger: Ledger, name: str, found: str | None) -> None:
    """A beginning that fits one run finds it; one that fits several or none finds nothing."""
    for number, run in enumerate(["ab12", "ab13", "cd56"]):
        ledger.write(lambda c, run=run, number=number: runs.start(c, run, "shop", "m", {}, NOON + number))
    with ledger.reading() as connection:
        line = runs.of(connection, name)
        latest = runs.latest(connection)
    assert (line.id if line else None) == found
    assert latest is not None
    assert latest.id == "cd56"


def test_spent_counts_unknown_money_and_charged_does_not(ledger: Ledger) -> None:
    """Of a run: charged is what is known to have been charged, spent also what may have been."""

    def op(connection: object) -> None:
        for name, charge in (("mug", 3), ("cup", None)):
            attempt = granted(connection, name)  # type: ignore[arg-type]
            attempts.sent(connection, attempt, NOON)  # type: ignore[arg-type]
            attempts.close(connection, attempt, charge, "usage", NOON)  # type: ignore[arg-type]

    ledger.write(op)
    with ledger.reading() as connection:
        assert (runs.charged(connection, "run"), runs.spent(connection, "run")) == (3, CENT + 3)
        assert runs.spent(connection, "other") == 0
