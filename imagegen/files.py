"""Files that are whole or absent: durable writes, private folders, copies out of the cache.

The module knows nothing of pictures, keys or ledgers; it turns the operating system's refusals
into `StorageError` with what, where and what to do next.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
import shutil
import sys
from collections.abc import Iterator

from imagegen.errors import StorageError

#: What a write in progress, or one that was killed, is called.
TEMPORARY = ".tmp"

_SALT = secrets.token_hex(4)
_COUNT = itertools.count()
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_FICLONE = 0x40049409
_FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_TODO = {
    errno.EACCES: "give yourself the right to write there, or choose another folder",
    errno.EPERM: "give yourself the right to write there, or choose another folder",
    errno.EROFS: "it cannot be written to; choose another folder",
    errno.EIO: "the disk reports errors: check it before you go on",
    errno.EMFILE: "raise `ulimit -n` or use fewer workers",
    errno.ENFILE: "raise the system's limit of open files or use fewer workers",
    errno.ENOENT: "something removed it meanwhile; run again",
}


def make_private(folder: str | os.PathLike[str]) -> None:
    """Make `folder` with its parents, for this user only (0700) whatever the umask; a folder that
    others can enter is closed to them. Raises StorageError."""
    try:
        _make(os.path.abspath(folder))
        if os.name == "posix" and os.stat(folder).st_mode & 0o077:
            os.chmod(folder, 0o700)
    except OSError as error:
        raise storage_error(error, folder) from error


def write_durably(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` (0600): when this returns, the file survives a power cut; until then
    whatever was there before is untouched. The folder must exist. Raises StorageError."""
    path = os.fspath(path)
    try:
        try:
            _write(path, data)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            # After a failed fsync nobody knows what the disk holds, and another fsync of the same
            # file may lie: only a new file counts.
            _write(path, data)
    except OSError as error:
        raise storage_error(error, os.path.dirname(path), len(data)) from error


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` (0600), whole or not at all; a power cut may undo it. For what can be made
    again. The folder must exist. Raises StorageError."""
    path = os.fspath(path)
    try:
        _write(path, data, durably=False)
    except OSError as error:
        raise storage_error(error, os.path.dirname(path), len(data)) from error


def sync_folder(folder: str) -> None:
    """Make the names in `folder` survive a power cut. Does nothing where folders cannot be synced."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def copy_out(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Put a copy of `source` at `target`, sharing the disk blocks where the file system can, never
    a link: a change of one leaves the other alone. `target` is whole or as it was, and has the
    rights that the umask gives; it is not synced, for it can be copied again. Raises StorageError."""
    source, target = os.fspath(source), os.fspath(target)
    temporary = os.path.join(os.path.dirname(target), temporary_name())
    try:
        with _removed_on_failure(temporary):
            with open(source, "rb") as reader, open(temporary, "xb") as writer:
                if not _share_blocks(reader.fileno(), writer.fileno()):
                    shutil.copyfileobj(reader, writer, 1 << 20)
            os.replace(temporary, target)
    except OSError as error:
        where = source if error.filename == source else os.path.dirname(target) or "."
        needed = os.path.getsize(source) if error.errno in _FULL else None
        raise storage_error(error, where, needed) from error


def temporary_name() -> str:
    """A file name that no other thread or process uses, hidden and short enough for any folder."""
    return f".{_SALT}-{os.getpid():x}-{next(_COUNT):x}{TEMPORARY}"


def storage_error(error: OSError, where: str | os.PathLike[str], needed: int | None = None) -> StorageError:
    """`error` in words: what, where, what to do next. `needed` is in bytes."""
    where = os.fspath(where)
    if error.errno in _FULL:
        size = "" if needed is None else f": {_rounded(needed)} needed"
        return StorageError(
            f"the disk is full{size} in {where}", "free space or run `imagegen cache prune`, then run again"
        )
    words = (error.strerror or str(error)).lower()
    todo = _TODO.get(error.errno or 0, "check the folder and the disk, then run again")
    return StorageError(f"{where}: {words}", todo)


def _make(folder: str) -> None:
    # os.makedirs would leave the parents open to everyone.
    try:
        os.mkdir(folder, 0o700)
    except FileNotFoundError:
        _make(os.path.dirname(folder))
        _make(folder)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise


def _write(path: str, data: bytes, *, durably: bool = True) -> None:
    folder = os.path.dirname(path) or "."
    temporary = os.path.join(folder, temporary_name())
    with _removed_on_failure(temporary):
        file = os.open(temporary, _NEW, 0o600)
        try:
            _write_all(file, data)
            if durably:
                os.fsync(file)
        finally:
            os.close(file)
        os.replace(temporary, path)
    if durably:
        sync_folder(folder)


def _write_all(file: int, data: bytes) -> None:
    written = os.write(file, data)
    while written < len(data):
        written += os.write(file, memoryview(data)[written:])


@contextlib.contextmanager
def _removed_on_failure(temporary: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _share_blocks(source: int, target: int) -> bool:
    """Whether the file system let the two files share their blocks."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def _rounded(size: int) -> str:
    """`size` in bytes for people: "12 kB"."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{-(-size // factor)} {unit}"
    return f"{size} B"
