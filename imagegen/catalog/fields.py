"""A Field: one text value of a catalogue file, where it stands, and how to read it strictly.

Knows how text becomes money, dates and numbers, and how to name the place of a mistake. Knows no models.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from imagegen.domain.money import Nano, nano
from imagegen.errors import SettingsError

_DIGITS = re.compile(r"[0-9]{1,12}")
_FLAGS = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Field:
    """`value` as it stands at `name` (dotted) of the entry `entry` in `file`."""

    file: str
    entry: str
    name: str
    value: Any

    def wrong(self, what: str, todo: str = "") -> SettingsError:
        """The error to raise for this field: file, model and field are named."""
        where = [self.file, *(part for part in (self.entry, self.name) if part)]
        return SettingsError(f"{': '.join(where)}: {what}", todo)

    def entries(self) -> Iterator[tuple[str, Field]]:
        """The keys and fields of a mapping."""
        if not isinstance(self.value, dict):
            raise self.wrong(f"must be a mapping, not {self.value!r}")
        for key, value in self.value.items():
            yield key, self.inner(key, value)

    def inner(self, key: str, value: Any) -> Field:
        """The field `key` inside this one."""
        return Field(self.file, self.entry, f"{self.name}.{key}" if self.name else key, value)

    def text(self) -> str:
        """Text, not empty."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.wrong(f"must be text, not {self.value!r}")
        return self.value.strip()

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(item.text() for item in self.items())

    def items(self) -> list[Field]:
        """The fields of a list."""
        if not isinstance(self.value, list):
            raise self.wrong(f"must be a list, not {self.value!r}", "write [one, two]")
        return [self.inner(str(index + 1), value) for index, value in enumerate(self.value)]

    def money(self) -> Nano:
        """Dollars, exactly, in nanodollars. 0 is a price like any other here."""
        try:
            amount = nano(self.text())
        except ValueError as error:
            raise self.wrong(str(error), "write dollars, such as 0.04") from None
        if amount < 0:
            raise self.wrong(f"a price below zero: {self.value}")
        return amount

    def count(self) -> int:
        """A whole number, 0 or more."""
        if not _DIGITS.fullmatch(self.text()):
            raise self.wrong(f"must be a whole number, not {self.value!r}")
        return int(self.text())

    def number(self) -> float:
        """A number above 0 that is no money (seconds, a ratio, a rate)."""
        try:
            number = float(self.text())
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number > 0):
            raise self.wrong(f"must be a number above 0, not {self.value!r}")
        return number

    def day(self) -> date:
        """A date, YYYY-MM-DD."""
        try:
            return date.fromisoformat(self.text())
        except ValueError:
            raise self.wrong(f"must be a date such as 2026-11-22, not {self.value!r}") from None

    def flag(self) -> bool:
        """true or false."""
        value = _FLAGS.get(self.text().lower())
        if value is None:
            raise self.wrong(f"must be true or false, not {self.value!r}")
        return value

    def one_of(self, *allowed: str, noun: str = "word") -> str:
        """One of a few words; `noun` is what one is called."""
        if self.text() not in allowed:
            raise self.wrong(f"unknown {noun} {self.value!r}", suggestion(self.text(), dict.fromkeys(allowed)))
        return self.text()

    def match(self, pattern: re.Pattern[str], what: str, todo: str) -> re.Match[str]:
        """Text that is of the form `pattern`; `what` it is not otherwise, and what `todo` about it."""
        match = pattern.fullmatch(self.text())
        if match is None:
            raise self.wrong(f"{what}: {self.value!r}", todo)
        return match

    def read(self, readers: Mapping[str, Reader]) -> dict[str, Any]:
        """Every key of a mapping through its reader."""
        values = {}
        for key, inner in self.entries():
            if key not in readers:
                raise inner.wrong("unknown key", suggestion(key, readers))
            values[key] = readers[key](inner)
        return values


Reader = Callable[[Field], Any]


def read_all(field: Field, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Every key of a mapping through its reader. Raises SettingsError for a key that has none."""
    return field.read(readers)


def suggestion(word: str, words: Mapping[str, Any] | frozenset[str]) -> str:
    """What to do about a misspelt `word`: the nearest of `words`, else all of them."""
    near = difflib.get_close_matches(word, list(words), n=1)
    return f"did you mean {near[0]}?" if near else f"one of {', '.join(sorted(words))}"
