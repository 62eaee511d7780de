"""What is wrong in a cache: its pictures, sidecars and index held against each other.

Only looks; repairs are `rebuild`, `sweep` and making a picture anew.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from imagegen.domain.request import Key
from imagegen.files import TEMPORARY, storage_error
from imagegen.stores import Held, Problem
from imagegen.stores.folder import Folder, listed
from imagegen.stores.sidecar import from_entry, from_sidecar

if TYPE_CHECKING:
    from imagegen.stores.index import Index

#: Seconds after which an unfinished write is no longer taken for one in progress.
FRESH = 60

_ANEW = "delete it; the picture is made anew when a row needs it"
_REBUILD = "run `imagegen cache rebuild`"
_PRUNE = "`imagegen cache prune` removes it"


def verify(folder: Folder, index: Index | None, read_data: bool) -> Iterator[Problem]:
    """Every Problem of the cache in `folder`. With `read_data` each picture is read and hashed once.
    Raises StorageError where the disk refuses."""
    seen: set[str] = set()
    for key in folder.every_key():
        held, problem = _sidecar(folder, key)
        if problem:
            yield problem
        if held and held.name not in seen:
            seen.add(held.name)
            yield from _picture(folder, held, read_data)
    if index:
        yield from _index(folder, index)
    yield from _strays(folder, seen)


def _sidecar(folder: Folder, key: Key) -> tuple[Held | None, Problem | None]:
    note = folder.note(key)
    if note is None:
        return None, None
    try:
        return from_sidecar(key, note[0]), None
    except ValueError as error:
        return None, Problem("sidecar", Path(folder.sidecar(key)), str(error), _ANEW, key)


def _picture(folder: Folder, held: Held, read_data: bool) -> Iterator[Problem]:
    path = folder.image(held)
    try:
        size = os.stat(path).st_size
        damaged = size != held.bytes or (read_data and _hash(path) != held.digest)
    except FileNotFoundError:
        todo = "put it back from a backup, or it is made anew when a row needs it"
        yield Problem("missing", Path(path), "the picture is gone", todo, held.key)
        return
    except OSError as error:
        raise storage_error(error, path) from error
    if damaged:
        yield Problem("damaged", Path(path), "the picture was altered", _ANEW, held.key)


def _index(folder: Folder, index: Index) -> Iterator[Problem]:
    where = Path(index.folder)
    for key, entry in index.rows():
        held = from_entry(key, entry) if key else None
        if key is None or held is None:
            yield Problem("index", where, "an entry is not ours", _REBUILD, key)
            continue
        said = folder.look(key)
        if said is None:
            yield Problem("index", where, f"the entry of key {key} leads nowhere", _REBUILD, key)
        elif said != held:
            yield Problem("index", where, f"the entry of key {key} is wrong", _REBUILD, key)


def _strays(folder: Folder, seen: set[str]) -> Iterator[Problem]:
    for root in (folder.images, folder.sidecars):
        for shard in listed(root):
            for name in listed(os.path.join(root, shard)):
                path = os.path.join(root, shard, name)
                if name.endswith(TEMPORARY) and _old(path):
                    yield Problem("leftover", Path(path), "an unfinished write", _PRUNE)
                elif root == folder.images and name not in seen and _old(path):
                    yield Problem("orphan", Path(path), "no key leads to this picture", _PRUNE)


def _old(path: str) -> bool:
    try:
        return time.time() - os.stat(path).st_mtime > FRESH
    except FileNotFoundError:
        return False


def _hash(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
