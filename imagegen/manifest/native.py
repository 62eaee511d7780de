"""Python's own values -> what a file could have held: text, numbers, true/false, lists and mappings."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real
from typing import Any

from imagegen.manifest.advice import Misfit, Path
from imagegen.manifest.fields import FIELDS
from imagegen.manifest.values import DEEPEST, Plain

#: Whole numbers have at most so many digits, as in files.
_LARGEST = 10**30


def plain(value: Any, path: Path = ()) -> Any:
    """`value` as a file could have held it. NaN, as tables have it where nothing was said, is None. Raises Misfit."""
    if isinstance(value, str):
        return _text(value.value if isinstance(value, Enum) else value, path)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return _mapping(value, path)
    if isinstance(value, list | tuple):
        _flat(path)
        return [plain(item, (*path, index)) for index, item in enumerate(value)]
    if isinstance(value, Integral | Real | Decimal):
        return _number(value, path)
    if isinstance(value, Enum):
        return plain(value.value, path)
    if isinstance(value, os.PathLike):
        return plain(os.fspath(value), path)
    if isinstance(value, date):
        return value.isoformat()
    has = attributes(value) if dataclasses.is_dataclass(value) or hasattr(value, "model_fields_set") else None
    if has is None:
        what = f"a value of the type {type(value).__name__} says nothing here"
        raise Misfit(what, "use text, numbers, True, False, lists and mappings", path)
    return _mapping(has, path)


def attributes(value: Any) -> dict[str, Any] | None:
    """What an object holds, by name; None for one that holds nothing that could be looked at."""
    if isinstance(value, type) or callable(value):
        return None
    if dataclasses.is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    if hasattr(value, "model_fields_set"):  # pydantic: what was not said is not said
        return {name: getattr(value, name) for name in type(value).model_fields if name in value.model_fields_set}
    if isinstance(value, tuple):
        return {name: getattr(value, name) for name in getattr(value, "_fields", ())} or None
    if hasattr(value, "__dict__"):
        return {name: item for name, item in vars(value).items() if not name.startswith("_")}
    return {name: getattr(value, name) for name in FIELDS if hasattr(value, name)} or None


def _text(value: str, path: Path) -> str:
    if "\0" in value:
        raise Misfit("a NUL character is not text", "remove it", path)
    return str.__str__(value)


def _number(value: Any, path: Path) -> Any:
    if isinstance(value, Integral):
        if abs(int(value)) >= _LARGEST:
            raise Misfit("the number is too large", "write a smaller one", path)
        return int(value)
    if value.is_nan() if isinstance(value, Decimal) else value != value:  # noqa: PLR0124  NaN is not itself
        return None
    if abs(value) == float("inf"):
        raise Misfit(f"{value} is not a number", "write a number such as 0.5, or leave it out", path)
    if isinstance(value, Decimal):
        return Plain(f"{value:f}") if -_LARGEST < value < _LARGEST else Plain(value)
    if len(path) == 1 and value == int(value):
        return int(value)  # a column of whole numbers with a gap is a column of floats in many tables
    return float(value)


def _mapping(value: Mapping[Any, Any], path: Path) -> dict[str, Any]:
    _flat(path)
    for name in value:
        if not isinstance(name, str):
            raise Misfit(f"the key {name!r:.60} is not text", "use text for keys", path)
    return {_text(name, path): plain(item, (*path, name)) for name, item in value.items()}


def _flat(path: Path) -> None:
    if len(path) >= DEEPEST:
        raise Misfit(f"nested more than {DEEPEST} levels deep", "make it flatter", path[:1])
