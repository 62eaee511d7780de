"""A Field that says what its reader makes of it: the schema of a catalogue file's fields, from the readers.

A reader asks its Field for text, money, a list and so on, and may first look of which kind the value is. So every
reader is called with each kind of value, nested to some depth, and what it asks for is written down.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from imagegen.catalog.fields import Field, Reader
from imagegen.errors import SettingsError
from imagegen.schema.shapes import SCALAR, Schema, types_of

#: Lists and mappings within each other that are looked into.
DEEPEST = 4

_SAMPLES: tuple[Any, ...] = ("text", ["text"], {"key": "text"})
_KINDS: dict[type, Schema] = {str: {"type": list(SCALAR)}, list: {"type": "array"}, dict: {"type": "object"}}
_AMOUNT = r"^\s*\+?[0-9_]*\.?[0-9_]+(?:[eE][-+]?\d+)?\s*$"
_MONEY: Schema = {"type": ["number", "string"], "minimum": 0, "pattern": _AMOUNT}


class _Known(Exception):
    """What the reader wants is known: no need to go on."""


@dataclass(frozen=True, slots=True)
class Probe(Field):
    """A Field whose value is a sample of one kind; `samples` are those of the fields within it. `seen` is what was
    asked for."""

    samples: tuple[Any, ...] = ()
    seen: Schema = field(default_factory=dict)

    def text(self) -> str:
        """Text."""
        self._scalar({"type": list(SCALAR)})

    def money(self) -> int:
        """Dollars."""
        self._scalar(_MONEY)

    def count(self) -> int:
        """A whole number."""
        self._scalar({"type": ["integer", "string"], "minimum": 0, "pattern": r"^\s*[0-9]{1,12}\s*$"})

    def number(self) -> float:
        """A number above 0."""
        self._scalar({"type": ["number", "string"], "exclusiveMinimum": 0, "pattern": r"^\s*[-+0-9.eE_]+\s*$"})

    def day(self) -> Any:
        """A date."""
        self._scalar({"type": "string", "pattern": r"^\s*\d{4}-?\d\d-?\d\d\s*$"})

    def flag(self) -> bool:
        """true or false."""
        words = "[tT][rR][uU][eE]|[yY][eE][sS]|[fF][aA][lL][sS][eE]|[nN][oO]"
        self._scalar({"type": ["boolean", "string"], "pattern": rf"^\s*(?:{words})\s*$"})

    def one_of(self, *allowed: str, noun: str = "word") -> str:
        """One of a few words."""
        self._scalar({"enum": list(allowed)})

    def match(self, pattern: re.Pattern[str], what: str, todo: str) -> re.Match[str]:
        """Text of a form."""
        self._scalar({"type": "string", "pattern": rf"^\s*(?:{pattern.pattern})\s*$"})

    def items(self) -> list[Field]:
        """A list; one of its fields."""
        if not isinstance(self.value, list):
            raise self.wrong("no list")
        child = self._child()
        self.seen.update({"type": "array", "items": child.seen})
        return [child]

    def entries(self) -> Iterator[tuple[str, Field]]:
        """A mapping with keys of the user's; one of its fields."""
        if not isinstance(self.value, dict):
            raise self.wrong("no mapping")
        child = self._child()
        self.seen.update({"type": "object", "additionalProperties": child.seen})
        yield "key", child

    def read(self, readers: Mapping[str, Reader]) -> dict[str, Any]:
        """A mapping with keys of ours."""
        if not isinstance(self.value, dict):
            raise self.wrong("no mapping")
        properties = {name: shape(reader, len(self.samples)) for name, reader in readers.items()}
        self.seen.update({"type": "object", "properties": properties, "additionalProperties": False})
        raise _Known

    def _child(self) -> Probe:
        if not self.samples:
            raise self.wrong("too deep")
        return Probe(self.file, self.entry, self.name, self.samples[0], self.samples[1:])

    def _scalar(self, found: Schema) -> NoReturn:
        if not isinstance(self.value, str):
            raise self.wrong("no scalar")
        self.seen.update(found)
        raise _Known


def shape(reader: Reader, depth: int = DEEPEST) -> Schema:
    """The schema of what `reader` reads, nested at most `depth` deep."""
    found: Schema = {}
    for samples in itertools.product(_SAMPLES, repeat=depth):
        probe = Probe("", "", "", samples[0], samples[1:]) if samples else Probe("", "", "", "text")
        try:
            left = _asked(reader, probe)
        except _Known:
            left = None
        except SettingsError:
            continue
        if left is probe and not isinstance(probe.value, str):
            continue  # kept as it is, to be read as text later
        found = either(found, probe.seen or _KINDS[type(probe.value)])
    return found


def _asked(reader: Reader, probe: Probe) -> Any:
    """What `reader` makes of `probe`; Field's own methods are asked of the probe instead."""
    name = getattr(reader, "__name__", "")
    return getattr(probe, name)() if vars(Field).get(name) is reader else reader(probe)


def either(one: Schema, other: Schema) -> Schema:
    """A schema for what fits `one` or `other`, which differ in the kinds of value they speak of."""
    if not one or not other:
        return one or other
    found = one | other
    kinds = [*types_of(one), *(kind for kind in types_of(other) if kind not in types_of(one))]
    if kinds:
        found["type"] = kinds
    for key in ("items", "additionalProperties"):
        if isinstance(one.get(key), dict) and isinstance(other.get(key), dict):
            found[key] = either(one[key], other[key])
    return found
