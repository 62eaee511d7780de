"""Edits of single words in a text file, as a unified diff that `git apply` and `patch -p1` take.

Only the words change: comments, quotes, order, line ends and encoding stay. Knows neither manifests nor models.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from imagegen.manifest.bytesource import UTF8

#: Lines around a change that are shown.
CONTEXT = 3
#: Where YAML's reader ends a line.
_YAML_ENDS = re.compile("\r\n|[\r\n\x85\u2028\u2029]")

Pair = tuple[str, str]


class Edit(NamedTuple):
    """`old` becomes `new`. `line` and `column` (from 1, as the file's reader counts) are those of the value, which
    may open with a quote or a space."""

    line: int
    column: int
    old: str
    new: str


class Patch(NamedTuple):
    """A diff in the file's own encoding, empty where nothing changes; `left` are edits that could not be made."""

    diff: bytes
    left: list[Edit]


def patched(path: Path, name: str, edits: Iterable[Edit], encoding: str = UTF8, yaml: bool = False) -> Patch:
    """The diff of `path`, called `name` in it, with `edits` made. Raises OSError and UnicodeError."""
    by_line: dict[int, list[Edit]] = {}
    for edit in edits:
        by_line.setdefault(edit.line, []).append(edit)
    encoding = "utf-8" if encoding == UTF8 else encoding
    if "\n".encode(encoding) != b"\n":
        return Patch(b"", [edit for line in by_line.values() for edit in line])
    left: list[Edit] = []
    pieces = _yaml_pieces(path) if yaml else _pieces(path, encoding)
    hunks = list(_hunks(_whole_lines(_edited(pieces, by_line, left))))
    head = f"--- a/{name}\n+++ b/{name}\n" if " " not in name else f"--- a/{name}\t\n+++ b/{name}\t\n"
    return Patch(head.encode() + "".join(hunks).encode(encoding) if hunks else b"", left)


def _pieces(path: Path, encoding: str) -> Iterator[str]:
    with path.open(encoding=encoding, newline="") as file:
        yield from iter(file.readline, "")


def _yaml_pieces(path: Path) -> Iterator[str]:
    text, start = path.read_bytes().decode("utf-8"), 0
    for end in _YAML_ENDS.finditer(text):
        yield text[start : end.end()]
        start = end.end()
    yield text[start:]


def _edited(pieces: Iterable[str], by_line: Mapping[int, Sequence[Edit]], left: list[Edit]) -> Iterator[Pair]:
    """Each piece before and after its edits."""
    for number, piece in enumerate(pieces, 1):
        mark = "\ufeff" if number == 1 and piece.startswith("\ufeff") else ""
        text = piece.removeprefix(mark)
        for edit in sorted(by_line.get(number, ()), key=lambda each: -each.column):
            text = _replaced(text, edit, left)
        yield piece, mark + text


def _replaced(text: str, edit: Edit, left: list[Edit]) -> str:
    start = edit.column - 1
    while text[start : start + 1] in ('"', "'", " ") and not text.startswith(edit.old, start):
        start += 1
    end = start + len(edit.old)
    if text[start:end] != edit.old or text[end : end + 1].isalnum():
        left.append(edit)
        return text
    return text[:start] + edit.new + text[end:]


def _whole_lines(pieces: Iterable[Pair]) -> Iterator[Pair]:
    """Pieces joined to lines that end with a line feed, as the tools that take a diff see them."""
    before = after = ""
    for old, new in pieces:
        before, after = before + old, after + new
        if old.endswith("\n"):
            yield before, after
            before = after = ""
    if before:
        yield before, after


def _hunks(lines: Iterable[Pair]) -> Iterator[str]:
    """The changed lines with the context around them."""
    recent: deque[Pair] = deque(maxlen=CONTEXT)
    hunk: list[Pair] = []
    start = quiet = 0
    for number, pair in enumerate(lines, 1):
        if pair[0] != pair[1]:
            if not hunk:
                start, hunk = number - len(recent), list(recent)
            quiet = 0
        elif hunk:
            quiet += 1
        if hunk or pair[0] != pair[1]:
            hunk.append(pair)
        if hunk and quiet > 2 * CONTEXT:
            yield _hunk(start, hunk[: len(hunk) - quiet + CONTEXT])
            hunk, quiet = [], 0
        recent.append(pair)
    if hunk:
        yield _hunk(start, hunk[: len(hunk) - max(0, quiet - CONTEXT)])


def _hunk(start: int, pairs: Sequence[Pair]) -> str:
    gone: list[str] = []
    come: list[str] = []
    said = [f"@@ -{start},{len(pairs)} +{start},{len(pairs)} @@\n"]
    for old, new in pairs:
        if old == new:
            said += [*gone, *come, _line(" ", old)]
            gone, come = [], []
        else:
            gone.append(_line("-", old))
            come.append(_line("+", new))
    return "".join([*said, *gone, *come])


def _line(sign: str, text: str) -> str:
    return f"{sign}{text}" if text.endswith("\n") else f"{sign}{text}\n\\ No newline at end of file\n"
