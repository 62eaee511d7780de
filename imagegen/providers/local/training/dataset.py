"""Dataset: a folder of pictures with their captions, every picture decoded once to see that it can be read.

Imports no torch. Only the folder itself is looked at, not what is below it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagegen.domain.words import counted
from imagegen.errors import UsageError
from imagegen.files import storage_error
from imagegen.picture import BadPicture, inspect
from imagegen.providers.local.training import captions

#: Pictures below which nothing is trained: a LoRA of so few repeats them.
FEWEST = 5
#: How many the guide asks for.
ASKED_FOR = (20, 50)

_READ = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif"})
_OTHERS = frozenset({".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".jxl", ".psd", ".svg"})
#: Names that are shown before the rest is only counted.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: its size when it is upright, its caption, and the SHA-256 of its file."""

    path: Path
    width: int
    height: int
    caption: str
    digest: str


@dataclass(frozen=True, slots=True)
class Album:
    """All of them in the order of their names. `notes`: sentences for people. `trigger`: the word, "" for none."""

    folder: Path
    shots: tuple[Shot, ...]
    trigger: str
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over names, pictures and captions."""
        lines = "".join(f"{shot.path.name}\0{shot.digest}\0{shot.caption}\n" for shot in self.shots)
        return hashlib.sha256(lines.encode()).hexdigest()


def read(folder: Path, trigger: str | None = None) -> Album:
    """The pictures in `folder`, with captions from files, or the word `trigger` where a picture has none; it goes
    before every caption that does not hold it. Raises UsageError for a folder that nothing can be trained from."""
    folder, word = folder.expanduser().absolute(), " ".join((trigger or "").split())
    paths, others = _files(folder)
    if not paths:
        more = f" ({_names(others)} cannot be read)" if others else ""
        raise UsageError(f"{folder} holds no pictures{more}", "PNG, JPEG, WebP and AVIF files are read")
    if len(paths) < FEWEST:
        what = f"{folder} holds {counted(len(paths), 'picture')}, too few to learn a style from"
        raise UsageError(what, f"give {FEWEST} at least; {ASKED_FOR[0]} to {ASKED_FOR[1]} are usual")
    told = captions.listed(folder)
    texts = [_caption(path, told, word) for path in paths]
    bare = [path for path, text in zip(paths, texts, strict=True) if not text]
    if bare:
        todo = f"write {bare[0].stem}.txt beside it, or give one word for all: --trigger WORD"
        raise UsageError(f"{_names(bare)} {'has' if len(bare) == 1 else 'have'} no caption", todo)
    shots = tuple(_shot(path, text) for path, text in zip(paths, texts, strict=True))
    return Album(folder, shots, word, tuple(_notes(shots, others)))


def _files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The pictures, and those of formats that are not read."""
    try:
        if not folder.is_dir():
            raise UsageError(f"{folder} is {'no folder' if folder.exists() else 'not there'}", "name a folder")
        found = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise storage_error(error, folder) from None
    return (
        [path for path in found if path.suffix.lower() in _READ],
        [path for path in found if path.suffix.lower() in _OTHERS],
    )


def _caption(path: Path, told: dict[str, str], word: str) -> str:
    text = captions.beside(path)
    text = told.get(path.name, "") if text is None else text
    if not word or word.lower() in text.lower():
        return text
    return f"{word}, {text}" if text else word


def _shot(path: Path, caption: str) -> Shot:
    try:
        data = path.read_bytes()
        picture = inspect(data)
    except OSError as error:
        raise storage_error(error, path) from None
    except (BadPicture, MemoryError) as error:
        reason = error.reason if isinstance(error, BadPicture) else "memory does not suffice for it"
        raise UsageError(f"{path}: {reason}", "replace the picture or take it out of the folder") from None
    return Shot(path, picture.width, picture.height, caption, hashlib.sha256(data).hexdigest())


def _notes(shots: tuple[Shot, ...], others: list[Path]) -> Iterator[str]:
    if others:
        yield f"not read: {_names(others)}; PNG, JPEG, WebP and AVIF are"
    if len(shots) < ASKED_FOR[0]:
        yield f"{len(shots)} pictures are few; {ASKED_FOR[0]} to {ASKED_FOR[1]} are usual for a style"
    doubles = len(shots) - len({shot.digest for shot in shots})
    if doubles:
        yield f"copies among the pictures: {doubles}; what is there twice counts twice"


def _names(paths: list[Path]) -> str:
    shown = ", ".join(path.name for path in paths[:_SHOWN])
    return shown if len(paths) <= _SHOWN else f"{shown} and {len(paths) - _SHOWN} more"
