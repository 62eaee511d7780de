"""Manifest: a file of rows, opened. Its heading is read and checked; its rows are streamed whenever asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagegen.domain.row import Placed
from imagegen.errors import UsageError
from imagegen.manifest.advice import Misfit
from imagegen.manifest.bytesource import look
from imagegen.manifest.drafts import Drafts, TableRows, check_prompt_column, note_unused
from imagegen.manifest.fields import read_fields, validated
from imagegen.manifest.header import Header
from imagegen.manifest.ids import Ids, each_once
from imagegen.manifest.rows import Maker
from imagegen.manifest.tables import DOCUMENTS, TABLES, open_table, unread
from imagegen.settingvalues import weights


@dataclass(frozen=True)
class Manifest:
    """A manifest. `notes` are remarks for its reader, complete once all rows have been read."""

    path: Path
    header: Header
    notes: list[str]
    _parts: tuple[Drafts, ...] = field(repr=False)
    _maker: Maker = field(repr=False)

    def rows(self) -> Iterator[Placed]:
        """The rows in order, read anew from the file. Raises ManifestError at the first that is wrong."""
        ids = Ids()
        return each_once(self._made(ids), ids, self._again)

    def settings(self) -> dict[str, Any]:
        """The keys of the heading that are settings, catalogue files relative to the manifest made whole."""
        header = self.header
        budget = header.budget.model_dump(exclude_none=True) if header.budget else None
        return {
            "routes": header.routes,
            "optimize": header.optimize,
            "budget": budget,
            "providers": header.providers,
            "concurrency": header.concurrency or None,
            "catalog": [str(self.path.parent / name) for name in header.catalog] or None,
            "weights": self.weights(self.path.absolute().parent),
        }

    def weights(self, beside: Path) -> dict[str, str] | None:
        """Where this machine finds the weights of models, counted from the folder `beside`."""
        return weights(self.header.weights, beside) or None

    def _made(self, ids: Ids) -> Iterator[Placed]:
        for part in self._parts:
            for draft in part.drafts():
                yield self._maker.placed(draft, ids)

    def _again(self) -> Iterator[Placed]:
        ids = Ids()
        for placed in self._made(ids):
            ids.add(placed.row.id)
            yield placed


def open_manifest(path: Path, *, set_fields: Mapping[str, Any] | None = None) -> Manifest:
    """The manifest at `path`: YAML, or a table whose columns are row fields. `set_fields` override those of every
    row. Raises ManifestError for what is wrong with its heading or columns, UsageError for `set_fields`."""
    given = given_fields(set_fields or {})
    suffix = path.suffix.lower()
    if suffix in TABLES:
        return _from_table(path, given)
    look(path)
    if suffix in DOCUMENTS:
        return _from_yaml(path, given)
    raise unread(path)


def check(manifest: Manifest) -> int:
    """Reads every row and counts them. Raises ManifestError at the first that is wrong."""
    return sum(1 for _ in manifest.rows())


def given_fields(set_fields: Mapping[str, Any]) -> dict[str, Any]:
    """The row fields that the command line says, typed. Raises UsageError."""
    try:
        given = read_fields({name: value for name, value in set_fields.items() if value is not None}, loose=True)
        validated({"id": "-", "prompt": "-"} | given)
    except Misfit as misfit:
        raise UsageError(f"on the command line, {misfit.said()}", misfit.todo) from None
    return given


def _from_table(path: Path, given: Mapping[str, Any]) -> Manifest:
    table = open_table(path)
    rows = TableRows(table)
    if "prompt" not in given:
        check_prompt_column(table)
    note_unused(rows.notes, table.columns)
    return Manifest(path, Header(), rows.notes, (rows,), Maker({}, given))


def _from_yaml(path: Path, given: Mapping[str, Any]) -> Manifest:
    from imagegen.manifest.document import open_document

    header, parts, name, notes = open_document(path, given)
    return Manifest(path, header, notes, parts, Maker(header.defaults, given, name))
