"""Patterns: row fields whose text may be templates, compiled once and filled in for each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from imagegen.domain.row import Place
from imagegen.manifest.matrix import Matrix
from imagegen.manifest.templates import Template, is_template
from imagegen.manifest.values import Block, Items

Fill = Callable[[Mapping[str, Any], Place | None], Any]


class Pattern:
    """Row fields with templates in them, from `block` in the manifest `file`."""

    def __init__(self, block: Block, file: str) -> None:
        self._fixed: dict[str, Any] = {}
        self._filled: dict[str, Fill] = {}
        self._named: frozenset[str] = frozenset()
        for name, value in block.items():
            place = Place(file, *block.values_at[name])
            made = _made(value, place)
            if callable(made):
                self._filled[name] = made
            else:
                self._fixed[name] = made
            if name == "id" and callable(made):
                self._named = Template(str(value), place).names

    def fill(self, values: Mapping[str, Any], matrix: Matrix, about: Place | None = None) -> dict[str, Any]:
        """The fields with `values` filled in; text that comes out blank is left out, but for the prompt's. An id
        that does not name all variables of `matrix` gains the others' values."""
        fields = dict(self._fixed)
        for name, fill in self._filled.items():
            value = fill(values, about)
            if name == "prompt" or not (isinstance(value, str) and (not value or value.isspace())):
                fields[name] = value
        if matrix.variables and isinstance(fields.get("id"), str) and fields["id"]:
            fields["id"] = str(fields["id"]) + matrix.suffix(values, self._named)
        return fields


def _made(value: Any, place: Place) -> Any:
    """A Fill for text that is a template and for containers that hold one; else the value itself."""
    if isinstance(value, str):
        return Template(value, place).render if is_template(value) else value
    if isinstance(value, Block):
        parts = {name: _made(item, Place(place.file, *value.values_at[name])) for name, item in value.items()}
        return _mapping(parts) if any(map(callable, parts.values())) else value
    if isinstance(value, Items):
        marks = zip(value, value.values_at, strict=True)
        members = [_made(item, Place(place.file, *mark)) for item, mark in marks]
        return _list(members) if any(map(callable, members)) else value
    return value


def _mapping(parts: Mapping[str, Any]) -> Fill:
    return lambda values, about: {name: _filled(part, values, about) for name, part in parts.items()}


def _list(parts: list[Any]) -> Fill:
    return lambda values, about: [_filled(part, values, about) for part in parts]


def _filled(part: Any, values: Mapping[str, Any], about: Place | None) -> Any:
    return part(values, about) if callable(part) else part
