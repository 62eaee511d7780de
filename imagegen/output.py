"""The output folder: its identity, its lock, and the files put into it under safe names.

Knows nothing of rows and money. Nothing is ever a link into the cache.
"""

from __future__ import annotations

import json
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imagegen import files
from imagegen.errors import StorageError

#: Where the folder keeps what is ours: its id and its lock.
OURS = ".imagegen"


@dataclass(frozen=True, slots=True)
class Written:
    """A file as we wrote it: enough to see later whether somebody touched it."""

    file: str
    bytes: int
    mtime_ns: int


class OutputFolder:
    """One output folder. Nothing is created before `prepare`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ours = path / OURS
        self._created: list[Path] = []

    def prepare(self) -> None:
        """Create the folder and find out, before anything is bought, that it can be written."""
        try:
            self._created = [place for place in (self.ours, *self.ours.parents) if not place.exists()]
            self.ours.mkdir(parents=True, exist_ok=True)
            probe = self.ours / f"probe-{uuid.uuid4().hex[:8]}"
            probe.write_bytes(b"\0" * 4096)
            probe.unlink(missing_ok=True)
        except OSError as problem:
            raise StorageError(
                f"the output folder {self.path} cannot be written: {problem.strerror or problem}",
                "free space, mend its rights, or choose another with --output",
            ) from problem

    def sweep(self) -> None:
        """Remove what killed runs left half done. Only for who holds the folder's lock."""
        for name in ("*.part", ".*.tmp", "probe-*"):
            for path in self.ours.glob(name):
                path.unlink(missing_ok=True)

    def withdraw(self) -> None:
        """Take away what `prepare` created, if nothing was put into it."""
        if self.ours not in self._created or any(place != self.ours for place in self.path.iterdir()):
            return
        with suppress(OSError):  # somebody else's file: the folder stays
            for file in self.ours.iterdir():
                file.unlink()
            for place in self._created:
                place.rmdir()

    def collection(self) -> str | None:
        """The id of what this folder holds, if it has one."""
        try:
            found = json.loads((self.ours / "collection.json").read_text(encoding="utf-8"))["id"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if isinstance(found, str) and found else None

    def name_collection(self, collection: str) -> None:
        """Write the folder's id."""
        files.write_durably(
            self.ours / "collection.json",
            json.dumps({"id": collection, "about": "imagegen knows this folder's pictures by this id"}).encode(),
        )

    def write(self, file: str, data: bytes) -> Written:
        """Put `data` at `file` (relative, "/" between parts), whole or not at all."""
        target, passing = self._target(file), self._passing()
        try:
            with open(passing, "xb") as out:
                out.write(data)
            os.replace(passing, target)
        except OSError as problem:
            _forget(passing)
            raise _trouble(target, problem) from problem
        return self._written(file, target)

    def copy(self, file: str, source: Path) -> Written:
        """Put a copy of `source` at `file`: a reflink where the file system can, never a link."""
        target, passing = self._target(file), self._passing()
        try:
            files.copy_out(source, passing)
            os.replace(passing, target)
        except OSError as problem:
            _forget(passing)
            raise _trouble(target, problem) from problem
        return self._written(file, target)

    def state(self, file: str, size: int, mtime_ns: int) -> Literal["ours", "touched", "missing"]:
        """Whether `file` is as we wrote it."""
        try:
            found = os.stat(self.path / file)
        except OSError:
            return "missing"
        return "ours" if (found.st_size, found.st_mtime_ns) == (size, mtime_ns) else "touched"

    def read(self, file: str) -> bytes:
        """The bytes of `file`. Raises OSError."""
        return (self.path / file).read_bytes()

    def seen(self, file: str) -> Written:
        """`file` as it is now."""
        return self._written(file, self.path / file)

    def remove_ours(self, file: str, size: int, mtime_ns: int) -> None:
        """Delete `file` if it is still exactly as we wrote it."""
        if self.state(file, size, mtime_ns) == "ours":
            (self.path / file).unlink(missing_ok=True)
            if "/" in file:
                with suppress(OSError):  # not empty: the folder stays
                    (self.path / file).parent.rmdir()

    def _target(self, file: str) -> Path:
        target = self.path / file
        if target.parent != self.path:
            if not target.parent.resolve().is_relative_to(self.path.resolve()):
                raise StorageError(f"{file} would leave the output folder through a link", "remove the link")
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
            except OSError as problem:
                raise _trouble(target, problem) from problem
        return target

    def _passing(self) -> Path:
        """Where a file is written before it gets its name: in one place, so that a killed run's are found."""
        return self.ours / f"{uuid.uuid4().hex[:16]}.part"

    def _written(self, file: str, target: Path) -> Written:
        found = os.stat(target)
        return Written(file, found.st_size, found.st_mtime_ns)


def _forget(passing: Path) -> None:
    with suppress(OSError):
        passing.unlink(missing_ok=True)


def _trouble(target: Path, problem: OSError) -> StorageError:
    return StorageError(
        f"{target} cannot be written: {problem.strerror or problem}",
        "free space or mend rights there, then run again: nothing is lost",
    )
