"""SHA-256 of large files, remembered beside their size and time of change so that 14 GB are read once, not each run.

What is remembered stands in one JSON file of the tool's home; it can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from imagegen.errors import StorageError
from imagegen.files import make_private, write_whole

_VERSION = 1
#: Nanoseconds: a file changed so shortly before it was read may change again within one tick of the disk's clock.
_FRESH = 2 * 10**9


class Digests:
    """The SHA-256 of files. `memory` is the JSON file; None: nothing is remembered."""

    def __init__(self, memory: Path | None) -> None:
        self._memory = memory
        self._known = _load(memory) if memory else {}
        self._changed = False

    def of(self, path: Path, shown: str) -> str:
        """SHA-256 (hex) of the file at `path`, called `shown` in messages; read only when its size or time of change
        is another than remembered. Raises StorageError: it cannot be read, or changes meanwhile."""
        try:
            place, before = os.path.realpath(path), os.stat(path)
            mark = [before.st_size, before.st_mtime_ns]
            known = self._known.get(place)
            if known is not None and known[:2] == mark:
                return str(known[2])
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = os.stat(path)
        except OSError as error:
            raise StorageError(f"{shown} cannot be read: {(error.strerror or str(error)).lower()}") from None
        if [after.st_size, after.st_mtime_ns] != mark:
            raise StorageError(f"{shown} changes while it is read", "wait until it is written, then run again")
        if time.time_ns() - before.st_mtime_ns > _FRESH:
            self._known[place] = [*mark, digest]
            self._changed = True
        return digest

    def keep(self) -> None:
        """Write down what was learned, without files that are gone. Another process that does so at the same moment
        costs a reading, never a wrong digest."""
        if self._memory is None or not self._changed:
            return
        known = {place: line for place, line in {**_load(self._memory), **self._known}.items() if os.path.exists(place)}
        make_private(self._memory.parent)
        text = json.dumps({"version": _VERSION, "files": known}, indent=0, sort_keys=True)
        write_whole(self._memory, text.encode())
        self._changed = False


def _load(memory: Path) -> dict[str, list[Any]]:
    """What stands there; nothing where it is damaged or of another version, for it can be made again."""
    try:
        said = json.loads(memory.read_bytes())
        files = said["files"] if said["version"] == _VERSION else {}
        return {str(place): line for place, line in files.items() if _good(line)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _good(line: Any) -> bool:
    if not isinstance(line, list) or len(line) != 3:
        return False
    return isinstance(line[0], int) and isinstance(line[1], int) and isinstance(line[2], str) and len(line[2]) == 64


def together(parts: Iterable[tuple[str, int, str]]) -> str:
    """SHA-256 over the sorted (relative path, bytes, SHA-256 of the content) of several files."""
    lines = sorted(f"{path}\0{size}\0{digest}\n" for path, size, digest in parts)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
