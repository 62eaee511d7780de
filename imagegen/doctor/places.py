"""Places: the home and the output folder can be written, locked and hold something. Leaves nothing behind.

Writing and locking are tried on a file without a name (Linux), which is gone with its handle.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from imagegen.doctor.finding import Finding, note, ok, problem

#: Bytes free below which nothing can be done, and below which not much can.
TOO_LITTLE, LITTLE = 100 * 10**6, 2 * 10**9
#: File systems on which SQLite's write-ahead log does not work, for it wants memory shared between processes.
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs"})


def home(folder: Path) -> Iterator[Finding]:
    """The home: where the ledger and the cache lie."""
    yield from _place("home", folder, f"set IMAGEGEN_HOME to another folder than {folder}")
    kind = file_system(_there(folder))
    if kind in _NETWORK:
        text = f"{folder} lies on a network file system ({kind}), where the ledger cannot keep its promises"
        yield problem("home", text, "set IMAGEGEN_HOME to a folder on a local disk")
    if os.name == "posix" and folder.is_dir() and folder.stat().st_mode & 0o077:
        yield note("home", f"{folder} is open to others; the next run closes it", f"chmod 700 {folder}")


def output(folder: Path) -> Iterator[Finding]:
    """The output folder."""
    yield from _place("output", folder, "give another one: --output FOLDER")


def _place(about: str, folder: Path, mend: str) -> Iterator[Finding]:
    there = _there(folder)
    if not there.is_dir():
        yield problem(about, f"{folder} cannot be a folder: {there} is a file", mend)
        return
    wrong = tried(there)
    if wrong:
        yield problem(about, f"{there} cannot be used: {wrong}", mend)
        return
    free = shutil.disk_usage(there).free
    made = "" if folder.exists() else " (the first run makes it)"
    said = f"{folder}{made}, {free / 10**9:,.1f} GB free"
    if free < TOO_LITTLE:
        yield problem(about, said, "free space: `imagegen cache prune`, or another disk")
    elif free < LITTLE:
        yield note(about, f"{said}: some hundred pictures", "`imagegen cache prune` makes room")
    else:
        yield ok(about, said)


def _there(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    folder = folder.absolute()
    while not os.path.lexists(folder) and folder.parent != folder:
        folder = folder.parent
    return folder


def tried(folder: Path) -> str:
    """Why nothing can be written or locked in `folder`; empty when it can."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return "it may not be written to"
    if not hasattr(os, "O_TMPFILE"):
        return ""
    try:
        handle = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    except IsADirectoryError:
        return ""  # a file system that knows no files without a name
    except OSError as error:
        return "" if error.errno in _UNTRIED else (error.strerror or str(error)).lower()
    try:
        os.write(handle, b"x")
        _lock(handle)
    except OSError as error:
        return f"files in it cannot be written and locked: {(error.strerror or str(error)).lower()}"
    finally:
        os.close(handle)
    return ""


def _lock(handle: int) -> None:
    """As filelock and SQLite do."""
    import fcntl

    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(handle, fcntl.LOCK_UN)
    fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _untried() -> frozenset[int]:
    import errno

    return frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})


_UNTRIED = _untried()


def file_system(folder: Path, mounts: str = "/proc/mounts") -> str:
    """The kind of file system that `folder` lies on; empty where the system does not say."""
    try:
        lines = Path(mounts).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found, kind = -1, ""
    path = os.path.realpath(folder)
    for line in lines:
        parts = line.split()
        if len(parts) < 3:
            continue
        point = parts[1].encode().decode("unicode_escape", "replace")
        if (path == point or path.startswith(point.rstrip("/") + "/")) and len(point) >= found:
            found, kind = len(point), parts[2]
    return kind
