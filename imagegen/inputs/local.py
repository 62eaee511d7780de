"""An input picture in a file: read once, named by the SHA-256 of its bytes, its header checked."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from imagegen import container
from imagegen.domain.given import Given
from imagegen.picture import MOST_PIXELS

#: Bytes above which a picture is not taken: no provider takes larger ones.
MOST_BYTES = 50 * 10**6
#: Colour types of PNG with an alpha channel, the 26th byte of the file: grey, and colours.
_PNG_ALPHA = (4, 6)
#: What tells one state of a file from another.
Stamp = tuple[int, ...]


class BadInput(Exception):
    """An input picture that cannot be used; `what` follows its name in a sentence, `todo` is what to do about it."""

    def __init__(self, what: str, todo: str = "") -> None:
        self.what, self.todo = what, todo
        super().__init__(what)


def read(path: Path | str) -> tuple[bytes, Stamp]:
    """The bytes of the file at `path`, and its state when it was opened. Raises BadInput."""
    try:
        # A pipe or a device must not keep us waiting before we know that it is one.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(handle, "rb") as file:
            found = os.fstat(handle)
            _check(found)
            return file.read(MOST_BYTES + 1), stamp(found)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def seen(path: Path | str) -> Stamp:
    """The state of the file at `path`. Raises BadInput."""
    try:
        found = os.stat(path)
        _check(found)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    return stamp(found)


def stamp(found: os.stat_result) -> Stamp:
    """Size, times and number of a file: another one, or the same changed, has another stamp."""
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def digest_of(data: bytes) -> str:
    """The digest of a picture's bytes, its type and size checked without decoding it. Raises BadInput."""
    return named(data)[0]


def named(data: bytes) -> tuple[str, Given]:
    """The digest of a picture's bytes, and what their header says. Raises BadInput."""
    given = look(data)
    return hashlib.sha256(data).hexdigest(), given


def look(data: bytes) -> Given:
    """What the header of a picture says, without decoding it. Raises BadInput for what is no picture to take."""
    if len(data) > MOST_BYTES:
        raise _too_large()
    try:
        found = container.read(data)
    except ValueError as problem:
        raise BadInput(f"is {problem}", "use a PNG, JPEG, WebP or AVIF file") from None
    if found.width * found.height > MOST_PIXELS:
        what = f"says it is {found.width}x{found.height}, more than {MOST_PIXELS:,} pixels"
        raise BadInput(what, "make it smaller")
    alpha = found.format == "png" and data[25] in _PNG_ALPHA
    return Given(found.format, found.width, found.height, len(data), alpha)


def gather(files: Mapping[str, str]) -> dict[str, bytes]:
    """The bytes of each digest, from the path it is mapped to. Raises BadInput when one is not what it was."""
    found = {}
    for digest, path in files.items():
        try:
            data, _ = read(path)
        except BadInput as problem:
            raise BadInput(f"the input picture {path} {problem.what} any more") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise BadInput(f"the input picture {path} was changed after this run was planned; run again")
        found[digest] = data
    return found


def _check(found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError
    if not stat.S_ISREG(found.st_mode):
        raise BadInput("is not a regular file", "save it to a file first")
    if found.st_size > MOST_BYTES:
        raise _too_large()


def _too_large() -> BadInput:
    return BadInput(f"is larger than {MOST_BYTES // 10**6} MB", "make it smaller")


def _unreadable(path: Path | str, error: OSError | ValueError) -> BadInput:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return BadInput("is not there", "correct the name; it is relative to the manifest")
    if isinstance(error, IsADirectoryError):
        return BadInput("is a folder", "name a file in it")
    reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return BadInput(f"cannot be read ({reason.lower()})", "check the name and its permissions")
