"""Arrow's types and what becomes of their values: text, numbers as the text that spells them, true and false, lists
and mappings. Whatever else there is (bytes, durations) is named and not read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

import pyarrow as pa
from pyarrow import types

from imagegen.manifest.values import DEEPEST, Plain

Read = Callable[[Any], Any]

_BINARY = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
_TEXT = (types.is_string, types.is_large_string, types.is_string_view)
_LISTS = (types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view, types.is_large_list_view)
_MOMENTS = (types.is_timestamp, types.is_date, types.is_time)
_SHORT_FLOATS = ((types.is_float16, "e"), (types.is_float32, "f"))


def foreign(kind: Any, depth: int = 0) -> str:
    """What a column of the type `kind` holds that is not read, in words; "" when it is read."""
    if depth > DEEPEST:
        return f"more than {DEEPEST} levels of lists and mappings"
    if _is(kind, _LISTS) or types.is_dictionary(kind):
        return foreign(kind.value_type, depth + 1)
    if types.is_struct(kind):
        names = [part.name for part in kind]
        if len(set(names)) < len(names):
            return "mappings with a name twice"
        return next((what for part in kind if (what := foreign(part.type, depth + 1))), "")
    if types.is_map(kind):
        return foreign(kind.item_type, depth + 1) if _is(kind.key_type, _TEXT) else "mappings whose names are no text"
    if isinstance(kind, pa.UuidType):
        return ""
    if isinstance(kind, pa.BaseExtensionType):
        return foreign(kind.storage_type, depth + 1)
    if _is(kind, _BINARY):
        return "binary data"
    return "" if _plain(kind) is not None else f"values of the type {str(kind)[:40]}"


def reader(kind: Any) -> Read:
    """What makes a cell of a value of the type `kind`, which must not be `foreign`; never called with None. Raises
    ValueError, with a sentence, for text that is none."""
    if types.is_dictionary(kind):
        return reader(kind.value_type)
    if _is(kind, _LISTS):
        return partial(_list, reader(kind.value_type))
    if types.is_struct(kind):
        return partial(_mapping, {part.name: reader(part.type) for part in kind})
    if types.is_map(kind):
        return partial(_pairs, reader(kind.item_type))
    if isinstance(kind, pa.UuidType):
        return str
    if isinstance(kind, pa.BaseExtensionType):
        return reader(kind.storage_type)
    found = _plain(kind)
    assert found is not None
    return found


def coarser(kind: Any) -> Any:
    """`kind` with microseconds in the place of nanoseconds."""
    if types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if types.is_time64(kind) and kind.unit == "ns":
        return pa.time64("us")
    if types.is_list(kind):
        return pa.list_(coarser(kind.value_type))
    if types.is_struct(kind):
        return pa.struct([part.with_type(coarser(part.type)) for part in kind])
    return kind


def _plain(kind: Any) -> Read | None:
    if _is(kind, _TEXT):
        return _text
    if types.is_integer(kind):
        return _whole
    for is_one, code in _SHORT_FLOATS:
        if is_one(kind):
            return partial(_short_float, code)
    if types.is_float64(kind):
        return _float
    if types.is_boolean(kind):
        return bool
    if types.is_decimal(kind):
        return _decimal
    if _is(kind, _MOMENTS):
        return _moment
    return _nothing if types.is_null(kind) else None


def _is(kind: Any, tests: tuple[Callable[[Any], bool], ...]) -> bool:
    return any(test(kind) for test in tests)


def _nothing(value: Any) -> None:
    return None


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("a NUL character is not text")
    return value


def _whole(value: int) -> Plain:
    return Plain(str(value))


def _float(value: float) -> Plain | None:
    # NaN is how data frames write "nothing here".
    return Plain(repr(value)) if value == value else None  # noqa: PLR0124


def _short_float(code: str, value: float) -> Plain | None:
    """A float of 4 or 2 bytes in as few digits as give it back: 0.1, not 0.10000000149011612."""
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124
        return _float(value)
    for digits in range(1, 10):
        spelt = float(f"{value:.{digits}g}")
        with suppress(OverflowError):  # the largest of all, rounded up
            if struct.unpack(code, struct.pack(code, spelt))[0] == value:
                return _float(spelt)
    return _float(value)


def _decimal(value: Decimal) -> Plain:
    return Plain(f"{value:f}")


def _moment(value: Any) -> str:
    return str(value.isoformat())


def _list(read: Read, values: list[Any]) -> list[Any]:
    return [None if value is None else read(value) for value in values]


def _mapping(readers: dict[str, Read], values: dict[str, Any]) -> dict[str, Any] | None:
    """The members that say something: a struct has all of its members in every row."""
    given = {name: readers[name](value) for name, value in values.items() if value is not None}
    return {name: value for name, value in given.items() if value is not None} or None


def _pairs(read: Read, values: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: read(value) for name, value in values if value is not None}
