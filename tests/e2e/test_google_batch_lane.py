"""Gemini's batches through the program: half the price, nothing lost, nothing bought twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.e2e.conftest import KILLED_CREATING, Books, Imagegen, Write, environment, files, manifest, opened
from tests.e2e.test_batch_lane import _backdate, states
from tests.providers.googles import batches

KEY = "AIzaTest0123456789abcdef"
HEAD = "lane: batch\ndefaults: {model: gemini-3.1-flash-lite-image, provider: google}"
THREE = ("id: a, prompt: A mug", "id: b, prompt: A cup", "id: c, prompt: A bowl")


def google(cloud: Cloud) -> dict[str, str]:
    """The Gemini API at `cloud`."""
    return {"GOOGLE_API_KEY": KEY, "IMAGEGEN_GOOGLE_BASE_URL": cloud.url("google")}


def test_rows_wait_and_are_brought_home_row_by_row(
    imagegen: Imagegen, cloud: Cloud, write: Write, books: Books, tmp_path: Path
) -> None:
    """Exit 9 and nothing charged while the batch is at work; then what was made is there for half the price, an edit
    among it, what was blocked is booked and not bought again, what was not made is bought again; the books are the bill
    to the nanodollar (the `cloud` fixture compares them)."""
    theirs, env = batches(cloud), google(cloud)
    write("mug.png", picture("mug", 64, 48))
    blocked = 'id: d, prompt: "A knife [IMAGE_SAFETY]"'
    write("m.yaml", manifest(*THREE, blocked, "id: e, prompt: On linen, image: mug.png", head=HEAD))
    theirs.hold = True
    planned = imagegen("plan", "m.yaml", **env)
    assert "google (batch)" in planned.out
    first = imagegen("run", "m.yaml", **env)
    assert first.code == 9
    assert "5 pictures wait in the provider's queue" in first.err
    assert sorted(len(batch.lines) for batch in theirs.made.values()) == [1, 4]
    assert imagegen("run", "m.yaml", **env).code == 9
    assert (len(theirs.made), cloud.bill) == (2, 0)
    assert books.reserved > 0
    theirs.hold, theirs.clogs = False, {"cup"}
    second = imagegen("run", "m.yaml", "--json", **env)
    assert second.code == 9
    assert states(second.events) == {"a": "cached", "b": "waiting", "c": "cached", "d": "failed", "e": "cached"}
    assert "google refused the picture (IMAGE_SAFETY)" in second.out
    theirs.clogs.clear()
    last = imagegen("collect", "--json", **env)
    assert states(last.events)["b"] == "cached", last.events
    assert files(tmp_path / "out" / "m") == {"a.png", "b.png", "c.png", "e.png"}
    assert opened(tmp_path / "out" / "m" / "b.png")[0] == (1024, 1024)
    assert len(theirs.made) == 3
    assert KEY not in "".join(ran.out + ran.err for ran in (planned, first, second, last))


@pytest.mark.parametrize("when", ["after", "before"])
def test_killed_before_its_number_was_written_down(
    imagegen: Imagegen, cloud: Cloud, write: Write, home: Path, tmp_path: Path, books: Books, when: str
) -> None:
    """A batch that was created is found by its name and never bought twice. Of one that was not, nobody can say: its
    rows wait, and after a week they are unknown, until somebody has looked at the bill."""
    env = google(cloud)
    write("m.yaml", manifest(*THREE, head=HEAD))
    died = subprocess.run(
        [sys.executable, "-c", KILLED_CREATING.format("google"), when, "run", "m.yaml"],
        env=environment(home, **env),
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=100,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert books.ask("SELECT state FROM attempts") == "sent"
    ran = imagegen("run", "m.yaml", "--json", **env)
    if when == "after":
        assert (ran.code, ran.summary["cached"]) == (0, 3)
    else:
        assert (ran.code, ran.summary["waiting"]) == (9, 3)
        _backdate(home, 8 * 24 * 3600)
        assert imagegen("collect", **env).code == 6
        lost = json.loads(imagegen("unknown", "--json").out.splitlines()[0])
        assert imagegen("settle", lost["attempt"], "--not-charged").code == 0
        assert imagegen("run", "m.yaml", **env).code == 9
        assert imagegen("collect", **env).code == 0
    assert (len(batches(cloud).made), len(cloud.charges)) == (1, 3)


def test_fifty_to_a_batch_and_fewer_of_large_ones(imagegen: Imagegen, cloud: Cloud, write: Write) -> None:
    """Larger ones were billed and could never be fetched."""
    env, theirs = google(cloud), batches(cloud)
    small = [f"id: r{number}, prompt: Picture {number}" for number in range(60)]
    sheet = "model: gemini-nano-banana-2.1, size: 4096x4096"
    large = [f"id: l{number}, prompt: Sheet {number}, {sheet}" for number in range(4)]
    write("m.yaml", manifest(*small, *large, head=HEAD))
    theirs.hold = True
    assert imagegen("run", "m.yaml", **env).code == 9
    sizes = sorted((batch.model, len(batch.lines)) for batch in theirs.made.values())
    lite, flash = "gemini-3.1-flash-lite-image", "gemini-nano-banana-2.1"
    assert sizes == [(lite, 10), (lite, 50), (flash, 1), (flash, 3)]
    for batch in theirs.made.values():  # nothing is drawn here
        batch.state, batch.error = "EXPIRED", {"code": 4, "message": "Too late."}
    ended = imagegen("collect", "--json", **env)
    assert ended.summary["skipped"] == 64, (ended.code, ended.summary)
