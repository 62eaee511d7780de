"""The writer thread: commits in groups, undoes one by one, and says when the disk refuses."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imagegen.errors import StorageError
from imagegen.ledger.schema import connect, read_only
from imagegen.ledger.writer import Writer

Op = Callable[[sqlite3.Connection], object]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def heard() -> list[StorageError]:
    return []


@pytest.fixture
def writer(path: Path, heard: list[StorageError]) -> Iterator[Writer]:
    writer = Writer(connect(path), heard.append)
    yield writer
    writer.close()


def note(name: str) -> Op:
    """An operation that writes `name` down."""
    return lambda connection: connection.execute("INSERT INTO meta VALUES (?, '1')", (name,))


def names(path: Path) -> set[str]:
    """What is on disk."""
    with closing(read_only(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM meta")}


def held_up(writer: Writer) -> threading.Event:
    """Everything submitted from now on waits in one group, until the event is set."""
    begun, go = threading.Event(), threading.Event()

    def wait(_connection: sqlite3.Connection) -> None:
        begun.set()
        go.wait(30)

    writer.submit(wait)
    begun.wait(30)
    return go


def test_what_is_done_is_on_disk(writer: Writer, path: Path) -> None:
    """When call returns, another connection sees the write."""
    writer.call(note("mug"))
    assert names(path) == {"mug"}


def test_an_answer_comes_back(writer: Writer) -> None:
    """call returns what the operation returned."""
    assert writer.call(lambda connection: connection.execute("SELECT 41 + 1").fetchone()[0]) == 42


def _raises_after(name: str, error: Exception) -> Op:
    def op(connection: sqlite3.Connection) -> None:
        note(name)(connection)
        raise error

    return op


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (_raises_after("half", ValueError("no")), ValueError),
        (_raises_after("half", LookupError("no")), LookupError),
        (lambda connection: [note("twice")(connection), note("twice")(connection)], sqlite3.IntegrityError),
        (lambda connection: [note("half")(connection), connection.execute("SELEKT")], sqlite3.OperationalError),
    ],
)
def test_a_failing_operation_harms_no_neighbour(writer: Writer, path: Path, bad: Op, error: type[Exception]) -> None:
    """In one group, the one that fails is undone whole and hears why; those before and after it are kept."""
    go = held_up(writer)
    before, failing, after = writer.submit(note("before")), writer.submit(bad), writer.submit(note("after"))
    go.set()

    before.result(30)
    after.result(30)
    with pytest.raises(error):
        failing.result(30)
    assert names(path) == {"before", "after"}
    assert writer.failed is None


def test_a_group_is_one_transaction(writer: Writer, path: Path) -> None:
    """What waits together is committed together: no reader sees a part of it."""
    go = held_up(writer)
    seen: list[int] = []
    futures = [writer.submit(note(f"row {number}")) for number in range(100)]
    writer.submit(lambda connection: seen.append(connection.execute("SELECT COUNT(*) FROM meta").fetchone()[0]))
    futures[0].add_done_callback(lambda _: seen.append(len(names(path))))
    go.set()
    futures[-1].result(30)
    writer.call(note("last"))

    assert seen == [100, 100]


def test_close_finishes_what_waits(path: Path) -> None:
    """Everything submitted before close is on disk when it returns."""
    writer = Writer(connect(path))
    futures = [writer.submit(note(f"row {number}")) for number in range(1000)]
    writer.close()

    assert all(future.done() for future in futures)
    assert len(names(path)) == 1000


def test_a_closed_writer_says_so(path: Path) -> None:
    """After close an operation is refused at once, not waited for."""
    writer = Writer(connect(path))
    writer.close()
    with pytest.raises(StorageError, match="closed"):
        writer.submit(note("late")).result(5)


def _fill(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO meta VALUES ('much', ?)", ("x" * 10**6,))


def test_a_full_disk_is_a_storage_error_and_loses_nothing(
    writer: Writer, path: Path, heard: list[StorageError]
) -> None:
    """When no page is left the whole group hears a StorageError, what was committed stays, and the owner is told
    once; with room again writing goes on."""
    writer.call(note("mug"))
    writer.call(lambda connection: connection.execute("PRAGMA max_page_count = 40"))
    go = held_up(writer)
    neighbour, too_much = writer.submit(note("neighbour")), writer.submit(_fill)
    go.set()

    for future in (neighbour, too_much):
        with pytest.raises(StorageError, match=r"the ledger could not be written.*full"):
            future.result(30)
    with pytest.raises(StorageError):
        writer.call(_fill)
    assert names(path) == {"mug"}
    assert [writer.failed] == heard

    writer.call(note("cup"))
    assert names(path) == {"mug", "cup"}


LIMITED = """
import resource, sys
from pathlib import Path
from imagegen.errors import StorageError
from imagegen.ledger.schema import connect
from imagegen.ledger.writer import Writer

writer = Writer(connect(Path(sys.argv[1])))
writer.call(lambda c: c.execute("INSERT INTO meta VALUES ('mug', '1')"))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    for number in range(100):
        writer.call(lambda c: c.execute("INSERT INTO meta VALUES (?, ?)", (f"row {number}", "x" * 10_000)))
except StorageError as problem:
    print(number, problem)
"""


def test_a_file_that_may_not_grow_is_a_storage_error(path: Path) -> None:
    """Where the system lets no file grow, a StorageError comes and every write that returned is there afterwards."""
    done = subprocess.run([sys.executable, "-c", LIMITED, path], capture_output=True, text=True, timeout=60, check=True)

    written, _, said = done.stdout.partition(" ")
    assert said.startswith("the ledger could not be written")
    with closing(connect(path)) as connection:
        found = {name for (name,) in connection.execute("SELECT name FROM meta")}
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert found >= {"mug", *(f"row {number}" for number in range(int(written)))}
