"""The JSON Schema of the events that `run`, `plan` and `cost-estimate` print with --json, from their definitions."""

from __future__ import annotations

import re
import types
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from imagegen.domain.events import EVENTS
from imagegen.schema.shapes import Schema, merged, or_nothing
from imagegen.schema.words import told

_PAGE = "schemas.md"
_SIMPLE: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
#: Amounts of money.
_USD: Schema = {"pattern": r"^-?\d+(\.\d+)?$"}


def document() -> Schema:
    """One line of JSON Lines: any event of these commands, told apart by its command's name in `$defs`."""
    defined = {
        f"{command}.{_name(event)}": _event(command, event) for command, events in EVENTS.items() for event in events
    }
    return {
        "title": "imagegen events",
        "description": "One line of what run, plan and cost-estimate print with --json. Money is text, in USD.",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in defined],
        "$defs": defined,
    }


def _name(event: type) -> str:
    return str(get_args(get_type_hints(event)["event"])[0])


def _event(command: str, event: type) -> Schema:
    words = told(_PAGE, f"imagegen {command} --json")
    return {"description": " ".join((event.__doc__ or "").split()).replace("`", ""), **_shape(event, words)}


def _shape(kind: Any, words: dict[str, str]) -> Schema:
    """The schema of a type; `words` say what the keys mean."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in _SIMPLE:
        return {"type": _SIMPLE[kind]}
    if kind is Any:
        return {}
    if origin is Literal:
        return {"enum": list(inner)}
    if origin is NotRequired:
        return _shape(inner[0], words)
    if origin in (Union, types.UnionType):
        found = merged(*(_shape(each, words) for each in inner if each is not type(None)))
        return or_nothing(found) if type(None) in inner else found
    if origin is list:
        return {"type": "array", "items": _shape(inner[0], words)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _shape(inner[1], words)}
    if is_typeddict(kind):
        return _mapping(kind, words)
    raise LookupError(f"no schema for {kind!r}")


def _mapping(kind: Any, words: dict[str, str]) -> Schema:
    hints = get_type_hints(kind, include_extras=True)
    properties = {}
    for name, hint in hints.items():
        found = _shape(hint, words)
        if re.search("usd$", name) and "string" in found.get("type", ()):
            found |= _USD
        properties[name] = {"description": words[name], **found} if name in words else found
    required = [name for name, hint in hints.items() if get_origin(hint) is not NotRequired]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
