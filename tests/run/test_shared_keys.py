"""Equal requests share one paid call: in a manifest, between folders, between processes. And who comes first."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.run.cloudrun import LONG, Driver, Ended, Place, guarded


@pytest.fixture
def slow(tmp_path: Path, driver: Driver) -> Iterator[tuple[Place, Cloud]]:
    """A place and a server that takes its time, so that twins meet."""
    with Cloud(latency=0.15) as cloud, guarded(tmp_path / "place", cloud, driver) as place:
        yield place, cloud


def _prompts(cloud: Cloud) -> Counter[str]:
    return Counter(charge.prompt for charge in cloud.charges)


def test_equal_rows_share_a_call(slow: tuple[Place, Cloud]) -> None:
    """Three times ten equal rows are ten calls: one row of each is made, the others have its picture for nothing."""
    place, cloud = slow
    rows = [{"id": f"r{n:02}", "prompt": f"view {n % 10}"} for n in range(30)]
    ended = place.run(place.manifest(rows))
    assert ended.code == 0, ended.err
    assert Counter(ended.states.values()) == {"made": 10, "cached": 20}
    assert set(_prompts(cloud).values()) == {1}
    assert len({(place.out / ended.rows[f"r{n:02}"]["file"]).read_bytes() for n in range(30)}) == 10


@pytest.mark.parametrize("workers", [1, 4])
def test_more_twins_than_workers(slow: tuple[Place, Cloud], workers: int) -> None:
    """Forty equal rows, more than there are workers to wait: one call."""
    place, cloud = slow
    ended = place.run(place.manifest([{"id": f"r{n:02}", "prompt": "one view"} for n in range(40)]), workers=workers)
    assert ended.code == 0, ended.err
    assert Counter(ended.states.values()) == {"made": 1, "cached": 39}
    assert len(cloud.requests) == 1


def test_each_row_is_done_once(tmp_path: Path, driver: Driver) -> None:
    """Pairs of twins among many workers: no row is taken up a second time while its books are being closed, not even
    one that is to be made anew."""
    with Cloud(latency=0.01) as cloud, guarded(tmp_path / "place", cloud, driver) as place:
        dice = random.Random(5)
        rows = [{"id": f"{twin}{n:02}", "prompt": f"view {n}"} for twin in "ab" for n in range(40)]
        dice.shuffle(rows)
        manifest = place.manifest(rows)
        ended = place.run(manifest, workers=8)
        assert Counter(ended.states.values()) == {"made": 40, "cached": 40}
        assert len([event for event in ended.events if event["event"] == "row"]) == 80
        assert len(cloud.requests) == 40
        redo = [word for n in range(20) for word in ("--redo", f"a{n:02}")]
        again = place.run(manifest, *redo, workers=8)
        assert Counter(again.states.values()) == {"made": 20, "kept": 60}
        assert len(cloud.requests) == 60


def test_samples_are_pictures_of_their_own(place: Place, cloud: Cloud) -> None:
    """A row with n: 3 is three calls and three files; its twin has the same three for nothing."""
    rows = [{"id": "a", "prompt": "one view", "n": 3}, {"id": "b", "prompt": "one view", "n": 3}]
    manifest = place.manifest(rows)
    ended = place.run(manifest)
    assert ended.code == 0, ended.err
    assert len(cloud.requests) == 3
    assert sorted(path.name for path in place.out.glob("*.png")) == [
        f"{row}-{n}.png" for row in "ab" for n in (1, 2, 3)
    ]
    samples = {(event["id"], event["sample"]): event for event in ended.events if event["event"] == "row"}
    assert len({event["key"] for event in samples.values()}) == 3
    assert all(samples["a", n]["key"] == samples["b", n]["key"] for n in range(3))
    assert place.run(manifest).summary["kept"] == 6
    assert len(cloud.requests) == 3


def test_another_folder_has_them_for_nothing(place: Place, cloud: Cloud) -> None:
    """What one output folder paid for, another of the same home takes from the cache."""
    manifest = place.manifest([{"id": f"r{n}", "prompt": f"view {n}"} for n in range(6)])
    place.run(manifest)
    other = place.run(manifest, out=place.folder / "other")
    assert (other.code, set(other.states.values())) == (0, {"cached"})
    assert len(cloud.requests) == 6
    assert (place.folder / "other" / "r3.png").read_bytes() == (place.out / "r3.png").read_bytes()


def test_two_processes_share_calls(slow: tuple[Place, Cloud]) -> None:
    """Two runs at once with one home and two folders: each prompt is bought by one of them, and both have all."""
    place, cloud = slow
    ids = [f"r{n:02}" for n in range(30)]
    manifest = place.manifest([{"id": each, "prompt": f"{each} a view"} for each in ids])
    outs = [place.folder / "one", place.folder / "two"]
    with ExitStack() as stack:
        runs = [stack.enter_context(place.start(*place.arguments(manifest, out=out))) for out in outs]
        ended = [Ended(*_ends(run)) for run in runs]
    assert [each.code for each in ended] == [0, 0], [each.err for each in ended]
    assert set(_prompts(cloud).values()) == {1}
    assert len(cloud.requests) == 30
    for one in ids:
        first, second = ((out / f"{one}.png").read_bytes() for out in outs)
        assert first == second
    states = Counter(state for each in ended for state in each.states.values())
    assert states == {"made": 30, "cached": 30}


def test_who_waits_for_a_dead_process_goes_on(place: Place, cloud: Cloud) -> None:
    """A run that waits for another process's purchases does not wait for ever when that is killed: what was in
    flight is unknown, what was only set aside it buys itself."""
    cloud.faults.add("hang", at=[1, 2, 3, 4])
    ids = [f"r{n:02}" for n in range(12)]
    manifest = place.manifest([{"id": each, "prompt": f"{each} a view"} for each in ids])
    with place.start(*place.arguments(manifest, out=place.folder / "one")) as first:
        _until(cloud, 4)
        with place.start(*place.arguments(manifest, out=place.folder / "two")) as second:
            _until(cloud, 11)  # the first has a hand to spare that keeps a twelfth
            first.send_signal(signal.SIGKILL)
            first.communicate()
            ended = Ended(*_ends(second))
    listed = {row for rows in place.unknown().values() for row in rows}
    assert ended.code == 6, ended.err
    assert listed == {asked.prompt.split()[0] for asked in cloud.requests[:4]}
    assert {name for name, state in ended.states.items() if state == "unknown"} == listed
    assert {state for name, state in ended.states.items() if name not in listed} == {"made"}
    assert set(_prompts(cloud).values()) == {1}


def test_priorities_are_obeyed(place: Place, cloud: Cloud) -> None:
    """With one worker requests go out by priority, those of equal priority in the manifest's order."""
    dice = random.Random(3)
    rows = [{"id": f"r{n:03}", "prompt": f"r{n:03}", "priority": dice.choice((1, 2, 3))} for n in range(300)]
    ended = place.run(place.manifest(rows), workers=1)
    assert ended.code == 0, ended.err
    wanted = [row["prompt"] for row in sorted(rows, key=lambda row: (row["priority"], row["id"]))]
    assert [asked.prompt for asked in cloud.requests] == wanted


def test_priorities_with_many_workers(slow: tuple[Place, Cloud]) -> None:
    """With several workers nothing of a later priority is asked while an earlier one is still to be asked."""
    place, cloud = slow
    rows = [{"id": f"r{n:02}", "prompt": f"r{n:02}", "priority": 1 + n % 3} for n in range(36)]
    place.run(place.manifest(rows), workers=4)
    order = [1 + int(asked.prompt[1:]) % 3 for asked in cloud.requests]
    # Workers may overtake each other on the way out by as many as there are of them.
    assert all(abs(order.index(later) - 12 * (later - 1)) <= 5 for later in (1, 2, 3))
    assert Counter(order) == {1: 12, 2: 12, 3: 12}


def _until(cloud: Cloud, requests: int) -> None:
    end = time.monotonic() + LONG
    while len(cloud.requests) < requests:
        assert time.monotonic() < end, f"{len(cloud.requests)} of {requests} requests"
        time.sleep(0.01)


def _ends(run: object) -> tuple[int, str, str]:
    out, err = run.communicate(timeout=LONG)  # type: ignore[attr-defined]
    return run.returncode, out, err  # type: ignore[attr-defined]
