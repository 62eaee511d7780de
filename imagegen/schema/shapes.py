"""From a type and its limits to a JSON Schema of how it may be written in YAML.

A schema is flat wherever that is possible: `minimum` speaks only of numbers, `pattern` only of text and `items`
only of lists, so that one object can allow several forms and a validator still names the exact place of what fits
none of them. A text field takes every scalar, a number also stands in quotes, and nothing (null) says nothing.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator

Schema = dict[str, Any]

#: Text with something to fill in.
TEMPLATE = r"\{[{%#]"
SCALAR = ("string", "number", "boolean")
WHOLE = r"^\s*-?(?:0|[1-9][0-9]{0,29})(?:\.0)?\s*$"
NUMBER = r"^\s*-?(?:0|[1-9][0-9]{0,29})(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,3})?\s*$"
MONEY = r"^\s*[0-9]{1,18}(?:\.[0-9]{1,30})?\s*$"

#: A BeforeValidator -> the schema of what it turns into the field's type, from the schema of that type.
Before = Mapping[Callable[[Any], Any], Callable[[Schema], Schema]]
#: (model, field) -> keywords that a validator of the model stands for.
Extra = Mapping[tuple[type[BaseModel], str], Schema]


def flag(words: Iterable[str]) -> Schema:
    """true and false, also as one of `words` in any case."""
    spelt = "|".join("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in word) for word in sorted(words))
    return {"type": ["boolean", "string"], "pattern": rf"^\s*(?:{spelt})\s*$"}


def merged(*schemas: Schema) -> Schema:
    """One schema for what fits any of these. Where several speak of text and one takes any, no form is asked for."""
    found: Schema = {}
    kinds: list[str] = []
    for schema in schemas:
        found |= schema
        kinds += [kind for kind in types_of(schema) if kind not in kinds]
    if any("string" in types_of(schema) and "pattern" not in schema for schema in schemas):
        found.pop("pattern", None)
    return {**found, "type": kinds} if kinds else found


def types_of(schema: Schema) -> list[str]:
    """The types that `schema` names."""
    named = schema.get("type", [])
    return [named] if isinstance(named, str) else list(named)


def or_nothing(schema: Schema) -> Schema:
    """`schema`, and null."""
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    return merged(schema, {"type": "null"}) if "type" in schema else schema


class Shapes:
    """Makes schemas of types. `before` and `extra` say what validators allow, which no type tells; a validator that
    neither knows is a LookupError, so that none is forgotten."""

    def __init__(self, before: Before, extra: Extra) -> None:
        self._before, self._extra = before, extra

    def of(self, kind: Any, metadata: Iterable[Any] = ()) -> Schema:
        """The schema of the type `kind` with its limits."""
        if get_origin(kind) is Annotated:
            kind, *inner = get_args(kind)
            return self.of(kind, [*inner, *metadata])
        members = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
        schema = merged(*(self._plain(member) for member in members if member is not type(None)))
        for limit in metadata:
            schema = self._limited(schema, limit)
        return or_nothing(schema) if type(None) in members else schema

    def model(self, model: type[BaseModel]) -> Schema:
        """A mapping with the fields of `model`."""
        fields = model.model_fields
        needed = [name for name, field in fields.items() if field.is_required()]
        return {
            "type": "object",
            "properties": {name: self.field(model, name) for name in fields},
            "additionalProperties": False,
            **({"required": needed} if needed else {}),
        }

    def field(self, model: type[BaseModel], name: str) -> Schema:
        """The schema of one field."""
        field = model.model_fields[name]
        return self.of(field.annotation, field.metadata) | self._extra.get((model, name), {})

    def _plain(self, kind: Any) -> Schema:
        origin, inner = get_origin(kind), get_args(kind)
        if kind in _SIMPLE:
            return dict(_SIMPLE[kind])
        if origin is Annotated:
            return self.of(kind)
        if origin is Literal:
            return {"enum": [*inner, *(str(value) for value in inner if not isinstance(value, str))]}
        if origin is tuple:
            return {"type": "array", "items": self.of(inner[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return self.model(kind)
        raise LookupError(f"no schema for {kind!r}")

    def _limited(self, schema: Schema, limit: Any) -> Schema:
        if isinstance(limit, BeforeValidator):
            return self._before[limit.func](schema)  # type: ignore[index]
        for each in (limit, *getattr(limit, "metadata", ())):  # a Field within Annotated holds its limits
            found = {word: getattr(each, name) for name, word in _LIMITS.items() if hasattr(each, name)}
            schema = schema | {word: float(v) if isinstance(v, Decimal) else v for word, v in found.items()}
        return schema


_LIMITS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "min_length": "minLength",
    "max_length": "maxLength",
}
_SIMPLE: dict[Any, Schema] = {
    str: {"type": list(SCALAR)},
    int: {"type": ["integer", "string"], "pattern": WHOLE},
    float: {"type": ["number", "string"], "pattern": NUMBER},
    bool: flag(("true", "false")),
    Decimal: {"type": ["number", "string"], "pattern": MONEY},
    Any: {},
}


def filled(schema: Schema) -> Schema:
    """`schema`, where a template may stand for every scalar, at whatever depth."""
    if "enum" in schema:
        about = {key: value for key, value in schema.items() if key != "enum"}
        return {**about, "anyOf": [{"enum": schema["enum"]}, {"type": "string", "pattern": TEMPLATE}]}
    made = dict(schema)
    for key in ("items", "additionalProperties"):
        if isinstance(made.get(key), dict):
            made[key] = filled(made[key])
    if "properties" in made:
        made["properties"] = {name: filled(each) for name, each in made["properties"].items()}
    if "pattern" in made:
        made["pattern"] = f"{made['pattern']}|{TEMPLATE}"
    elif made.get("type") and not {"string", "object", "array"} & {*types_of(made)}:
        made |= {"type": [*types_of(made), "string"], "pattern": TEMPLATE}
    return made
