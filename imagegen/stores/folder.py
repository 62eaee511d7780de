"""The cache's files: pictures named by their own SHA-256, and one sidecar per key.

    images/ab/<SHA-256 of the bytes>.<ext>
    sidecars/ab/<key>.json                   its time of change is the key's last use

Paths are made of hashes only, never of stored names. The module knows nothing of the index.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from imagegen.domain.request import Key
from imagegen.files import make_private, storage_error, sync_folder, temporary_name, write_durably, write_whole
from imagegen.stores import Held
from imagegen.stores.sidecar import from_sidecar, is_hash, to_sidecar

#: Bytes written to see whether a cache can be written.
PROBE = 1 << 16

_ABSENT = (FileNotFoundError, NotADirectoryError)


class Folder:
    """Pictures and sidecars under `path`. Nothing is made before the first `keep`. What is absent is
    None or False; what the disk refuses to say is a StorageError, for to take it for absent would
    buy a picture twice."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.images = os.path.join(path, "images")
        self.sidecars = os.path.join(path, "sidecars")
        self._made: set[str] = set()

    def ready(self) -> None:
        """Write something and take it away again. Raises StorageError."""
        make_private(self.path)
        probe = os.path.join(self.path, temporary_name())
        write_whole(probe, bytes(PROBE))
        _unlink(probe)

    def image(self, held: Held) -> str:
        """The path of the picture's file."""
        return f"{self.images}{os.sep}{held.digest[:2]}{os.sep}{held.name}"

    def sidecar(self, key: Key) -> str:
        """The path of the key's sidecar. Raises ValueError for what is no key."""
        if not is_hash(key):
            raise ValueError(f"not a key: {key!r}")
        return f"{self.sidecars}{os.sep}{key[:2]}{os.sep}{key}.json"

    def keep(self, held: Held, data: bytes) -> Held:
        """Write the picture durably, then its sidecar, which a power cut may undo: the ledger knows the
        picture by its hash and `collect.adopt` writes the sidecar again. Returns what the sidecar says:
        of the same bytes under the same key, the first facts stay. Raises StorageError."""
        image, note = self.image(held), self.sidecar(held.key)
        text = to_sidecar(held)
        self._make_shard(os.path.dirname(image))
        self._make_shard(os.path.dirname(note))
        self._write_image(image, data)
        earlier = self.look(held.key)
        if earlier is not None and earlier.name == held.name:
            held = earlier
        else:
            write_whole(note, text)
        if not os.path.exists(image):
            # A prune elsewhere judged the picture before it could see this sidecar.
            write_durably(image, data)
        return held

    def look(self, key: Key) -> Held | None:
        """What the key's sidecar says; None when there is none or it makes no sense."""
        data = self.note(key) if is_hash(key) else None
        try:
            return None if data is None else from_sidecar(key, *data)
        except ValueError:
            return None

    def note(self, key: Key) -> tuple[bytes, float] | None:
        """The key's sidecar as it stands, and the time of its last use. Raises StorageError."""
        path = self.sidecar(key)
        try:
            return _read(path)
        except _ABSENT:
            return None
        except OSError as error:
            raise storage_error(error, path) from error

    def whole(self, held: Held) -> bool:
        """Whether the picture's file is there and has its size. Raises StorageError."""
        path = self.image(held)
        try:
            return os.stat(path).st_size == held.bytes
        except _ABSENT:
            return False
        except OSError as error:
            raise storage_error(error, path) from error

    def touch(self, key: Key) -> None:
        """Note that the key was used now. A cache that may only be read still serves."""
        with contextlib.suppress(OSError):
            os.utime(self.sidecar(key))

    def every_key(self) -> Iterator[Key]:
        """Every key that has a sidecar, streamed."""
        for shard in sorted(self.shards()):
            for name in listed(os.path.join(self.sidecars, shard)):
                if is_hash(name.removesuffix(".json")):
                    yield name.removesuffix(".json")

    def shards(self) -> set[str]:
        """The first two digits of the keys that may be here."""
        return set(listed(self.sidecars))

    def drop_sidecar(self, key: Key) -> None:
        """Remove the key's sidecar, if there is one."""
        _unlink(self.sidecar(key))

    def drop_image(self, held: Held, judged: int) -> int:
        """Remove the picture unless it was kept again since `judged` (nanoseconds since 1970).
        Returns the bytes freed."""
        path = self.image(held)
        try:
            facts = os.stat(path)
        except _ABSENT:
            return 0
        if facts.st_mtime_ns > judged:
            return 0
        _unlink(path)
        return facts.st_size

    def _write_image(self, path: str, data: bytes) -> None:
        try:
            with open(path, "rb") as file:
                same = file.read() == data
        except OSError:
            same = False
        if not same:
            write_durably(path, data)
            return
        # The exact time, which file systems round down: `drop_image` compares it.
        now = time.time_ns()
        with contextlib.suppress(OSError):
            os.utime(path, ns=(now, now))
        _sync(os.path.dirname(path))

    def _make_shard(self, folder: str) -> None:
        """Make `folder`, a shard, with its name durable in its parents; and all the others with it, for
        one sync of the parent is enough for all."""
        if folder in self._made:
            return
        parent = os.path.dirname(folder)
        make_private(self.path)
        make_private(parent)
        for number in range(256):
            make_private(os.path.join(parent, f"{number:02x}"))
        for each in (os.path.dirname(self.path), self.path, parent):
            _sync(each)
        self._made.update(os.path.join(parent, f"{number:02x}") for number in range(256))


def listed(folder: str) -> list[str]:
    """The names in `folder`; none when it is absent. Raises StorageError."""
    try:
        return os.listdir(folder)
    except _ABSENT:
        return []
    except OSError as error:
        raise storage_error(error, folder) from error


def _read(path: str) -> tuple[bytes, float]:
    """A small file's bytes and its time of change. Without a file object, for a plan asks for many."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        facts = os.fstat(file)
        return os.read(file, facts.st_size), facts.st_mtime
    finally:
        os.close(file)


def _sync(folder: str) -> None:
    try:
        sync_folder(folder)
    except OSError as error:
        raise storage_error(error, folder) from error


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except _ABSENT:
        return
    except OSError as error:
        raise storage_error(error, path) from error
