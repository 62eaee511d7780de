"""The JSON Schema of a YAML manifest, from Header, Row and the readers of row fields."""

from __future__ import annotations

from typing import Any

from imagegen.domain import row as rows
from imagegen.domain.row import RATIO, SIZE, Row
from imagegen.manifest import fields, header
from imagegen.manifest.header import Header
from imagegen.schema import catalogue
from imagegen.schema.shapes import MONEY, SCALAR, Before, Extra, Schema, Shapes, filled, flag, merged
from imagegen.schema.words import told

_PAGE = "manifests.md"
_TEXT: Schema = {"type": list(SCALAR)}
_SIZE: Schema = {"type": "string", "pattern": rf"^\s*(?:{SIZE.pattern})\s*$"}

#: What the validators that run before a type's own turn into it.
_BEFORE: Before = {
    rows._size: lambda _: {"type": "string", "pattern": rf"^\s*(?:{SIZE.pattern}|[aA][uU][tT][oO])\s*$"},
    rows._ratio: lambda _: {"type": "string", "pattern": rf"^\s*{RATIO.pattern}\s*$"},
    rows._words: lambda schema: merged(schema, _TEXT),
    header._listed: lambda schema: merged(schema, {**_TEXT, **_kept(schema["items"], "minLength")}),
    header._sized: lambda schema: merged(schema, _SIZE),
    header._per_run: lambda schema: merged(
        schema, {"type": ["number", "string"], "pattern": MONEY, "exclusiveMinimum": 0}
    ),
}
#: What the models' own validators, and the code that reads rows and heading, ask for beyond the types.
_EXTRA: Extra = {
    (header.RenditionSpec, "size"): _SIZE,
    (header.Output, "renditions"): {"propertyNames": {"pattern": r"^[\w\u00a1-\uffff-]{1,40}$"}},
    (header.Source, "delimiter"): {
        "type": ["string", "integer", "null"],
        "pattern": r"""^(?:tab|\\t|[^"\r\n' ])$""",
        "minimum": 0,
        "maximum": 9,
    },
    (header.Source, "encoding"): {"minLength": 1},
    (Header, "matrix"): {
        "propertyNames": {"pattern": r"^(?!row$)[A-Za-z_\u00a1-\uffff][\w\u00a1-\uffff]*$"},
        "additionalProperties": {
            "type": "array",
            "items": _TEXT,
            "minItems": 1,
            "uniqueItems": True,
            "maxItems": header.MOST_COMBINATIONS,
        },
    },
    (Row, "prompt"): {"pattern": r"\S"},
    (Row, "id"): {"minLength": 0},  # an empty one is made from the content
}
_SHAPES = Shapes(_BEFORE, _EXTRA)


def document() -> Schema:
    """The schema of a whole manifest."""
    heading = told(_PAGE, "Keys of the heading")
    properties = {name: _with_words(_key(name), name, heading) for name in header.KEYS}
    return {
        "title": "imagegen manifest",
        "description": "A heading and rows, or a heading and a table that gives the rows; each row becomes a picture.",
        "type": "object",
        "properties": properties,
        "required": ["imagegen"],
        "additionalProperties": False,
        "anyOf": [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in ("rows", "source")],
        "allOf": [_rows_of(), _prompts(), _plain_defaults()],
        "$defs": {
            "row": _row(_fields()),
            "filled_row": _row({name: filled(each) for name, each in _fields().items()}),
            "each": _row({name: filled(each) for name, each in _fields(loose=True).items()}),
        },
    }


def _key(name: str) -> Schema:
    """One key of the heading; null is the same as leaving it out."""
    if name == "rows":
        return {"type": ["array", "null"]}
    if name == "imagegen":
        return {"enum": [1, "1"]}
    if name == "defaults":
        return {**_row({key: each for key, each in _fields().items() if key != "id"}), "type": ["object", "null"]}
    if name == "routes":
        return merged(_TEXT, catalogue.routes(), {"type": "null"})
    schema = _SHAPES.field(Header, name)
    if name == "source":
        schema["properties"]["each"] = {"type": ["object", "null"], "$ref": "#/$defs/each"}
    return merged(schema, {"type": "null"}) if "type" in schema else {"enum": [*schema["enum"], None]}


def _fields(loose: bool = False) -> dict[str, Schema]:
    """The schema of each row field. `loose`: as in source.each, where yes, no and JSON are read too."""
    words = told(_PAGE, "Row fields")
    found = {}
    for name in Row.model_fields:
        schema = _SHAPES.field(Row, name)
        schema = {"enum": [*schema["enum"], None]} if "enum" in schema else merged(schema, {"type": "null"})
        schema = _without_nothing_inside(schema)
        found[name] = _with_words(_loosened(name, schema) if loose else schema, name, words) | _examples(name)
    return found


def _without_nothing_inside(schema: Schema) -> Schema:
    """Within a mapping such as `lora` null is the same as leaving a key out, but for those that must be there."""
    for mapping in (schema, schema.get("items") or {}):
        for key, inner in mapping.get("properties", {}).items():
            if key not in mapping.get("required", ()):
                mapping["properties"][key] = merged(inner, {"type": "null"})
    return schema


def _loosened(name: str, schema: Schema) -> Schema:
    reader = fields.READERS[name]
    if reader is fields._flag:
        return {**merged(flag(fields._TRUE | fields._FALSE), {"type": ["integer", "null"]}), "minimum": 0, "maximum": 1}
    if "properties" in schema or reader is fields._options:
        return merged(schema, {"type": "string", "pattern": r"^\s*[\[{]"})
    return schema


def _row(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _rows_of() -> Schema:
    """Templates stand in rows only where a matrix fills them in; a source needs a template for the matrix too."""
    has_matrix = {"required": ["matrix"], "properties": {"matrix": {"type": "object", "minProperties": 1}}}
    source = {"type": ["object", "null"], "required": ["each"]}
    return {
        "if": has_matrix,
        "then": {"properties": {"rows": {"items": {"$ref": "#/$defs/filled_row"}}, "source": source}},
        "else": {"properties": {"rows": {"items": {"$ref": "#/$defs/row"}}}},
    }


def _prompts() -> Schema:
    """Each row has a prompt, unless the defaults give one."""
    given = {"type": "object", "required": ["prompt"], "properties": {"prompt": _TEXT}}
    needed = {"required": ["prompt"], "properties": {"prompt": _TEXT}}
    return {
        "if": {"not": {"required": ["defaults"], "properties": {"defaults": given}}},
        "then": {"properties": {"rows": {"items": needed}, "source": {"properties": {"each": needed}}}},
    }


def _plain_defaults() -> Schema:
    """Defaults are taken as they are: what looks like a template there, where rows have some, is a mistake."""
    has = [{"required": [name], "properties": {name: {"type": "object"}}} for name in ("matrix", "source")]
    plain = {"not": {"type": "string", "pattern": r"\{\{"}}
    return {"if": {"anyOf": has}, "then": {"properties": {"defaults": {"additionalProperties": plain}}}}


def _with_words(schema: Schema, name: str, words: dict[str, str]) -> Schema:
    """`schema` with what the page says about it and about the keys within it. What has no line of its own (a
    rendition's size) is a row field."""
    found = {"description": words[name], **schema} if name in words else dict(schema)
    for mapping in (found, found.get("items") or {}):
        for key, inner in mapping.get("properties", {}).items():
            mapping["properties"][key] = _with_words(inner, f"{name}.{key}", words)
    if name == "output.renditions":
        row = told(_PAGE, "Row fields")
        for key, inner in found["additionalProperties"]["properties"].items():
            found["additionalProperties"]["properties"][key] = {"description": row[key], **inner}
    return found


def _examples(name: str) -> Schema:
    """Names that an editor can offer; others are as good."""
    known: dict[str, Any] = {
        "use_case": catalogue.known_use_cases,
        "model": catalogue.known_models,
        "provider": catalogue.known_providers,
    }
    return {"examples": known[name]()} if name in known else {}


def _kept(schema: Schema, *names: str) -> Schema:
    return {name: schema[name] for name in names if name in schema}
