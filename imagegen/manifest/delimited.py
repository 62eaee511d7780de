"""CSV and TSV tables, streamed: strict, every error with its line and column.

A CSV follows RFC 4180; a TSV has no quoting at all. Knows cells, and nothing of row fields.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from imagegen.domain.row import Place
from imagegen.errors import ManifestError
from imagegen.manifest.advice import listed, short
from imagegen.manifest.bytesource import UTF8, lines, look
from imagegen.manifest.cells import cell_marks

LARGEST_CELL = 2**20


@dataclass(frozen=True)
class Delimited:
    """A table of text cells. `quoted` is false for TSV."""

    path: Path
    columns: tuple[str, ...]
    delimiter: str
    quoted: bool
    encoding: str
    first: int
    loose: bool = True
    unread: Mapping[str, str] = field(default_factory=dict)

    def records(self) -> Iterator[tuple[int, dict[str, str]]]:
        """(line, cells by column) of each row; blank rows are skipped. Raises ManifestError."""
        records = _records(self.path, self.delimiter, self.quoted, self.encoding)
        columns, width = self.columns, len(self.columns)
        for line, cells in records:
            if line <= self.first:
                continue
            if len(cells) == width:
                if any(cells):
                    yield line, dict(zip(columns, cells, strict=True))
            elif any(cells):
                raise self._count(line, cells)

    def place(self, line: int, column: str | None = None) -> Place:
        """Where the row at `line` stands, or its cell in `column`."""
        if column not in self.columns:
            return Place(str(self.path), line, 1)
        return self._cell(line, self.columns.index(column))

    def _cell(self, line: int, index: int) -> Place:
        text = islice(lines(self.path, self.encoding), line - 1, None)
        marks = cell_marks(text, line, self.delimiter, self.quoted)
        return Place(str(self.path), *next(islice(marks, index, None), (line, 1)))

    def _count(self, line: int, cells: list[str]) -> ManifestError:
        have, width = len(cells), len(self.columns)
        if have > width:
            place = self._cell(line, width)
            todo = "put a cell that holds the delimiter in quotes" if self.quoted else "remove the extra tab"
            return ManifestError(*place, f"{have} cells where the header has {width} columns", todo)
        what = f"{have} cells where the header has {width} columns; {listed(self.columns[have:], 3)} missing"
        return ManifestError(str(self.path), line, 1, what, "add the missing cells, empty if need be")


def open_delimited(path: Path, delimiter: str | None = None, encoding: str = UTF8) -> Delimited:
    """The CSV (or, by its suffix, TSV) at `path`, header read and checked. Without `delimiter` a header that has
    no comma but ; or tabs is taken at its word. Raises ManifestError."""
    look(path, encoding)
    quoted = path.suffix.lower() != ".tsv"
    delimiter = delimiter or (_sniffed(path, encoding) if quoted else "\t")
    line, header = next(_records(path, delimiter, quoted, encoding), (0, []))
    if not any(header):
        raise ManifestError(str(path), 1, 1, "the table is empty", "begin it with the names of its columns")
    columns = tuple(name.strip() for name in header)
    if len(columns) == 1 and any(mark in columns[0] for mark in ",;\t"):
        what = f"the header {short(columns[0])} is one column, without the delimiter {short(delimiter)}"
        raise ManifestError(str(path), line, 1, what, "correct the file's suffix, or name source.delimiter")
    table = Delimited(path, columns, delimiter, quoted, encoding, line)
    for index, name in enumerate(columns):
        if not name:
            what, todo = f"column {index + 1} has no name", "name it, or remove the column"
        elif name in columns[:index]:
            what, todo = f"the column {short(name)} is there twice", "rename or remove one of them"
        else:
            continue
        raise ManifestError(*table._cell(line, index), what, todo)
    return table


def _sniffed(path: Path, encoding: str) -> str:
    header = next((line for line in lines(path, encoding) if line.strip()), "")
    return "," if "," in header else ";" if ";" in header else "\t" if "\t" in header else ","


def _records(path: Path, delimiter: str, quoted: bool, encoding: str) -> Iterator[tuple[int, list[str]]]:
    if not quoted:
        yield from _unquoted(path, delimiter, encoding)
        return
    if csv.field_size_limit() != LARGEST_CELL:
        csv.field_size_limit(LARGEST_CELL)
    reader = csv.reader(lines(path, encoding), delimiter=delimiter, strict=True)
    start = 1
    try:
        for cells in reader:
            if cells:
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise _broken(path, encoding, delimiter, start, str(error)) from None


def _unquoted(path: Path, delimiter: str, encoding: str) -> Iterator[tuple[int, list[str]]]:
    for number, text in enumerate(lines(path, encoding), 1):
        cells = text.rstrip("\r\n").split(delimiter)
        if len(text) > LARGEST_CELL and max(map(len, cells)) > LARGEST_CELL:
            raise ManifestError(str(path), number, 1, "a cell of more than 1 MiB", "shorten it")
        if cells != [""]:
            yield number, cells


def _broken(path: Path, encoding: str, delimiter: str, start: int, said: str) -> ManifestError:
    marks = cell_marks(islice(lines(path, encoding), start - 1, None), start, delimiter, True)
    line, column = max(marks, default=(start, 1))
    if "field limit" in said:
        what, todo = "a cell of more than 1 MiB", "close its quote, or shorten it"
    elif "end of data" in said:
        what, todo = "the quote that opens here is never closed", 'close it; write " within a cell as ""'
    else:
        what, todo = "text follows the closing quote of this cell", 'write " within a cell as ""'
    return ManifestError(str(path), line, column, what, todo)
