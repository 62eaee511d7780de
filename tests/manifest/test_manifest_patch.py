"""Where manifests name models, and patches that change nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from imagegen.manifest import open_manifest
from imagegen.manifest.bytesource import UTF8
from imagegen.manifest.mentions import Mentions
from imagegen.manifest.patch import Edit, patched

#: What each file is to become: OLD is a model's name, NEW what it becomes; "OLD" in other places stays.
FILES = {
    "plain.yaml": "imagegen: 1\nrows:\n  - {prompt: dall-e-3, model: OLD}  # dall-e-3\n",
    "block.yaml": "# a shop\nimagegen: 1\nrows:\n  - id: a\n    model:   'OLD'   # keep\n"
    "    prompt: >-\n      dall-e-3\n",
    "quoted.yaml": 'imagegen: 1\nrows: [{"prompt": "ü €", "model": "OLD"}, {prompt: b, model: OLD}]',
    "lines.yaml": "imagegen: 1\nrows:\n- prompt: |\n    one\n\n    two\n  model: OLD\n" + "# far away\n" * 20,
    "crlf.yaml": "imagegen: 1\r\nmodel: OLD\r\nrows:\r\n- prompt: x\r\n",
    "mac.yaml": "imagegen: 1\rmodel: OLD\rrows:\r- prompt: x\r",
    "mark.yaml": "\ufeffmodel: OLD\nimagegen: 1\nrows:\n- prompt: x\n",
    "next.yaml": "imagegen: 1\ndefaults: {model: OLD, prompt: 'a\x85b'}\nrows:\n- id: x\n",
    "routes.yaml": "imagegen: 1\nroutes:\n  thumbnail: [OLD, {model: OLD, quality: low}]\n  use_cases:\n"
    "    ours: {models: [OLD]}\n  hero_image: OLD\n  prices: {dall-e-3: 0.04}\nrows: [{prompt: x}]\n",
    "each.yaml": "imagegen: 1\nsource: {file: plain.csv, each: {prompt: x, model: OLD}}\n",
    "plain.csv": "id,prompt,model\na,dall-e-3,OLD\nb,c,\nc,d,OLD\n",
    "cells.csv": 'id,prompt,model,quality\na,"one\ndall-e-3, ""two""","OLD",hd\nb,dall-e-3,flux-2-pro,\nc,x,OLD,\n',
    "crlf.csv": '\ufeffprompt;model\r\n"a;b";OLD\r\nx;OLD\r\n',
    "plain.tsv": 'prompt\tmodel\n"dall-e-3\tOLD\n',
    "mark.jsonl": '\ufeff{"model":"OLD","prompt":"x","quality":"dall-e-3"}\r\n',
    "plain.jsonl": '{"id": "model", "options": {"fal": {"model": "dall-e-3"}}, "prompt": "x", "model": "OLD"}\n\n'
    '{"prompt":"\\"model\\": \\"dall-e-3\\"","model" : "OLD"}',
}


TOOLS = ["git apply", "patch -p1 --binary"]


def changed(text: str, model: str) -> bytes:
    return text.replace("OLD", model).encode("utf-8")


def edits(path: Path) -> list[Edit]:
    manifest = open_manifest(path)
    found = [mention.model for mention in Mentions(path, manifest.header.source) if mention.model.text == "dall-e-3"]
    return [Edit(spot.line, spot.column, spot.text, "gpt-image-2.5-flare") for spot in found]


def applied(folder: Path, diff: bytes, tool: str) -> None:
    """`diff` applied to the files in `folder` as a person would."""
    if shutil.which(tool.split(maxsplit=1)[0]) is None:
        pytest.skip(f"{tool.split(maxsplit=1)[0]} is not installed")
    done = subprocess.run(tool.split(), cwd=folder, input=diff, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode() + diff.decode()


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", FILES)
def test_a_patch_changes_the_names_and_nothing_else(name: str, tool: str, tmp_path: Path) -> None:
    """Byte for byte: quotes, comments, line ends, marks and the same words elsewhere stay as they are."""
    for each, text in FILES.items():
        (tmp_path / each).write_bytes(changed(text, "dall-e-3"))
    found = edits(tmp_path / name)
    assert len(found) == FILES[name].count("OLD")
    diff, left = patched(tmp_path / name, name, found, yaml=name.endswith("yaml"))
    assert not left
    applied(tmp_path, diff, tool)
    assert (tmp_path / name).read_bytes() == changed(FILES[name], "gpt-image-2.5-flare")


@pytest.mark.parametrize("tool", TOOLS)
def test_a_patch_of_another_encoding_and_an_awkward_name(tmp_path: Path, tool: str) -> None:
    """A table in cp1252 is patched in cp1252; a name with a space is read whole."""
    (tmp_path / "my table.csv").write_bytes("prompt;model\nBlüte;dall-e-3\n".encode("cp1252"))
    (tmp_path / "m.yaml").write_text("imagegen: 1\nsource: {file: my table.csv, encoding: cp1252}\n")
    found = [
        mention.model for mention in Mentions(tmp_path / "m.yaml", open_manifest(tmp_path / "m.yaml").header.source)
    ]
    todo = [Edit(spot.line, spot.column, spot.text, "flux-2-pro") for spot in found]
    diff, left = patched(tmp_path / "my table.csv", "my table.csv", todo, "cp1252")
    applied(tmp_path, diff, tool)
    assert not left
    assert (tmp_path / "my table.csv").read_bytes() == "prompt;model\nBlüte;flux-2-pro\n".encode("cp1252")


@pytest.mark.parametrize(("between", "heads"), [(6, ["-1,11 +1,11"]), (7, ["-1,5 +1,5", "-7,6 +7,6"])])
def test_changes_share_a_hunk_where_their_lines_touch(tmp_path: Path, between: int, heads: list[str]) -> None:
    """Three lines of context around each, no line in two hunks."""
    path = tmp_path / "f.txt"
    path.write_text("\n".join(["x", "old", *["."] * between, "old", "x", "x"]))
    number = between + 3
    diff, _ = patched(path, "f.txt", [Edit(2, 1, "old", "new"), Edit(number, 1, "old", "new")])
    assert re.findall(r"^@@ (.*) @@$", diff.decode(), re.M) == heads


def test_what_cannot_be_patched_is_left(tmp_path: Path) -> None:
    """Escapes in YAML, and tables in UTF-16, which no patch can hold."""
    path = tmp_path / "m.yaml"
    path.write_text('imagegen: 1\nmodel: "dall\\x2de-3"\nrows: [{prompt: x}]\n')
    (todo,) = edits(path)
    assert patched(path, "m.yaml", [todo], yaml=True) == (b"", [todo])
    table = tmp_path / "t.csv"
    table.write_bytes("prompt,model\nx,dall-e-3\n".encode("utf-16"))
    edit = Edit(2, 3, "dall-e-3", "flux-2-pro")
    assert patched(table, "t.csv", [edit], "utf-16") == (b"", [edit])


def test_mentions_know_their_row_and_what_belongs_to_them(tmp_path: Path) -> None:
    """A row's own mention has the row's place; one that holds for many has none, and its quality may be elsewhere."""
    path = tmp_path / "m.yaml"
    path.write_text(
        "imagegen: 1\nmodel: a\ndefaults: {quality: hd}\nsource: {file: t.csv}\n"
        "rows:\n  - {prompt: x, model: b, provider: fal}\n"
    )
    (tmp_path / "t.csv").write_text("prompt,model,quality\nx,c,low\n")
    found: list[tuple[Any, ...]] = [
        (m.model.text, m.where, m.row, m.quality and m.quality.text, m.provider and m.provider.text)
        for m in Mentions(path, open_manifest(path).header.source)
    ]
    assert found == [
        ("a", "model", None, "hd", None),
        ("b", "rows", (6, 5), None, "fal"),
        ("c", "column model", (2, 1), "low", None),
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=some.lists(some.sampled_from(["", "x", "ä,b", "+y", "-z", "old"]), min_size=1, max_size=40),
    end=some.booleans(),
)
def test_any_choice_of_lines_makes_a_patch_that_applies(lines: list[str], end: bool, tmp_path: Path) -> None:
    """Hunks far apart, touching, at the ends, with and without a last line feed."""
    path = tmp_path / "f.txt"
    text = "\n".join(lines) + ("\n" if end else "")
    path.write_bytes(text.encode())
    todo = [Edit(number, 1, "old", "new") for number, line in enumerate(lines, 1) if line == "old"]
    diff, left = patched(path, "f.txt", todo, UTF8)
    assert not left
    assert bool(diff) == bool(todo)
    if diff:
        applied(tmp_path, diff, "git apply")
    assert path.read_bytes() == text.replace("old", "new").encode()
