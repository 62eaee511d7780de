"""A plan's lines for people: one picture below the other, in columns that fit the terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from imagegen.cli import say
from imagegen.domain.drafts import called
from imagegen.domain.money import show

if TYPE_CHECKING:
    from imagegen.estimate import Counted
    from imagegen.planned import Planned

#: The widths of columns are those of so many first lines.
MEASURED = 200


class Cells(NamedTuple):
    """One picture's line."""

    id: str
    state: str
    model: str
    provider: str
    size: str
    price: str


def cells(planned: Planned, state: Counted) -> Cells:
    """The line of `planned`, counted as `state`."""
    from imagegen.estimate import unpriced

    draft = planned.draft
    name = called(draft.row.id, draft.sample, draft.row.n > 1)
    if state == "refused":
        return Cells(say.visible(name), state, "", "", "", "price unknown" if unpriced(planned) else "")
    model, provider = asked(planned)
    provider = f"{provider} (batch)" if state == "buy" and draft.blueprint.lane == "batch" else provider
    return Cells(say.visible(name), state, model, provider, _sizes(planned), _price(planned, state))


def asked(planned: Planned) -> tuple[str, str]:
    """Model@quality and provider; a placeholder under the model that it stands in for."""
    blueprint = planned.draft.blueprint
    if planned.state == "kept" and planned.seen:
        return planned.seen.evidence.model, planned.seen.evidence.provider
    chosen = blueprint.choice
    if chosen is None:
        return "", ""
    return f"{chosen.model.name}{f'@{chosen.quality}' if chosen.quality else ''}", blueprint.provider


def _sizes(planned: Planned) -> str:
    """What is generated, and what becomes of it."""
    chosen = planned.draft.blueprint.choice
    if chosen is None:
        return ""
    size = chosen.size_plan
    final = f"{size.width}x{size.height}" if size.width and size.height else str(size.size)
    return final if final == str(size.size) else f"{size.size} → {final}"


def _price(planned: Planned, state: Counted) -> str:
    if state == "shared":
        return show(0)
    if planned.cost is None:
        return "price unknown"
    guessed = state == "buy" and planned.draft.blueprint.unit.basis != "exact"
    return f"{'~' if guessed else ''}{show(planned.cost)}"


def print_lines(counted: Iterator[tuple[Planned, Counted]]) -> dict[str, int]:
    """Print a line a picture, and what is special about it below. Returns remarks and of how many pictures."""
    remarks: dict[str, int] = {}
    first = list(islice(counted, MEASURED))
    show_cells = _columns([cells(*each) for each in first])
    for planned, state in chain(first, counted):
        print(show_cells(cells(planned, state)))  # noqa: T201
        if planned.reason:
            print(_below(planned.reason))  # noqa: T201
        for note in planned.notes:
            if note in remarks or len(remarks) < MEASURED:
                remarks[note] = remarks.get(note, 0) + 1
    return remarks


def _below(text: str) -> str:
    """A remark below a line, broken between words where the terminal ends."""
    if not sys.stdout.isatty():
        return f"  {say.visible(text)}"
    room = shutil.get_terminal_size().columns
    return textwrap.fill(say.visible(text), room, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _columns(lines: Sequence[Cells]) -> Any:
    """Writes one line's cells below the other's. Where the terminal is narrow the provider goes first, then the
    size that is generated, and at last the ends of long ids."""
    widths = [max((len(cell) for cell in column), default=0) for column in zip(*lines, strict=True)] or [0] * 6
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    chosen = [0, 1, 2, 3, 4, 5]
    if _total(widths, chosen) > room:
        chosen.remove(3)
    short = _total(widths, chosen) > room
    if short:
        widths[4] = max((len(_final(line.size)) for line in lines), default=0)
    widths[0] = max(8, min(widths[0], widths[0] - (_total(widths, chosen) - room)))

    def write(line: Cells) -> str:
        said = [*line]
        said[4] = _final(line.size) if short else line.size
        if len(said[0]) > widths[0] and room < 10_000:
            said[0] = f"{said[0][: widths[0] - 1]}…"
        parts = [said[n].rjust(widths[n]) if n == 5 else said[n].ljust(widths[n]) for n in chosen]
        return "  ".join(parts).rstrip()

    return write


def _total(widths: Sequence[int], chosen: Sequence[int]) -> int:
    return sum(widths[n] for n in chosen) + 2 * (len(chosen) - 1)


def _final(size: str) -> str:
    return size.rpartition(" → ")[2]
