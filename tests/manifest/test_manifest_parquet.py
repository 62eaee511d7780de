"""Parquet tables: typed cells become what the same cells of a CSV or JSONL would be; errors name row and column."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import tracemalloc
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imagegen.domain.row import Row
from imagegen.errors import ManifestError
from imagegen.manifest import check, open_manifest
from imagegen.manifest.tables import open_table

PROGRAM = Path(sys.executable).with_name("imagegen")


def written(folder: Path, columns: dict[str, Any], name: str = "m.parquet", **said: Any) -> Path:
    """A Parquet file of these columns."""
    path = folder / name
    pq.write_table(pa.table(columns), path, **said)
    return path


def rows(path: Path, **fields: Any) -> list[Row]:
    """All rows of the manifest at `path`."""
    return [placed.row for placed in open_manifest(path, set_fields=fields).rows()]


NESTED = pa.struct({"fal": pa.struct({"a": "string"})})
MAPPED = pa.map_("string", pa.struct({"a": "double"}))
#: A column with one value -> the field and what it is in the row.
CELLS: dict[str, tuple[str, Any, Any]] = {
    "text": ("text", pa.array(["SALE"]), "SALE"),
    "large text": ("text", pa.array(["SALE"], pa.large_string()), "SALE"),
    "text view": ("text", pa.array(["SALE"], pa.string_view()), "SALE"),
    "dictionary": ("use_case", pa.array(["hero_image"]).dictionary_encode(), "hero_image"),
    "whole number": ("seed", pa.array([7]), 7),
    "zero": ("seed", pa.array([0], pa.uint8()), 0),
    "large number": ("seed", pa.array([2**32 - 1], pa.uint64()), 2**32 - 1),
    "number as text": ("seed", pa.array(["7"]), 7),
    "float for a whole number": ("n", pa.array([3.0]), 3),
    "double": ("guidance", pa.array([7.1]), 7.1),
    "float": ("guidance", pa.array([7.1], pa.float32()), 7.1),
    "half": ("strength", pa.array([0.1], pa.float16()), 0.1),
    "largest float": ("text", pa.array([3.4028234663852886e38], pa.float32()), "3.4028235e+38"),
    "tiny double": ("guidance", pa.array([1e-07]), 1e-07),
    "not a number": ("seed", pa.array([float("nan")]), None),
    "true": ("needs_text", pa.array([True]), True),
    "false": ("refiner", pa.array([False]), False),
    "yes": ("needs_text", pa.array(["yes"]), True),
    "one": ("needs_text", pa.array([1]), True),
    "null": ("seed", pa.array([None], pa.int32()), None),
    "null type": ("seed", pa.nulls(1), None),
    "empty text": ("model", pa.array([""]), None),
    "decimal": ("max_price", pa.array([Decimal("0.0400")]), Decimal("0.04")),
    "wide decimal": ("max_price", pa.array([Decimal("1.5")], pa.decimal256(40, 9)), Decimal("1.5")),
    "number for text": ("text", pa.array([1001]), "1001"),
    "date": ("deadline", pa.array([dt.date(2026, 11, 22)]), "2026-11-22"),
    "time": ("deadline", pa.array([dt.time(9, 30)]), "09:30:00"),
    "moment": ("deadline", pa.array([dt.datetime(2026, 11, 22, 9, 30)]), "2026-11-22T09:30:00"),
    "moment of a zone": (
        "deadline",
        pa.array([dt.datetime(2026, 11, 22, 9, 30, tzinfo=dt.UTC)], pa.timestamp("ms", "UTC")),
        "2026-11-22T09:30:00+00:00",
    ),
    "nanoseconds": ("deadline", pa.array([1_001], pa.timestamp("ns")), "1970-01-01T00:00:00.000001"),
    "nanoseconds of a day": ("deadline", pa.array([1_001], pa.time64("ns")), "00:00:00.000001"),
    "list": ("tags", pa.array([["a", "b"]]), ("a", "b")),
    "list in one text": ("tags", pa.array(["a, b"]), ("a", "b")),
    "fixed list": ("image", pa.array([["a.png", "b.png"]], pa.list_(pa.string(), 2)), ("a.png", "b.png")),
    "list of whole numbers": ("tags", pa.array([[1, 2]]), ("1", "2")),
    "struct": ("options", pa.array([{"openai": {"a": "b", "n": 1, "none": None}}]), {"openai": {"a": "b", "n": 1}}),
    "struct of nothing": ("options", pa.array([{"fal": {"a": None}}], NESTED), None),
    "map": ("options", pa.array([[("fal", {"a": 1.5})]], MAPPED), {"fal": {"a": 1.5}}),
    "JSON in text": ("options", pa.array(['{"fal": {"a": 1}}']), {"fal": {"a": 1}}),
    "list of structs": ("lora", pa.array([[{"path": "a", "weight": 0.5}]]), ({"path": "a", "weight": 0.5},)),
    "moments in a list": ("tags", pa.array([[1_000]], pa.list_(pa.timestamp("ns"))), ("1970-01-01T00:00:00.000001",)),
    "uuid": ("id", pa.array([uuid.UUID(int=7).bytes], pa.uuid()), str(uuid.UUID(int=7))),
}  # fmt: skip


@pytest.mark.parametrize(("field", "column", "expected"), CELLS.values(), ids=CELLS)
def test_reads_a_cell(tmp_path: Path, field: str, column: Any, expected: Any) -> None:
    """What a cell holds is what the field takes; nothing and not-a-number say nothing."""
    (row,) = rows(written(tmp_path, {"prompt": ["A mug"], field: column}))
    found = row.model_dump(exclude_defaults=True).get(field)
    assert (found if field != "text" else row.text) == expected
    assert type(found) is type(expected)


def test_rows_come_in_order_across_row_groups(tmp_path: Path) -> None:
    """Each with its number; blank rows do not count less."""
    path = written(tmp_path, {"id": [f"r{n}" for n in range(3000)], "prompt": ["A"] * 3000}, row_group_size=700)
    placed = list(open_manifest(path).rows())
    assert [each.row.id for each in placed] == [f"r{n}" for n in range(3000)]
    assert [each.place.line for each in placed] == list(range(1, 3001))


def test_as_a_source(tmp_path: Path) -> None:
    """Templates see text, numbers and mappings; a column of bytes may be there as long as nobody asks for it."""
    columns = {
        "Handle": ["mug", "bowl", "cup"],
        "price": pa.array([12.5, 3.0, None]),
        "stock": [4, 0, 1],
        "size": [{"w": 3}, {"w": 4}, {"w": 5}],
        "photo": [b"\xff", None, b""],
    }
    written(tmp_path, columns, "goods.parquet")
    manifest = tmp_path / "m.yaml"
    each = '{id: "{{ row.Handle }}", prompt: "{{ row.Handle }} {{ row.price }} {{ row.size.w + 1 }}"}'
    manifest.write_text(f"imagegen: 1\nsource: {{file: goods.parquet, where: row.stock > 0, each: {each}}}\n")
    assert [(row.id, row.prompt) for row in rows(manifest)] == [("mug", "mug 12.5 4"), ("cup", "cup  6")]
    manifest.write_text(manifest.read_text().replace("row.size.w + 1", "row.photo"))
    with pytest.raises(ManifestError, match="binary data") as caught:
        check(open_manifest(manifest))
    assert "(for " in str(caught.value)


def test_columns_that_are_no_fields_are_noted(tmp_path: Path) -> None:
    """As in other tables; binary ones too."""
    manifest = open_manifest(written(tmp_path, {"prompt": ["A"], "weight": [1], "photo": [b"x"]}))
    assert check(manifest) == 1
    assert manifest.notes == ["columns not used: weight, photo"]


NAN_TEXT = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe"))
#: Columns -> row, column, a piece of what is said, and of what to do.
BAD: dict[str, tuple[dict[str, Any], int, int, str, str]] = {
    "no prompt column": ({"id": ["a"], "title": ["b"]}, 0, 0, "columns are id, title", "source:"),
    "misspelt prompt": ({"id": ["a"], "Prompt": ["b"]}, 0, 0, "'Prompt'", "rename it to prompt"),
    "binary prompt": ({"prompt": [b"a"]}, 0, 0, "the column prompt holds binary data", "save it as text"),
    "fixed binary": ({"prompt": ["a"], "text": pa.array([b"ab"], pa.binary(2))}, 0, 0, "text holds binary", "text"),
    "binary in a list": ({"prompt": ["a"], "image": [[b"x"]]}, 0, 0, "image holds binary data", "rename"),
    "binary in a struct": ({"prompt": ["a"], "image": [{"bytes": b"x"}]}, 0, 0, "image holds binary data", "text"),
    "duration": ({"prompt": ["a"], "deadline": [dt.timedelta(1)]}, 0, 0, "the type duration", "text"),
    "no name": ({"prompt": ["a"], "": ["b"]}, 0, 0, "column 2 has no name", "name it"),
    "no prompt in a row": ({"id": ["a", "b"], "prompt": ["A", None]}, 2, 1, "no prompt", "leave the row out"),
    "blank prompt": ({"prompt": ["A", "  "]}, 2, 1, "no prompt", "write one"),
    "id twice": ({"prompt": ["A", "B"], "id": ["a", "a"]}, 2, 1, "'a' is used twice, first at {file}:1:1", "another"),
    "seed a word": ({"prompt": ["A", "B"], "seed": ["1", "x"]}, 2, 2, "seed: 'x'", "digits"),
    "seed a fraction": ({"prompt": ["A"], "seed": [1.5]}, 1, 2, "seed: '1.5' is not a whole number", "digits"),
    "seed negative": ({"prompt": ["A"], "seed": [-1]}, 1, 2, "seed: -1 is too small", "0 or more"),
    "infinite": ({"prompt": ["A"], "guidance": [float("inf")]}, 1, 2, "guidance: 'inf'", "number"),
    "flag": ({"prompt": ["A"], "needs_text": [7]}, 1, 2, "needs_text: '7'", "true or false"),
    "list for text": ({"prompt": [["A"]]}, 1, 1, "prompt: a list stands where text", "write text"),
    "unknown member": ({"prompt": ["A"], "lora": [{"file": "a"}]}, 1, 2, "unknown key lora.file", "path"),
    "NUL": ({"id": ["a", "b"], "prompt": ["A", "a\0b"]}, 2, 2, "prompt: a NUL character", "plain text"),
    "not UTF-8": ({"id": ["a"], "prompt": NAN_TEXT}, 1, 2, "the text is not UTF-8", "UTF-8"),
    "huge cell": ({"prompt": ["A", "B" * (2**20 + 1)]}, 2, 1, "more than 1 MiB", "shorten"),
    "year 300000": ({"prompt": ["A"], "deadline": pa.array([2**62], pa.timestamp("us"))}, 1, 2, "deadline: ", "text"),
}


@pytest.mark.parametrize(("columns", "row", "column", "said", "todo"), BAD.values(), ids=BAD)
def test_bad_tables(tmp_path: Path, columns: dict[str, Any], row: int, column: int, said: str, todo: str) -> None:
    """One line: file, row, column by its number, what is wrong and what to do."""
    path = written(tmp_path, columns)
    with pytest.raises(ManifestError) as caught:
        check(open_manifest(path))
    error = caught.value
    assert (error.file, error.line, error.column) == (str(path), row, column)
    assert said.format(file=path) in error.what
    assert todo in error.todo
    assert "\n" not in str(error)


def test_a_column_twice(tmp_path: Path) -> None:
    """Which of the two counts is nobody's guess."""
    path = tmp_path / "m.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(["A"]), pa.array(["B"])], ["prompt", "prompt"]), path)
    with pytest.raises(ManifestError, match="the column 'prompt' is there twice; rename or remove one of them"):
        open_manifest(path)


def test_files_that_are_no_parquet(tmp_path: Path) -> None:
    """Text, nothing, a half, a folder, one that is not there."""
    good = written(tmp_path, {"prompt": ["A mug"] * 1000}).read_bytes()
    path = tmp_path / "x.parquet"
    for content in (
        b"",
        b"id,prompt\na,b\n",
        "id,prompt\n".encode("utf-16"),
        good[: len(good) // 2],
        b"PAR1",
        b"PAR1PAR1",
    ):
        path.write_bytes(content)
        with pytest.raises(ManifestError, match="Parquet"):
            check(open_manifest(path))
    for path, said in ((tmp_path, "is a folder"), (tmp_path / "no.parquet", "is not there")):
        with pytest.raises(ManifestError, match=said):
            open_table(path.with_suffix(".parquet") if path.is_file() else path / "." if path.is_dir() else path)


def test_damage_is_found(tmp_path: Path) -> None:
    """Whatever byte is wrong, it is one line or makes no difference: never a traceback, never another text."""
    prompts = [f"Prompt number {n}" for n in range(2000)]
    options = {"write_page_checksum": True, "use_dictionary": False, "row_group_size": 500}
    path = written(tmp_path, {"prompt": prompts}, **options)
    good, refused = path.read_bytes(), 0
    for at in range(0, len(good), max(1, len(good) // 150)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :])
        try:
            assert [row.prompt for row in rows(path, provider="placeholder")] == prompts
        except ManifestError:
            refused += 1
    assert refused > 100


def test_no_rows(tmp_path: Path) -> None:
    """A table with columns and no rows is well-formed, as a CSV of a header alone."""
    assert (
        check(open_manifest(written(tmp_path, {"id": pa.array([], pa.string()), "prompt": pa.array([], pa.string())})))
        == 0
    )
    with pytest.raises(ManifestError, match="the table is empty"):
        open_manifest(written(tmp_path, {}))


def test_memory_stays_flat(tmp_path: Path) -> None:
    """A hundred times as many rows, in one row group, take no more memory at a time."""
    peaks = []
    for count in (2_000, 200_000):
        columns = {
            "id": [f"r{n}" for n in range(count)],
            "prompt": [f"A mug, number {n}, {n:0150}" for n in range(count)],
        }
        table = open_table(written(tmp_path, columns, use_dictionary=False, compression="none", row_group_size=count))
        before = pa.total_allocated_bytes()
        tracemalloc.start()
        most = 0
        for line, _ in table.records():
            if line % 500 == 0:
                most = max(most, pa.total_allocated_bytes() - before)
        peaks.append((tracemalloc.get_traced_memory()[1], most))
        tracemalloc.stop()
    assert peaks[1][0] < 2 * peaks[0][0]
    assert peaks[1][1] < 8 * 2**20


def run(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "IMAGEGEN_HOME": str(folder / "home"), **more}
    return subprocess.run(
        [PROGRAM, *arguments], cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def test_the_program_reads_it(tmp_path: Path) -> None:
    """From a Parquet file to pictures, and what is wrong in it as one line with exit code 2."""
    written(tmp_path, {"id": ["mug", "bowl"], "prompt": ["A mug", "A bowl"], "size": ["64x64"] * 2})
    done = run(tmp_path, "run", "m.parquet", "--provider", "placeholder")
    assert (done.returncode, done.stderr.splitlines()[1][:6]) == (0, "2 made"), done.stderr
    assert {path.name for path in (tmp_path / "out/m").glob("*.png")} == {"mug.png", "bowl.png"}
    written(tmp_path, {"id": ["mug", "mug"], "prompt": ["A mug", "A bowl"]})
    done = run(tmp_path, "plan", "m.parquet")
    assert done.returncode == 2
    assert (
        done.stderr
        == "error: m.parquet:2:1: the id 'mug' is used twice, first at m.parquet:1:1; give one of the two another id\n"
    )


def test_without_the_extra(tmp_path: Path) -> None:
    """One line with the command that installs it, and exit code 2; other manifests need no pyarrow."""
    written(tmp_path, {"prompt": ["A mug"]})
    (tmp_path / "m.csv").write_text("prompt\nA mug\n")
    (tmp_path / "none" / "pyarrow").mkdir(parents=True)
    (tmp_path / "none" / "pyarrow" / "__init__.py").write_text(
        "raise ModuleNotFoundError('No module', name='pyarrow')\n"
    )
    without = {"PYTHONPATH": str(tmp_path / "none")}
    done = run(tmp_path, "validate", "m.parquet", **without)
    said = "error: m.parquet: Parquet needs the package pyarrow; run pip install 'imagegen-batch[parquet]'\n"
    assert (done.returncode, done.stderr) == (2, said)
    assert run(tmp_path, "validate", "m.csv", **without).returncode == 0
