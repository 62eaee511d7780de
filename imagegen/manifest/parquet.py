"""Parquet tables, streamed batch by batch; a place is a row and a column, both counted from 1.

Needs the extra `parquet`. pyarrow is imported when the first Parquet file is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any, NoReturn

from imagegen.domain.row import Place
from imagegen.errors import ManifestError
from imagegen.manifest.advice import short
from imagegen.manifest.bytesource import look
from imagegen.manifest.values import Unread

#: Rows decoded at once. Few, for cells may be long.
BATCH = 512
#: Bytes of a column read at once: a file written as one huge row group must not fill the memory.
BUFFER = 2**20
LARGEST_CELL = 2**20
INSTALL = "pip install 'imagegen-batch[parquet]'"


@dataclass(frozen=True)
class Parquet:
    """A table of typed cells; null counts as absent. `unread` says of the columns whose type is not read what they
    hold; `readers` make cells of the others' values."""

    path: Path
    columns: tuple[str, ...]
    unread: Mapping[str, str]
    readers: Mapping[str, Callable[[Any], Any]] = field(repr=False, compare=False)
    first: int = 0
    loose: bool = True

    def records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """(row number, cells by column) of each row. Raises ManifestError."""
        names = tuple(self.readers)
        absent = {name: Unread(f"the column {short(name)} holds {what}") for name, what in self.unread.items()}
        row = 0
        for batch in self._batches(names):
            columns = [self._cells(batch.column(n), name, row) for n, name in enumerate(names)]
            for values in zip(*columns, strict=True) if columns else repeat((), batch.num_rows):
                row += 1
                yield row, dict(zip(names, values, strict=True), **absent)

    def place(self, line: int, column: str | None = None) -> Place:
        """Where the row stands, or its cell in `column`, by the column's number."""
        if not line:
            return Place(str(self.path))
        return Place(str(self.path), line, self.columns.index(column) + 1 if column in self.columns else 1)

    def _batches(self, names: tuple[str, ...]) -> Iterator[Any]:
        row = 0
        with _opened(self.path) as file:
            batches = file.iter_batches(BATCH, columns=list(names), use_threads=False)
            while True:
                try:
                    batch = next(batches, None)
                except _wrong() as error:
                    _damaged(self.path, row, error)
                if batch is None:
                    return
                row += batch.num_rows
                yield batch

    def _cells(self, column: Any, name: str, row: int) -> list[Any]:
        """The cells of a batch whose first row follows `row`."""
        read, large = self.readers[name], column.nbytes > LARGEST_CELL
        try:
            values = _values(column)
            if not large:
                return [None if value is None else read(value) for value in values]
        except _wrong():
            pass
        return [self._cell(column.slice(at, 1), name, row + at + 1) for at in range(len(column))]

    def _cell(self, one: Any, name: str, row: int) -> Any:
        """The one cell of `one`, which may be wrong."""
        try:
            value = _values(one)[0]
            cell = None if value is None else self.readers[name](value)
        except UnicodeDecodeError:
            self._refuse(row, name, "the text is not UTF-8", "write the column anew as UTF-8")
        except _wrong() as error:
            self._refuse(row, name, _line(error), "write this cell as plain text")
        if cell is not None and len(str(cell)) > LARGEST_CELL:
            self._refuse(row, name, "a cell of more than 1 MiB", "shorten it")
        return cell

    def _refuse(self, row: int, name: str, what: str, todo: str) -> NoReturn:
        raise ManifestError(*self.place(row, name), f"{name}: {what}", todo) from None


def open_parquet(path: Path) -> Parquet:
    """The table at `path`, its schema read and checked. Raises ManifestError."""
    look(path, "")
    try:
        from imagegen.manifest.arrowtypes import foreign, reader
    except ImportError:
        raise ManifestError(str(path), 0, 0, "Parquet needs the package pyarrow", f"run {INSTALL}") from None
    with _opened(path) as file:
        try:
            schema = file.schema_arrow
            unread = {each.name: what for each in schema if (what := foreign(each.type))}
            readers = {each.name: reader(each.type) for each in schema if each.name not in unread}
        except _wrong() as error:
            _damaged(path, 0, error)
    _check_names(path, schema.names)
    return Parquet(path, tuple(schema.names), unread, readers)


def _check_names(path: Path, names: list[str]) -> None:
    if not names:
        raise ManifestError(str(path), 0, 0, "the table is empty", "give it columns, one of them prompt")
    for index, name in enumerate(names):
        if not name:
            what, todo = f"column {index + 1} has no name", "name it, or remove the column"
        elif name in names[:index]:
            what, todo = f"the column {short(name)} is there twice", "rename or remove one of them"
        else:
            continue
        raise ManifestError(str(path), 0, 0, what, todo)


def _opened(path: Path) -> Any:
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER, page_checksum_verification=True)
    except _wrong() as error:
        said = str(error)
        if any(words in said for words in ("magic bytes", "footer", "size is 0 bytes")):
            what, todo = "is no Parquet file, or not the whole of one", "check how it was saved, or copy it again"
            raise ManifestError(str(path), 0, 0, what, todo) from None
        _damaged(path, 0, error)


def _wrong() -> tuple[type[Exception], ...]:
    """What is raised for a file, a schema or a cell that is not what it should be."""
    import pyarrow

    return (pyarrow.ArrowException, ValueError, TypeError, LookupError, ArithmeticError, OSError, MemoryError)


def _values(column: Any) -> list[Any]:
    """The cells as Python values; nanoseconds, which Python has none of, are cut to microseconds."""
    from imagegen.manifest.arrowtypes import coarser

    wanted = coarser(column.type)
    values: list[Any] = (column if wanted == column.type else column.cast(wanted, safe=False)).to_pylist()
    return values


def _damaged(path: Path, row: int, error: Exception) -> NoReturn:
    after = f" after row {row:,}" if row else ""
    what = f"cannot be read as Parquet{after} ({_line(error)})"
    raise ManifestError(str(path), 0, 0, what, "write the file anew, or save the table as CSV or JSONL") from None


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
