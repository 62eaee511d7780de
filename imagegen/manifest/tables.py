"""Tables by suffix: CSV, TSV, JSONL and Parquet. Each kind's reader is imported when it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from imagegen.domain.row import Place
from imagegen.errors import ManifestError
from imagegen.manifest.bytesource import UTF8, look

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
DOCUMENTS = (".yaml", ".yml")


class Table(Protocol):
    """Rows of a file, streamed. `loose`: every cell is text, so yes/no and JSON within cells are read."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""

    @property
    def first(self) -> int:
        """The line that names the columns; 0: no line does."""

    @property
    def unread(self) -> Mapping[str, str]:
        """Columns that are not read, and what they hold."""

    @property
    def loose(self) -> bool:
        """Whether cells are text only."""

    def records(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """(line, cells by column) of each row; reads the file anew."""

    def place(self, line: int, column: str | None = None) -> Place:
        """Where the row at `line` stands, or its cell in `column`."""


def open_table(path: Path, delimiter: str | None = None, encoding: str = UTF8) -> Table:
    """The table at `path`, its columns read. Raises ManifestError."""
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        from imagegen.manifest.delimited import open_delimited

        return open_delimited(path, delimiter, encoding)
    if suffix == ".parquet":
        from imagegen.manifest.parquet import open_parquet

        return open_parquet(path)
    if suffix in TABLES:
        from imagegen.manifest.jsonlines import open_jsonlines

        return open_jsonlines(path, encoding)
    raise unread(path)


def unread(path: Path) -> ManifestError:
    """Why a file with this suffix is not read."""
    look(path)
    if path.suffix.lower() in DOCUMENTS:
        return ManifestError(str(path), 0, 0, "YAML is not a table", "name a CSV, TSV, JSONL or Parquet file")
    what = f"{path.suffix or 'a file without a suffix'} is not read"
    return ManifestError(str(path), 0, 0, what, f"use {', '.join((*DOCUMENTS, *TABLES))}")
