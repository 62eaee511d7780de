"""Manifests in memory: rows that a program hands over, read and checked as if they stood in a file.

A row is a mapping of row fields, an object that has them (a dataclass, a named tuple, a pydantic model, anything
with attributes), or a text, which is its prompt. A mapping with `rows` is a whole manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from imagegen.domain.row import Place
from imagegen.errors import ManifestError
from imagegen.manifest import advice
from imagegen.manifest.advice import Misfit, listed, nearest, short
from imagegen.manifest.document import open_root
from imagegen.manifest.drafts import NO_MATRIX, Draft
from imagegen.manifest.fields import FIELDS
from imagegen.manifest.manifest import Manifest, given_fields
from imagegen.manifest.matrix import Matrix
from imagegen.manifest.native import attributes, plain
from imagegen.manifest.rows import Maker
from imagegen.manifest.values import Block, Items, Plain


def open_rows(source: Any, name: str, *, set_fields: Mapping[str, Any] | None = None) -> Manifest:
    """The manifest `name` that `source` is: rows in an iterable, or a mapping with the keys of a YAML manifest. An
    iterator is read to its end here; any other iterable is gone through anew each time. `set_fields` override those
    of every row. Raises ManifestError for what is wrong with its heading, UsageError for `set_fields`."""
    given = given_fields(set_fields or {})
    heading = _heading(source, name) if isinstance(source, Mapping) else {}
    rows = source.get("rows", ()) if isinstance(source, Mapping) else source
    if not isinstance(rows, Iterable) or isinstance(rows, str | bytes | Mapping) or hasattr(rows, "columns"):
        raise ManifestError(name, 0, 0, *_no_rows(rows))
    root = _block({"imagegen": 1} | heading)
    root["rows"] = Items((0, 0))
    path = Path(name)
    header, parts, template, notes = open_root(path, root, given)
    held = tuple(rows) if isinstance(rows, list | tuple | Iterator) else rows
    mine = MemoryRows(held, name, Matrix(header.matrix), notes)
    return Manifest(path, header, notes, (mine, *parts[1:]), Maker(header.defaults, given, template))


def _heading(source: Mapping[Any, Any], name: str) -> dict[str, Any]:
    """The keys of a whole manifest but for its rows."""
    if "rows" not in source and "source" not in source:
        todo = "put a single row into a list: [{…}]" if "prompt" in source else "add rows: a list of rows"
        raise ManifestError(name, 0, 0, "a mapping without rows is not a manifest", todo)
    try:
        return {key: plain(value, (key,)) for key, value in source.items() if key != "rows"}
    except Misfit as misfit:
        raise ManifestError(name, 0, 0, misfit.said(), misfit.todo) from None


def _no_rows(rows: Any) -> tuple[str, str]:
    if hasattr(rows, "columns"):
        return "a table object is not rows", "hand over its rows, for pandas: frame.to_dict('records')"
    return f"{short(rows)} where rows are wanted", "give a list of mappings: [{'prompt': '…'}]"


def _block(value: Any) -> Any:
    """`value` as it would come from a file, without places."""
    if isinstance(value, Mapping):
        block = Block((0, 0))
        block.update((name, _block(item)) for name, item in value.items())
        block.keys_at = block.values_at = dict.fromkeys(block, (0, 0))
        return block
    if isinstance(value, list):
        items = Items((0, 0))
        items.extend(map(_block, value))
        items.values_at = [(0, 0)] * len(items)
        return items
    return Plain(str(value).lower()) if isinstance(value, bool | int | float | Decimal) else value


@dataclass(frozen=True)
class MemoryRows:
    """Rows in memory. Attributes of objects that are no row fields are noted once in `notes`."""

    rows: Iterable[Any]
    name: str
    matrix: Matrix = NO_MATRIX
    notes: list[str] = field(default_factory=list)

    def drafts(self) -> Iterator[Draft]:
        """The rows in order, each once for every combination of the matrix."""
        for index, row in enumerate(self.rows):
            origin = _Index(f"{self.name}[{index}]")
            try:
                fields = self._fields(row)
            except Misfit as misfit:
                raise ManifestError(origin.file, 0, 0, misfit.said(), misfit.todo) from None
            if self.matrix.variables:
                yield from self._multiplied(fields, origin)
            else:
                yield Draft(fields, Place(origin.file), origin)

    def _multiplied(self, fields: Mapping[str, Any], origin: _Index) -> Iterator[Draft]:
        from imagegen.manifest.patterns import Pattern

        pattern = Pattern(_block(fields), origin.file)
        for variables in self.matrix.combinations():
            values = {**variables, "row": {}}
            yield Draft(pattern.fill(variables, self.matrix), Place(origin.file), origin, False, values, variables)

    def _fields(self, row: Any) -> dict[str, Any]:
        if isinstance(row, str):
            return {"prompt": plain(row)}
        if isinstance(row, Mapping):
            return dict(plain(row))
        has = attributes(row)
        if has is None or not any(name in FIELDS for name in has):
            raise Misfit(f"{short(row)} stands where a row is wanted", "give a mapping such as {'prompt': '…'}")
        self._note([name for name in has if name not in FIELDS])
        return {name: plain(value, (name,)) for name, value in has.items() if name in FIELDS}

    def _note(self, unused: list[str]) -> None:
        meant = [f"{name} (did you mean {near}?)" if (near := nearest(name, FIELDS)) else name for name in unused]
        note = f"attributes not used: {listed(meant)}"
        if unused and note not in self.notes:
            self.notes.append(note)


class _Index(NamedTuple):
    """A row by its number."""

    file: str

    def spot(self, path: advice.Path, key: bool) -> Place:
        """The row: nothing in memory has a line."""
        return Place(self.file)
