"""`plan -o FILE` and `plan --against FILE`: the plan that a run would keep to, written or compared."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from imagegen.cli import look, say
from imagegen.domain.money import plain, show

if TYPE_CHECKING:
    from imagegen.contract import Sums
    from imagegen.domain.row import Placed
    from imagegen.estimate import Totals
    from imagegen.planfile import PlanFile
    from imagegen.wiring import Project

Form = Literal["text", "json", "markdown"]


def carry_out(
    project: Project, rows: Iterable[Placed], output: Path | None, write: Path | None, against: Path | None, form: Form
) -> int:
    """Plan as `run` would; write the plan to `write`, or say how it differs from `against`, or both."""
    from imagegen import contract
    from imagegen.cli.against import compare
    from imagegen.cli.plan import put_lines
    from imagegen.estimate import Totals
    from imagegen.planfile import open_plan, writing

    old = open_plan(against) if against else None
    keyed = bool(project.context.enabled)
    project = contract.binding(project, old.head if old else None)
    totals, sums = Totals(), contract.Sums()
    heading = contract.head(project, output or project.output, (write or Path("plan")).parent)
    with ExitStack() as stack:
        writer = stack.enter_context(writing(write)) if write else None
        planned = stack.enter_context(look.planning(project, output, rows))
        if writer:
            writer.put(heading)
        counted = contract.written(((picture, totals.add(picture)) for picture in planned), writer, sums)
        if old:
            pictures = (contract.record(*each) for each in counted)
            compare(old, heading, pictures, totals, form)
            remarks: dict[str, int] = {}
        else:
            remarks = put_lines(counted, form == "json")
        if writer:
            writer.put(contract.totals_line(totals, sums.most))
    if not old:
        _close(project, totals, sums, remarks, form)
    if form == "text" and write:
        _say_written(write, sums)
    if form != "json":
        look.say_notes(_notes(project, sums, keyed, old))
    return 0


def _close(project: Project, totals: Totals, sums: Sums, remarks: dict[str, int], form: Form) -> None:
    from imagegen.cli.plan import close, summary

    if form == "json":
        say.event({**summary(project, totals), "at_most_usd": plain(sums.most)})
    else:
        close(project, totals, remarks)


def _say_written(path: Path, sums: Sums) -> None:
    from imagegen.cli.sheet import cell, put

    put(cell(f"Written to {path}. `imagegen run {path}` does just this and spends {show(sums.most)} at most."))


def _notes(project: Project, sums: Sums, keyed: bool, old: PlanFile | None) -> list[str]:
    """What was assumed, and what a run of this plan would stop at."""
    found = []
    if not keyed and sums.bought:
        listed = "the providers that the manifest lists are" if project.settings.providers else "every provider is"
        found.append(f"no key is set: {f'the providers of {old.path} are' if old else listed} assumed")
    return found
