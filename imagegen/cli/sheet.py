"""Sheets: plain aligned columns on stdout, without lines, and text cells that obey nothing.

Knows how wide the terminal is, and nothing of what stands in the cells.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from imagegen.cli.say import visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text


def sheet(*columns: str, right: Iterable[str] = (), keep: Iterable[str] = ()) -> Table:
    """A table with these column titles (all empty: no head). Columns in `right` are aligned right, those
    in `keep` are never broken into lines."""
    from rich.table import Table

    table = Table(box=None, show_header=any(columns), pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        justify = "right" if name in right else "left"
        table.add_column(name, justify=justify, no_wrap=name in keep, overflow="fold")  # type: ignore[arg-type]
    return table


def cell(*lines: str, style: str = "") -> Text:
    """Text for a cell, one line below the other: control characters shown, nothing taken for markup."""
    from rich.text import Text

    return Text("\n".join(visible(line) for line in lines if line), style=style)


def put(*things: RenderableType, indent: int = 0) -> None:
    """Print to stdout; no colour when that is no terminal, and no spaces at the ends of lines. `indent` in spaces."""
    from rich.padding import Padding

    console = _console()
    with console.capture() as captured:
        for thing in things:
            console.print(Padding(thing, (0, 0, 0, indent)) if indent else thing)
    for line in captured.get().splitlines():
        print(line.rstrip())  # noqa: T201


def width() -> int:
    """How many characters fit on a line of stdout."""
    return _console().width


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)
