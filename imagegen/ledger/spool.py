"""The spool: where a paid answer lands as it arrives, in room set aside before the call.

A slot is a file `<attempt>.part`: 16 bytes of head, then the answer. The head is written
last, so a head with a length in it proves that the answer is whole, whatever was killed.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from imagegen.errors import StorageError

_HEAD = struct.Struct(">8sQ")
_MAGIC = b"IGSPOOL1"


class Slot:
    """Room for one answer on disk. Raises StorageError when there is none: then do not call."""

    def __init__(self, folder: Path, attempt: str, room: int) -> None:
        self.path = folder / f"{attempt}.part"
        self.trouble: OSError | None = None
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._file, 0, _HEAD.size + room)
        except OSError as problem:
            self.drop()
            raise StorageError(
                f"no room for an answer in {folder}: {problem.strerror}", "free space there, then run again"
            ) from problem

    def receive(self, chunks: Iterable[bytes], length: int | None = None) -> bytes:
        """Write `chunks` as they come and return them joined. Raises ConnectionError when fewer bytes
        came than promised. A full disk loses nothing: the bytes are returned all the same and
        `trouble` says what happened."""
        self._begin_anew()
        parts: list[bytes] = []
        at = _HEAD.size
        for chunk in chunks:
            parts.append(chunk)
            at = self._write(chunk, at)
        total = sum(map(len, parts))
        if length is not None and total < length:
            raise ConnectionError(f"{total} of {length} bytes arrived")
        self._write(_HEAD.pack(_MAGIC, total), 0)
        return b"".join(parts)

    def _write(self, data: bytes, at: int) -> int:
        if self.trouble is None:
            try:
                rest = memoryview(data)
                while rest:
                    written = os.pwrite(self._file, rest, at)
                    rest, at = rest[written:], at + written
            except OSError as problem:
                self.trouble = problem
        return at

    def _begin_anew(self) -> None:
        # An earlier answer must not pass for the one that comes now, should that be cut off.
        self._write(bytes(_HEAD.size), 0)

    def renamed(self, attempt: str) -> None:
        """The slot now belongs to `attempt`, which has no answer yet."""
        self._begin_anew()
        target = self.path.with_name(f"{attempt}.part")
        os.replace(self.path, target)
        self.path = target

    def reused(self, attempt: str, room: int) -> Slot:
        """The same file for another attempt, with at least as much room."""
        self.renamed(attempt)
        if hasattr(os, "posix_fallocate") and os.fstat(self._file).st_size < _HEAD.size + room:
            os.posix_fallocate(self._file, 0, _HEAD.size + room)
        return self

    def close(self) -> None:
        """Let go of the file; it stays."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def drop(self) -> None:
        """Let go of the file and delete it."""
        if getattr(self, "_file", -1) >= 0:
            self.close()
        self.path.unlink(missing_ok=True)


class Slots:
    """The slots of one process. One that is done serves the next attempt: to make and delete a file for
    every picture costs more than all the rest of the books."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._free: list[Slot] = []

    def take(self, attempt: str, room: int) -> Slot:
        """A slot with `room` bytes set aside. Raises StorageError when there is none: then do not call."""
        try:
            return self._free.pop().reused(attempt, room)
        except (IndexError, OSError):
            return Slot(self.folder, attempt, room)

    def give_back(self, slot: Slot) -> None:
        """`slot` is done; its answer may go."""
        if slot.trouble:
            slot.drop()
        else:
            self._free.append(slot)

    def close(self) -> None:
        """Delete what is free."""
        while self._free:
            self._free.pop().drop()


def whole_answer(folder: Path, attempt: str) -> bytes | None:
    """The complete answer that `attempt` left, if it is complete."""
    try:
        with open(folder / f"{attempt}.part", "rb") as file:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return None
            magic, length = _HEAD.unpack(head)
            if magic != _MAGIC or length > os.fstat(file.fileno()).st_size:
                return None
            data = file.read(length)
    except FileNotFoundError:
        return None
    except OSError as problem:
        if problem.errno == errno.ENOENT:
            return None
        raise StorageError(f"the spool {folder} cannot be read: {problem.strerror}", "mend the disk") from problem
    return data if len(data) == length else None


def answers(folder: Path) -> list[str]:
    """The attempts that have a file here."""
    return [path.stem for path in folder.glob("*.part")]


def drop(folder: Path, attempt: str) -> None:
    """Delete what `attempt` left in the spool."""
    (folder / f"{attempt}.part").unlink(missing_ok=True)
