"""What `init` writes: a commented starter manifest, or a copy of an example with its data.

Nothing that exists is overwritten: either all of it can be written, or none of it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagegen.bundle import bundled
from imagegen.errors import UsageError
from imagegen.files import storage_error

STARTER = Path(__file__).parent / "data" / "starter.yaml"
STARTED = "pictures.yaml"
#: What --example takes -> the folder of that example.
EXAMPLES = {"shop": "shop", "blog": "blog", "ads": "ads", "ci": "ci-catalogue"}

_NOT_OURS = frozenset({"__pycache__", "out", ".DS_Store"})
_MANIFESTS = (".yaml", ".yml")
_OUTWARDS = re.compile(rb"\[([^\]]+)\]\(\.\./[^)]*\)")


@dataclass(frozen=True)
class Written:
    """What was written, and the manifest among it to go on with."""

    files: tuple[Path, ...]
    manifest: Path


def starter(folder: Path) -> Written:
    """Write the starter manifest into `folder`. Raises UsageError when it is there already, StorageError when it
    cannot be written."""
    target = folder / STARTED
    _put({target: STARTER.read_bytes()}, folder)
    return Written((target,), target)


def example(name: str, folder: Path | None = None) -> Written:
    """Copy the example `name` into `folder`, by default one of its own name. Raises like `starter`."""
    source = bundled(f"examples/{EXAMPLES[name]}")
    folder = Path(EXAMPLES[name]) if folder is None else folder
    files = {folder / path.relative_to(source): path for path in _files(source)}
    _put({target: _copied(path) for target, path in files.items()}, folder)
    manifest = next(path for path in files if path.suffix in _MANIFESTS and path.parent == folder)
    return Written(tuple(files), manifest)


def _copied(path: Path) -> bytes:
    """The file's bytes; in a page, links out of the example become their words, for nothing lies there."""
    data = path.read_bytes()
    return _OUTWARDS.sub(rb"\1", data) if path.suffix == ".md" else data


def _files(folder: Path) -> Iterator[Path]:
    """The files of `folder` in order, those of its folders last; without what a run of it left there."""
    entries = sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name))
    for path in entries:
        if path.name in _NOT_OURS:
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _put(files: dict[Path, bytes], folder: Path) -> None:
    """Write all of `files`, none of which may be there."""
    there = next((path for path in files if os.path.lexists(path)), None)
    if there is not None:
        raise UsageError(f"{there} is there already, and nothing is overwritten", "name another folder")
    try:
        for path, data in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(data)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{folder} cannot be a folder: a file of this name is there", "name another folder") from None
    except OSError as problem:
        raise storage_error(problem, folder) from problem
