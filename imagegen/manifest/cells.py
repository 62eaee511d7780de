"""Where the cells of one row stand in its text, read as the csv module reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imagegen.manifest.values import Mark


def cell_marks(lines: Iterable[str], line: int, delimiter: str, quoted: bool) -> Iterator[Mark]:
    """Line and column at which each cell of the row begins whose text starts `lines`; `line` is its number.
    Ends with the row, or with the cell at which it is broken."""
    opening, inside, closed = True, False, False
    for number, text in enumerate(lines, line):
        for column, char in enumerate(text, 1):
            if opening:
                yield number, column
                opening = False
                if quoted and char == '"':
                    inside = True
                    continue
            if inside:
                if char == '"':
                    inside, closed = False, True
            elif char == delimiter:
                opening, closed = True, False
            elif char in "\r\n" or (closed and char != '"'):
                return
            elif closed:
                inside, closed = True, False
        if not inside:
            return
