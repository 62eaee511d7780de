"""Odd manifests that are good, and what is read of them."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from imagegen.domain.model import Rendition
from imagegen.domain.row import Row
from imagegen.manifest import check, open_manifest

HEAD = "imagegen: 1\n"


def rows(path: Path, **fields: Any) -> list[Row]:
    """All rows of the manifest at `path`."""
    return [placed.row for placed in open_manifest(path, set_fields=fields).rows()]


def written(folder: Path, text: str | bytes, name: str = "m.yaml") -> Path:
    """A manifest of this text."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


#: A row in YAML -> the fields it has.
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "octal text": ("{prompt: 010}", {"prompt": "010"}),
    "boolean text": ("{prompt: true}", {"prompt": "true"}),
    "norway": ("{prompt: no}", {"prompt": "no"}),
    "time": ("{prompt: 12:30:45}", {"prompt": "12:30:45"}),
    "grouped": ("{prompt: 1_000}", {"prompt": "1_000"}),
    "version": ("{prompt: 1.10, id: 1.10}", {"prompt": "1.10", "id": "1.10"}),
    "date": ("{prompt: 2026-11-22, deadline: 2026-11-22}", {"prompt": "2026-11-22", "deadline": "2026-11-22"}),
    "infinity": ("{prompt: .inf}", {"prompt": ".inf"}),
    "ratio": ("{prompt: a, aspect_ratio: 16:9}", {"aspect_ratio": "16:9"}),
    "exact price": ("{prompt: a, max_price: 0.1000000010}", {"max_price": Decimal("0.100000001")}),
    "quoted number": ("{prompt: a, n: '3'}", {"n": 3}),
    "numbers": ("{prompt: a, seed: 4294967295, guidance: 7.50}", {"seed": 2**32 - 1, "guidance": 7.5}),
    "exponent": ("{prompt: a, strength: 5e-1}", {"strength": 0.5}),
    "flags": ("{prompt: a, needs_text: True, refiner: false}", {"needs_text": True, "refiner": False}),
    "refiner by name": ("{prompt: a, refiner: xl}", {"refiner": "xl"}),
    "tags in one text": ("{prompt: a, tags: 'x, y;z'}", {"tags": ("x", "y", "z")}),
    "tags listed": ("{prompt: a, tags: [x, 010]}", {"tags": ("x", "010")}),
    "pictures": ("{prompt: a, image: [b.png, c.png]}", {"image": ("b.png", "c.png")}),
    "options": (
        "{prompt: a, options: {fal: {a: 1, b: 1.5, c: true, d: no, e: '1', f: [2], g: ~, h: 1.10}}}",
        {"options": {"fal": {"a": 1, "b": 1.5, "c": True, "d": "no", "e": "1", "f": [2], "g": None, "h": 1.1}}},
    ),
    "loras": (
        "{prompt: a, lora: [{path: b, weight: 1}, {path: c}]}",
        {"lora": ({"path": "b", "weight": 1.0}, {"path": "c", "weight": 1.0})},
    ),
    "accept": (
        "{prompt: a, accept: {text: true, attempts: 3}}",
        {"accept": {"text": True, "safe": False, "attempts": 3}},
    ),
    "outer space": ('{prompt: "\\n  two  words \\t"}', {"prompt": "two  words"}),
    "case kept": ("{prompt: 'SALE ſ Å'}", {"prompt": "SALE ſ Å"}),
    "braces without a matrix": ("{prompt: 'a {{ b }} {% c %}'}", {"prompt": "a {{ b }} {% c %}"}),
    "emoji": ("{prompt: '👩‍👧 \\U0001F600', id: 🙂}", {"id": "🙂"}),
    "absent by null": ("{prompt: a, seed: ~, model: null, format: }", {"seed": None, "model": None, "format": None}),
    "odd id": ("{prompt: a, id: '../../etc/passwd '}", {"id": "../../etc/passwd "}),
}  # fmt: skip


@pytest.mark.parametrize(("row", "fields"), ROWS.values(), ids=ROWS)
def test_reads_an_odd_row(tmp_path: Path, row: str, fields: dict[str, Any]) -> None:
    """A text field takes its source text, other fields what their text plainly spells."""
    (read,) = rows(written(tmp_path, f"{HEAD}rows:\n  - {row}\n"))
    assert {name: read.model_dump()[name] for name in fields} == fields


#: (file name, what it holds) -> (prompt, and other fields) of its rows.
TABLES: dict[str, tuple[str, str | bytes, list[dict[str, Any]]]] = {
    "byte order mark": ("m.csv", b"\xef\xbb\xbfprompt\nb\n", [{"prompt": "b"}]),
    "windows line ends": ("m.csv", "id,prompt\r\na,b\r\n", [{"id": "a", "prompt": "b"}]),
    "old mac line ends": ("m.csv", "id,prompt\ra,b\rc,d", [{"id": "a"}, {"id": "c", "prompt": "d"}]),
    "semicolons": ("m.csv", "id;prompt\na;b, c\n", [{"id": "a", "prompt": "b, c"}]),
    "tabs in a csv": ("m.csv", "id\tprompt\na\tb, c\n", [{"id": "a", "prompt": "b, c"}]),
    "commas before semicolons": ("m.csv", "prompt,a;b\nc;d,e\n", [{"prompt": "c;d"}]),
    "one column with commas in quotes": ("m.csv", 'prompt\n"b, c"\n', [{"prompt": "b, c"}]),
    "blank rows": ("m.csv", "\nid,prompt\n\na,b\n,\n\n", [{"id": "a", "prompt": "b"}]),
    "line within a cell": ("m.csv", 'prompt,n\n"a\nb ""c""",2\n', [{"prompt": 'a\nb "c"', "n": 2}]),
    "quote in the middle": ("m.csv", 'prompt\na 5" pipe\n', [{"prompt": 'a 5" pipe'}]),
    "long cell": ("m.csv", f"prompt\n{'x' * 200_000}\n", [{"prompt": "x" * 200_000}]),
    "header with spaces": ("m.csv", " id , prompt \na,b\n", [{"id": "a", "prompt": "b"}]),
    "templates in a csv": ("m.csv", "prompt\n{{ row.x }} {% if %}\n", [{"prompt": "{{ row.x }} {% if %}"}]),
    "spreadsheet values": (
        "m.csv", "prompt,needs_text,seed,max_price\na,TRUE,7.0,0.040\nb,no,,\n",
        [{"needs_text": True, "seed": 7, "max_price": Decimal("0.04")}, {"needs_text": False, "seed": None}],
    ),
    "json in cells": (
        "m.csv",
        "prompt,options,lora,accept,tags\n"
        'a,"{""fal"": {""x"": 1.5}}","{""path"": ""b""}","{""safe"": true}","x;y"\n',
        [{"options": {"fal": {"x": 1.5}}, "lora": {"path": "b", "weight": 1.0}, "tags": ("x", "y"),
          "accept": {"text": False, "safe": True, "attempts": 1}}],
    ),
    "no quoting in tsv": ("m.tsv", 'id\tprompt\na\t"b" c\'s\n', [{"prompt": '"b" c\'s'}]),
    "open quote in tsv": ("m.tsv", 'prompt\n"b\nc\n', [{"prompt": '"b'}, {"prompt": "c"}]),
    "line separators in a cell": ("m.tsv", "prompt\na\u2028b\x0bc\n", [{"prompt": "a\u2028b\x0bc"}]),
    "jsonl": (
        "m.jsonl", '{"prompt": 10, "n": 2, "seed": "7"}\n\n{"prompt": true, "tags": ["x"], "seed": null}\n',
        [{"prompt": "10", "n": 2, "seed": 7}, {"prompt": "true", "tags": ("x",), "seed": None}],
    ),
    "jsonl escapes": ("m.ndjson", '{"prompt": "\\ud83d\\ude42 \\u00e9"}', [{"prompt": "🙂 é"}]),
    "suffix in capitals": ("M.CSV", "prompt\na\n", [{"prompt": "a"}]),
    "only a header": ("m.csv", "id,prompt\n", []),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "expected"), TABLES.values(), ids=TABLES)
def test_reads_an_odd_table(tmp_path: Path, name: str, text: str | bytes, expected: list[dict[str, Any]]) -> None:
    """A table is read as it was meant, quirks of spreadsheets included."""
    read = rows(written(tmp_path, text, name))
    assert [
        {field: row.model_dump()[field] for field in want} for row, want in zip(read, expected, strict=True)
    ] == expected


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8", "utf-8-sig"])
def test_reads_a_source_in_a_named_encoding(tmp_path: Path, encoding: str) -> None:
    """`source.encoding` and `source.delimiter` say how to read a table that is not plain UTF-8 with commas."""
    (tmp_path / "t.csv").write_bytes("prompt|n\ncafé, closed|2\n".encode(encoding))
    encoding = encoding.removesuffix("-sig")
    text = f"{HEAD}source: {{file: t.csv, encoding: {encoding}, delimiter: '|'}}\n"
    assert [(row.prompt, row.n) for row in rows(written(tmp_path, text))] == [("café, closed", 2)]


def test_fields_come_from_the_nearest_place(tmp_path: Path) -> None:
    """Defaults stand below a row's own fields, the command line above them; null takes a default away."""
    text = HEAD + (
        "defaults: {format: webp, n: 2, model: a, seed: 1}\n"
        "rows:\n  - {id: x, prompt: p, n: 3, model: b, seed: ~}\n  - {id: y, prompt: p}\n"
    )
    read = rows(written(tmp_path, text), model="c")
    assert [(row.format, row.n, row.model, row.seed) for row in read] == [("webp", 3, "c", None), ("webp", 2, "c", 1)]


def test_rows_come_before_the_source(tmp_path: Path) -> None:
    """`rows` and `source` add up, in this order, each row with its own place."""
    (tmp_path / "t.csv").write_text("prompt\nfrom the table\n")
    manifest = open_manifest(written(tmp_path, HEAD + "source: {file: t.csv}\nrows:\n  - {prompt: listed}\n"))
    assert [(placed.row.prompt, Path(placed.place.file).name, *placed.place[1:]) for placed in manifest.rows()] == [
        ("listed", "m.yaml", 4, 5),
        ("from the table", "t.csv", 2, 1),
    ]


def test_a_row_in_a_table_has_the_line_it_begins_on(tmp_path: Path) -> None:
    """Line numbers count physical lines, those within quoted cells too."""
    path = written(tmp_path, 'prompt\n"a\nb"\n\nc\n', "m.csv")
    assert [placed.place.line for placed in open_manifest(path).rows()] == [2, 5]


def test_rows_may_be_read_again(tmp_path: Path) -> None:
    """Each call of `rows` reads from the start, and both give the same."""
    manifest = open_manifest(written(tmp_path, "prompt\na\na\nb\n", "m.csv"))
    first = list(manifest.rows())
    assert first == list(manifest.rows())
    assert check(manifest) == len(first) == 3


def test_the_heading_is_read(tmp_path: Path) -> None:
    """All keys of the heading arrive typed, money exact."""
    text = HEAD + (
        "routes: {hero_image: flux-pro}\nbudget: {run: 25.10, hour: 10}\nlane: batch\noptimize: cost\n"
        "output: {renditions: {card: 512x512}}\nproviders: openai\nconcurrency: {openai: 8}\n"
        "catalog: [mine.yaml]\nmatrix: {v: [1.10, 2, true, no]}\nrows: []\n"
    )
    manifest = open_manifest(written(tmp_path, text))
    header = manifest.header
    assert header.budget is not None
    assert (header.budget.run, header.budget.hour, header.budget.day) == (Decimal("25.10"), Decimal(10), None)
    assert (header.lane, header.output.made_renditions) == ("batch", (Rendition("card", 512, 512),))
    assert header.matrix == {"v": ("1.10", 2, True, "no")}
    assert manifest.settings() == {
        "routes": {"hero_image": "flux-pro"},
        "optimize": "cost",
        "budget": {"run": Decimal("25.10"), "hour": Decimal(10)},
        "providers": ("openai",),
        "concurrency": {"openai": 8},
        "catalog": [str(tmp_path / "mine.yaml")],
        "weights": None,
    }


def test_a_budget_may_be_one_amount(tmp_path: Path) -> None:
    """`budget: 25` is a budget for the run; without one there is none."""
    assert open_manifest(written(tmp_path, HEAD + "budget: 25\nrows: []\n")).settings()["budget"] == {
        "run": Decimal(25)
    }
    assert open_manifest(written(tmp_path, HEAD + "rows: []\n")).settings()["budget"] is None


def test_unused_columns_are_noted_once(tmp_path: Path) -> None:
    """Columns that are no fields are reported once, a misspelt one with what was meant."""
    manifest = open_manifest(written(tmp_path, "prompt,stock,qualty\na,1,x\nb,2,y\n", "m.csv"))
    assert check(manifest) + check(manifest) == 4
    assert manifest.notes == ["columns not used: stock, qualty (did you mean quality?)"]


def test_unused_keys_of_later_lines_are_noted_too(tmp_path: Path) -> None:
    """A JSONL line may bring keys that the first has not; each is noted when it is met."""
    lines = [{"prompt": "a"}, {"prompt": "b", "sed": 1}, {"prompt": "c", "sed": 2}]
    manifest = open_manifest(written(tmp_path, "\n".join(map(json.dumps, lines)), "m.jsonl"))
    assert manifest.notes == []
    assert check(manifest) + check(manifest) == 6
    assert manifest.notes == ["columns not used: sed (did you mean seed?)"]


def test_every_row_may_get_its_prompt_from_the_command_line(tmp_path: Path) -> None:
    """A table without a prompt column is good when the command line gives the prompt."""
    path = written(tmp_path, "id,seed\na,1\nb,2\n", "m.csv")
    assert [(row.prompt, row.seed) for row in rows(path, prompt="one for all")] == [
        ("one for all", 1),
        ("one for all", 2),
    ]


@pytest.mark.parametrize(("top", "row", "expected"), [("provider: placeholder", "", "placeholder"), ("", "", None)])
def test_provider_and_model_at_the_top_are_defaults(tmp_path: Path, top: str, row: str, expected: str | None) -> None:
    """`provider: placeholder` in a manifest asks for placeholders in every row that names no provider."""
    path = tmp_path / "m.yaml"
    path.write_text(
        f"imagegen: 1\n{top}\nrows:\n  - {{id: a, prompt: x{row}}}\n  - {{id: b, prompt: y, provider: fal}}\n"
    )
    first, second = (placed.row for placed in open_manifest(path).rows())
    assert (first.provider, second.provider) == (expected, "fal")
