"""A run that is asked to stop: nothing new is bought, what was bought is kept, and the next run goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.run.cloudrun import LONG, Driver, Ended, Place, guarded

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}


@pytest.fixture
def slow(tmp_path: Path, driver: Driver) -> Iterator[tuple[Place, Cloud]]:
    """A place and a server that takes half a second for a picture."""
    with Cloud(latency=0.5) as cloud, guarded(tmp_path / "place", cloud, driver) as place:
        yield place, cloud


def _rows(place: Place, count: int) -> Path:
    return place.manifest([{"id": f"r{n:03}", "prompt": f"r{n:03} a lighthouse"} for n in range(count)])


def _until(true: Callable[[], bool]) -> None:
    """Wait for something that will happen."""
    end = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def _drained(place: Place, cloud: Cloud, ended: Ended, code: int) -> None:
    """Stopped cleanly: every call that was sent was waited for and kept, and nobody saw a traceback."""
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    assert place.books.attempts("unknown", "reserved", "sent") == []
    assert place.books.total == cloud.bill
    assert set(ended.states.values()) <= {"made", "skipped"}
    made = {name for name, state in ended.states.items() if state == "made"}
    assert made == {charge.prompt.split()[0] for charge in cloud.charges}
    place.pictures(ended.rows)


def _goes_on(place: Place, cloud: Cloud, manifest: Path, count: int) -> None:
    """The same command again makes the rest, and no prompt was ever charged twice."""
    ended = place.run(manifest)
    assert (ended.code, len(ended.rows)) == (0, count), ended.err
    place.pictures(ended.rows)
    assert len({charge.prompt for charge in cloud.charges}) == len(cloud.charges) == count
    assert place.strays() == []


def _at_random(folder: Path, driver: Driver, number: signal.Signals, dice: random.Random) -> int:
    """One run, asked to stop at a random moment after it opened its ledger; its exit code. It takes longer than most
    of these moments."""
    with Cloud(latency=0.05) as cloud, guarded(folder, cloud, driver) as place:
        manifest = _rows(place, 60)
        mark = place.home / "ledger.db"
        ended, _ = driver.call(place, *place.arguments(manifest), after=dice.uniform(0, 0.8), number=number, mark=mark)
        if ended.code != 0:  # else it was quicker than the signal
            _drained(place, cloud, ended, CODES[number])
            assert ended.err.count("interrupted") == 1
        _goes_on(place, cloud, manifest, 60)
        return ended.code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_at_random_times(tmp_path: Path, driver: Driver, number: signal.Signals) -> None:
    """Whenever the signal comes, while the run plans, works or closes: it drains and ends with 130 or 143."""
    dice = random.Random(number)
    codes = [_at_random(tmp_path / f"p{n}", driver, number, dice) for n in range(5)]
    assert CODES[number] in codes


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.skipif("IMAGEGEN_SOAK" not in os.environ, reason="200 signals take minutes: set IMAGEGEN_SOAK=1")
def test_at_two_hundred_random_times(tmp_path: Path, driver: Driver) -> None:
    """The same, 200 times."""
    dice = random.Random()
    for n in range(200):
        _at_random(tmp_path / f"p{n}", driver, dice.choice(list(CODES)), dice)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_no_new_call_after_the_signal(tmp_path: Path, driver: Driver, number: signal.Signals) -> None:
    """After the signal the calls in flight are waited for and kept, and none more goes out, not even for money that
    was set aside already."""
    with Cloud(latency=3.0) as cloud, guarded(tmp_path / "place", cloud, driver) as place:
        with place.start(*place.arguments(_rows(place, 60))) as process:
            _until(lambda: len(cloud.requests) == 4)
            process.send_signal(number)
            out, err = process.communicate(timeout=LONG)
        ended = Ended(process.returncode, out, err)
        _drained(place, cloud, ended, CODES[number])
        assert len(cloud.requests) == 4
        assert ended.summary["stopped_by"] == "interrupted"
        assert (ended.summary["made"], ended.summary["skipped"]) == (4, 56)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_it_plans(place: Place, cloud: Cloud, number: signal.Signals) -> None:
    """A signal while a long manifest is planned ends the run before anything is asked."""
    manifest = _rows(place, 30_000)
    with place.start(*place.arguments(manifest)) as process:
        _until((place.home / "ledger.db").exists)
        process.send_signal(number)
        _, err = process.communicate(timeout=LONG)
    assert (process.returncode, err.strip()) == (CODES[number], "error: interrupted")
    assert len(cloud.requests) == 0
    assert place.books.ask("SELECT COUNT(*) FROM jobs") == [(0,)]


def test_the_second_signal_ends_it_at_once(tmp_path: Path, driver: Driver) -> None:
    """The second SIGINT does not wait for the provider: what was in flight is unknown, and listed as such."""
    with Cloud(latency=4 * LONG) as cloud, guarded(tmp_path / "place", cloud, driver) as place:
        with place.start(*place.arguments(_rows(place, 12))) as process:
            _until(lambda: len(cloud.requests) == 4)
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=0.5)  # it waits for what was paid for
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=LONG)
        assert process.returncode == 130
        assert "Traceback" not in err
        listed = [row for rows in place.unknown().values() for row in rows]
        assert sorted(listed) == sorted(charge.prompt.split()[0] for charge in cloud.charges)
        assert len(listed) == 4


def test_while_it_waits_for_a_rate_limit(place: Place, cloud: Cloud) -> None:
    """A wait that the provider asked for does not outlast the signal, and no row fails for it."""
    cloud.faults.add("rate_limit", seconds=600)
    with place.start(*place.arguments(_rows(place, 6))) as process:
        _until(lambda: len(cloud.requests) > 0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LONG)
    ended = Ended(process.returncode, out, err)
    assert ended.code == 130, err
    assert set(ended.states.values()) == {"skipped"}
    assert {event["reason"] for event in ended.rows.values()} == {"interrupted"}
    assert {attempt.state for attempt in place.books.attempts()} == {"free"}


def test_nobody_reads_stdout(slow: tuple[Place, Cloud]) -> None:
    """`imagegen run --json | head -1`: the reader is gone after a line; the run does its work all the same."""
    place, cloud = slow
    manifest = _rows(place, 20)
    with place.start(*place.arguments(manifest)) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("{")
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        code = process.wait(timeout=LONG)
    assert "Traceback" not in err
    assert "Broken pipe" not in err
    assert code == 0, err
    assert len(cloud.charges) == 20
    again = place.run(manifest)
    assert (again.code, set(again.states.values())) == (0, {"kept"})


def test_nobody_reads_anything(slow: tuple[Place, Cloud]) -> None:
    """`imagegen run 2>&1 | head -1`: the same, when a picture's failure can be told to nobody."""
    place, cloud = slow
    cloud.faults.add("moderation", prompt="r00")
    manifest = _rows(place, 20)
    arguments = [each for each in place.arguments(manifest) if each != "--json"]
    with place.start(*arguments, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        code = process.wait(timeout=LONG)
    assert code == 3
    assert len(cloud.charges) == 10
    assert place.books.attempts("unknown", "reserved", "sent") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_after_the_end(tmp_path: Path, number: signal.Signals) -> None:
    """A signal that comes when the outcome has been said, while the interpreter winds down, changes nothing: 0."""
    code = (
        "import atexit, os, sys; from imagegen.cli import main; "
        f"atexit.register(os.kill, os.getpid(), {int(number)}); sys.argv = ['imagegen', '--version']; main()"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("imagegen ")
