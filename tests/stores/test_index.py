"""The index: fast, disposable, and harmless whatever its database says."""

from __future__ import annotations

import contextlib
import os
import pickle
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import diskcache
import pytest

from imagegen.errors import StorageError
from imagegen.stores.index import Index, PlainDisk, Refused


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """An index with one entry."""
    made = Index(str(tmp_path / "index"))
    made.set_many({"key": b"value"})
    yield made
    made.close()


def change(index: Index, statement: str, *values: object) -> None:
    """Do to the database what an attacker would."""
    connection = sqlite3.connect(Path(index.folder) / "cache.db")
    with connection:
        assert connection.execute(statement, values).rowcount == 1
    connection.close()


def ask_everything(index: Index) -> tuple[object, ...]:
    """Every way to read: one key, many keys, all rows, and diskcache's own iteration."""
    try:
        keys = list(index._cache)
    except Refused:
        keys = ["refused"]
    return index.get("key"), index.get_many(["key"]), list(index.rows()), keys


def test_entries_are_found_one_by_one_and_together(index: Index) -> None:
    """What was set is found; what was removed is not."""
    index.set_many({str(number): b"%d" % number for number in range(1100)})
    index.remove(["3", "key", "never there"])

    assert index.get("7") == b"7"
    assert index.get("3") is None
    assert index.get_many([str(number) for number in range(2000)]) == {
        str(number): b"%d" % number for number in range(1100) if number != 3
    }
    assert len(list(index.rows())) == 1099


def test_pickled_value_runs_no_code(index: Index, tmp_path: Path) -> None:
    """A row changed to pickle mode counts as absent, and its code does not run (CVE-2025-69872)."""
    bomb = pickle.dumps(Bomb(tmp_path / "boom"))
    change(index, "UPDATE Cache SET mode = 4, value = ?", bomb)

    assert ask_everything(index) == (None, {}, [("key", None)], ["key"])
    assert not (tmp_path / "boom").exists()
    with pytest.raises(OSError, match="boom"):
        (tmp_path / "boom").mkdir() or pickle.loads(bomb)


def test_pickled_key_runs_no_code(index: Index, tmp_path: Path) -> None:
    """A pickled key is refused on iteration, and its code does not run."""
    change(index, "UPDATE Cache SET raw = 0, key = ?", pickle.dumps(Bomb(tmp_path / "boom")))

    assert ask_everything(index) == (None, {}, [(None, b"value")], ["refused"])
    assert not (tmp_path / "boom").exists()


def test_key_that_is_not_marked_as_plain_counts_as_absent(index: Index) -> None:
    """A text key whose row says "pickled" is no key."""
    change(index, "UPDATE Cache SET raw = 0")

    assert ask_everything(index) == (None, {}, [(None, b"value")], ["refused"])


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["../secret", "{root}/secret", "ab/cd/file.val"])
def test_file_name_in_the_database_is_never_opened(index: Index, tmp_path: Path, mode: int, name: str) -> None:
    """A row that points to a file counts as absent, inside and outside the folder alike."""
    (tmp_path / "secret").write_bytes(b"secret")
    inside = Path(index.folder) / "ab" / "cd"
    inside.mkdir(parents=True)
    (inside / "file.val").write_bytes(b"inside")
    change(index, "UPDATE Cache SET mode = ?, filename = ?", mode, name.format(root=tmp_path))

    assert ask_everything(index) == (None, {}, [("key", None)], ["key"])


@pytest.mark.parametrize("way", ["set", "remove", "clear"])
def test_file_name_in_the_database_is_never_removed(index: Index, tmp_path: Path, way: str) -> None:
    """Replacing, removing or clearing such a row leaves the file alone."""
    (tmp_path / "secret").write_bytes(b"secret")
    change(index, "UPDATE Cache SET mode = 2, filename = '../secret'")
    if way == "set":
        index.set_many({"key": b"new"})
    elif way == "remove":
        index.remove(["key"])
    else:
        index.clear()

    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert index.get("key") == (b"new" if way == "set" else None)


@pytest.mark.parametrize("value", ["text", 7, 1.5, None])
def test_value_that_is_not_bytes_counts_as_absent(index: Index, value: object) -> None:
    """Only bytes are values."""
    change(index, "UPDATE Cache SET value = ?", value)

    assert ask_everything(index) == (None, {}, [("key", None)], ["key"])


def test_only_text_keys_and_bytes_are_taken(index: Index) -> None:
    """What diskcache would pickle is refused when it is written."""
    for key, value in ((("a", 1), b"x"), (b"key", b"x"), (7, b"x"), ("key", "text"), ("key", {"a": 1})):
        with pytest.raises(Refused):
            index._cache[key] = value
    with pytest.raises(Refused):
        index._cache.read("key")
    with pytest.raises(Refused):
        PlainDisk(index.folder).filename()


def test_plain_diskcache_would_have_run_the_code(index: Index, tmp_path: Path) -> None:
    """The attack of the tests above is real: diskcache's own Disk falls for it."""
    change(index, "UPDATE Cache SET mode = 4, value = ?", pickle.dumps(Bomb(tmp_path / "boom")))
    with diskcache.Cache(index.folder) as naive:
        naive.get("key")

    assert (tmp_path / "boom").exists()


def test_full_disk_is_no_reason_to_throw_the_index_away(tmp_path: Path) -> None:
    """An index that cannot be opened for want of space is a StorageError, and whole once there is space."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("mounting a small file system is not permitted here (needs root)")
    try:
        index = Index(str(tmp_path / "index"))
        index.set_many({"key": b"value"})
        index.close()
        with contextlib.suppress(OSError), open(tmp_path / "filler", "wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        with pytest.raises(StorageError, match=r"free space if the disk is full"):
            Index(str(tmp_path / "index"))
        (tmp_path / "filler").unlink()
        index = Index(str(tmp_path / "index"))
        assert index.get("key") == b"value"
        index.close()
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_nothing_is_ever_evicted(tmp_path: Path) -> None:
    """diskcache's own limits are off: 3,000 entries written after 2 GB of others all stay."""
    index = Index(str(tmp_path / "index"))
    change_size = sqlite3.connect(tmp_path / "index" / "cache.db")
    with change_size:
        change_size.execute("UPDATE Settings SET value = 2147483648 WHERE key = 'size'")
    change_size.close()
    index.set_many({str(number): b"x" for number in range(3000)})
    index.set_many({"one more": b"x"})

    assert len(list(index.rows())) == 3001
    index.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE Settings SET key = 'disk_colour' WHERE key = 'cull_limit'",
        "UPDATE Settings SET key = 'get' WHERE key = 'cull_limit'",
        "UPDATE Settings SET key = '_disk' WHERE key = 'cull_limit'",
        "UPDATE Settings SET value = 'x' WHERE key = 'sqlite_cache_size'",
        "DELETE FROM Settings WHERE key = 'eviction_policy'",
    ],
)
def test_changed_settings_do_no_harm(index: Index, damage: str) -> None:
    """Settings changed in the database leave an index that works, if need be an empty one."""
    change(index, damage)
    index.close()

    again = Index(index.folder)
    again.set_many({"other": b"new"})
    assert again.get_many(["other"]) == {"other": b"new"}
    assert again.get("key") in (b"value", None)
    again.close()
