"""What `imagegen handoff` says: where the sheets lie, which file goes to which row and why, what is left."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from imagegen.cli import say
from imagegen.domain.money import plain, show
from imagegen.domain.words import counted, pictures

if TYPE_CHECKING:
    from imagegen.handoff.matching import Match
    from imagegen.handoff.slots import Slots
    from imagegen.handoff.work import Exported, Prepared

#: Refusals beyond this many are only counted.
SHOWN = 10


def command(folder: Path) -> str:
    """How the pictures are taken back."""
    return f"imagegen handoff import {shlex.quote(str(folder))}"


def refusals(slots: Slots) -> None:
    """A line for each row that planning refuses."""
    for where, row, reason in slots.refused[:SHOWN]:
        say.info(f"{where}: {row}: {reason}")
    if len(slots.refused) > SHOWN:
        say.info(f"… and {len(slots.refused) - SHOWN:,} more")


def exported(done: Exported, manifest: Path) -> None:
    """Where the sheets are and how to go on."""
    from imagegen.handoff.work import SHEETS

    waiting, there = len(done.slots.open), len(done.slots.made)
    if there:
        say.note(f"{pictures(there)} {'is' if there == 1 else 'are'} there already, and not on the sheets")
    _stuck(done.slots)
    if done.folder is None:
        rest = "every picture is there" if there else "no row goes to a model without an API"
        print(f"Nothing to hand over: {rest if not done.slots.refused else 'see above'}.")  # noqa: T201
        return
    cost = sum(slot.cost for slot in done.slots.open)
    print(f"{counted(waiting, 'prompt')} of {manifest.name}, ~{show(cost)} by their share of a subscription:")  # noqa: T201
    for name in SHEETS:
        print(f"  {done.folder / name}")  # noqa: T201
    print(f"Then put the pictures into a folder: {command(Path('FOLDER'))}")  # noqa: T201


def export_events(done: Exported) -> None:
    """A line for each prompt, and a last one."""
    for number, slot in enumerate(done.slots.open, 1):
        say.event(
            {"event": "prompt", "number": number, "code": slot.code, "id": slot.row, "sample": slot.sample}
            | {"line": slot.line, "model": slot.model, "aspect_ratio": slot.ratio, "seed": slot.seed}
            | {"save_as": slot.save_as, "also": slot.also, "cost_usd": plain(slot.cost), "key": slot.key}
        )
    counts = {"prompts": len(done.slots.open), "there": len(done.slots.made), "refused": len(done.slots.refused)}
    folder = done.folder
    say.event({"event": "export", **counts, "folder": str(folder) if folder else None})


def matches(found: Prepared) -> None:
    """The matching as a table, and what was not taken."""
    from imagegen.cli.sheet import cell, put, sheet

    refusals(found.slots)
    _stuck(found.slots)
    taken = found.taken
    if taken:
        table = sheet("Picture", "Row", "By", "Size", "Books", right=("Books",), keep=("By", "Size", "Books"))
        for each in taken:
            assert each.slot
            assert each.by
            size, share = f"{each.file.width}x{each.file.height}", show(found.shares[each.slot.key])
            table.add_row(cell(each.file.name), cell(each.slot.name), cell(each.by), size, share)
        put(table)
    left = [each for each in found.matches if each.state not in ("taken", "unusable", "unfit")]
    if left:
        if taken:
            put("")
        put(cell("Left as they are", style="bold"))
        table = sheet("", "")
        for each in left:
            table.add_row(cell(each.file.name), cell(_why(each)))
        put(table)
    if taken or left:
        put("")
    sys.stdout.flush()
    for each in found.matches:
        if each.state in ("unusable", "unfit"):
            say.error(f"{each.file.name}: {each.reason}")


def _why(match: Match) -> str:
    if match.state != "there":
        return f"{match.state}: {match.reason}" if match.state == "ambiguous" else match.reason
    assert match.slot
    return f"{match.slot.name}: {match.reason}" if match.reason == "taken before" else match.reason


def match_events(found: Prepared) -> None:
    """A line for each file."""
    refusals(found.slots)
    for each in found.matches:
        slot = each.slot
        share = plain(found.shares[slot.key]) if slot and each.state == "taken" else None
        say.event(
            {"event": "file", "file": each.file.name, "state": each.state, "id": slot.row if slot else None}
            | {"sample": slot.sample if slot else None, "by": each.by, "cost_usd": share}
            | {"reason": each.reason or None}
        )


def question(found: Prepared) -> str:
    """What stands before one who is asked, and what he is told who cannot be asked."""
    taken = len(found.taken)
    return f"{pictures(taken)} would be taken and {show(found.cost)} booked for {'it' if taken == 1 else 'them'}"


def nothing_taken(found: Prepared, dry_run: bool) -> int:
    """Say why nothing happens; the exit code."""
    from imagegen.errors import Exit, worst

    waiting = len(found.slots.open)
    if dry_run and found.taken:
        say.note("dry run: nothing was taken")
        return Exit.OK
    if not found.slots.all and not found.slots.refused:
        say.info(f"no row of {Path(found.asked.manifest).name} goes to a model without an API")
        return Exit.OK
    if not waiting:
        say.info("nothing to take: every picture is there")
        return worst({Exit.SOME_FAILED} if bad(found) else set())
    names = ", ".join(slot.name for slot in found.slots.open[:3]) + (", …" if waiting > 3 else "")
    say.info(f"nothing to take; {pictures(waiting)} {_wait(waiting)}: {names}")
    return Exit.WAITING


def bad(found: Prepared) -> bool:
    """Whether any file of the folder can be nobody's picture, or not that of its row."""
    return any(each.state in ("unusable", "unfit") for each in found.matches)


def _wait(number: int) -> str:
    return "waits" if number == 1 else "wait"


def _stuck(slots: Slots) -> None:
    stuck = [slot for slot in slots.all if slot.state == "stuck"]
    for slot in stuck[:SHOWN]:
        say.note(f"{slot.name}: {slot.reason}")
