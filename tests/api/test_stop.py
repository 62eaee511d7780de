"""A run that is left early: nothing new is bought, what was sent is kept, and the next run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import imagegen
from imagegen.api import relay
from imagegen.api.relay import Relay
from imagegen.domain.result import Summary
from tests.api.conftest import rows
from tests.cloud import Cloud
from tests.e2e.conftest import Books, environment

COUNT = 10


@pytest.fixture
def project(cloud: Cloud) -> imagegen.Project:
    """More pictures than two workers make in a moment."""
    return imagegen.load(rows(COUNT), workers=2, budget=1)


def drained(run: imagegen.Run, cloud: Cloud) -> None:
    """It ended as interrupted, what was charged is there, the rest is skipped, and the next run makes it."""
    summary = run.result()
    assert (summary.exit_code, summary.stopped_by) == (130, "interrupted")
    assert summary.counts == {"made": len(cloud.charges), "skipped": COUNT - len(cloud.charges)}
    assert {each.id for each in summary.results if each.ok} == {
        f"p{charge.prompt.removeprefix('Picture number ')}" for charge in cloud.charges
    }
    assert 0 < len(cloud.charges) < COUNT
    assert not [each for each in threading.enumerate() if each.name == "imagegen-run"]
    assert imagegen.run(run.project).result().ok
    assert len(cloud.charges) == COUNT


def _row(event: imagegen.Event) -> bool:
    return isinstance(event, imagegen.Result)


def test_leaving_the_loop_stops_the_run(project: imagegen.Project, cloud: Cloud) -> None:
    """By `break`: the loop's end waits for what was sent."""
    run = imagegen.run(project)
    for event in run:
        if _row(event):
            break
    assert repr(run).startswith("<imagegen.Run rows: ")
    drained(run, cloud)


def test_an_error_in_the_loop_stops_the_run(project: imagegen.Project, cloud: Cloud) -> None:
    """The reader's own error passes through."""
    run = imagegen.run(project)

    def read() -> None:
        for event in run:
            if _row(event):
                raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        read()
    drained(run, cloud)


def test_the_end_of_a_with_stops_the_run(project: imagegen.Project, cloud: Cloud) -> None:
    """Whoever still holds the iterator hears nothing more."""
    with imagegen.run(project) as run:
        events = iter(run)
        while not _row(next(events)):
            pass
    assert list(events) == []
    drained(run, cloud)


def test_stop_lets_the_reader_hear_the_rest(project: imagegen.Project, cloud: Cloud) -> None:
    """Every picture is told, those that were sent as made and the others as skipped, and last the summary."""
    run, told = imagegen.run(project), []
    for event in run:
        told.append(event)
        if _row(event):
            run.stop()
    states = [event.state for event in told if isinstance(event, imagegen.Result)]
    assert states == sorted(states)
    assert len(states) == COUNT
    assert told[-1].event == "summary"
    drained(run, cloud)


def test_a_run_is_not_begun_before_it_is_asked(project: imagegen.Project, cloud: Cloud, home: Path) -> None:
    """A Run alone does nothing; closed, it never begins."""
    run = imagegen.run(project)
    assert repr(run) == "<imagegen.Run rows: not begun; go through it, or ask for its result()>"
    assert not home.exists()
    run.close()
    with pytest.raises(imagegen.UsageError, match="closed before it began"):
        run.result()
    assert cloud.requests == []


def test_a_run_is_run_once(project: imagegen.Project, cloud: Cloud) -> None:
    """Going through it again gives nothing more; its result stays."""
    run = imagegen.run(project, limit=2)
    assert [event.event for event in run] == ["started", "row", "row", "summary"]
    assert list(run) == []
    assert run.result() is run.result()
    assert len(cloud.charges) == 2


def test_an_iterator_may_end_in_another_thread(project: imagegen.Project, cloud: Cloud) -> None:
    """The garbage collector may end it in a thread that the run waits for: there the run is stopped, not waited
    for."""
    run = imagegen.run(project)
    events = iter(run)
    while not _row(next(events)):
        pass
    other, waited = threading.Thread(target=events.close), list[bool]()  # type: ignore[attr-defined]
    run._relay._thread.join = lambda timeout=None: waited.append(True)  # type: ignore[method-assign]
    other.start()
    other.join()
    assert (waited, run._relay.stop.is_set()) == ([], True)
    del run._relay._thread.join  # type: ignore[method-assign]
    run.close()
    drained(run, cloud)


PROGRAM = """
import sys, imagegen
events = iter(imagegen.run(imagegen.load("shop.jsonl", workers=2, budget=1)))
for event in events:
    if event.event == "row":
        break
print("begun", flush=True)
if sys.argv[1] == "wait":
    for event in events:
        pass
"""


@pytest.mark.parametrize("how", ["wait", "end"])
def test_ctrl_c_and_the_program_s_end_stop_the_run(how: str, tmp_path: Path, home: Path, books: Books) -> None:
    """Ctrl-C raises KeyboardInterrupt as usual, after what was sent has come back; a program that just ends while a
    run is at work waits for it too."""
    (tmp_path / "shop.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows(COUNT)))
    with Cloud(latency=0.2) as cloud:
        env = environment(home, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=cloud.base_url)
        command = [sys.executable, "-c", PROGRAM, how]
        with subprocess.Popen(
            command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            if how == "wait":
                os.kill(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=60)
        assert (process.returncode != 0, "KeyboardInterrupt" in err) == (how == "wait", how == "wait"), err
        assert 0 < len(cloud.charges) < COUNT
        assert (books.spent, books.reserved) == (cloud.bill, 0)
        assert (
            books.ask("SELECT COUNT(*) FROM attempts WHERE state IN ('reserved', 'sent', 'accepted', 'unknown')") == 0
        )
        assert books.ask("SELECT exit_code FROM runs") == 130


def _told(relay: Relay) -> Summary:
    for number in range(5000):
        relay.note(str(number))
    return Summary(exit_code=0, rows=0, counts={}, estimated=0, spent=0)


def test_a_slow_reader_holds_up_the_telling_not_the_memory(tmp_path: Path) -> None:
    """Events wait for their reader up to a number, in order; who leaves lets the run go on to its end."""
    told = Relay(tmp_path, _told)
    told.start()
    first = told.next()
    told._thread.join(1)
    assert told._thread.is_alive()
    assert len(told._events) <= relay.ROOM
    rest = []
    while (event := told.next()) is not None:
        rest.append(event)
    assert [str(event) for event in [first, *rest[:-1]]] == [str(number) for number in range(5000)]
    left = Relay(tmp_path, _told)
    left.start()
    left.next()
    left.close()
    assert left.next() is None
    assert left.summary is not None
