"""The picture store on the local disk: the cache. Files, and an index of them for speed.

A picture is on disk before its sidecar, and the sidecar before the index; so whatever a kill leaves
behind, a key that is found leads to a whole picture, and what the index lacks is found in the
sidecars. The module knows nothing of prices, runs or named outputs.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen.domain.request import Key
from imagegen.errors import StorageError
from imagegen.files import storage_error
from imagegen.stores import Held, Problem, Share, Stats
from imagegen.stores.folder import Folder
from imagegen.stores.sidecar import from_entry, is_hash, to_entry
from imagegen.stores.verify import verify

if TYPE_CHECKING:
    from imagegen.stores.index import Index

#: So many entries are written to the index at once.
BATCH = 1000


class DiskStore:
    """A Store in `folder`, shared by threads and processes. Nothing is made on disk before the first
    `put`; looking into a store that was never used costs one listing. When `queue` entries wait for
    the index they are written without being asked for."""

    def __init__(self, folder: Path, queue: int = BATCH) -> None:
        self._folder = Folder(os.fspath(folder))
        self._index_folder = os.path.join(folder, "index")
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._index: Index | None = None
        self._queue: dict[Key, Held] = {}
        self._long = queue

    def ready(self) -> None:
        """See Store.ready."""
        self._folder.ready()

    def get(self, key: Key) -> Held | None:
        """See Store.get."""
        held = self._queue.get(key)
        if held is None and (index := self._existing()):
            held = from_entry(key, index.get(key))
        if held is None or not self._folder.whole(held):
            held = self._heal(key)
        if held is not None:
            self._folder.touch(key)
        return held

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Held]:
        """See Store.get_many."""
        shards = self._folder.shards()
        wanted = [key for key in keys if key[:2] in shards]
        index = self._existing() if wanted else None
        entries = index.get_many(wanted) if index else {}
        found: dict[Key, Held] = {}
        for key in wanted:
            held = from_entry(key, entries.get(key))
            if held is None or not self._folder.whole(held):
                held = self._heal(key)
            if held is not None:
                found[key] = held
        return found

    def put(
        self,
        key: Key,
        data: bytes,
        media_type: str,
        facts: Mapping[str, Any],
        width: int | None = None,
        height: int | None = None,
    ) -> Held:
        """See Store.put."""
        digest = hashlib.sha256(data).hexdigest()
        held = Held(key, digest, media_type, len(data), width, height, dict(facts))
        held = self._folder.keep(held, data)
        self._enqueue(held)
        return held

    def read(self, held: Held) -> bytes:
        """See Store.read."""
        path = self._folder.image(held)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            raise storage_error(error, path) from error
        if hashlib.sha256(data).hexdigest() != held.digest:
            raise StorageError(
                f"{path}: the picture was altered after it was kept",
                "run `imagegen cache verify --read-data` for all such; a deleted one is made anew",
            )
        return data

    def path(self, held: Held) -> Path:
        """See Store.path."""
        return Path(self._folder.image(held))

    def remove(self, keys: Iterable[Key]) -> int:
        """See Store.remove. Reads every sidecar once, to see which pictures have other keys."""
        judged, gone = time.time_ns(), {key for key in keys if is_hash(key)}
        doomed = {held.name: held for key in gone if (held := self._folder.look(key))}
        for key in gone:
            self._folder.drop_sidecar(key)
        with self._lock:
            for key in gone:
                self._queue.pop(key, None)
        if index := self._existing():
            index.remove(gone)
        for held in self.scan() if doomed else ():
            doomed.pop(held.name, None)
        return sum(self._folder.drop_image(held, judged) for held in doomed.values())

    def sweep(self) -> int:
        """Remove pictures without a sidecar and unfinished writes, older than a minute. Returns the
        bytes freed."""
        freed = 0
        for problem in self.verify():
            if problem.kind in ("orphan", "leftover"):
                freed += problem.where.stat().st_size
                problem.where.unlink(missing_ok=True)
        return freed

    def flush(self) -> None:
        """See Store.flush. Raises StorageError when the index cannot be written: then the entries
        stay queued, and the pictures are safe."""
        with self._lock:
            batch = dict(self._queue)
        if not batch:
            return
        self._opened().set_many({key: to_entry(held) for key, held in batch.items()})
        with self._lock:
            for key, held in batch.items():
                if self._queue.get(key) is held:
                    del self._queue[key]

    def close(self) -> None:
        """See Store.close."""
        try:
            self.flush()
        finally:
            with self._opening:
                if self._index is not None:
                    self._index.close()
                self._index = None

    def stats(self) -> Stats:
        """See Store.stats."""
        sizes: dict[str, int] = {}
        models: dict[str, dict[str, int]] = {}
        keys: dict[str, int] = {}
        for held in self.scan():
            model = str(held.facts.get("model", "unknown"))
            sizes[held.name] = models.setdefault(model, {})[held.name] = held.bytes
            keys[model] = keys.get(model, 0) + 1
        shares = {model: Share(keys[model], sum(models[model].values())) for model in sorted(models)}
        return Stats(len(sizes), sum(keys.values()), sum(sizes.values()), shares)

    def scan(self) -> Iterator[Held]:
        """See Store.scan. Sidecars that make no sense are left to `verify`."""
        return (held for key in self._folder.every_key() if (held := self._folder.look(key)))

    def verify(self, read_data: bool = False) -> Iterator[Problem]:
        """See Store.verify."""
        self.flush()
        return verify(self._folder, self._existing(), read_data)

    def rebuild(self) -> int:
        """See Store.rebuild."""
        index = self._opened()
        index.clear()
        batch: dict[Key, bytes] = {}
        count = 0
        for held in self.scan():
            batch[held.key] = to_entry(held)
            count += 1
            if len(batch) == BATCH:
                index.set_many(batch)
                batch = {}
        index.set_many(batch)
        return count

    def _heal(self, key: Key) -> Held | None:
        """What the sidecar leads to; it finds its way back into the index."""
        held = self._folder.look(key)
        if held is None or not self._folder.whole(held):
            return None
        self._enqueue(held)
        return held

    def _enqueue(self, held: Held) -> None:
        with self._lock:
            self._queue[held.key] = held
            full = len(self._queue) % self._long == 0
        if full:
            # The picture is safe: that the index cannot be written now is no reason to stop.
            with contextlib.suppress(StorageError):
                self.flush()

    def _existing(self) -> Index | None:
        """The index, unless there is none on disk yet."""
        if self._index is not None or os.path.isdir(self._index_folder):
            return self._opened()
        return None

    def _opened(self) -> Index:
        with self._opening:
            if self._index is None:
                from imagegen.stores.index import Index

                self._index = Index(self._index_folder)
            return self._index
