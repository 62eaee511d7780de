"""Opening a manifest's files: they exist, are files, are of a size and an encoding that can be read.

Every failure is a ManifestError, with the place of the first bad character where there is one.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from imagegen.errors import ManifestError

#: UTF-8, with or without a byte order mark.
UTF8 = "utf-8-sig"
LONGEST_LINE = 16 * 2**20
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def look(path: Path, encoding: str = UTF8) -> None:
    """Raises ManifestError unless `path` is a readable file that may be in `encoding`."""
    try:
        if path.is_dir():
            raise ManifestError(str(path), 0, 0, "is a folder", "name a file in it")
        if not path.exists():
            raise ManifestError(str(path), 0, 0, "is not there", "check the name and the folder")
        if not path.is_file():
            raise ManifestError(str(path), 0, 0, "is not a regular file", "save it to a file first; it is read twice")
        with path.open("rb") as file:
            head = file.read(4)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if encoding == UTF8 and head.startswith(_WIDE):
        raise ManifestError(str(path), 1, 1, "is UTF-16 or UTF-32, not UTF-8", "save it as UTF-8")


def read_text(path: Path, limit: int, todo: str) -> str:
    """The whole of a UTF-8 file of at most `limit` bytes; `todo` is the advice for a larger one."""
    look(path)
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(raw) > limit:
        raise ManifestError(str(path), 0, 0, f"is larger than {limit // 2**20} MiB", todo)
    try:
        return raw.decode(UTF8)
    except UnicodeDecodeError:
        bad_bytes(path, UTF8)


def lines(path: Path, encoding: str = UTF8) -> Iterator[str]:
    """The lines of `path` with their ends, one at a time. Raises ManifestError for NUL and what is no text."""
    number = 0
    try:
        with path.open(encoding=encoding, newline="") as file:
            while text := file.readline(LONGEST_LINE):
                number += 1
                if "\0" in text:
                    column = text.index("\0") + 1
                    what = "a NUL character is not text"
                    raise ManifestError(str(path), number, column, what, "save the file as UTF-8 without it")
                if len(text) >= LONGEST_LINE:
                    raise ManifestError(str(path), number, 1, "a line above 16 MiB", "check that it is a table")
                yield text
    except UnicodeError:
        bad_bytes(path, encoding)
    except OSError as error:
        raise unreadable(path, error) from None


def bad_bytes(path: Path, encoding: str) -> NoReturn:
    """Raises ManifestError at the first byte of `path` that is not `encoding`."""
    todo = "save the file as UTF-8" if encoding == UTF8 else "correct source.encoding"
    name = "UTF-8" if encoding == UTF8 else encoding
    if encoding == UTF8 or "\n".encode(encoding, "replace") == b"\n":
        with path.open("rb") as file:
            for line, raw in enumerate(file, 1):
                _decode(path, line, raw, encoding, name, todo)
    raise ManifestError(str(path), 0, 0, f"is not {name}", todo)


def _decode(path: Path, line: int, raw: bytes, encoding: str, name: str, todo: str) -> None:
    try:
        raw.decode("utf-8" if encoding == UTF8 and line > 1 else encoding)
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode(encoding, "replace")) + 1
        what = f"byte 0x{raw[error.start]:02x} is not {name}"
        raise ManifestError(str(path), line, column, what, todo) from None
    except UnicodeError:
        pass


def unreadable(path: Path, error: OSError | ValueError) -> ManifestError:
    """`error` of the operating system as a ManifestError."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return ManifestError(str(path), 0, 0, f"cannot be read ({reason})", "check the name and its permissions")
