"""The JSON Schema of a catalogue file, from the tables of readers that read one; and of routes, which a manifest may
hold too."""

from __future__ import annotations

from typing import Any

from imagegen import catalog
from imagegen.catalog import charges, entries, gpus, judges, sizes
from imagegen.catalog.fields import Field, Reader
from imagegen.domain.row import SIZE
from imagegen.routing import presets
from imagegen.schema.probe import shape
from imagegen.schema.shapes import Schema
from imagegen.schema.words import told

_PAGE = "schemas.md"


def document() -> Schema:
    """The schema of a catalogue file. Every key may be left out: a file lies over those before it."""
    sections = _sections()
    lacking = set(catalog._SECTIONS) - set(sections)
    assert not lacking, f"no schema for the sections {lacking}"
    words = told(_PAGE, "Keys of a catalogue file")
    return {
        "title": "imagegen catalogue file",
        "description": "Models, prices, sizes and routes; what stands here lies over what comes with imagegen.",
        "type": "object",
        "properties": {name: _with_words(sections[name], name, words) for name in catalog._SECTIONS},
        "additionalProperties": False,
    }


def _sections() -> dict[str, Schema]:
    price = {"price": _price()}
    offer = _mapping(entries._OFFER)
    offer["properties"] |= price
    model = _mapping(entries._MODEL | entries._SHARED)
    model["properties"]["offers"] = _named(offer)
    return {
        "source": shape(Field.text),
        "read_on": shape(Field.day),
        "sizes": _named(shape(sizes.read_rule)),
        "models": _named(model),
        "judges": _named(_mapping(judges.JUDGE)),
        "plans": _named(_mapping(catalog._PLAN)),
        "gpus": _named(_mapping(gpus.GPU)),
        "break_even": _mapping(gpus._COMPARISON),
        "premium": _mapping({"model": Field.text, "quality": Field.text}),
        "routes": _named(routes()),
    }


def _price() -> Schema:
    """An amount, a mapping with one kind of charge and what it needs, or the word unknown."""
    found = shape(lambda field: charges.read_price(field, {}))
    found["pattern"] += r"|^unknown$"
    given = {"image": "per_image", "typical": "typical_seconds", "max": "max_seconds"}
    for kind, needs in charges._NEEDS.items():
        inner = found["properties"][kind]
        names = [name for name in inner.get("properties", {}) if given.get(name, name) in needs]
        if names:
            inner["required"] = names
    found["anyOf"] = [{"not": {"type": "object"}}, *({"required": [kind]} for kind in charges._KINDS)]
    return found


def routes() -> Schema:
    """A routing preset: a mapping of what it changes."""
    target = shape(presets._changes)
    target["properties"]["size"] = {"type": "string", "pattern": rf"^\s*(?:{SIZE.pattern}|auto)\s*$"}
    for entry in (target["items"], target["properties"]["models"]["items"]):
        entry["required"] = ["model"]
    words = told(_PAGE, "Routes")
    target = _with_words(target, "", words)
    properties = {
        "preset": shape(Field.text),
        **dict.fromkeys(presets._LISTS, target),
        "subjects": {"type": "object", "properties": dict.fromkeys(sorted(presets.SUBJECTS), target)},
        "use_cases": _named(target),
        "prices": _named(shape(charges.per_image)),
        "premium": shape(Field.text),
        "strategies": {"type": "object", "properties": dict.fromkeys(presets._STRATEGIES[1:], _strategy())},
        "fallback": shape(lambda field: [item.one_of(*presets._FALLBACKS) for item in field.items()]),
    }
    properties["strategies"]["additionalProperties"] = False
    properties["subjects"]["additionalProperties"] = False
    return {
        "type": "object",
        "properties": {name: _with_words(each, name, words) for name, each in properties.items()},
        "additionalProperties": target,
    }


def _strategy() -> Schema:
    """How pictures are drafted and refined."""
    found = _mapping(presets._STRATEGY)
    found["properties"]["models"]["items"]["required"] = ["model"]
    found["properties"]["drafts"] |= {"minimum": 1, "maximum": presets.MOST_DRAFTS}
    return found


def known_use_cases() -> list[str]:
    """The use cases of our own presets."""
    found = {name for preset in presets.preset_names() for name in presets.load_routes(preset).use_cases}
    return sorted(found)


def known_models() -> list[str]:
    """The models of our own catalogue that are not retired."""
    return sorted(name for name, model in catalog.load().models.items() if model.status != "retired")


def known_providers() -> list[str]:
    """Everybody who serves them, and the placeholder."""
    return [*catalog.load().providers(), "placeholder"]


def _mapping(readers: dict[str, Reader]) -> Schema:
    """A mapping with these keys."""
    return shape(lambda field: field.read(readers))


def _named(schema: Schema) -> Schema:
    """A mapping from names of the user's to `schema`."""
    return {"type": "object", "additionalProperties": schema}


def _with_words(schema: Schema, name: str, words: dict[str, str]) -> Schema:
    """`schema` with what the page says about it and about the keys within it, whatever mapping they stand in."""
    found: dict[str, Any] = {"description": words[name], **schema} if name in words else dict(schema)
    if "properties" in found:
        found["properties"] = {key: _with_words(inner, key, words) for key, inner in found["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = _with_words(found[key], "", words)
    return found
