"""JSON text -> values: duplicate keys, NaN and NUL are refused, numbers keep their source text."""

from __future__ import annotations

import json
import re
from typing import Any

from imagegen.manifest.advice import Misfit, short
from imagegen.manifest.values import DEEPEST, Plain

_LONE = re.compile("[\ud800-\udfff]")


def read_json(text: str) -> Any:
    """The JSON value in `text`, numbers as Plain. Raises Misfit; `column` of a syntax error is in its path."""
    try:
        value = json.loads(
            text,
            parse_int=Plain,
            parse_float=Plain,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise Misfit(f"not JSON: {error.msg}", "correct it, one value per line", (error.colno,)) from None
    except RecursionError:
        raise Misfit("nested too deeply", "make it flatter") from None
    if text.count("{") + text.count("[") > DEEPEST and _deep(value, DEEPEST):
        raise Misfit(f"nested more than {DEEPEST} levels deep", "make it flatter")
    if "\\u" in text and _hidden(value):
        raise Misfit("it holds NUL or half a character", "remove the \\u escape that is no character")
    return value


def _refuse_constant(name: str) -> Any:
    raise Misfit(f"{name} is not a JSON number", "write a number, or leave it out")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Misfit(f"the key {short(twice)} is given twice", "keep one of them")
    return value


def _deep(value: Any, left: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return inner is not None and (left == 0 or any(_deep(item, left - 1) for item in inner))


def _hidden(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value or bool(_LONE.search(value))
    if isinstance(value, dict):
        return any(_hidden(key) or _hidden(item) for key, item in value.items())
    return isinstance(value, list) and any(_hidden(item) for item in value)
