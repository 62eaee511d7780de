"""A YAML manifest, opened: its heading, what gives its rows, and the template of their file names."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagegen.domain.row import Place
from imagegen.errors import ManifestError
from imagegen.manifest.advice import dotted, short, suggestion
from imagegen.manifest.drafts import Drafts, ListedRows, SourceRows, TableRows, check_prompt_column, note_unused
from imagegen.manifest.fields import FIELDS
from imagegen.manifest.header import Header, Source, read_header
from imagegen.manifest.matrix import Matrix
from imagegen.manifest.rows import NameTemplate
from imagegen.manifest.tables import Table, open_table
from imagegen.manifest.values import Block, Items, find
from imagegen.manifest.yamlfile import read_yaml

Opened = tuple[Header, tuple[Drafts, ...], NameTemplate | None, list[str]]


def open_document(path: Path, given: Mapping[str, Any]) -> Opened:
    """The heading of the YAML manifest at `path`, the parts that give its rows, its name template and notes.
    `given` are the row fields of the command line. Raises ManifestError."""
    return open_root(path, read_yaml(path), given)


def open_root(path: Path, root: Any, given: Mapping[str, Any]) -> Opened:
    """Like `open_document`, for a document that was read before."""
    return _Document(path, root, read_header(root, str(path)), given).opened()


class _Document:
    """A manifest's document while it is being opened."""

    def __init__(self, path: Path, root: Block, header: Header, given: Mapping[str, Any]) -> None:
        self.path, self.root, self.header = path, root, header
        self.fields = {**header.defaults, **given}
        self.matrix = Matrix(header.matrix)
        self.notes: list[str] = []

    def opened(self) -> Opened:
        parts: list[Drafts] = []
        self.check_defaults()
        rows = self.root.get("rows")
        if rows is not None:
            if not isinstance(rows, Items):
                raise self.error(("rows",), f"rows: {short(rows)} is not a list", "write each row as - {prompt: …}")
            parts.append(ListedRows(rows, str(self.path), self.matrix))
        if self.header.source:
            parts.append(self.source(self.header.source))
        elif self.header.output.table:
            what = "output.table gives a source table back, and there is no source"
            raise self.error(("output", "table"), what, "add source:, or take output.table out")
        if not parts:
            raise self.error((), "the manifest has no rows", "add rows: or source:")
        return self.header, tuple(parts), self.name(), self.notes

    def source(self, source: Source) -> Drafts:
        table = self.table(source)
        where = self.where(source)
        self.check_import(table, where)
        each = self.root["source"].get("each")
        if isinstance(each, Block):
            self.check_each(each)
            from imagegen.manifest.patterns import Pattern

            return SourceRows(table, Pattern(each, str(self.path)), where, self.matrix)
        if self.matrix.variables:
            todo = 'add each: {prompt: "… {{ row.Column }} …"} that names the variables'
            raise self.error(("source",), "the matrix has no template to fill in for the rows of this source", todo)
        if "prompt" not in self.fields:
            check_prompt_column(table)
        note_unused(self.notes, table.columns)
        return TableRows(table, where, self.notes)

    def table(self, source: Source) -> Table:
        file = self.path.parent / source.file
        if not os.path.exists(file):  # unlike Path.exists, False for a name no system allows
            what = f"source.file: {short(source.file)} is not in the manifest's folder"
            raise self.error(
                ("source", "file"), what, "put it there, or correct the name; it is relative to the manifest"
            )
        return open_table(file, source.delimiter, source.encoding)

    def where(self, source: Source) -> Any:
        if source.where is None:
            return None
        from imagegen.manifest.templates import Condition

        return Condition(source.where, self.place(("source", "where")))

    def check_import(self, source: Table, where: Any) -> None:
        output = self.header.output
        if output.table is None:
            return
        from imagegen.manifest.giveback import picture_columns, try_out

        columns = picture_columns(output, output.table, source, lambda path: self.place(("output", "table", *path)))
        try_out(columns, output, source, where)

    def name(self) -> NameTemplate | None:
        if self.header.output.name is None:
            return None
        from imagegen.manifest.templates import Template

        return Template(self.header.output.name, self.place(("output", "name")))

    def check_each(self, each: Block) -> None:
        for name in each:
            if name not in FIELDS:
                place = Place(str(self.path), *each.keys_at[name])
                raise ManifestError(
                    *place, f"unknown field {dotted(('source', 'each', name))}", suggestion(name, FIELDS, "fields")
                )
        if each.get("prompt") is None and "prompt" not in self.fields:
            raise self.error(("source", "each"), "source.each has no prompt", 'add prompt: "… {{ row.Column }} …"')

    def check_defaults(self) -> None:
        for name, value in self.header.defaults.items():
            if isinstance(value, str) and "{{" in value and (self.matrix.variables or self.header.source):
                what = f"defaults.{name} looks like a template, and defaults are taken as they are"
                raise self.error(("defaults", name), what, "move it to the rows or to source.each")

    def place(self, path: tuple[str, ...]) -> Place:
        return Place(str(self.path), *find(self.root, path))

    def error(self, path: tuple[str, ...], what: str, todo: str) -> ManifestError:
        return ManifestError(*self.place(path), what, todo)
