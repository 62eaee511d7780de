"""Values as they stand in a file: unquoted text that keeps its source, mappings and lists that know their place.

A field decides what its text means; where nobody decides, `native` reads numbers and
true/false and leaves all else (16:9, no, 010, 1_000, dates) the text it is.
"""

from __future__ import annotations

import math
import re
from typing import Any

#: Levels of mappings and lists within each other.
DEEPEST = 20

Mark = tuple[int, int]

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,29})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,29})(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,3})?")


class Plain(str):
    """A scalar without quotes, or a JSON number: its source text."""

    __slots__ = ()


class Unread:
    """A cell that is neither text nor anything like it. Whoever prints it is told so."""

    __slots__ = ("_said",)

    def __init__(self, said: str) -> None:
        self._said = said

    def __str__(self) -> str:
        raise TypeError(self._said)


class Block(dict[str, Any]):
    """A mapping with its place, and by key the places of its keys and values (line and column from 1)."""

    __slots__ = ("keys_at", "line_column", "pending", "values_at")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.line_column = mark
        self.pending: str | None = None
        self.keys_at: dict[str, Mark] = {}
        self.values_at: dict[str, Mark] = {}


class Items(list[Any]):
    """A list with its place and those of its members."""

    __slots__ = ("line_column", "values_at")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.line_column = mark
        self.values_at: list[Mark] = []


def find(root: Any, path: tuple[str | int, ...], *, key: bool = False) -> Mark:
    """Where the value at `path` below `root` stands (with `key`, its key); what is not there is skipped."""
    mark: Mark = getattr(root, "line_column", (1, 1))
    for part in path:
        if isinstance(root, Block) and part in root:
            mark = (root.keys_at if key else root.values_at)[str(part)]
            root = root[str(part)]
        elif isinstance(root, Items) and isinstance(part, int) and part < len(root):
            mark, root = root.values_at[part], root[part]
    return mark


def whole(text: str) -> int | None:
    """The whole number that `text` spells in the plainest way, or None."""
    return int(text) if _WHOLE.fullmatch(text) else None


def number(text: str) -> int | float | None:
    """The finite number that `text` spells as JSON would, or None."""
    if not _NUMBER.fullmatch(text):
        return None
    value = int(text) if _WHOLE.fullmatch(text) else float(text)
    return value if math.isfinite(value) else None


def native(value: Any) -> Any:
    """`value` without places: unquoted true, false and numbers become what they look like."""
    if type(value) is Plain:
        if value in ("true", "false"):
            return value == "true"
        figure = number(value)
        return str(value) if figure is None else figure
    if isinstance(value, dict):
        return {name: native(item) for name, item in value.items()}
    return [native(item) for item in value] if isinstance(value, list) else value


def scalar(value: Any) -> Any:
    """Like `native`, but a number only where it prints as it was written: 1.10 stays text."""
    read = native(value)
    return str(value) if isinstance(read, float) and str(read) != value else read


def texts(value: Any) -> Any:
    """`value` without places, every scalar the text that was written."""
    if isinstance(value, dict):
        return {name: texts(item) for name, item in value.items()}
    if isinstance(value, list):
        return [texts(item) for item in value]
    return str(value) if isinstance(value, str) else value
