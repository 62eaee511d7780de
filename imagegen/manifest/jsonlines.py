"""JSONL tables, streamed: one object a line; every error with its line and column."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from imagegen.domain.row import Place
from imagegen.errors import ManifestError
from imagegen.manifest.advice import Misfit, short
from imagegen.manifest.bytesource import UTF8, lines, look
from imagegen.manifest.jsontext import read_json


@dataclass(frozen=True)
class JsonLines:
    """A table of JSON objects. `columns` are the keys of the first; null counts as absent."""

    path: Path
    columns: tuple[str, ...]
    encoding: str
    first: int
    loose: bool = False
    unread: Mapping[str, str] = field(default_factory=dict)

    def records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """(line, object) of each line; blank lines are skipped. Raises ManifestError."""
        return _records(self.path, self.encoding)

    def place(self, line: int, column: str | None = None) -> Place:
        """Where the object at `line` stands, or its key `column`."""
        text = next(islice(lines(self.path, self.encoding), line - 1, None), "")
        found = text.find(json.dumps(column, ensure_ascii=False)) if column is not None else -1
        return Place(str(self.path), line, found + 1 if found >= 0 else 1)


def open_jsonlines(path: Path, encoding: str = UTF8) -> JsonLines:
    """The table at `path`, its first line read. Raises ManifestError."""
    look(path, encoding)
    first = next(_records(path, encoding), None)
    if first is None:
        raise ManifestError(str(path), 1, 1, "the table is empty", 'write one object a line: {"prompt": "…"}')
    return JsonLines(path, tuple(first[1]), encoding, first[0])


def _records(path: Path, encoding: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in enumerate(lines(path, encoding), 1):
        if not text.strip():
            continue
        try:
            value = read_json(text)
        except Misfit as misfit:
            column = int(misfit.path[0]) if misfit.path else 1
            raise ManifestError(str(path), line, column, misfit.what, misfit.todo) from None
        if not isinstance(value, dict):
            what = f"{short(value)} where an object is wanted"
            raise ManifestError(str(path), line, 1, what, 'write one object a line: {"prompt": "…"}')
        yield line, value
