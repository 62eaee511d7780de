"""The schema of a manifest and the program that reads one say the same about every field and key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ruamel.yaml

from imagegen.domain.row import Row
from imagegen.errors import UsageError
from imagegen.manifest import Header, check, open_manifest
from imagegen.routing import load_routes
from imagegen.schema import schema

#: As they stand in the file. What two readers of YAML read differently (010, 1_000, 1e3) is left out.
VALUES = (
    "",
    *"""~
word
'two words'
''
' '
3
'3'
0
-1
1.5
'1.5'
101
600
7.0
true
false
'true'
'yes'
'no'
auto
1024x768
'1024 X 768'
1024x0
16:9
'16/9'
webp
none
live
product
premium
draft_refine
cover
transparent
[one, two]
[]
[[one]]
[~]
{}
{text: true}
{attempts: 3}
{attempts: 11}
{text: ~}
{path: a.safetensors}
{path: ~}
{path: a, weight: 0.5}
[{path: a}, {path: b, weight: heavy}]
[{path: a}]
{path: a, wait: 1}
{openai: {moderation: low}}
{openai: low}
'{"path": "a"}'
'{"text": true}'
'{"openai": {}}'
'[{"path": "a"}]'""".splitlines(),
)
TEMPLATES = ("'{{ angle }}'", "['{{ angle }}', b]", "{path: '{{ angle }}'}", "{openai: {style: '{{ angle }}'}}")

#: Stands for the field's name, so that the other reader reads a manifest once for all fields.
FIELD = "THE_FIELD"
ROW = "imagegen: 1\nrows:\n  - {{prompt: A, {name}: {value}}}\n"
DEFAULTS = "imagegen: 1\ndefaults: {{{name}: {value}}}\nrows: [{{prompt: A}}]\n"
MATRIX = "imagegen: 1\nmatrix: {{angle: [{angle}]}}\nrows:\n  - {{prompt: A, {name}: {value}}}\n"
EACH = "imagegen: 1\nsource:\n  file: t.csv\n  each: {{prompt: A, {name}: {value}}}\n"

#: A value that a template for the field can become.
ANGLES = dict.fromkeys(Row.model_fields, "front") | {
    **dict.fromkeys(
        ("n", "drafts", "seed", "steps", "priority", "encode_quality", "strength", "guidance", "max_price"), "1"
    ),
    "needs_text": "true",
    "size": "'512x512'",
    "aspect_ratio": "'16:9'",
    "subject": "art",
    "fit": "cover",
    "tier": "premium",
    "strategy": "plain",
    "lane": "live",
    "format": "webp",
    "background": "opaque",
}
#: A number in quotes, or JSON in text: the schema sees its form, not whether it is too large or says what it should.
FORM = re.compile(r": '([\d.]+|[\[{]\".*|\[\{.*)'\}")


@cache
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema("manifest"))


@cache
def read_yaml(text: str) -> Any:
    """What another reader of YAML makes of `text`. Nobody may change it: it is read once for all fields."""
    return ruamel.yaml.YAML(typ="safe", pure=True).load(text)


@cache
def known_routes(routes: str) -> None:
    """Read the routes of a heading, given as JSON; the same ones once. Raises UsageError."""
    load_routes(json.loads(routes))


def accepted(text: str, folder: Path) -> bool:
    """Whether the program takes the manifest `text`."""
    path = folder / "m.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        manifest = open_manifest(path)
        known_routes(json.dumps(manifest.header.routes))
        check(manifest)
    except UsageError:
        return False
    return True


def cases(name: str) -> Iterator[str]:
    """Manifests in which the row field `name`, called `FIELD`, has each of the values, wherever it may stand."""
    if name == "prompt":
        yield from (form.replace("prompt: A, ", "").format(name=FIELD, value=v) for form in (ROW, EACH) for v in VALUES)
        return
    for value in VALUES:
        yield from (form.format(name=FIELD, value=value) for form in (ROW, DEFAULTS, EACH))
    for value in TEMPLATES:
        yield ROW.format(name=FIELD, value=value)
        yield MATRIX.format(name=FIELD, value=value, angle=ANGLES[name])


def named(data: Any, name: str) -> Any:
    """`data` with the field `FIELD` called `name`."""
    if isinstance(data, dict):
        return {name if key == FIELD else key: named(value, name) for key, value in data.items()}
    return [named(each, name) for each in data] if isinstance(data, list) else data


@pytest.mark.parametrize("name", Row.model_fields)
def test_on_row_fields(name: str, tmp_path: Path) -> None:
    """In rows, defaults, rows with a matrix and source.each: what one refuses the other refuses."""
    (tmp_path / "t.csv").write_text("Title\nMug\n")
    differ = []
    for case in cases(name):
        text = case.replace(FIELD, name)
        reader, validates = accepted(text, tmp_path), validator().is_valid(named(read_yaml(case), name))
        if reader != validates and not (validates and FORM.search(text)):
            differ.append(f"{text}reader: {reader}, schema: {validates}")
    assert not differ, "\n".join(differ)


HEADS = {name: f"{name}: {{value}}" for name in Header.model_fields if name != "source"} | {
    "budget.day": "budget: {{day: {value}}}",
    "output.name": "output: {{name: {value}}}",
    "output.renditions": "output: {{renditions: {value}}}",
    "output.renditions.size": "output: {{renditions: {{card: {value}}}}}",
    "matrix.values": "matrix: {{angle: {value}}}",
    "concurrency.openai": "concurrency: {{openai: {value}}}",
    "source.file": "source: {{file: {value}, each: {{prompt: A}}}}",
    "source.where": "source: {{file: t.csv, where: {value}, each: {{prompt: A}}}}",
    "source.each": "source: {{file: t.csv, each: {value}}}",
    "source.delimiter": "source: {{file: t.csv, delimiter: {value}, each: {{prompt: A}}}}",
    "source.encoding": "source: {{file: t.csv, encoding: {value}, each: {{prompt: A}}}}",
}
#: Further values for keys that want something of their own.
OWN = {
    "output.renditions": (
        "{card: 512x512}",
        "{card: {size: 512x512, fit: cover}}",
        "{card: {fit: cover}}",
        "{c/d: 1x1}",
    ),
    "output.renditions.size": (
        "{size: 5x5, format: webp}",
        "{size: 5x5, format: gif}",
        "{size: 5x5, encode_quality: 101}",
    ),
    "matrix": (
        "{angle: [a]}",
        "{angle: []}",
        "{row: [a]}",
        "{an angle: [a]}",
        "{angle: [a, a]}",
        "{angle: [a, [b]]}",
    ),
    "budget": (
        "{run: 5}",
        "{run: 0}",
        "{run: ~}",
        "{week: 5}",
        "25",
        "'0.50'",
        "{run: '2.5', hour: 1}",
    ),
    "concurrency": (
        "{openai: 8}",
        "{openai: 0}",
        "{openai: many}",
    ),
    "source.delimiter": (
        ";",
        "tab",
        "';;'",
        "' '",
        "'|'",
    ),
    "source.encoding": (
        "utf-16",
        "cp1252",
    ),
    "source.file": ("t.csv",),
    "imagegen": (
        "1",
        "'1'",
        "2",
    ),
    "routes": (
        "guide",
        "{thumbnail: sdxl}",
        "{thumbnail: [{model: sdxl, quality: low}]}",
        "{default: {models: []}}",
        "{use_cases: {mine: {tier: cheap}}}",
        "{use_cases: {mine: {models: [sdxl], size: 8x8}}}",
        "{prices: {sdxl: 1}}",
        "{subjects: {food: sdxl}}",
        "{subjects: {cars: sdxl}}",
        "{preset: guide, premium: dall-e-3}",
        "{text: {size: big}}",
    ),
    "lane": (
        "batch",
        "queue",
    ),
    "optimize": (
        "cost",
        "price",
    ),
    "defaults": (
        "{format: webp}",
        "{id: a}",
        "{prompt: A}",
        "{formt: webp}",
    ),
    "source.each": (
        "{prompt: A}",
        "{prompt: ~}",
        "{prompt: '{{ row.Title }}', n: '{{ row.Title }}'}",
        "{promt: A}",
    ),
}
#: What only the files and names around a manifest tell: a codec, a file, a template's own text.
AROUND = {
    "source.file": {*VALUES},
    "routes": {*VALUES, "{default: {models: []}}"},
    "source.encoding": {*VALUES, "utf-16"},
    "source.where": {*VALUES},
    "output.name": {*VALUES},
    "source.delimiter": {"7.0"},
    "source.each": {"{prompt: '{{ row.Title }}', n: '{{ row.Title }}'}"},
}


@pytest.mark.parametrize("name", HEADS)
def test_on_keys_of_the_heading(name: str, tmp_path: Path) -> None:
    """What the program refuses in the heading, the schema refuses; and what it takes, the schema takes."""
    (tmp_path / "t.csv").write_text("Title\nMug\n")
    differ = []
    for value in (*VALUES, *OWN.get(name, ())):
        first = "" if name == "imagegen" else "imagegen: 1\n"
        text = f"{first}{HEADS[name].format(value=value)}\nrows: [{{prompt: A}}]\n"
        reader, validates = accepted(text, tmp_path), validator().is_valid(read_yaml(text))
        around = validates and (value in AROUND.get(name, ()) or FORM.search(text + "}"))
        if reader != validates and not around:
            differ.append(f"{text}reader: {reader}, schema: {validates}")
    assert not differ, "\n".join(differ)
