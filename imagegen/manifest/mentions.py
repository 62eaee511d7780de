"""Where a manifest and its table name models, to the line and column: for those who want to change a name.

Reads the files again; knows no models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from imagegen.manifest.bytesource import UTF8, lines
from imagegen.manifest.cells import cell_marks
from imagegen.manifest.delimited import Delimited
from imagegen.manifest.header import Source
from imagegen.manifest.jsonlines import JsonLines
from imagegen.manifest.tables import DOCUMENTS, Table, open_table
from imagegen.manifest.values import Block, Items, Mark
from imagegen.manifest.yamlfile import read_yaml

#: The fields of a mention that go together.
_FIELDS = ("model", "quality", "provider")


class Spot(NamedTuple):
    """A text and where it begins, quotes included. Line and column count from 1, as the file's reader counts."""

    text: str
    line: int
    column: int


@dataclass(frozen=True)
class Mention:
    """A mapping that names a model in `file`. `row`: the line and column of the row that it is; None where it holds
    for many. `where`: what it is in the manifest, such as "defaults"."""

    file: Path
    model: Spot
    where: str
    row: Mark | None = None
    quality: Spot | None = None
    provider: Spot | None = None


@dataclass
class Mentions:
    """Every mention of a model in a manifest, in the order of its files. `unread` are files that name models in a way
    that cannot be pointed at, with what they are."""

    path: Path
    source: Source | None = None
    unread: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Mention]:
        """Reads the files anew. Raises ManifestError."""
        if self.path.suffix.lower() in DOCUMENTS:
            yield from _in_document(self.path, read_yaml(self.path))
            if self.source is not None and not self.source.each:
                file = self.path.parent / self.source.file
                yield from self._in_table(open_table(file, self.source.delimiter, self.source.encoding))
        else:
            yield from self._in_table(open_table(self.path))

    def _in_table(self, table: Table) -> Iterator[Mention]:
        if isinstance(table, JsonLines):
            return _in_json(table)
        if "model" not in table.columns:
            return iter(())
        if isinstance(table, Delimited):
            return _in_cells(table)
        self.unread.append(f"{table.path} names models, and is no text to be patched")
        return iter(())


def encoding_of(path: Path, source: Source | None) -> str:
    """The encoding of one of a manifest's files."""
    return source.encoding if source is not None and path.suffix.lower() not in DOCUMENTS else UTF8


def _in_document(path: Path, root: Block) -> Iterator[Mention]:
    defaults, each = root.get("defaults"), (root.get("source") or {}).get("each")
    for top in _mentioned(path, root, "model"):  # `quality` is no key of the heading: it stands in the defaults
        yield replace(top, quality=_spot(defaults, "quality") if isinstance(defaults, Block) else None)
    yield from _mentioned(path, defaults, "defaults")
    yield from _mentioned(path, each, "source.each")
    yield from _in_routes(path, root.get("routes"), "routes")
    rows = root.get("rows")
    for row, mark in zip(rows, rows.values_at, strict=True) if isinstance(rows, Items) else ():
        yield from _mentioned(path, row, "rows", mark)


def _mentioned(path: Path, block: Any, where: str, row: Mark | None = None) -> Iterator[Mention]:
    """The mention that `block` is, if it names a model."""
    spots = {name: _spot(block, name) for name in _FIELDS} if isinstance(block, Block) else {}
    model = spots.pop("model", None)
    if model is not None:
        yield Mention(path, model, where, row, **spots)


def _in_routes(path: Path, value: Any, where: str) -> Iterator[Mention]:
    """Models in a mapping under `routes:`: by name, in lists, or with a quality."""
    for name, inner in value.items() if isinstance(value, Block) else ():
        here = f"{where}.{name}"
        if name in ("subjects", "use_cases"):
            yield from _in_routes(path, inner, here)
        elif name not in ("preset", "prices", "premium"):
            yield from _in_target(path, inner, value.values_at[name], here)


def _in_target(path: Path, value: Any, mark: Mark, where: str) -> Iterator[Mention]:
    if isinstance(value, str):
        yield Mention(path, Spot(str(value), *mark), where)
    elif isinstance(value, Items):
        for item, at in zip(value, value.values_at, strict=True):
            yield from _in_target(path, item, at, where)
    elif isinstance(value, Block):
        yield from _mentioned(path, value, where)
        if "models" in value:
            yield from _in_target(path, value["models"], value.values_at["models"], where)


def _spot(block: Block, name: str) -> Spot | None:
    value = block.get(name)
    return Spot(str(value), *block.values_at[name]) if isinstance(value, str) else None


def _in_cells(table: Delimited) -> Iterator[Mention]:
    """One pass over the records and one over their lines, side by side."""
    texts = enumerate(lines(table.path, table.encoding), 1)
    for line, cells in table.records():
        if cells.get("model"):
            first = next((number, text) for number, text in texts if number >= line)
            rest = (text for _, text in texts)
            marks = cell_marks(chain((first[1],), rest), line, table.delimiter, table.quoted)
            spots = dict(zip(table.columns, marks, strict=False))
            yield _from_table(table.path, line, {n: Spot(cells[n], *spots[n]) for n in _FIELDS if cells.get(n)})


def _in_json(table: JsonLines) -> Iterator[Mention]:
    texts = enumerate(lines(table.path, table.encoding), 1)
    for line, record in table.records():
        text = next(text for number, text in texts if number >= line)
        if isinstance(record.get("model"), str):
            spans = _spans(text)
            spots = {n: Spot(record[n], line, spans[n]) for n in _FIELDS if type(record.get(n)) is str}
            yield _from_table(table.path, line, spots)


def _from_table(path: Path, line: int, spots: Mapping[str, Spot]) -> Mention:
    return Mention(path, spots["model"], "column model", (line, 1), spots.get("quality"), spots.get("provider"))


def _spans(text: str) -> dict[str, int]:
    """The columns at which the values of a JSON object begin, by key."""
    decoder = json.JSONDecoder()
    found: dict[str, int] = {}
    at = text.index("{") + 1
    while True:
        at = _past(text, at, ",")
        if text[at : at + 1] != '"':
            return found
        key, at = decoder.raw_decode(text, at)
        at = _past(text, at, ":")
        found[key] = at + 1
        _, at = decoder.raw_decode(text, at)


def _past(text: str, at: int, mark: str) -> int:
    """The next place that holds neither white space nor `mark`."""
    while text[at : at + 1] and (text[at].isspace() or text[at] == mark):
        at += 1
    return at
