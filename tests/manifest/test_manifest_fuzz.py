"""Whatever the bytes, reading them ends in rows or in an explained error."""

import json
import tempfile
from pathlib import Path

import pytest
from bad_tables import BAD_TABLES
from bad_yaml import BAD_YAML
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagegen.errors import ImagegenError
from imagegen.manifest import check, open_manifest
from imagegen.manifest.fields import FIELDS

SEEDS = [case[0] for case in BAD_YAML.values()] + [case[1] for case in BAD_TABLES.values() if len(case[1]) < 1000]
CHARACTERS = "{}[]a,*&!|>#~\"'\n\t\0\\\ufeff\ud7ff\x85\u2028𝒳"
PIECES = ["{{", "}}", "{%", "%}", "row.x", "1e999", "-1", "true", "<<", "---", "%YAML"]
LINES = ["imagegen: 1\n", "rows:\n", "  - ", ": ", "matrix: {c: [x]}\n", "source: {file: t.csv, each: {prompt: '"]
WORDS = st.sampled_from([*CHARACTERS, *PIECES, *LINES, *FIELDS])
KEYS = st.sampled_from(
    ["routes", "budget", "lane", "output", "source", "matrix", "rows", "providers", "concurrency", "catalog"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=10,
)
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def survives(data: bytes, suffix: str) -> None:
    """Reads `data` as a manifest; fails for any error that is not explained."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"m{suffix}")
        path.write_bytes(data)
        Path(folder, "t.csv").write_text("x,prompt\n1,2\n")
        try:
            said = f"{check(open_manifest(path))} rows"
        except ImagegenError as error:
            said = str(error)
        assert said


@pytest.mark.parametrize("suffix", [".yaml", ".csv", ".tsv", ".jsonl"])
@QUIET
@given(data=st.binary(max_size=200))
def test_random_bytes(suffix: str, data: bytes) -> None:
    """Bytes from nowhere."""
    survives(data, suffix)


@pytest.mark.parametrize("suffix", [".yaml", ".csv", ".jsonl"])
@QUIET
@given(words=st.lists(WORDS, max_size=25))
def test_random_words(suffix: str, words: list[str]) -> None:
    """Words of manifests in any order."""
    survives(("imagegen: 1\n" * (suffix == ".yaml") + "".join(words)).encode(), suffix)


@QUIET
@given(seed=st.sampled_from(SEEDS), cut=st.integers(0, 200), put=st.binary(max_size=4), drop=st.integers(0, 8))
def test_damaged_manifests(seed: str | bytes, cut: int, put: bytes, drop: int) -> None:
    """Manifests with a few bytes exchanged."""
    data = seed.encode() if isinstance(seed, str) else seed
    for suffix in (".yaml", ".csv", ".jsonl"):
        survives(data[:cut] + put + data[cut + drop :], suffix)


@QUIET
@given(row=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6))
def test_any_value_in_any_field(row: dict[str, object]) -> None:
    """Any JSON value in any field, as a JSON line and as YAML."""
    text = json.dumps({"prompt": "a"} | row)
    survives(text.encode(), ".jsonl")
    survives(f"imagegen: 1\nrows: [{text}]\n".encode(), ".yaml")
    survives(f"imagegen: 1\ndefaults: {json.dumps(row)}\nrows: [{{prompt: a}}]\n".encode(), ".yaml")


@QUIET
@given(heading=st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_value_in_any_key(heading: dict[str, object]) -> None:
    """Any value under any key of the heading."""
    survives(json.dumps({"imagegen": 1, "rows": []} | heading).encode(), ".yaml")


@QUIET
@given(source=st.lists(WORDS, max_size=12), name=st.text(max_size=20))
def test_any_template(source: list[str], name: str) -> None:
    """Any text as a template of a source, of a name and of a condition."""
    each = {"prompt": "{{ row.x }} " + "".join(source), "tags": [name]}
    manifest = {"imagegen": 1, "source": {"file": "t.csv", "each": each, "where": "x or " + "".join(source[:4])}}
    for output in ({}, {"name": "{{ id }}" + name + "".join(source[4:])}):
        survives(json.dumps(manifest | {"output": output}).encode(), ".yaml")
