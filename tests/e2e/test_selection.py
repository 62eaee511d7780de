"""--only and --limit: a part of a manifest is made, and the results go on telling of everything that is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.e2e.conftest import Imagegen, Write, files, manifest

HEAD = "model: dall-e-3\ndefaults: {quality: standard, size: 1024x1024}"
ROWS = (
    "id: mug, prompt: A mug, tags: [kitchen, blue]",
    "id: cup, prompt: A cup, n: 2, tags: kitchen",
    "id: hat, prompt: A hat, tags: [blue]",
    "id: nowhere, prompt: A ghost, quality: none",
)


@pytest.fixture
def rows(write: Write) -> Path:
    """Three rows that can be made, and one that planning refuses."""
    return write("rows.yaml", manifest(*ROWS, head=HEAD))


def results(tmp_path: Path) -> dict[str, str]:
    lines = (tmp_path / "out/rows/results.jsonl").read_text().splitlines()
    return {f"{line['id']}{line['sample']}": line["state"] for line in map(json.loads, lines)}


@pytest.mark.parametrize(
    ("flags", "made"),
    [
        (["--only", "hat"], {"hat.png"}),
        (["--only", "kitchen"], {"mug.png", "cup-1.png", "cup-2.png"}),
        (["--only", "blue", "--only", "cup"], {"mug.png", "cup-1.png", "cup-2.png", "hat.png"}),
        (["--limit", "2"], {"mug.png", "cup-1.png", "cup-2.png"}),
        (["--only", "blue", "--limit", "1"], {"mug.png"}),
    ],
)
def test_a_part(paid: Imagegen, cloud: Cloud, rows: Path, tmp_path: Path, flags: list[str], made: set[str]) -> None:
    """Only these are made and paid for; a row that planning refuses elsewhere does not matter."""
    done = paid("run", rows, "--json", *flags)
    assert done.code == 0, done.err
    assert files(tmp_path / "out/rows") == made
    assert len(cloud.charges) == len(made)
    assert done.summary["rows"] == len(made)


def test_the_rest_is_told_of(paid: Imagegen, cloud: Cloud, rows: Path, tmp_path: Path) -> None:
    """What was made before is in the results of a later part, and is not touched or paid for."""
    assert paid("run", rows, "--only", "kitchen").code == 0
    done = paid("run", rows, "--only", "hat", "--json")
    assert done.code == 0, done.err
    assert results(tmp_path) == {"mug0": "kept", "cup0": "kept", "cup1": "kept", "hat0": "made"}
    assert len(cloud.charges) == 4
    assert paid("run", rows, "--only", "hat", "--redo", "hat").code == 0
    assert len(cloud.charges) == 5


def test_a_limit_stops_reading(paid: Imagegen, write: Write, tmp_path: Path) -> None:
    """The first rows of a large table in a new folder: the wrong row at its end is not reached."""
    table = "id,prompt\n" + "".join(f"r{n},Picture {n}\n" for n in range(2000)) + "last,\n"
    write("many.csv", table)
    done = paid("run", "many.csv", "--limit", "3", "--provider", "placeholder", "--json")
    assert done.code == 0, done.err
    assert set(done.states) == {"r0", "r1", "r2"}
    assert paid("run", "many.csv", "--provider", "placeholder").code == 2


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--only", "hut"], "--only: no row has the id or the tag 'hut'"),
        (["--only", "hat", "--redo", "hut"], "--redo: no row is called 'hut'"),
        (["--only", "nowhere"], "1 of 1 picture cannot be made"),
        (["--limit", "0"], "--limit"),
    ],
)
def test_bad_ones(paid: Imagegen, cloud: Cloud, rows: Path, flags: list[str], expected: str) -> None:
    """One line, exit 2, nothing asked."""
    done = paid("run", rows, *flags)
    assert (done.code, len(done.errors)) == (2, 1)
    assert expected in done.errors[0]
    assert cloud.charges == []


def test_resumed(paid: Imagegen, cloud: Cloud, rows: Path, tmp_path: Path) -> None:
    """`resume` repeats the part, not the whole."""
    assert paid("run", rows, "--only", "hat", "--budget", "0.01").code == 4
    assert paid("run", rows, "--only", "hat").code == 0
    assert paid("resume").code == 0
    assert files(tmp_path / "out/rows") == {"hat.png"}
    assert len(cloud.charges) == 1


def test_a_dry_run(paid: Imagegen, imagegen: Imagegen, cloud: Cloud, rows: Path, home: Path, tmp_path: Path) -> None:
    """It prints what the run would do and ends as it would begin; nothing is asked, bought or created."""
    refused = paid("run", rows, "--dry-run")
    assert refused.code == 2
    assert "nowhere" in refused.out
    dry = paid("run", rows, "--dry-run", "--only", "kitchen", "--json")
    assert (dry.code, dry.summary["cost_usd"]) == (0, "0.12")
    assert [event["state"] for event in dry.events[:-1]] == ["buy", "buy", "buy"]
    assert not home.exists()
    assert not (tmp_path / "out").exists()
    assert paid("run", rows, "--only", "kitchen").code == 0
    spent = cloud.bill
    again = paid("run", rows, "--dry-run", "--only", "kitchen", "--redo", "mug", "--json")
    assert [event["state"] for event in again.events[:-1]] == ["buy", "kept", "kept"]
    assert cloud.bill == spent
    keyless = imagegen("run", rows, "--dry-run", "--only", "hat")
    assert keyless.code == 2
    assert "dry run: nothing was asked" in keyless.err
