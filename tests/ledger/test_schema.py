"""The ledger's file: made, opened, refused, and who may read it."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imagegen.errors import Exit, StorageError
from imagegen.ledger import Ledger, schema
from ledger.bookkeeping import granted, open_books


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def _raise_version(path: Path) -> None:
    with closing(open_books(path.parent)) as connection:
        connection.execute(f"PRAGMA user_version={schema.VERSION + 1}")


def _read_all(path: Path) -> None:
    with schema.looking(path) as connection:
        assert connection is not None
        connection.execute("SELECT * FROM attempts").fetchall()


def test_a_new_file_has_the_tables(path: Path) -> None:
    """connect creates the file with every table and says which version it is."""
    with closing(schema.connect(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables >= {"meta", "collections", "runs", "jobs", "holdings", "attempts", "items", "claims", "buckets"}
        assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def test_commits_survive_a_power_cut(path: Path) -> None:
    """The file is in WAL mode with full synchronisation (2)."""
    with closing(schema.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_opening_again_keeps_what_is_there(path: Path) -> None:
    """A second connect finds what the first one wrote."""
    with closing(schema.connect(path)) as connection:
        attempt = granted(connection, "mug")
    with closing(schema.connect(path)) as connection:
        assert connection.execute("SELECT id FROM attempts").fetchall() == [(attempt,)]


@pytest.mark.usefixtures("open_umask")
def test_only_its_owner_may_read_a_home(home: Path) -> None:
    """Under umask 000 every folder of a home is 0700 and every file 0600, while it is in use."""
    with closing(Ledger(home)) as ledger:
        attempt = ledger.write(lambda connection: granted(connection, "mug"))
        slip = ledger.slip(attempt, room=100)
        slip.sending()
        modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in [home, *home.rglob("*")]}
        slip.drop()

    folders = {home.name, "spool", "runs"}
    assert {name: mode for name, mode in modes.items() if name in folders} == dict.fromkeys(folders, 0o700)
    assert {mode for name, mode in modes.items() if name not in folders} == {0o600}
    assert {"ledger.db", "ledger.db-wal", "ledger.db-shm", f"{attempt}.part"} <= modes.keys()


@pytest.mark.parametrize("opened", [schema.connect, schema.read_only])
def test_a_newer_ledger_is_refused(path: Path, opened: object) -> None:
    """A ledger of a later version is exit 7 with the advice to update, and stays as it is."""
    _raise_version(path)

    with pytest.raises(StorageError, match=r"written by a newer imagegen.*update imagegen") as caught:
        opened(path)  # type: ignore[operator]

    assert caught.value.exit_code == Exit.STORAGE
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION + 1,)


@pytest.mark.parametrize("opened", [schema.connect, schema.read_only])
def test_a_file_that_is_no_ledger_is_one_line(path: Path, opened: object) -> None:
    """Anything but a database is a StorageError in one line that names the file."""
    path.write_bytes(b"this is not a database, and long enough to look like one. " * 100)

    with pytest.raises(StorageError) as caught:
        opened(path)  # type: ignore[operator]

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damage_that_is_met_while_looking_is_one_line(path: Path) -> None:
    """A database with a page of rubbish is a StorageError where it is read, not a bug."""
    with closing(schema.connect(path)) as connection:
        for number in range(200):
            granted(connection, f"row {number}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    path.write_bytes(data)

    with pytest.raises(StorageError, match="cannot be used"):
        _read_all(path)


def test_looking_creates_nothing(path: Path) -> None:
    """Where there is no ledger, looking finds None and leaves no file behind."""
    with schema.looking(path) as connection:
        assert connection is None
    assert list(path.parent.iterdir()) == []


def test_looking_cannot_write(path: Path) -> None:
    """A connection for looking refuses to write."""
    schema.connect(path).close()
    with closing(schema.read_only(path)) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM attempts")


def test_a_home_that_is_a_file_is_explained(tmp_path: Path) -> None:
    """A home that cannot be a folder is a StorageError naming it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="IMAGEGEN_HOME"):
        Ledger(tmp_path / "file")


def test_a_ledger_from_another_machine_is_adopted_with_a_notice(home: Path) -> None:
    """The first opening elsewhere says so; the next one, on the same machine, does not."""
    with closing(Ledger(home)) as ledger:
        assert ledger.notice is None
        ledger.write(
            lambda connection: connection.execute("UPDATE meta SET value = '\"ci-runner\"' WHERE name = 'host'")
        )
    with closing(Ledger(home)) as ledger:
        assert "ci-runner" in (ledger.notice or "")
    with closing(Ledger(home)) as ledger:
        assert ledger.notice is None


def test_opened_while_another_process_makes_it(path: Path) -> None:
    """A new file that somebody else is writing to at this moment is waited for: SQLite itself would not."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO theirs VALUES (1)")
        threading.Timer(0.2, lambda: other.execute("COMMIT")).start()
        with closing(schema.connect(path)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
