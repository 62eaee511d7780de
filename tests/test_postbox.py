"""Which fates are put into the outbox, and where they are not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imagegen import postbox
from imagegen.ledger import jobs, outbox, runs, schema
from imagegen.ledger.jobs import Job, Staged
from imagegen.results import result_of

NOON = 1_795_348_800.0
URL = "https://shop.example/hook?token=1"


@pytest.fixture
def books(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(schema.connect(tmp_path / "ledger.db")) as connection:
        for run in ("one", "two"):
            runs.start(connection, run, "shop", "/shop/rows.csv", {}, NOON)
        yield connection


def staged(
    books: sqlite3.Connection, row: str, url: str | None = URL, run: str = "one", state: str = "todo", **more: str
) -> None:
    about = json.dumps({"prompt": f'a "callback": {row}', "callback": url} if url else {"prompt": row})
    about = about.replace('": ', '":')
    line = Staged(
        seq=len(row), row=row, sample=0, state=state, priority=2, file=row, fold=row, about=about, provider="openai",
        model="m", key=f"key-{row}", fingerprint="f", estimate=0, most=0, request="{}", finish="{}", **more,
    )  # fmt: skip
    jobs.stage(books, run, [line])


def ready(books: sqlite3.Connection) -> Job:
    (job,) = jobs.ready(books, "one", "openai", (0, "", -1), 9)
    return job


def told(books: sqlite3.Connection) -> list[tuple[str, str, str]]:
    lines = books.execute("SELECT row, json_extract(body, '$.type'), url FROM outbox ORDER BY created, row")
    return [tuple(line) for line in lines]  # type: ignore[misc]


@pytest.mark.parametrize("state", ["made", "cached", "refused", "failed", "unknown"])
def test_a_final_fate_is_told(books: sqlite3.Connection, state: str) -> None:
    """To the whole address, query and all; due at once."""
    staged(books, "mug")
    job = ready(books)
    assert postbox.post(books, job, result_of(job, state), NOON)  # type: ignore[arg-type]
    assert told(books) == [("mug", f"image.{state}", URL)]
    assert [message.run for message in outbox.due(books, NOON)] == ["one"]


def test_what_is_not_told(books: sqlite3.Connection) -> None:
    """What waits or was not reached, and a picture that only stayed."""
    staged(books, "mug")
    job = ready(books)
    for state in ("waiting", "skipped", "kept"):
        assert not postbox.post(books, job, result_of(job, state), NOON)  # type: ignore[arg-type]
    assert postbox.post(books, job, result_of(job, "kept", digest="d", file="mug.png"), NOON)
    assert told(books) == [("mug", "image.kept", URL)]


@pytest.mark.parametrize("more", [{"url": None}, {"role": "draft"}], ids=["no callback_url", "a draft"])
def test_who_is_not_told(books: sqlite3.Connection, more: dict[str, str]) -> None:
    """Rows that name nobody, whatever their prompt says, and drafts: the picture that comes of them is told."""
    staged(books, "mug", **more)
    job = ready(books)
    assert not postbox.post(books, job, result_of(job, "made"), NOON)
    staged(books, "bowl", state="refused", **more)
    assert postbox.post_planned(books, "one", "shop", NOON) == 0
    assert told(books) == []


def test_what_planning_decides_is_told_once(books: sqlite3.Connection) -> None:
    """Not again by the next run; again when something else was told meanwhile, or it has another address."""
    staged(books, "mug", state="refused")
    staged(books, "bowl", state="unknown")
    staged(books, "plate", state="kept")
    assert postbox.post_planned(books, "one", "shop", NOON) == 2
    staged(books, "mug", state="refused", run="two")
    staged(books, "bowl", state="unknown", run="two")
    assert postbox.post_planned(books, "two", "shop", NOON + 1) == 0
    assert postbox.post_planned(books, "two", "another folder", NOON + 1) == 2
    assert sorted(row for row, _, _ in told(books)) == ["bowl", "bowl", "mug", "mug"]
