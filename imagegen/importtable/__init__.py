"""The import table: the source table given back, with the pictures in it, ready for a shop's importer.

What is not about pictures stays as it stands in the source, to the character. Everything is streamed: of the source
one product is held at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from imagegen.domain.result import PRESENT, Result
from imagegen.domain.row import Place
from imagegen.errors import ManifestError
from imagegen.importtable.forms import Form, Line, form_of
from imagegen.manifest.giveback import PictureColumns, picture_columns
from imagegen.manifest.header import Header, ImportTable
from imagegen.manifest.tables import open_table


@dataclass(slots=True)
class Given:
    """What a written table holds. `unfilled` pictures could not be filled in, `problem` says why the first could
    not; `unencoded` ones have an address with signs in it that no address may hold; `lost` are pictures whose row is
    not in the source any more."""

    lines: int = 0
    pictures: int = 0
    unencoded: int = 0
    unfilled: int = 0
    lost: int = 0
    problem: str = ""


class Giver:
    """Writes the table that the manifest at `path` asks for. Raises ManifestError when its source is not as it was."""

    def __init__(self, path: Path, header: Header) -> None:
        source, table = header.source, header.output.table
        assert source is not None
        assert table is not None
        self.source = open_table(path.parent / source.file, source.delimiter, source.encoding)
        self.columns = picture_columns(header.output, table, self.source, lambda _: Place(str(path)))
        self.form = form_of(self.source, tuple(self.columns.templates), self.columns.key)
        self.table = table

    @property
    def encoding(self) -> str:
        """How the file is to be opened: as its source is."""
        return self.form.encoding

    def write(self, results: Iterable[Result], out: TextIO) -> Given:
        """Write the table with the pictures of `results`, which come in the order of the source. Raises
        ManifestError when the source cannot be read to its end."""
        given = Given()
        pictures = _Pictures(iter(results), str(self.source.path))
        sheet = _Sheet(out, self.form, self.columns, self.table, given)
        for line in self.form.lines():
            sheet.line(line, pictures.of(line.number))
        sheet.close()
        given.lost = pictures.lost()
        return given


class _Pictures:
    """The results that are there, handed out line by line of the source."""

    def __init__(self, results: Iterator[Result], source: str) -> None:
        self._found = self._placed(results, source)
        self._next = next(self._found, None)
        self._lost = 0

    def _placed(self, results: Iterator[Result], source: str) -> Iterator[tuple[int, Result]]:
        for result in results:
            file, _, line = (result.place or "").rpartition(":")
            if result.state in PRESENT and result.file and file == source and line.isdecimal():
                yield int(line), result

    def of(self, number: int) -> list[Result]:
        """The pictures of the row at line `number`; what should have come before it is lost."""
        found = []
        while self._next and self._next[0] <= number:
            if self._next[0] == number:
                found.append(self._next[1])
            else:
                self._lost += 1
            self._next = next(self._found, None)
        return found

    def lost(self) -> int:
        """How many belong to no line; the source has come to its end."""
        rest = 0 if self._next is None else 1 + sum(1 for _ in self._found)
        return self._lost + rest


@dataclass(slots=True)
class _Product:
    """Lines that belong together, as far as they were read. `shown` counts their pictures, the source's own too;
    `further` are pictures that get a line of their own below them."""

    key: str | None = None
    shown: int = 0
    ours: bool = False
    held: list[tuple[str, str]] = field(default_factory=list)
    further: list[tuple[Line, Result]] = field(default_factory=list)


class _Sheet:
    """The table being written."""

    def __init__(self, out: TextIO, form: Form, columns: PictureColumns, table: ImportTable, given: Given) -> None:
        self._out, self._form, self._columns, self._table, self._given = out, form, columns, table, given
        self._product = _Product()
        self._end: str | None = None
        first = form.heading()
        if first is not None:
            self._put(*first)
        given.lines = 0

    def line(self, line: Line, pictures: list[Result]) -> None:
        """The next line of the source, and the pictures of its row."""
        product = self._product
        if self._columns.key is None or not line.key or line.key != product.key:
            self.end()
            product = self._product = _Product(line.key)
        has_one = self._form.has_picture(line)
        here = pictures[0] if pictures and not (has_one and self._table.existing == "keep") else None
        text = self._with(line, here, further=False) if here else None
        if text is None:
            product.shown += has_one
            text = self._form.plain(line)
        product.ours |= bool(pictures)
        product.further += [(line, each) for each in pictures if each is not here]
        if self._table.rows == "all" or product.ours:
            self._release(product)
            self._put(text, line.end)
        else:
            product.held.append((text, line.end))

    def end(self) -> None:
        """The product is whole: its further pictures follow."""
        product = self._product
        for line, picture in product.further:
            text = self._with(line, picture, further=True)
            if text is not None:
                self._put(text, line.end)
        self._product = _Product()

    def close(self) -> None:
        """The table is whole: it ends as its source does."""
        self.end()
        self._out.write(self._end or "")

    def _release(self, product: _Product) -> None:
        for text, end in product.held:
            self._put(text, end)
        product.held.clear()

    def _with(self, line: Line, picture: Result, *, further: bool) -> str | None:
        """The line with `picture` in it; None where its columns cannot be filled in."""
        values = _values(picture, self._product.shown + 1)
        place = Place(str(self._form.path), line.number, 1)
        try:
            cells = self._columns.filled(line.cells, values, place)
        except ManifestError as problem:
            self._given.unfilled += 1
            self._given.problem = self._given.problem or str(problem)
            return None
        self._product.shown += 1
        self._given.pictures += 1
        self._given.unencoded += any(map(_unencoded, cells.values()))
        return self._form.further(line, cells) if further else self._form.filled(line, cells)

    def _put(self, text: str, end: str) -> None:
        """Write a line. Its end follows later, since a line that was the last may not be so any more."""
        before = "" if self._end is None else self._end or self._form.end
        self._out.write(before + text)
        self._end = end
        self._given.lines += 1


def _unencoded(text: str) -> bool:
    """Whether `text` is an address that should have gone through `urlencode`."""
    return text.startswith(("https://", "http://")) and (not text.isascii() or any(sign in text for sign in ' "<>#'))


def _values(result: Result, position: int) -> dict[str, Any]:
    """What templates may speak of (see `giveback.PICTURE`); what is not known is empty text."""
    return {
        "file": result.file,
        "id": result.id,
        "prompt": result.prompt,
        "model": result.model or "",
        "format": result.format or "",
        "width": "" if result.width is None else result.width,
        "height": "" if result.height is None else result.height,
        "sample": result.sample + 1,
        "position": position,
        "renditions": result.renditions,
    }
