"""A ledger of an earlier version: opened for spending it is migrated after a backup; only looked at it stays."""

from __future__ import annotations

import json
import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from imagegen.ledger import Ledger, attempts, schema, spending
from imagegen.ledger.spending import UNRECORDED, Spent
from ledger.bookkeeping import CENT, NOON, granted, open_books, recount, totals

#: The tables whose shape version 2 changed, as version 1 had them.
ITEMS_1 = (
    "CREATE TABLE items (attempt TEXT NOT NULL, key TEXT NOT NULL, row TEXT NOT NULL, sample INTEGER NOT NULL,"
    " request TEXT NOT NULL, PRIMARY KEY (attempt, key)) WITHOUT ROWID"
)
#: The tables that version 3 added.
ADDED_3 = ("outbox", "learned", "choices")


def version_1(folder: Path) -> str:
    """A ledger as version 1 left it, with one purchase; the attempt's id."""
    with closing(open_books(folder)) as books:
        attempt = granted(books, "mug", "cup")
        attempts.sent(books, attempt, NOON)
        attempts.close(books, attempt, CENT, "usage", NOON)
        kept = books.execute("SELECT attempt, key, row, sample, request FROM items").fetchall()
        books.execute("DROP TABLE items")
        books.execute(ITEMS_1)
        books.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?)", kept)
        for table in ADDED_3:
            books.execute(f"DROP TABLE {table}")
        for index in ("jobs_link", "jobs_ready"):
            books.execute(f"DROP INDEX {index}")
        books.execute("CREATE INDEX jobs_ready ON jobs (run, state, provider, priority, seq)")
        books.execute("ALTER TABLE jobs DROP COLUMN bucket")
        books.execute("ALTER TABLE jobs DROP COLUMN role")
        books.execute("ALTER TABLE jobs DROP COLUMN link")
        books.execute("ALTER TABLE attempts DROP COLUMN told")
        books.execute("PRAGMA user_version=1")
    return attempt


def copies(folder: Path) -> list[Path]:
    return sorted(folder.glob("ledger.db.v1-*.bak"))


def test_data_of_version_1_is_all_there_afterwards(home: Path) -> None:
    """Every line survives, the money agrees, tags are unknown for what was bought before and kept from now on."""
    home.mkdir()
    attempt = version_1(home)
    with closing(Ledger(home)) as ledger:
        later = ledger.write(lambda books: granted(books, "jug"))
        with ledger.reading() as books:
            assert books.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
            lines = books.execute("SELECT attempt, row, tags FROM items ORDER BY row").fetchall()
            assert books.execute("SELECT role, link, bucket FROM jobs").fetchall() == []
            assert books.execute("SELECT DISTINCT told FROM attempts").fetchall() == [(None,)]
            assert [books.execute(f"SELECT COUNT(*) FROM {name}").fetchone() for name in ADDED_3] == [(0,)] * 3
            assert lines == [(attempt, "cup", None), (later, "jug", "[]"), (attempt, "mug", None)]
            assert totals(books) == recount(books)
            assert spending.by(books, "tag", spending.Span())[UNRECORDED] == Spent(2, CENT, CENT)


def test_the_backup_is_the_ledger_as_it_was(home: Path) -> None:
    """What was committed but lay only in the log is in it; only its owner may read it."""
    home.mkdir()
    attempt = version_1(home)
    with closing(sqlite3.connect(home / "ledger.db", isolation_level=None)) as old:
        old.execute("PRAGMA wal_autocheckpoint=0")
        old.execute("INSERT INTO meta VALUES ('late', '1')")
        assert b"late" not in (home / "ledger.db").read_bytes()
        schema.connect(home / "ledger.db").close()
    (copy,) = copies(home)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as books:
        assert books.execute("PRAGMA user_version").fetchone() == (1,)
        assert books.execute("SELECT value FROM meta WHERE name = 'late'").fetchone() == ("1",)
        assert {each[0] for each in books.execute("SELECT attempt FROM items")} == {attempt}
    schema.connect(home / "ledger.db").close()
    assert copies(home) == [copy], "migrated once"


def test_two_that_come_at_once_migrate_once(home: Path) -> None:
    """Both find version 1 and wait for the ledger; who gets it second sees that it is done."""
    home.mkdir()
    version_1(home)
    path = home / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other, ThreadPoolExecutor(2) as pool:
        other.execute("BEGIN IMMEDIATE")
        both = [pool.submit(lambda: schema.connect(path).close()) for _ in range(2)]
        time.sleep(0.3)
        other.execute("COMMIT")
        for each in both:
            each.result()
    assert len(copies(home)) == 1
    with schema.looking(path) as books:
        assert books is not None
        assert spending.keeps_tags(books)


def test_a_migration_that_fails_changes_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger stays of its version, whole, and the error is one line."""
    home.mkdir()
    version_1(home)
    monkeypatch.setitem(schema.MIGRATIONS, 1, "ALTER TABLE items ADD COLUMN tags TEXT; ALTER TABLE nothing ADD a TEXT")
    with pytest.raises(schema.StorageError, match="nothing"):
        Ledger(home)
    with closing(sqlite3.connect(home / "ledger.db")) as books:
        assert books.execute("PRAGMA user_version").fetchone() == (1,)
        assert [column[1] for column in books.execute("PRAGMA table_info(items)")][-1] == "request"


def test_looking_migrates_nothing(home: Path) -> None:
    """Spending can be read from version 1 as it lies there."""
    home.mkdir()
    version_1(home)
    before = (home / "ledger.db").read_bytes()
    with schema.looking(home / "ledger.db") as books:
        assert books is not None
        assert not spending.keeps_tags(books)
        assert spending.by(books, "tag", spending.Span()) == {UNRECORDED: Spent(2, CENT, CENT)}
        assert spending.total(books, spending.Span()) == Spent(2, CENT, CENT)
    assert (home / "ledger.db").read_bytes() == before
    assert copies(home) == []


def test_tags_go_with_a_retried_attempt(tmp_path: Path) -> None:
    """What is asked again on the same reservation keeps its rows' tags."""
    with closing(open_books(tmp_path)) as books:
        item = attempts.Item("key", "mug", 0, "{}", CENT, CENT, ("autumn", "sale"))
        attempts.reserve(
            books, "first", run="r", collection="c", provider="openai", model="m", items=[item],
            budget=attempts.Budget(), clock=NOON,
        )  # fmt: skip
        attempts.sent(books, "first", NOON)
        attempts.again(books, "first", "second", NOON, "rate limit")
        (line,) = books.execute("SELECT attempt, tags FROM items").fetchall()
    assert (line[0], json.loads(line[1])) == ("second", ["autumn", "sale"])
