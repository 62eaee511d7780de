"""One attempt in the ledger is one request on the wire, whatever goes wrong in between."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.run.cloudrun import Driver, Place, guarded

#: Faults of single rows, by a piece of the prompt: what passes by itself, what is refused, what breaks off.
SCRIPT = [
    {"kind": "rate_limit", "prompt": "row01", "times": 2, "seconds": 0.05},
    {"kind": "rate_limit_bare", "prompt": "row02", "times": 1},
    {"kind": "overloaded", "prompt": "row03", "times": 3},
    {"kind": "moderation", "prompt": "row04"},
    {"kind": "server_error_charged", "prompt": "row05"},
    {"kind": "cut_before", "prompt": "row06"},
    {"kind": "cut_accepted", "prompt": "row07"},
    {"kind": "cut_body", "prompt": "row08"},
    {"kind": "wrong_size", "prompt": "row09"},
    {"kind": "empty", "prompt": "row10"},
    {"kind": "html", "prompt": "row11"},
    {"kind": "slow_down", "prompt": "row12", "times": 1},
    {"kind": "moved", "prompt": "row19"},
]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Place, Cloud]]:
    with Cloud() as cloud, Driver() as driver, guarded(tmp_path / "place", cloud, driver) as place:
        yield place, cloud


def test_one_request_per_attempt(place: tuple[Place, Cloud]) -> None:
    """After a run with every kind of fault, and two more runs, the attempts that were sent are as many as the
    requests that arrived; retries count as attempts of their own, and no SDK adds any."""
    here, cloud = place
    cloud.faults.script(SCRIPT)
    manifest = here.manifest([{"id": f"row{n:02}", "prompt": f"row{n:02}"} for n in range(20)])
    for _ in range(3):
        here.run(manifest)
        sent = [attempt for attempt in here.books.attempts() if attempt.sent is not None]
        assert len(sent) == len(cloud.requests)
        cloud.faults.clear()
    wire = Counter(asked.prompt for asked in cloud.requests)
    assert {f"row{n:02}": wire[f"row{n:02}"] for n in (1, 2, 3, 12)} == {"row01": 3, "row02": 2, "row03": 4, "row12": 2}
    assert {f"row{n:02}": wire[f"row{n:02}"] for n in (5, 6, 7, 8, 9, 10, 11)} == {
        f"row{n:02}": 1 for n in range(5, 12)
    }
    numbers = Counter(attempt.number for attempt in here.books.attempts() if attempt.sent is not None)
    assert (numbers[2], numbers[3], numbers[4]) == (4, 2, 1)


def test_nothing_is_sent_to_a_closed_door(place: tuple[Place, Cloud]) -> None:
    """With nobody listening each try is an attempt that ends as free: nothing is charged, nothing unknown."""
    here, cloud = place
    here.address = "http://127.0.0.1:9/v1"
    ended = here.run(here.manifest([{"id": "a", "prompt": "a"}]), workers=1)
    assert (ended.code, ended.states) == (5, {"a": "failed"}), ended.err
    assert "cannot be reached" in ended.err
    assert {attempt.state for attempt in here.books.attempts()} == {"free"}
    assert len(here.books.attempts()) > 5
    assert len(cloud.requests) == 0


def test_one_request_per_edit(place: tuple[Place, Cloud]) -> None:
    """The same holds where pictures go out: retries send them again whole, what is paid for is not sent again."""
    here, cloud = place
    cloud.faults.script([fault for fault in SCRIPT if fault["prompt"] in ("row01", "row05", "row07", "row08")])
    mug = here.folder / "mug.png"
    mug.write_bytes(picture("mug", 64, 48))
    rows = [{"id": f"row{n:02}", "prompt": f"row{n:02}", "image": str(mug)} for n in (0, 1, 5, 7, 8)]
    manifest = here.manifest(rows)
    for _ in range(2):
        here.run(manifest)
        sent = [attempt for attempt in here.books.attempts() if attempt.sent is not None]
        assert len(sent) == len(cloud.requests)
        cloud.faults.clear()
    wire = Counter(asked.prompt for asked in cloud.requests)
    assert wire == {"row00": 1, "row01": 3, "row05": 1, "row07": 1, "row08": 1}
    assert {asked.path for asked in cloud.requests} == {"/v1/images/edits"}
    assert {asked.body["image"][0] for asked in cloud.requests} == {hashlib.sha256(mug.read_bytes()).hexdigest()}
