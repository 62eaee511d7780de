"""Results as lines of JSON and CSV. JSON is lossless; `results.csv` is safe to open in a spreadsheet;
`refused.csv` is a manifest again. Knows nothing of files: the caller opens them (CSV with `newline=""`)."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from decimal import Decimal
from typing import Any, TextIO
from urllib.parse import quote

from imagegen.domain.money import plain
from imagegen.domain.result import Result

#: Results that can be gone through more than once, each call from the start.
Results = Callable[[], Iterable[Result]]

#: Money in a Result and its name outside, where it is a text in USD.
MONEY = {"cost": "cost_usd", "estimate": "estimate_usd", "premium": "premium_usd"}

#: The columns of results.csv. A row's own fields are in results.jsonl only.
COLUMNS = (
    "id",
    "sample",
    "state",
    "file",
    "cost_usd",
    "estimate_usd",
    "premium_usd",
    "model",
    "provider",
    "stands_for",
    "use_case",
    "width",
    "height",
    "format",
    "seed",
    "prompt",
    "reason",
    "why",
    "key",
    "digest",
    "original",
    "place",
    "role",
    "score",
    "chosen",
)

#: The last column of refused.csv: for the reader, not part of the manifest.
WHY_REFUSED = "why_refused"

_NAMES = tuple(field.name for field in fields(Result))
_SURROGATE = re.compile("[\ud800-\udfff]")
# Every place where a line begins, if what follows its leading blanks would make a spreadsheet calculate; also where
# one would begin a cell that takes ; or a tab for its delimiter.
# Full-width signs count: some spreadsheets fold them. Tab and CR count even alone.
_BLANKS = "[ \u00a0\u1680\u2000-\u200d\u202f\u205f\u2060\u3000\ufeff]*"
_FORMULA = re.compile(f"(^|[;\t\n\r\v\f\x85\u2028\u2029])(?={_BLANKS}[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20])")
# Line ends that JSON leaves bare and that some readers of lines stop at.
_LINE_ENDS = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def encodable(text: str) -> str:
    """`text` with lone surrogates, which no file in UTF-8 can hold, as U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def href(file: str) -> str:
    """The URL of `file` relative to the report. No name can become a scheme, a host or a query."""
    return "./" + quote(encodable(file), safe="/")


def guard(text: str) -> str:
    """`text` as a cell that no spreadsheet takes for a formula: each dangerous line gets a leading '."""
    return _FORMULA.sub(r"\1'", text)


def record(result: Result) -> dict[str, Any]:
    """`result` under its outside names, money as plain text in USD, in the order of Result."""
    values: dict[str, Any] = {}
    for name in _NAMES:
        value = getattr(result, name)
        values[MONEY.get(name, name)] = plain(value) if name in MONEY and value is not None else value
    return values


def jsonl_line(result: Result) -> str:
    """`result` as one line of JSON without its line end; nothing is lost, every key is always there."""
    line = json.dumps(record(result), ensure_ascii=False, default=str)
    if _SURROGATE.search(line):
        return json.dumps(record(result), default=str)
    for char, escape in _LINE_ENDS.items():
        line = line.replace(char, escape)
    return line


def write_csv(results: Iterable[Result], out: TextIO) -> None:
    """Write `results` as CSV that is safe to open in a spreadsheet (see `guard`)."""
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for result in results:
        values = record(result)
        table.writerow([guard(encodable(_cell(name, values[name]))) for name in COLUMNS])


def write_refused(results: Results, out: TextIO) -> int:
    """Write the refused rows as a manifest, each row once whatever its number of pictures, every value
    exactly as it was (never guarded: it must come back). Returns the rows written; 0 leaves `out` alone."""
    columns: dict[str, None] = {"id": None, "prompt": None}
    for result in _refused(results()):
        columns.update(dict.fromkeys(result.fields))
    seen: set[str] = set()
    table = csv.writer(out)
    for result in _refused(results()):
        if result.id in seen:
            continue
        if not seen:
            table.writerow([*columns, WHY_REFUSED])
        seen.add(result.id)
        values = {"id": result.id, "prompt": result.prompt, **result.fields}
        cells = [_cell(name, values.get(name)) for name in columns]
        table.writerow([encodable(cell) for cell in (*cells, result.reason or "")])
    return len(seen)


def _refused(results: Iterable[Result]) -> Iterator[Result]:
    return (result for result in results if result.state == "refused" and result.role != "draft")


def _cell(name: str, value: Any) -> str:
    """A value as a table cell: nothing for None, true/false, tags by commas, of a score its value, JSON for what else
    has parts."""
    if value is None:
        return ""
    if name == "score" and isinstance(value, dict):
        value = value["value"]
    if isinstance(value, bool):
        return "true" if value else "false"
    if name == "tags" and isinstance(value, list | tuple) and not any(re.search("[,;]", tag) for tag in value):
        return ", ".join(value)
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
