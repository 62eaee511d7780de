"""Sheets: slots as prompts.txt, prompts.csv and prompts.html, for a person to work through.

The page loads nothing from outside and works without its script; markup, style and script lie in `imagegen/data`.
"""

from __future__ import annotations

import base64
import csv
import hashlib
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from typing import TextIO

from imagegen.handoff.slots import Slot
from imagegen.report.tables import encodable, guard

COLUMNS = ("number", "code", "id", "picture", "prompt", "model", "aspect_ratio", "seed", "save_as", "also_for")


def text(slots: Sequence[Slot], out: TextIO) -> None:
    """A line to paste for each, below a line with its code and row."""
    for slot in slots:
        also = f" (also for {', '.join(slot.also)})" if slot.also else ""
        out.write(encodable(f"# {slot.code}  {_one_line(slot.name + also)}\n{slot.line}\n\n"))


def table(slots: Sequence[Slot], out: TextIO) -> None:
    """The same for spreadsheets and programs."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, slot in enumerate(slots, 1):
        seed = "" if slot.seed is None else slot.seed
        cells = [number, slot.code, slot.row, slot.sample + 1, slot.line, slot.model, slot.ratio, seed]
        writer.writerow([guard(encodable(str(each))) for each in (*cells, slot.save_as, ", ".join(slot.also))])


def page(slots: Sequence[Slot], out: TextIO, *, title: str, command: str, when: datetime) -> None:
    """The same to print, or to tick off in a browser. `command` takes the pictures back."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    style, script = _data("handoff.css"), _data("handoff.js")
    groups: dict[str, list[tuple[int, Slot]]] = {}
    for number, slot in enumerate(slots, 1):
        groups.setdefault(slot.title, []).append((number, slot))
    filled = environment.from_string(_data("handoff.html.j2")).render(
        title=title,
        command=command,
        when=f"{when.day} {when:%B %Y}",
        count=len(slots),
        groups=groups,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )
    out.write(encodable(filled))


def _one_line(said: str) -> str:
    return " ".join(said.split())


def _data(name: str) -> str:
    return (files("imagegen") / "data" / name).read_text(encoding="utf-8")


def _hash(said: str) -> str:
    """The name by which the page's own policy lets an inline style or script in."""
    return "sha256-" + base64.b64encode(hashlib.sha256(said.encode()).digest()).decode()
