"""What an editor would say: check-jsonschema over every manifest of the repository, and over wrong ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from imagegen.catalog import DATA
from tests.test_docs import MANIFESTS, PAGES, blocks, name_of

BIN = Path(sys.executable).parent
ONE = "imagegen: 1\n"

#: What is wrong, where (a JSON path), and a word of what is said about it.
WRONG = [
    ("rows: [{prompt: A}]", "$", "'imagegen' is a required property"),
    ("imagegen: 2\nrows: [{prompt: A}]", "$.imagegen", "2 is not one of"),
    (ONE + "row: [{prompt: A}]", "$", "'row' was unexpected"),
    (ONE + "defaults: {format: webp}", "$", "not valid"),
    (ONE + "rows: {prompt: A}", "$.rows", "is not of type 'array'"),
    (ONE + "rows: [A mug]", "$.rows[0]", "is not of type 'object'"),
    (ONE + "rows: [{prompt: A}, {id: mug}]", "$.rows[1]", "'prompt' is a required property"),
    (ONE + "rows: [{prompt: ' '}]", "$.rows[0].prompt", "does not match"),
    (ONE + "rows: [{prompt: A, usecase: thumbnail}]", "$.rows[0]", "'usecase' was unexpected"),
    (ONE + "rows: [{prompt: A, size: 1024}]", "$.rows[0].size", "is not of type"),
    (ONE + "rows: [{prompt: A, size: 1024*1024}]", "$.rows[0].size", "does not match"),
    (ONE + "rows: [{prompt: A, aspect_ratio: wide}]", "$.rows[0].aspect_ratio", "does not match"),
    (ONE + "rows: [{prompt: A, n: 101}]", "$.rows[0].n", "greater than the maximum of 100"),
    (ONE + "rows: [{prompt: A, n: two}]", "$.rows[0].n", "does not match"),
    (ONE + "rows: [{prompt: A, priority: 0}]", "$.rows[0].priority", "less than the minimum of 1"),
    (ONE + "rows: [{prompt: A, seed: -1}]", "$.rows[0].seed", "less than the minimum of 0"),
    (ONE + "rows: [{prompt: A, strength: 1.5}]", "$.rows[0].strength", "greater than the maximum of 1"),
    (ONE + "rows: [{prompt: A, needs_text: 'yes'}]", "$.rows[0].needs_text", "does not match"),
    (ONE + "rows: [{prompt: A, format: gif}]", "$.rows[0].format", "'gif' is not one of"),
    (ONE + "rows: [{prompt: A, fit: stretch}]", "$.rows[0].fit", "'stretch' is not one of"),
    (ONE + "rows: [{prompt: A, max_price: cheap}]", "$.rows[0].max_price", "does not match"),
    (ONE + "rows: [{prompt: A, max_price: -1}]", "$.rows[0].max_price", "less than the minimum of 0"),
    (ONE + "rows: [{prompt: A, tags: {colour: red}}]", "$.rows[0].tags", "is not of type"),
    (ONE + "rows: [{prompt: A, lora: [{path: a}, {weight: 1}]}]", "$.rows[0].lora[1]", "'path' is a required property"),
    (ONE + "rows: [{prompt: A, lora: {path: a, weight: heavy}}]", "$.rows[0].lora.weight", "does not match"),
    (ONE + "rows: [{prompt: A, accept: {attempts: 11}}]", "$.rows[0].accept.attempts", "maximum of 10"),
    (ONE + "rows: [{prompt: A, options: {openai: low}}]", "$.rows[0].options.openai", "is not of type 'object'"),
    (ONE + "rows: [{prompt: A, seed: '{{ take }}'}]", "$.rows[0].seed", "does not match"),
    (ONE + "defaults: {id: mug}\nrows: [{prompt: A}]", "$.defaults", "'id' was unexpected"),
    (ONE + "defaults: {quality: high, tier: gold}\nrows: [{prompt: A}]", "$.defaults.tier", "'gold' is not one of"),
    (
        ONE + "defaults: {prompt: '{{ row.T }}'}\nsource: {file: t.csv, each: {id: a}}",
        "$.defaults.prompt",
        "should not be valid",
    ),
    (ONE + "budget: {week: 25}\nrows: [{prompt: A}]", "$.budget", "'week' was unexpected"),
    (ONE + "budget: {day: 0}\nrows: [{prompt: A}]", "$.budget.day", "less than or equal to the minimum of 0"),
    (ONE + "budget: lots\nrows: [{prompt: A}]", "$.budget", "does not match"),
    (ONE + "lane: fast\nrows: [{prompt: A}]", "$.lane", "'fast' is not one of"),
    (ONE + "output: {renditions: {card: small}}\nrows: [{prompt: A}]", "$.output.renditions.card", "does not match"),
    (ONE + "output: {nam: x}\nrows: [{prompt: A}]", "$.output", "'nam' was unexpected"),
    (ONE + "source: {each: {prompt: A}}", "$.source", "'file' is a required property"),
    (ONE + "source: {file: t.csv, each: {id: '{{ row.Handle }}'}}", "$.source.each", "'prompt' is a required property"),
    (ONE + "source: {file: t.csv, each: {prompt: A, promt: A}}", "$.source.each", "'promt' was unexpected"),
    (ONE + "source: {file: t.csv, delimiter: '||', each: {prompt: A}}", "$.source.delimiter", "does not match"),
    (ONE + "matrix: {colour: red}\nrows: [{prompt: A}]", "$.matrix.colour", "is not of type 'array'"),
    (ONE + "matrix: {colour: [red, red]}\nrows: [{prompt: A}]", "$.matrix.colour", "has non-unique elements"),
    (ONE + "matrix: {colour: [red]}\nsource: {file: t.csv}", "$.source", "'each' is a required property"),
    (ONE + "concurrency: {openai: 0}\nrows: [{prompt: A}]", "$.concurrency.openai", "less than the minimum of 1"),
    (ONE + "routes: {thumbnail: {size: big}}\nrows: [{prompt: A}]", "$.routes.thumbnail.size", "does not match"),
    (ONE + "routes: {subjects: {cars: sdxl}}\nrows: [{prompt: A}]", "$.routes.subjects", "'cars' was unexpected"),
]
WRONG_CATALOGUES = [
    ("modells: {}", "$", "'modells' was unexpected"),
    ("models: {mine: {titel: Mine}}", "$.models.mine", "'titel' was unexpected"),
    ("models: {mine: {status: gone}}", "$.models.mine.status", "'gone' is not one of"),
    ("models: {mine: {can: [fly]}}", "$.models.mine.can[0]", "'fly' is not one of"),
    ("models: {mine: {sizes: {list: [big]}}}", "$.models.mine.sizes.list[0]", "does not match"),
    ("models: {mine: {typical_seconds: 0}}", "$.models.mine.typical_seconds", "minimum of 0"),
    ("models: {mine: {released_on: last year}}", "$.models.mine.released_on", "does not match"),
    ("models: {mine: {offers: {fal: {price: free}}}}", "$.models.mine.offers.fal.price", "does not match"),
    ("models: {mine: {offers: {fal: {price: {image: -1}}}}}", "$.models.mine.offers.fal.price.image", "minimum of 0"),
    (
        "models: {mine: {offers: {fal: {price: {seconds: {per_second: 1}}}}}}",
        "$.models.mine.offers.fal.price.seconds",
        "'typical' is a required property",
    ),
    ("models: {mine: {offers: {fal: {concurrency: many}}}}", "$.models.mine.offers.fal.concurrency", "does not match"),
    ("routes: {house: {thumbnail: {models: [{quality: low}]}}}", "$.routes.house.thumbnail.models[0]", "'model' is a"),
    ("routes: {house: {default: {tier: cheap}}}", "$.routes.house.default.tier", "'cheap' is not one of"),
]


def program(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "imagegen", *words], env={"IMAGEGEN_HOME": str(home)}, capture_output=True, encoding="utf-8", check=False
    )


def checked(kind: str, files: Iterable[Path], folder: Path) -> dict[Path, list[dict[str, Any]]]:
    """What check-jsonschema finds wrong with each file, by the schema that `imagegen schema` prints."""
    schema, files = folder / f"{kind}.schema.json", list(files)
    said = program("schema", kind, home=folder)
    assert (said.returncode, said.stderr) == (0, "")
    schema.write_text(said.stdout, encoding="utf-8")
    done = subprocess.run(
        [BIN / "check-jsonschema", "-o", "json", "-v", "--schemafile", schema, *files],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert not found.get("parse_errors"), found
    errors: dict[Path, list[dict[str, Any]]] = {path: [] for path in files}
    for error in found["errors"]:
        errors[Path(error["filename"])].append(error)
    return errors


@cache
def on_pages() -> list[tuple[str, str]]:
    """Every YAML file that a page writes, and where it stands."""
    found = []
    for page in PAGES:
        for block in blocks(page.read_text(encoding="utf-8")):
            if block.title.endswith((".yaml", ".yml")):
                found.append((f"{name_of(page)}:{block.line}", "\n".join(block.lines) + "\n"))
    return found


def test_every_manifest_of_the_repository_is_accepted(tmp_path: Path, home: Path) -> None:
    """Those of the folders, those of the pages, and the starter of `init`; but for the pages' wrong ones, which the
    schema refuses unless only the program can know."""
    assert program("init", str(tmp_path / "new"), home=home).returncode == 0
    files, places = [*MANIFESTS, *(tmp_path / "new").glob("*.yaml")], {}
    for number, (place, text) in enumerate(on_pages()):
        if text.startswith("imagegen: 1"):
            path = tmp_path / f"page{number}.yaml"
            path.write_text(text, encoding="utf-8")
            places[path] = place
    assert len(files) > 4
    assert len(places) > 10
    found = {path: errors for path, errors in checked("manifest", [*files, *places], tmp_path).items() if errors}
    for path in list(found):
        if path in places and refused(path, home):
            del found[path]
    assert not {places.get(path, str(path)): errors for path, errors in found.items()}


def refused(path: Path, home: Path) -> bool:
    """Whether the program refuses the manifest for its form."""
    said = program("validate", str(path), home=home)
    return said.returncode == 2 and "is not in the manifest's folder" not in said.stderr


def test_wrong_manifests_are_refused_at_the_right_place(tmp_path: Path, home: Path) -> None:
    """Each of them, and at no other place. The program refuses them too."""
    assert len(WRONG) >= 30
    (tmp_path / "t.csv").write_text("Handle,T\nmug,Mug\n")
    files = {tmp_path / f"wrong{number}.yaml": wrong for number, wrong in enumerate(WRONG)}
    for path, (text, _, _) in files.items():
        path.write_text(text + "\n", encoding="utf-8")
    found = checked("manifest", files, tmp_path)
    for path, (text, place, words) in files.items():
        errors = found[path]
        assert {error["path"] for error in errors} == {place}, f"{text}\n{errors}"
        assert any(words in error["message"] for error in errors), f"{text}\n{errors}"


@pytest.mark.parametrize("text", [wrong[0] for wrong in WRONG])
def test_what_the_schema_refuses_the_program_refuses(text: str, tmp_path: Path) -> None:
    """None of the wrong manifests is one that would run."""
    from imagegen.errors import UsageError
    from imagegen.manifest import check, open_manifest
    from imagegen.routing import load_routes

    (tmp_path / "t.csv").write_text("Handle,T\nmug,Mug\n")
    path = tmp_path / "wrong.yaml"
    path.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(UsageError):  # noqa: PT012  the heading, the rows or the routes
        manifest = open_manifest(path)
        check(manifest)
        load_routes(manifest.header.routes)


def test_our_catalogue_is_accepted(tmp_path: Path) -> None:
    """Every file of ours, and those that the pages write."""
    files = [*sorted(DATA.glob("*.yaml"))]
    for number, (_, text) in enumerate(on_pages()):
        if "\nmodels:" in text and not text.startswith("imagegen: 1"):
            files.append(tmp_path / f"page{number}.yaml")
            files[-1].write_text(text, encoding="utf-8")
    assert len(files) > len(list(DATA.glob("*.yaml")))
    assert {path: errors for path, errors in checked("catalog", files, tmp_path).items() if errors} == {}


def test_wrong_catalogues_are_refused_at_the_right_place(tmp_path: Path) -> None:
    """Each of them, and the loader refuses them too."""
    from imagegen import catalog
    from imagegen.errors import SettingsError
    from imagegen.routing import load_routes

    files = {tmp_path / f"wrong{number}.yaml": wrong for number, wrong in enumerate(WRONG_CATALOGUES)}
    for path, (text, _, _) in files.items():
        path.write_text(f"source: us\nread_on: 2026-11-20\n{text}\n", encoding="utf-8")
        with pytest.raises(SettingsError):  # noqa: PT012  models or routes
            catalog.load([path])
            load_routes("house" if "house" in text else None, [path])
    found = checked("catalog", files, tmp_path)
    for path, (text, place, words) in files.items():
        errors = found[path]
        assert {error["path"] for error in errors} == {place}, f"{text}\n{errors}"
        assert any(words in error["message"] for error in errors), f"{text}\n{errors}"


@pytest.mark.parametrize("kind", ["manifest", "catalog", "events"])
def test_a_schema_is_a_schema(kind: str, tmp_path: Path) -> None:
    """Draft 2020-12, by its own schema; most of its keys are explained."""
    path = tmp_path / "schema.json"
    said = program("schema", kind, "-o", str(path), home=tmp_path)
    assert (said.returncode, said.stdout) == (0, "")
    done = subprocess.run([BIN / "check-jsonschema", "--check-metaschema", path], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    assert json.loads(path.read_text(encoding="utf-8"))["$schema"] == "https://json-schema.org/draft/2020-12/schema"
