"""Drafts: rows as they stand in a file, after templates and before their fields are read.

Three kinds of file give them: the rows of a YAML manifest, a table whose columns are row fields, and a source
table with a pattern for each row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from imagegen.domain.row import Place
from imagegen.errors import ManifestError
from imagegen.manifest.advice import Path, listed, nearest, short
from imagegen.manifest.fields import FIELDS
from imagegen.manifest.matrix import Matrix
from imagegen.manifest.tables import Table
from imagegen.manifest.values import Block, Items, find, scalar

NO_MATRIX = Matrix({})


class Origin(Protocol):
    """Where a draft comes from."""

    def spot(self, path: Path, key: bool) -> Place:
        """Where the value at `path` of its fields stands, or with `key` the last name of the path."""


class Where(Protocol):
    """A condition on the rows of a table."""

    def holds(self, values: Mapping[str, Any], about: Place | None = None) -> bool:
        """Whether the row of these values is wanted."""


class Pattern(Protocol):
    """Row fields with templates in them."""

    def fill(self, values: Mapping[str, Any], matrix: Matrix, about: Place | None = None) -> dict[str, Any]:
        """The fields for these values."""


class Drafts(Protocol):
    """Something that gives drafts, from the start each time."""

    def drafts(self) -> Iterator[Draft]:
        """The drafts in their order. Raises ManifestError."""


class Draft(NamedTuple):
    """Fields as they stand; `values` is what its templates may speak of (`row` and matrix variables). `loose`: text
    from a table or template. `variables` are the matrix's."""

    fields: Mapping[str, Any]
    place: Place
    origin: Origin
    loose: bool = False
    values: Mapping[str, Any] = {}
    variables: Mapping[str, Any] = {}


@dataclass(frozen=True)
class ListedRows:
    """The `rows` of a YAML manifest. Templates are filled in only where there is a matrix."""

    rows: Items
    file: str
    matrix: Matrix = NO_MATRIX

    def drafts(self) -> Iterator[Draft]:
        """The rows in order, each once for every combination of the matrix."""
        for row, mark in zip(self.rows, self.rows.values_at, strict=True):
            place = Place(self.file, *mark)
            if not isinstance(row, Block):
                what = f"{short(row)} stands where a row is wanted"
                raise ManifestError(*place, what, "write a row as {id: …, prompt: …}")
            if self.matrix.variables:
                yield from self._multiplied(row, place)
            else:
                yield Draft(row, place, _Node(row, self.file))

    def _multiplied(self, row: Block, place: Place) -> Iterator[Draft]:
        from imagegen.manifest.patterns import Pattern

        pattern = Pattern(row, self.file)
        for variables in self.matrix.combinations():
            fields = pattern.fill(variables, self.matrix)
            values = {**variables, "row": {}}
            yield Draft(fields, place, _Node(row, self.file), False, values, variables)


@dataclass(frozen=True)
class TableRows:
    """A table whose columns are row fields; `where` chooses among its rows. Nothing in it is a template. Columns
    that are no fields are noted once in `notes`."""

    table: Table
    where: Where | None = None
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, what in self.table.unread.items():
            if name in FIELDS:
                said, todo = f"the column {name} holds {what}", "save it as text, or rename it if it is no row field"
                raise ManifestError(*self.table.place(self.table.first), said, todo)

    def drafts(self) -> Iterator[Draft]:
        """The rows in order; empty cells are left out."""
        table, noted = self.table, set(self.table.columns)
        known, loose, file = frozenset(FIELDS), table.loose, str(table.path)
        for line, record in _chosen(table, self.where):
            fields = {
                name: cell
                for name, cell in record.items()
                if (cell or cell is False) and name in known and (type(cell) is not str or not cell.isspace())
            }
            if not loose and not noted.issuperset(record):
                noted.update(record)
                note_unused(self.notes, tuple(record))
            yield Draft(fields, Place(file, line, 1), _Cell(table, line), loose, {"row": record})


@dataclass(frozen=True)
class SourceRows:
    """A table that gives rows through the pattern `each`; `where` chooses among its rows."""

    table: Table
    each: Pattern
    where: Where | None = None
    matrix: Matrix = NO_MATRIX

    def drafts(self) -> Iterator[Draft]:
        """The chosen rows in order, each once for every combination of the matrix."""
        for line, record in _chosen(self.table, self.where):
            place, cells = Place(str(self.table.path), line, 1), shown(record)
            for variables in self.matrix.combinations():
                values = {**cells, **variables, "row": cells}
                fields = self.each.fill(values, self.matrix, place)
                yield Draft(fields, place, _Cell(self.table, line), True, values, variables)


def check_prompt_column(table: Table) -> None:
    """Raises ManifestError for a table that has no column `prompt`."""
    if "prompt" in table.columns:
        return
    meant = nearest("prompt", table.columns)
    place = table.place(table.first, meant)
    if meant:
        what = f"there is no column prompt, but {short(meant)}"
        raise ManifestError(*place, what, "did you mean that? rename it to prompt")
    what = f"there is no column prompt; the columns are {listed(table.columns)}"
    raise ManifestError(*place, what, "name one of them prompt, or map them with source: in a YAML manifest")


def note_unused(notes: list[str], columns: tuple[str, ...]) -> None:
    """Adds to `notes`, once, the columns that are no row fields, with what they may have been meant to be."""
    unused = [name for name in columns if name not in FIELDS]
    meant = [f"{name} (did you mean {near}?)" if (near := nearest(name, FIELDS)) else name for name in unused]
    note = f"columns not used: {listed(meant)}"
    if unused and note not in notes:
        notes.append(note)


def shown(record: Mapping[str, Any]) -> dict[str, Any]:
    """What templates see of a row: text; from JSON also numbers, booleans and what is made of them."""
    return {name: cell if type(cell) is str else "" if cell is None else scalar(cell) for name, cell in record.items()}


def _chosen(table: Table, where: Where | None) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for line, record in table.records():
        if where:
            cells = shown(record)
            if not where.holds({**cells, "row": cells}, Place(str(table.path), line, 1)):
                continue
        yield line, record


class _Cell(NamedTuple):
    """The row of `table` at `line`."""

    table: Table
    line: int

    def spot(self, path: Path, key: bool) -> Place:
        """The place of the cell that the path begins with."""
        return self.table.place(self.line, str(path[0]))


class _Node(NamedTuple):
    """`row` of a YAML `file`."""

    row: Block
    file: str

    def spot(self, path: Path, key: bool) -> Place:
        """The place of the value at the path."""
        return Place(self.file, *find(self.row, path, key=key))
