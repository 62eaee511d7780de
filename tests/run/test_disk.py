"""Disks that refuse: found out before anything is spent where that can be, and else nothing paid for is lost."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.run.cloudrun import Driver, Ended, Place, guarded

COUNT = 30


@dataclass
class Disks:
    """Small file systems in memory, unmounted at the end."""

    stack: ExitStack = field(default_factory=ExitStack)

    def mount(self, folder: Path, options: str) -> Path:
        """A new file system at `folder`: "size=200k", "size=4m,nr_inodes=12"."""
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("this machine does not let tests mount anything")
        self.stack.callback(subprocess.run, ["umount", "-l", folder], check=True)
        return folder

    def remount(self, folder: Path, options: str) -> None:
        """Other options: "size=64m", "ro"."""
        subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


@pytest.fixture
def disks() -> Iterator[Disks]:
    """Comes before `place` where both are asked for: the books are looked at before their disk goes."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("small file systems are mounted for this test, which takes root and mount")
    disks = Disks()
    with disks.stack:
        yield disks


def _manifest(place: Place, count: int = COUNT) -> Path:
    return place.manifest([{"id": f"r{n:02}", "prompt": f"r{n:02} a lighthouse"} for n in range(count)])


def _fill(folder: Path) -> None:
    """Take all the room there is in `folder`."""
    file = os.open(folder / "ballast", os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(file, bytes(4096))
    except OSError:
        os.close(file)


def _one_line(ended: Ended) -> str:
    """The one line that explains an error."""
    (line,) = ended.err.strip().splitlines()
    assert line.startswith("error: ")
    assert "Traceback" not in ended.err
    return line


# -- seen before anything is spent


def _out_is_a_file(place: Place, disks: Disks) -> None:
    place.out.write_text("a shopping list")


def _out_under_a_file(place: Place, disks: Disks) -> None:
    (place.folder / "file").write_text("a shopping list")
    place.out = place.folder / "file" / "out"


def _out_read_only(place: Place, disks: Disks) -> None:
    disks.remount(disks.mount(place.out, "size=1m"), "ro")


def _out_full(place: Place, disks: Disks) -> None:
    _fill(disks.mount(place.out, "size=64k"))


def _out_without_inodes(place: Place, disks: Disks) -> None:
    disks.mount(place.out, "size=1m,nr_inodes=2")


def _home_is_a_file(place: Place, disks: Disks) -> None:
    place.home.write_text("a shopping list")


def _home_read_only(place: Place, disks: Disks) -> None:
    disks.remount(disks.mount(place.home, "size=1m"), "ro")


def _home_full(place: Place, disks: Disks) -> None:
    _fill(disks.mount(place.home, "size=64k"))


def _home_small(place: Place, disks: Disks) -> None:
    disks.mount(place.home, "size=200k")


def _spool_small(place: Place, disks: Disks) -> None:
    disks.mount(place.home / "spool", "size=1m")


def _cache_full(place: Place, disks: Disks) -> None:
    _fill(disks.mount(place.home / "cache", "size=64k"))


def _cache_read_only(place: Place, disks: Disks) -> None:
    disks.remount(disks.mount(place.home / "cache", "size=1m"), "ro")


BEFORE = [
    (_out_is_a_file, "out"),
    (_out_under_a_file, "out"),
    (_out_read_only, "out"),
    (_out_full, "out"),
    (_out_without_inodes, "out"),
    (_home_is_a_file, "home"),
    (_home_read_only, "home"),
    (_home_full, "home"),
    (_cache_full, "home/cache"),
    (_cache_read_only, "home/cache"),
]


@pytest.mark.parametrize(("spoil", "named"), BEFORE, ids=lambda each: getattr(each, "__name__", ""))
def test_seen_before(
    disks: Disks, place: Place, cloud: Cloud, spoil: Callable[[Place, Disks], None], named: str
) -> None:
    """What can be seen at the start is one line that names the place, exit 7, and nothing is asked of anybody."""
    spoil(place, disks)
    ended = place.run(_manifest(place))
    assert ended.code == 7, ended.err
    assert str(place.folder / named) in _one_line(ended) or str(place.out) in ended.err
    assert len(cloud.requests) == 0


@pytest.mark.parametrize("spoil", [_spool_small, _home_small])
def test_no_room_for_an_answer(disks: Disks, place: Place, cloud: Cloud, spoil: Callable[[Place, Disks], None]) -> None:
    """Where an answer would have no room no call is made: exit 7, and when there is room the next run makes all."""
    spoil(place, disks)
    manifest = _manifest(place)
    ended = place.run(manifest)
    assert ended.code == 7, ended.err
    assert "Traceback" not in ended.err
    assert len(cloud.requests) == 0
    disks.remount(place.home / "spool" if spoil is _spool_small else place.home, "size=64m")
    _all_there(place, cloud, place.run(manifest))


# -- full in the middle


def _all_there(place: Place, cloud: Cloud, ended: Ended) -> None:
    """Everything is made, and the server's bill has each prompt once."""
    assert ended.code == 0, ended.err
    assert len(ended.rows) == COUNT
    assert set(ended.states.values()) <= {"made", "kept", "cached"}
    place.pictures(ended.rows)
    assert len({charge.prompt for charge in cloud.charges}) == len(cloud.charges) == COUNT
    assert place.books.total == cloud.bill
    assert place.strays() == []


@pytest.mark.parametrize(
    ("which", "options"),
    [
        ("home/cache", "size=200k"),
        ("home/cache", "size=4m,nr_inodes=60"),
        ("out", "size=200k"),
        ("out", "size=4m,nr_inodes=16"),
        ("home", "size=8800k"),
    ],
)
def test_full_in_the_middle(disks: Disks, place: Place, cloud: Cloud, which: str, options: str) -> None:
    """The disk fills up while pictures come in: the run stops with 7, whatever was paid for is kept, and when there is
    room the next run adopts it; no prompt is bought twice."""
    folder = disks.mount(place.folder / which, options)
    manifest = _manifest(place)
    ended = place.run(manifest)
    assert ended.code == 7, ended.err
    assert "Traceback" not in ended.err
    assert 0 < len(cloud.charges) < COUNT
    assert place.books.attempts("unknown") == []
    disks.remount(folder, "size=64m,nr_inodes=10000")
    again = place.run(manifest)
    _all_there(place, cloud, again)
    assert "made" in again.states.values()


def test_the_ledgers_disk_fills_up(disks: Disks, place: Place, cloud: Cloud) -> None:
    """No room for the books alone: what was answered waits in the spool, and is adopted when there is room."""
    elsewhere = place.folder / "elsewhere"
    disks.mount(place.home, "size=380k")
    for name in ("spool", "cache"):
        (elsewhere / name).mkdir(parents=True)
        (place.home / name).mkdir()
        subprocess.run(["mount", "--bind", elsewhere / name, place.home / name], check=True)
        disks.stack.callback(subprocess.run, ["umount", "-l", place.home / name], check=True)
    manifest = _manifest(place)
    ended = place.run(manifest)
    assert ended.code == 7, ended.err
    assert "Traceback" not in ended.err
    assert 0 < len(cloud.charges) < COUNT
    assert place.books.sound()
    disks.remount(place.home, "size=64m")
    again = place.run(manifest)
    unknown = place.books.attempts("unknown")
    assert unknown == []
    _all_there(place, cloud, again)


def test_the_results_cannot_be_written(disks: Disks, place: Place, cloud: Cloud) -> None:
    """Room for the pictures and not for the report: exit 7, and the pictures are there and paid for once."""
    disks.mount(place.out, "size=28k")
    manifest = _manifest(place, 1)
    ended = place.run(manifest)
    assert ended.code == 7, ended.err
    assert "Traceback" not in ended.err
    disks.remount(place.out, "size=1m")
    again = place.run(manifest)
    assert (again.code, again.states) == (0, {"r00": "kept"}), again.err
    assert len(cloud.requests) == 1


# -- locks and damage


def test_a_locked_folder(tmp_path: Path, driver: Driver) -> None:
    """A folder in which another run works is refused with 8 and the other's process; nothing is asked for it."""
    with Cloud(latency=1.0) as cloud, guarded(tmp_path / "place", cloud, driver) as place:
        manifest = _manifest(place, 4)
        with place.start(*place.arguments(manifest)) as first:
            while len(cloud.requests) < 4:
                pass
            second = place.run(manifest)
            assert second.code == 8
            assert f"process {first.pid}" in _one_line(second)
            first.communicate()
        assert first.returncode == 0
        assert len(cloud.requests) == 4
        assert place.run(manifest).code == 0


def _header(data: bytearray, dice: random.Random) -> None:
    data[0:100] = dice.randbytes(100)


def _short(data: bytearray, dice: random.Random) -> None:
    del data[len(data) // 2 + 100 :]


def _page(data: bytearray, dice: random.Random) -> None:
    at = dice.randrange(1, len(data) // 4096) * 4096
    data[at : at + 4096] = dice.randbytes(4096)


def _not_a_ledger(data: bytearray, dice: random.Random) -> None:
    data[:] = b"a shopping list\n" * 500


@pytest.mark.parametrize("harm", [_header, _short, _page, _not_a_ledger])
def test_a_damaged_ledger(
    place: Place, cloud: Cloud, tmp_path: Path, harm: Callable[[bytearray, random.Random], None]
) -> None:
    """A ledger whose bytes were overwritten is refused before anything is spent: one line, exit 7. Put back from a
    copy, it goes on where it was."""
    place.run(_manifest(place, 12))
    asked = len(cloud.requests)
    ledger = place.home / "ledger.db"
    whole = ledger.read_bytes()
    manifest, dice = _manifest(place), random.Random()
    for _ in range(6 if harm is _page else 1):
        data = bytearray(whole)
        harm(data, dice)
        ledger.write_bytes(data)
        for arguments in (place.arguments(manifest), ["unknown"], ["settle", "--all", "--charged"]):
            ended = place.call(*arguments)
            assert ended.code == 7, (arguments, ended)
            assert str(ledger) in _one_line(ended)
        assert ledger.read_bytes() == data
        ledger.write_bytes(whole)
    assert len(cloud.requests) == asked
    ended = place.run(manifest)
    _all_there(place, cloud, ended)
    assert len(cloud.requests) == COUNT


def test_a_newer_ledger(place: Place, cloud: Cloud) -> None:
    """A ledger that a newer version wrote is left alone."""
    place.run(_manifest(place, 1))
    with closing(sqlite3.connect(place.home / "ledger.db")) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version={version + 1}")
    ended = place.run(_manifest(place, 2))
    assert (ended.code, len(cloud.requests)) == (7, 1)
    assert "newer" in _one_line(ended)
    with closing(sqlite3.connect(place.home / "ledger.db")) as connection:
        connection.execute(f"PRAGMA user_version={version}")
