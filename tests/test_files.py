"""Durable writes, private folders, copies: on real disks, full ones and broken ones."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagegen import files
from imagegen.errors import Exit, StorageError

WRITE = "import sys; from imagegen.files import write_durably; write_durably(sys.argv[1], b'picture' * 1000)"


@pytest.fixture
def open_umask() -> Iterator[None]:
    """A umask that forbids nothing."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system is not permitted here (needs root)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def strace(*arguments: str) -> subprocess.CompletedProcess[str]:
    if not shutil.which("strace"):
        pytest.skip("needs the Debian package strace")
    return subprocess.run(["strace", "-f", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("data", [b"", b"x", b"picture" * 100_000])
def test_written_file_holds_the_bytes_and_nothing_else_is_left(tmp_path: Path, data: bytes) -> None:
    """A durable write leaves one file with exactly the bytes."""
    files.write_durably(tmp_path / "a.png", data)

    assert (tmp_path / "a.png").read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_write_replaces_what_was_there(tmp_path: Path) -> None:
    """A second write replaces the first."""
    files.write_durably(tmp_path / "a", b"old and longer")
    files.write_durably(tmp_path / "a", b"new")

    assert (tmp_path / "a").read_bytes() == b"new"


def test_write_takes_a_bare_file_name(tmp_path: Path) -> None:
    """A name without a folder is written in the working folder (which is the test's)."""
    files.write_durably("bare", b"x")

    assert (tmp_path / "bare").read_bytes() == b"x"


@pytest.mark.usefixtures("open_umask")
def test_everything_is_private_under_a_umask_of_zero(tmp_path: Path) -> None:
    """Folders are 0700 and files 0600 whatever the umask, the parents made on the way included."""
    files.make_private(tmp_path / "home" / "cache")
    files.write_durably(tmp_path / "home" / "cache" / "a", b"x")

    assert mode(tmp_path / "home") == 0o700
    assert mode(tmp_path / "home" / "cache") == 0o700
    assert mode(tmp_path / "home" / "cache" / "a") == 0o600


def test_folder_that_others_can_enter_is_closed(tmp_path: Path) -> None:
    """A folder found open is closed, and what it holds stays."""
    (tmp_path / "cache").mkdir(mode=0o755)
    (tmp_path / "cache").chmod(0o777)
    (tmp_path / "cache" / "a").write_bytes(b"x")

    files.make_private(tmp_path / "cache")

    assert mode(tmp_path / "cache") == 0o700
    assert (tmp_path / "cache" / "a").read_bytes() == b"x"


def test_file_in_the_place_of_a_folder_is_explained(tmp_path: Path) -> None:
    """A file where a folder must be is a StorageError that names it."""
    (tmp_path / "cache").write_text("not a folder")

    with pytest.raises(StorageError, match=r"cache: file exists; "):
        files.make_private(tmp_path / "cache")


def test_many_threads_write_one_name(tmp_path: Path) -> None:
    """Threads that write one name leave one of their contents, whole, and no leftovers."""
    contents = [bytes([number]) * 50_000 for number in range(16)]
    threads = [threading.Thread(target=files.write_durably, args=(tmp_path / "a", content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (tmp_path / "a").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_full_disk_keeps_the_old_file(small_disk: Path) -> None:
    """On a full disk the write is a StorageError that says how much was needed, and changes nothing."""
    files.write_durably(small_disk / "a", b"old")

    with pytest.raises(StorageError) as caught:
        files.write_durably(small_disk / "a", b"x" * 500_000)

    assert str(caught.value) == (
        f"the disk is full: 500 kB needed in {small_disk}; free space or run `imagegen cache prune`, then run again"
    )
    assert caught.value.exit_code is Exit.STORAGE
    assert {path.name: path.read_bytes() for path in small_disk.iterdir()} == {"a": b"old"}


def test_read_only_disk_is_explained(small_disk: Path) -> None:
    """A write to a read-only file system is a StorageError that says so."""
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    with pytest.raises(StorageError, match=r"small: read-only file system; .*choose another folder"):
        files.write_durably(small_disk / "a", b"x")


def test_file_size_limit_is_explained(tmp_path: Path) -> None:
    """A process that may not write so large a file gets a StorageError, and no part of the file stays."""
    script = (
        "import resource, sys\n"
        "from imagegen.errors import StorageError; from imagegen.files import write_durably\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: write_durably(sys.argv[1], b'x' * 9000)\n"
        "except StorageError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a")], capture_output=True, text=True, check=True
    )

    assert f"the disk is full: 9 kB needed in {tmp_path}" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_failed_fsync_leads_to_a_new_file(tmp_path: Path) -> None:
    """After one failed fsync the bytes are written to a new file, which counts; the doubtful one is gone."""
    done = strace(
        "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1", sys.executable, "-c", WRITE, str(tmp_path / "a")
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("fsync(") == 3
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"picture" * 1000}


def test_disk_that_fails_every_fsync_is_explained(tmp_path: Path) -> None:
    """When no fsync succeeds nothing counts as written: a StorageError, and no file."""
    done = strace("-e", "trace=fsync", "-e", "inject=fsync:error=EIO", sys.executable, "-c", WRITE, str(tmp_path / "a"))

    assert "StorageError" in done.stderr
    assert "input/output error; the disk reports errors" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_write_syncs_the_file_before_its_name_and_the_folder_after(tmp_path: Path) -> None:
    """The order of the system calls is: write, fsync, rename, fsync of the folder."""
    calls = "trace=write,fsync,rename,renameat,renameat2"
    done = strace("-y", "-e", calls, sys.executable, "-c", WRITE, str(tmp_path / "a"))
    seen = [line.split("] ")[-1].split("(")[0] for line in done.stderr.splitlines() if str(tmp_path) in line]

    assert [name[:6] for name in seen] == ["write", "fsync", "rename", "fsync"]


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EACCES, "permission denied; give yourself the right to write there"),
        (errno.EIO, "input/output error; the disk reports errors"),
        (errno.EMFILE, "too many open files; raise `ulimit -n`"),
        (errno.EDQUOT, "the disk is full: 12 kB needed in /pictures; free space"),
        (errno.ELOOP, "too many levels of symbolic links; check the folder and the disk"),
    ],
)
def test_refusal_of_the_system_says_what_to_do(number: int, says: str) -> None:
    """Every refusal becomes one line with what, where and what to do."""
    error = files.storage_error(OSError(number, os.strerror(number)), "/pictures", 11_500)

    assert says in str(error)
    assert "/pictures" in str(error)
    assert "\n" not in str(error)


def test_copy_is_its_own_file(tmp_path: Path) -> None:
    """A change of the copy leaves the source alone: it is no link."""
    (tmp_path / "source").write_bytes(b"picture")
    files.copy_out(tmp_path / "source", tmp_path / "copy.png")
    with open(tmp_path / "copy.png", "r+b") as file:
        file.write(b"PAINTED")

    assert (tmp_path / "source").read_bytes() == b"picture"
    assert (tmp_path / "source").stat().st_nlink == 1


def test_copy_has_the_rights_the_umask_gives(tmp_path: Path) -> None:
    """Named outputs are for others to see: unlike the cache's own files they follow the umask."""
    files.write_durably(tmp_path / "source", b"picture")
    before = os.umask(0o022)
    try:
        files.copy_out(tmp_path / "source", tmp_path / "copy")
    finally:
        os.umask(before)

    assert mode(tmp_path / "copy") == 0o644


def test_copy_replaces_a_symlink_and_not_what_it_points_to(tmp_path: Path) -> None:
    """A symlink under the target's name is replaced; the file behind it is not written to."""
    (tmp_path / "source").write_bytes(b"picture")
    (tmp_path / "elsewhere").write_bytes(b"precious")
    (tmp_path / "target").symlink_to(tmp_path / "elsewhere")

    files.copy_out(tmp_path / "source", tmp_path / "target")

    assert (tmp_path / "elsewhere").read_bytes() == b"precious"
    assert (tmp_path / "target").read_bytes() == b"picture"
    assert not (tmp_path / "target").is_symlink()


def test_copy_takes_the_longest_name(tmp_path: Path) -> None:
    """A target's name may be as long as the file system allows."""
    (tmp_path / "source").write_bytes(b"picture")

    files.copy_out(tmp_path / "source", tmp_path / ("n" * 255))

    assert (tmp_path / ("n" * 255)).read_bytes() == b"picture"


def test_copy_to_a_full_disk_keeps_the_old_target(small_disk: Path, tmp_path: Path) -> None:
    """A copy that does not fit is a StorageError; the target stays as it was, without leftovers."""
    (tmp_path / "source").write_bytes(b"x" * 500_000)
    (small_disk / "target").write_bytes(b"old")

    with pytest.raises(StorageError, match=f"the disk is full: 500 kB needed in {small_disk}"):
        files.copy_out(tmp_path / "source", small_disk / "target")

    assert {path.name: path.read_bytes() for path in small_disk.iterdir()} == {"target": b"old"}


def test_missing_source_is_named(tmp_path: Path) -> None:
    """A source that is gone is a StorageError that names the source."""
    with pytest.raises(StorageError, match=r"gone\.png: no such file"):
        files.copy_out(tmp_path / "gone.png", tmp_path / "copy.png")


def test_no_handle_stays_open(tmp_path: Path) -> None:
    """Writes, good and failed, close what they open."""
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for number in range(50):
        files.write_durably(tmp_path / f"{number}", b"x")
        with pytest.raises(StorageError):
            files.write_durably(tmp_path / "missing" / f"{number}", b"x")

    assert before <= resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert (len(os.listdir("/proc/self/fd")) if before else 0) == before
