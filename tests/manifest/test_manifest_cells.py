"""Where cells stand, held against what the csv module reads."""

import csv
import io
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from imagegen.manifest.cells import cell_marks

TEXT = st.lists(st.text(alphabet='ab,"\n ;', max_size=8), min_size=1, max_size=5)


@given(TEXT)
def test_each_cell_begins_where_its_mark_is(cells: list[str]) -> None:
    """There is a mark for every cell, at the first character of its text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    text = out.getvalue() + "next,row\n"
    lines = text.splitlines(keepends=True)
    marks = list(cell_marks(lines, 1, ",", True))
    assert len(marks) == len(cells)
    starts = [sum(map(len, islice(lines, line - 1))) + column - 1 for line, column in marks]
    for start, cell in zip(starts, cells, strict=True):
        written = '"' + cell.replace('"', '""') + '"' if text[start] == '"' else cell
        assert text.startswith(written, start)
    assert all(text[start - 1] == "," for start in starts[1:])


@given(st.lists(st.text(alphabet="ab\" '", max_size=5), min_size=1, max_size=5))
def test_without_quoting_cells_begin_after_tabs(cells: list[str]) -> None:
    """Where quotes mean nothing, only the delimiter counts."""
    marks = list(cell_marks(["\t".join(cells) + "\r\n", "next\n"], 4, "\t", False))
    assert marks == [(4, 1 + sum(len(cell) + 1 for cell in cells[:index])) for index in range(len(cells))]
