"""Forms: the lines of a source table, and the same lines with a picture in them: delimited text and JSON lines.

Cells that are not about pictures keep their spelling, quotes and all.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from imagegen.errors import ManifestError
from imagegen.manifest.advice import Misfit
from imagegen.manifest.bytesource import UTF8, lines
from imagegen.manifest.delimited import Delimited
from imagegen.manifest.jsonlines import JsonLines
from imagegen.manifest.jsontext import read_json
from imagegen.manifest.tables import Table
from imagegen.manifest.values import Plain

#: What to do when the source is not as it was when the run began.
CHANGED = "the source has changed since the run began; run again"

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the source: its number, its text without the line's `end`, its cells by column, and the value that
    lines of one product share (None: none does)."""

    number: int
    text: str
    end: str
    cells: Mapping[str, Any]
    key: str | None


class Form(Protocol):
    """A kind of table. `end` ends a line where the source does not say."""

    path: Path
    end: str

    @property
    def encoding(self) -> str:
        """The source's, its byte order mark included."""

    def heading(self) -> tuple[str, str] | None:
        """The line that names the columns and its end, if there is one."""

    def lines(self) -> Iterator[Line]:
        """The rows, blank lines too. Raises ManifestError."""

    def has_picture(self, line: Line) -> bool:
        """Whether the source has a picture on this line: something in the first of the picture columns."""

    def plain(self, line: Line) -> str:
        """The line as it was, with room for new columns."""

    def filled(self, line: Line, cells: Mapping[str, str]) -> str:
        """The line with the picture's `cells` in it."""

    def further(self, line: Line, cells: Mapping[str, str]) -> str:
        """A line for a further picture of the same row: the key and `cells`; without a key all of the row."""


def form_of(table: Table, columns: tuple[str, ...], key: str | None) -> Form:
    """The form of `table`, to which `columns` are added."""
    if isinstance(table, Delimited):
        return DelimitedForm(table, columns, key)
    assert isinstance(table, JsonLines)
    return JsonForm(table, columns, key)


class DelimitedForm:
    """CSV and TSV. A value is quoted where it must be, or always where the source quotes its heading."""

    def __init__(self, table: Delimited, columns: tuple[str, ...], key: str | None) -> None:
        self.table, self.path, self.end = table, table.path, "\n"
        self._new = [name for name in columns if name not in table.columns]
        self._places = {name: index for index, name in enumerate((*table.columns, *self._new))}
        self._first, self._key = columns[0], key
        mark = re.escape(table.delimiter)
        quoted = f'"(?:[^"]|"")*"[^{mark}\r\n]*|' if table.quoted else ""
        self._cell = re.compile(f"{quoted}[^{mark}\r\n]*")
        self._must_quote = re.compile(f'[{mark}"\r\n]|^\\s|\\s$')
        self._always = False
        self.heading()

    @cached_property
    def encoding(self) -> str:
        """UTF-8 has a byte order mark where the source has one."""
        return _encoding(self.path, self.table.encoding)

    def heading(self) -> tuple[str, str]:
        """The heading, with the new columns behind the old."""
        found = (record for record in self._records() if record[0] == self.table.first)
        _, text, end, _ = next(found, (0, "", "", []))
        raw = self._split(text)
        if len(raw) != len(self.table.columns):
            raise ManifestError(str(self.path), self.table.first, 1, "the heading is not as it was", CHANGED)
        self._always = self.table.quoted and all(cell.startswith('"') for cell in raw)
        self.end = end or self.end
        return self._joined([*raw, *map(self._spelt, self._new)]), end

    def lines(self) -> Iterator[Line]:
        """The rows below the heading."""
        columns = self.table.columns
        for number, text, end, cells in self._records():
            if number > self.table.first:
                known = dict(zip(columns, cells, strict=False))
                yield Line(number, text, end, known, known.get(self._key, "") if self._key else None)

    def has_picture(self, line: Line) -> bool:
        """Something in the first of the picture columns."""
        return bool(str(line.cells.get(self._first, "")).strip())

    def plain(self, line: Line) -> str:
        """The line's own text, and empty cells for new columns; a blank line stays blank."""
        if not line.cells or not self._new:
            return line.text
        return self._joined([line.text, *([self._spelt("")] * len(self._new))])

    def filled(self, line: Line, cells: Mapping[str, str]) -> str:
        """The line's own cells but for the picture's."""
        return self._with(self._split(line.text), cells)

    def further(self, line: Line, cells: Mapping[str, str]) -> str:
        """The key's cell and the picture's, all others empty."""
        raw = self._split(line.text)
        if self._key is not None:
            raw = [cell if index == self._places[self._key] else self._spelt("") for index, cell in enumerate(raw)]
        return self._with(raw, cells)

    def _with(self, raw: list[str], cells: Mapping[str, str]) -> str:
        whole = [*raw, *([""] * len(self._new))]
        for name, text in cells.items():
            whole[self._places[name]] = self._spelt(text)
        return self._joined(whole)

    def _joined(self, raw: list[str]) -> str:
        return self.table.delimiter.join(raw)

    def _spelt(self, text: str) -> str:
        """`text` as a cell."""
        text = _storable(text, self.encoding)
        if not self.table.quoted:
            return re.sub(r"[\t\r\n]+", " ", text)
        return '"' + text.replace('"', '""') + '"' if self._always or self._must_quote.search(text) else text

    def _split(self, text: str) -> list[str]:
        """The cells of a row as they are spelt."""
        cells, at = [], 0
        while True:
            match = self._cell.match(text, at)
            assert match is not None
            cells.append(match[0])
            at = match.end() + 1
            if at > len(text):
                return cells

    def _records(self) -> Iterator[tuple[int, str, str, list[str]]]:
        """(line, text, end, cells) of every row as the csv module reads them, blank lines with no cells."""
        table, read = self.table, list[str]()

        def listened() -> Iterator[str]:
            for text in lines(table.path, table.encoding):
                read.append(text)
                yield text

        if table.quoted:
            rows: Iterator[list[str]] = csv.reader(listened(), delimiter=table.delimiter, strict=True)
        else:
            rows = (text.rstrip("\r\n").split(table.delimiter) if text.strip("\r\n") else [] for text in listened())
        start, width = 1, len(table.columns)
        try:
            for cells in rows:
                text = "".join(read)
                bare = text.rstrip("\r\n")
                if cells and len(cells) != width and any(cells):
                    raise ManifestError(str(table.path), start, 1, f"{len(cells)} cells, not {width}", CHANGED)
                yield start, bare, text[len(bare) :], cells
                start += len(read)
                read.clear()
        except csv.Error as error:
            raise ManifestError(str(table.path), start, 1, f"it cannot be read: {error}", CHANGED) from None


class JsonForm:
    """An object a line. Lines without a picture stay as they are."""

    def __init__(self, table: JsonLines, columns: tuple[str, ...], key: str | None) -> None:
        self.table, self.path, self.end = table, table.path, "\n"
        self._first, self._key = columns[0], key

    @cached_property
    def encoding(self) -> str:
        """UTF-8 has a byte order mark where the source has one."""
        return _encoding(self.path, self.table.encoding)

    def heading(self) -> None:
        """There is none."""

    def lines(self) -> Iterator[Line]:
        """The objects; blank lines have no cells."""
        for number, text in enumerate(lines(self.path, self.table.encoding), 1):
            bare = text.rstrip("\r\n")
            cells = self._object(number, bare) if bare.strip() else {}
            key = str(cells.get(self._key) or "") if self._key else None
            yield Line(number, bare, text[len(bare) :], cells, key)

    def _object(self, number: int, text: str) -> dict[str, Any]:
        try:
            value = read_json(text)
        except Misfit as misfit:
            raise ManifestError(str(self.path), number, 1, misfit.what, CHANGED) from None
        if not isinstance(value, dict):
            raise ManifestError(str(self.path), number, 1, "it is no object", CHANGED)
        return value

    def has_picture(self, line: Line) -> bool:
        """Something under the first of the picture's names."""
        return bool(line.cells.get(self._first))

    def plain(self, line: Line) -> str:
        """The line's own text."""
        return line.text

    def filled(self, line: Line, cells: Mapping[str, str]) -> str:
        """The object with the picture's names in it, its numbers as they are spelt."""
        return self._text({**line.cells, **cells})

    def further(self, line: Line, cells: Mapping[str, str]) -> str:
        """The key and the picture's names; without a key all of the object."""
        whole = {self._key: line.cells.get(self._key)} if self._key else line.cells
        return self._text({**whole, **cells})

    def _text(self, value: dict[str, Any]) -> str:
        text = _json(value, plain=False)
        return text if text == _storable(text, self.encoding) else _json(value, plain=True)


def _json(value: Any, plain: bool) -> str:
    """`value` as JSON (`plain`: in ASCII), numbers as they were spelt."""
    if type(value) is Plain:
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json(name, plain)}: {_json(item, plain)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_json(item, plain) for item in value) + "]"
    return json.dumps(value, ensure_ascii=plain)


def _encoding(path: Path, encoding: str) -> str:
    if encoding != UTF8:
        return encoding
    with path.open("rb") as file:
        return UTF8 if file.read(3) == b"\xef\xbb\xbf" else "utf-8"


def _storable(text: str, encoding: str) -> str:
    """`text` with ? for what `encoding` does not have."""
    text = _SURROGATE.sub("\ufffd", text)
    return text.encode(encoding, "replace").decode(encoding)
