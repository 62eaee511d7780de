"""Lines of JSON lose nothing; results.csv cannot calculate; refused.csv is a manifest again."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagegen.domain.money import nano
from imagegen.domain.result import Result
from imagegen.domain.row import Lora, Row
from imagegen.manifest import open_manifest
from imagegen.report import jsonl_line, write_csv, write_refused
from imagegen.report.tables import COLUMNS, MONEY, guard

ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
NASTY = st.text(st.sampled_from(" \u00a0\u3000\t\r\n\v\u2028=+-@＝a1'\""), max_size=12)
BLANKS = " \u00a0\u3000\u200b\ufeff"
#: Where a reader of cells may see a line begin.
LINE_ENDS = re.compile("\r\n|[;\t\n\r\v\f\x85\u2028\u2029]")


def cells(results: list[Result]) -> list[list[str]]:
    out = io.StringIO(newline="")
    write_csv(results, out)
    return list(csv.reader(io.StringIO(out.getvalue(), newline="")))


def refused(results: list[Result]) -> tuple[int, list[dict[str, str]]]:
    out = io.StringIO(newline="")
    count = write_refused(lambda: iter(results), out)
    return count, list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))


def back(line: str) -> Result:
    values = json.loads(line)
    for name, outside in MONEY.items():
        amount = values.pop(outside)
        values[name] = None if amount is None else nano(amount)
    return Result(**values)


@pytest.mark.parametrize("amount", [0, 1, 13_200_000, 161 * 10**9, None])
def test_json_returns_the_same_result(result: Any, amount: int | None) -> None:
    """A line of JSON, read back, is the result it was made from, to the nanodollar."""
    before = result(cost=amount, premium=amount, fields={"size": "512x512", "tags": ["a"], "n": 2})
    assert back(jsonl_line(before)) == before


@given(prompt=st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_json_is_one_line_whatever_the_prompt(prompt: str) -> None:
    """No prompt, lone surrogates included, breaks a line of JSON or is changed by it."""
    line = jsonl_line(Result(id="a", state="made", prompt=prompt))
    assert len(line.splitlines()) == 1
    assert json.loads(line.encode().decode())["prompt"] == prompt


def test_json_names_money_in_usd(result: Any) -> None:
    """Keys are those of Result, in its order, but for money, which is plain text in USD."""
    values = json.loads(jsonl_line(result(cost=13_200_000, estimate=None)))
    assert list(values) == [MONEY.get(field.name, field.name) for field in fields(Result)]
    assert (values["cost_usd"], values["estimate_usd"]) == ("0.0132", None)


def test_json_keeps_decimals_and_letters(result: Any) -> None:
    """A decimal of a row becomes its text; letters of any script stay readable."""
    line = jsonl_line(result(prompt="熊猫", fields={"max_price": Decimal("0.10")}))
    assert "熊猫" in line
    assert json.loads(line)["fields"] == {"max_price": "0.10"}


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("  =1", "'  =1"),
        ("\u00a0=1", "'\u00a0=1"),
        ("a\n=1", "a\n'=1"),
        ("a\r\n @x", "a\r\n' @x"),
        ("a\r=1", "a\r'=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a;=1", "a;'=1"),
        ("a; -1", "a;' -1"),
        ("a\t=1", "a\t'=1"),
        ("a; b", "a; b"),
        ("a=1", "a=1"),
        ("a\nb", "a\nb"),
        ("'=1", "'=1"),
        ("", ""),
    ],
)
def test_guard_marks_what_would_calculate(text: str, safe: str) -> None:
    """A line that begins, after blanks, like a formula gets a quote before it, and nothing else changes; so does what
    a spreadsheet would take for a cell of its own where its delimiter is ; or a tab."""
    assert guard(text) == safe


@given(prompt=ANY_TEXT | NASTY, name=ANY_TEXT | NASTY, reason=NASTY)
@settings(max_examples=150)
def test_no_cell_can_calculate(prompt: str, name: str, reason: str) -> None:
    """Read back as CSV, no line of any cell begins with a sign that starts a formula, and without
    the quotes every cell is what it was."""
    head, row = cells([Result(id=name, state="failed", prompt=prompt, reason=reason)])
    for cell in row:
        for line in LINE_ENDS.split(cell):
            assert not line.lstrip(BLANKS).startswith(("=", "+", "-", "@", "\t", "＝"))
    values = dict(zip(head, row, strict=True))
    for column, before in (("prompt", prompt), ("id", name), ("reason", reason)):
        assert values[column].replace("'", "") == before.replace("'", "")


def test_csv_has_the_columns_and_the_money(result: Any) -> None:
    """results.csv names its columns and gives money as plain numbers, nothing where it is not known."""
    head, first, second = cells([result(), result(id="cup", state="unknown", cost=None)])
    assert tuple(head) == COLUMNS
    at = head.index("cost_usd")
    assert (first[at], second[at]) == ("0.04", "")


def test_csv_can_be_encoded(result: Any) -> None:
    """A lone surrogate, which no UTF-8 file can hold, does not stop the table."""
    _, row = cells([result(reason="bad \udcff name")])
    assert row[COLUMNS.index("reason")] == "bad \ufffd name"


@given(prompt=ANY_TEXT | NASTY, size=ANY_TEXT | NASTY)
@settings(max_examples=100)
def test_refused_rows_come_back_exactly(prompt: str, size: str) -> None:
    """Whatever stands in a refused row stands in refused.csv, unguarded, and is read back the same."""
    row = Result(id="=a", state="refused", prompt=prompt, reason="no", fields={"size": size})
    assert refused([row]) == (1, [{"id": "=a", "prompt": prompt, "size": size, "why_refused": "no"}])


def test_refused_has_every_field_of_every_row_and_the_reason_last(result: Any) -> None:
    """The columns are those of all refused rows together; rows in other states are left out."""
    rows = [
        result(id="a", state="refused", reason="one", fields={"size": "1x1"}),
        result(id="b", fields={"seed": 4}),
        result(id="c", state="refused", reason="two", fields={"steps": 3}),
    ]
    count, table = refused(rows)
    assert count == 2
    assert list(table[0]) == ["id", "prompt", "size", "steps", "why_refused"]
    assert [(row["id"], row["size"], row["steps"]) for row in table] == [("a", "1x1", ""), ("c", "", "3")]


def test_refused_lists_a_row_once_for_all_its_pictures(result: Any) -> None:
    """A row with n pictures, several of them refused, is one row again: a manifest has no equal ids."""
    count, table = refused([result(state="refused", sample=number) for number in range(3)])
    assert (count, len(table)) == (1, 1)


def test_refused_writes_nothing_when_nothing_was_refused(result: Any) -> None:
    """Without refused rows the file stays empty, so that the caller can leave it out."""
    out = io.StringIO()
    assert write_refused(lambda: [result()], out) == 0
    assert out.getvalue() == ""


def test_refused_rows_are_read_by_the_manifest_reader(result: Any, tmp_path: Path) -> None:
    """refused.csv, opened as a manifest, holds the rows that were refused, field by field: quotes, line ends,
    signs that a spreadsheet would act on, flags, small numbers, tags and nested options."""
    rows = [
        Row(id="=1+1", prompt='-say "no", twice\nand {{ never }}', needs_text=True, text="50 % =off"),
        Row(id="b", prompt="熊猫", guidance=1e-07, tags=("x", "y"), max_price=Decimal("0.0000001"), seed=0),
        Row(id="c", prompt="p", options={"openai": {"user": "a, b", "n": [1, None]}}, lora=Lora(path="a.safetensors")),
    ]
    listed = [
        result(state="refused", reason="no", id=row.id, prompt=row.prompt, fields=row.model_dump(exclude_unset=True))
        for row in rows
    ]
    file = tmp_path / "refused.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        assert write_refused(lambda: listed, out) == 3
    assert [placed.row for placed in open_manifest(file).rows()] == rows


def test_refused_rows_are_rows_again(result: Any) -> None:
    """The cells of a refused row make the same Row, its flags, numbers, tags and money included."""
    row = Row(id="a", prompt="p", needs_text=True, seed=7, guidance=0.1, tags=("x", "y"), max_price=Decimal("0.050"))
    stated = row.model_dump(exclude_unset=True)
    _, (cell,) = refused([result(id="a", state="refused", prompt="p", reason="no", fields=stated)])
    del cell["why_refused"]
    assert Row.model_validate(cell) == row
