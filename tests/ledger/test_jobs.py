"""Jobs: one run's work list, in order, with what became of each."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from imagegen.ledger import jobs, runs, tally
from imagegen.ledger.jobs import Staged
from ledger.bookkeeping import NOON


def staged(seq: int, row: str, **more: Any) -> Staged:
    """A line of the work list."""
    values = {"sample": 0, "state": "todo", "priority": 2, "file": f"{row}.png", "fold": f"{row}.png", "about": "{}"}
    values |= {"provider": "openai", "model": "gpt-image-2", "key": f"key-{row}", "fingerprint": "f", "request": "{}"}
    values |= {"estimate": 10, "most": 20, "premium": 30, "finish": "{}"}
    return Staged(seq=seq, row=row, **(values | more))


def stage(connection: sqlite3.Connection, *lines: Staged, run: str = "run") -> None:
    jobs.stage(connection, run, lines)


def test_jobs_come_by_priority_then_in_the_manifests_order(books: sqlite3.Connection) -> None:
    """Priority 1 before 2 before 3; equal priority as written."""
    order = [("c", 3), ("a", 2), ("z", 1), ("b", 2), ("y", 1)]
    stage(books, *(staged(seq, row, priority=priority) for seq, (row, priority) in enumerate(order)))
    assert [job.row for job in jobs.ready(books, "run", "openai", (0, "", -1), 10)] == ["z", "y", "a", "b", "c"]


def test_equal_priority_goes_bucket_by_bucket(books: sqlite3.Connection) -> None:
    """What shares a bucket comes together, in the order of the manifest; priority counts more."""
    order = [("a", 2, "wide"), ("b", 2, "tall"), ("c", 2, "wide"), ("d", 1, "wide"), ("e", 2, "tall")]
    stage(books, *(staged(seq, row, priority=first, bucket=bucket) for seq, (row, first, bucket) in enumerate(order)))
    assert [job.row for job in jobs.ready(books, "run", "openai", (0, "", -1), 10)] == ["d", "b", "e", "a", "c"]
    assert [job.row for job in jobs.ready(books, "run", "openai", (2, "tall", 4), 10)] == ["a", "c"]


def test_a_list_is_read_in_pieces(books: sqlite3.Connection) -> None:
    """`after` goes on where the last piece ended: every job once, none left out."""
    stage(books, *(staged(seq, f"row {seq}", priority=1 + seq % 3) for seq in range(10)))
    found: list[int] = []
    after = (0, "", -1)
    while piece := jobs.ready(books, "run", "openai", after, 3):
        found += [job.seq for job in piece]
        after = (piece[-1].priority, piece[-1].bucket, piece[-1].seq)
    assert found == [0, 3, 6, 9, 1, 4, 7, 2, 5, 8]


def test_only_what_is_to_do_for_this_provider_and_run_is_ready(books: sqlite3.Connection) -> None:
    """Final lines, other providers' and other runs' lines are not handed out."""
    stage(books, staged(0, "mine"), staged(1, "kept", state="kept"), staged(2, "theirs", provider="fal"))
    stage(books, staged(0, "other"), run="other")
    assert [job.row for job in jobs.ready(books, "run", "openai", (0, "", -1), 10)] == ["mine"]
    assert sorted(jobs.providers(books, "run")) == ["fal", "openai"]


def test_two_lines_of_a_run_never_share_a_file(books: sqlite3.Connection) -> None:
    """The same file twice is refused within a run, and no matter between runs."""
    stage(books, staged(0, "mug"))
    stage(books, staged(0, "mug"), run="other")
    assert jobs.same_file(books, "run", ["cup.png", "mug.png"]) == ("mug.png", "{}")
    assert jobs.same_file(books, "run", ["cup.png"]) is None
    with pytest.raises(sqlite3.IntegrityError):
        stage(books, staged(1, "mug"))


def test_what_became_of_a_job_is_kept(books: sqlite3.Connection) -> None:
    """end writes state, cost, picture, file and reason; what it is not told stays."""
    stage(books, staged(0, "mug", digest="old"), staged(1, "cup"))
    first, second = jobs.ready(books, "run", "openai", (0, "", -1), 10)
    jobs.end(books, first.id, "made", cost=7, digest="new", file="mug.webp", about='{"made": 1}')
    jobs.end(books, second.id, "failed", reason="refused")

    made, failed = jobs.lines(books, "run")
    assert (made["state"], made["cost"], made["digest"], made["file"], made["about"]) == (
        "made",
        7,
        "new",
        "mug.webp",
        {"made": 1},
    )
    assert (failed["state"], failed["cost"], failed["file"], failed["reason"]) == ("failed", 0, "cup.png", "refused")
    assert tally.counts(books, "run") == {"made": 1, "failed": 1}
    assert [line["row"] for line in jobs.lines(books, "run", ["failed"])] == ["cup"]


def test_the_rest_is_skipped(books: sqlite3.Connection) -> None:
    """skip_rest ends what is still to do, of one provider or of all, with the reason."""
    stage(books, staged(0, "done", state="made"), staged(1, "mine"), staged(2, "theirs", provider="fal"))
    assert jobs.skip_rest(books, "run", "budget", "fal") == 1
    assert tally.counts(books, "run") == {"made": 1, "todo": 1, "skipped": 1}
    assert jobs.skip_rest(books, "run", "stopped") == 1
    assert [line["reason"] for line in jobs.lines(books, "run")] == [None, "stopped", "budget"]


def test_sums_count_what_is_there_as_nothing(books: sqlite3.Connection) -> None:
    """The estimate leaves out kept and cached pictures; the comparison counts those that are there."""
    stage(
        books,
        staged(0, "a"),
        staged(1, "b", state="kept"),
        staged(2, "c", state="cached"),
        staged(3, "d", premium=None),
    )
    assert tally.sums(books, "run") == (20, 60)
    assert tally.sums(books, "nothing") == (0, 0)


def test_a_list_is_discarded_in_pieces(books: sqlite3.Connection) -> None:
    """discard deletes at most so many lines of one run, and says how many."""
    stage(books, *(staged(seq, f"row {seq}") for seq in range(5)))
    stage(books, staged(0, "other"), run="other")
    assert [jobs.discard(books, "run", 3) for _ in range(3)] == [3, 2, 0]
    assert tally.counts(books, "other") == {"todo": 1}


def test_tidy_leaves_the_newest_runs_list(books: sqlite3.Connection) -> None:
    """Earlier runs of the collection lose their lists; other collections keep theirs."""
    for run, collection in (("old", "shop"), ("new", "shop"), ("blog", "blog")):
        runs.start(books, run, collection, "m.yaml", {}, NOON)
        stage(books, staged(0, "mug"), run=run)
    while runs.tidy(books, "new", "shop"):
        pass
    assert [tally.counts(books, run) for run in ("old", "new", "blog")] == [{}, {"todo": 1}, {"todo": 1}]


def test_unfinished_runs_await_their_keys(books: sqlite3.Connection) -> None:
    """What a run still has to do is awaited until it is done or the run ends."""
    for run in ("working", "ended"):
        runs.start(books, run, "shop", "m.yaml", {}, NOON)
        stage(
            books,
            staged(0, "mug"),
            staged(1, "cup", state="made"),
            staged(2, "jug", state="refused", key=None),
            run=run,
        )
    runs.end(books, "ended", 0, {}, NOON)
    assert tally.awaited(books) == {"working": {"key-mug"}}
