"""Captions: what the owner of a folder wrote about each picture. Pure but for reading.

`NAME.txt` beside the picture counts first; then `metadata.jsonl` or `captions.csv` in the folder, as data sets have
them: a line for each picture with its file's name and its text.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imagegen.errors import ManifestError, StorageError, UsageError
from imagegen.files import storage_error

JSONL, CSV = "metadata.jsonl", "captions.csv"
_NAMES = ("file_name", "file", "image")
_TEXTS = ("text", "caption", "prompt")
#: Bytes of a file of captions that are read.
_MOST = 20_000_000


def listed(folder: Path) -> dict[str, str]:
    """File name -> caption, of the folder's list where it has one. Raises UsageError, ManifestError, StorageError."""
    there = [folder / name for name in (JSONL, CSV) if (folder / name).is_file()]
    if len(there) > 1:
        raise UsageError(f"{folder} has both {JSONL} and {CSV}", "remove one of them")
    if not there:
        return {}
    found: dict[str, str] = {}
    for line, entry in _lines(there[0]):
        name, text = _pair(there[0], line, entry)
        if name in found:
            raise ManifestError(str(there[0]), line, 0, f"{name} stands there twice", "remove one of its lines")
        if not (folder / name).is_file():
            raise ManifestError(str(there[0]), line, 0, f"{name} is not in the folder", "correct the name")
        found[name] = text
    return found


def beside(picture: Path) -> str | None:
    """The caption in the .txt file of `picture`'s name; None where there is no such file."""
    path = picture.with_suffix(".txt")
    return " ".join(_text(path).split()) if path.is_file() else None


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    text = _text(path)
    if path.name == CSV:
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        try:
            yield from ((rows.line_num, row) for row in rows)
        except csv.Error as error:
            raise ManifestError(str(path), rows.line_num, 0, f"it is no CSV: {error}") from None
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            raise ManifestError(str(path), number, 0, "the line is not JSON") from None
        if not isinstance(entry, dict):
            raise ManifestError(str(path), number, 0, 'a line is a mapping: {"file_name": "a.png", "text": "a mug"}')
        yield number, entry


def _pair(path: Path, line: int, entry: Mapping[str, Any]) -> tuple[str, str]:
    name = next((entry[key] for key in _NAMES if entry.get(key)), None)
    text = next((entry[key] for key in _TEXTS if entry.get(key)), None)
    if not isinstance(name, str) or not isinstance(text, str):
        what = "a line names a picture (file_name) and its caption (text)"
        raise ManifestError(str(path), line, 0, what, "add what is missing")
    return name, " ".join(text.split())


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
        if len(data) > _MOST:
            raise StorageError(f"{path} is too large for a file of captions", f"{_MOST:,} bytes are read")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text", "save it as UTF-8") from None
    except OSError as error:
        raise storage_error(error, path) from None
