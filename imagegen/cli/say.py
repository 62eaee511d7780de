"""Saying things to people: errors and notes on stderr, with control characters made visible."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, TextIO

#: What a terminal does something else with than show it: controls, marks of direction, line ends, half characters.
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """`text` on one line, its control characters shown instead of obeyed: a prompt is not a terminal code."""
    return _OBEYED.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    if found[0] in "\n\r\t":
        return " "
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def event(value: Any) -> None:
    """One line of JSON on stdout."""
    put(json_text(value), sys.stdout)


def json_text(value: Any) -> str:
    """`value` as JSON on one line; what a terminal would obey is escaped, which says the same."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def error(text: str) -> None:
    """One line on stderr: what went wrong."""
    _line("error", text, "31")


def note(text: str) -> None:
    """One line on stderr: something to know."""
    _line("note", text, "33")


def info(text: str) -> None:
    """A plain line on stderr."""
    put(visible(text), sys.stderr)


def _line(kind: str, text: str, colour: str) -> None:
    head = f"\x1b[{colour};1m{kind}:\x1b[0m" if sys.stderr.isatty() else f"{kind}:"
    put(f"{head} {visible(text)}", sys.stderr)


def put(line: str, stream: TextIO) -> None:
    """Write `line`. Once nobody reads `stream` any more (`| head -1`) all goes nowhere, and the work goes on."""
    try:
        print(line, file=stream, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
