"""Giving back: the columns of `output.table`, compiled and checked against the source table they are added to.

Each column is a template over the source's row and the picture. What can be wrong is found while the manifest is
opened: a run that was paid for must not fail for its table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagegen.domain.row import Place
from imagegen.errors import ManifestError
from imagegen.manifest.advice import listed, nearest, short
from imagegen.manifest.drafts import Where, shown
from imagegen.manifest.header import ImportTable, Output
from imagegen.manifest.tables import Table
from imagegen.manifest.templates import Template, spoken_of

#: Kinds of source that can be given back, and what they may be called then.
FORMS = {".csv": (".csv", ".txt"), ".tsv": (".tsv", ".txt"), ".jsonl": (".jsonl", ".ndjson")}
FORMS[".ndjson"] = FORMS[".jsonl"]

#: Columns that name the product in exports of shops: lines that share a value belong together.
KEYS = ("Handle", "URL handle")

#: What a template may speak of besides `row`, with a value to try it on.
PICTURE: dict[str, Any] = {
    "file": "mug.png",
    "id": "mug",
    "prompt": "A mug",
    "model": "sdxl",
    "format": "png",
    "width": 1024,
    "height": 1024,
    "sample": 1,
    "position": 1,
}

#: What can be asked of a mapping besides what is in it.
_METHODS = ("get", "items", "keys", "values")

#: Where a key of `output.table`, named by its path below that, stands in the manifest.
Spot = Callable[[tuple[str, ...]], Place]


@dataclass(frozen=True)
class PictureColumns:
    """The columns that speak of pictures, in order; `key` is the column that groups lines, if there is one."""

    templates: Mapping[str, Template]
    key: str | None

    def filled(self, row: Mapping[str, Any], picture: Mapping[str, Any], about: Place | None = None) -> dict[str, str]:
        """Column -> its text for `picture` of the source's `row`. Raises ManifestError."""
        cells = shown(row)
        values = {**picture, "row": cells}
        return {name: template.render(values, about) for name, template in self.templates.items()}


def picture_columns(output: Output, table: ImportTable, source: Table, spot: Spot) -> PictureColumns:
    """The columns of `table`, compiled. Raises ManifestError at what is wrong with them."""
    suffixes = FORMS.get(source.path.suffix.lower())
    if suffixes is None:
        what = f"output.table: a {source.path.suffix} source cannot be given back"
        raise ManifestError(*spot(()), what, "save the source as CSV, TSV or JSONL, or take output.table out")
    if Path(table.file).suffix.lower() not in suffixes:
        what = f"output.table.file: {short(table.file)} is to be like its source, a {source.path.suffix} file"
        raise ManifestError(*spot(("file",)), what, f"end it in {' or '.join(suffixes)}")
    templates = {}
    for name, text in table.columns.items():
        place = spot(("columns", name))
        templates[name] = Template(text, place)
        _check(text, place, output, source)
    return PictureColumns(templates, _key(table, source, spot))


def try_out(columns: PictureColumns, output: Output, source: Table, where: Where | None) -> None:
    """Fill the columns in for the first row that is wanted. Raises ManifestError."""
    for line, record in source.records():
        place, cells = Place(str(source.path), line, 1), shown(record)
        if where is None or where.holds({**cells, "row": cells}, place):
            names = {name: f"{name}/mug.png" for name in output.renditions}
            columns.filled(record, {**PICTURE, "renditions": names}, place)
            return


def _key(table: ImportTable, source: Table, spot: Spot) -> str | None:
    if table.key is None:
        return next((name for name in KEYS if name in source.columns), None)
    if table.key not in source.columns:
        meant = nearest(table.key, source.columns)
        what = f"output.table.key: the source has no column {short(table.key)}"
        todo = f"did you mean {meant}?" if meant else f"the columns are {listed(source.columns)}"
        raise ManifestError(*spot(("key",)), what, todo)
    return table.key


def _check(text: str, place: Place, output: Output, source: Table) -> None:
    """Raises ManifestError for a name in the template that will not be there."""
    known = (*PICTURE, "row", "renditions")
    for name, attribute in spoken_of(text):
        if name not in known:
            raise _unknown(name, place, known, "name")
        if attribute is not None and name == "renditions" and attribute not in output.renditions:
            raise _unknown(attribute, place, output.renditions, "rendition")
        # The columns of JSON objects may differ from line to line.
        if attribute is not None and name == "row" and source.loose and attribute not in (*source.columns, *_METHODS):
            raise _unknown(attribute, place, source.columns, "column")


def _unknown(name: str, place: Place, known: Iterable[str], kind: str) -> ManifestError:
    names = list(known)
    meant = nearest(name, names)
    todo = f"did you mean {meant}?" if meant else f"there are {listed(names) or 'none'}"
    return ManifestError(
        *place, f"output.table: the template speaks of the {kind} {short(name)}, which is not there", todo
    )
