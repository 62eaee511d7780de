"""Export and import, as the command line asks for them.

An import is a run like any other whose provider is the person: its list of work is made, money and bytes are booked
in the same order, and results, report and ledger know of it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any, Literal, TextIO

from imagegen import crew, preview
from imagegen.catalog import Catalog
from imagegen.domain.handoff import HANDOFF, Brought
from imagegen.domain.money import Nano
from imagegen.domain.request import Key
from imagegen.domain.result import Summary
from imagegen.errors import StorageError, UsageError
from imagegen.files import make_private, write_whole
from imagegen.handoff import folder as downloads
from imagegen.handoff import memory, sheets
from imagegen.handoff.matching import Match, match
from imagegen.handoff.memory import Asked
from imagegen.handoff.slots import Slots, slots
from imagegen.order import Order, Watcher
from imagegen.session import Parts, execute
from imagegen.wiring import Project, open_project

SHEETS = ("prompts.html", "prompts.txt", "prompts.csv")


@dataclass(frozen=True)
class Exported:
    """What was written where; `folder` None: nothing waits for a person."""

    slots: Slots
    folder: Path | None


@dataclass(frozen=True)
class Prepared:
    """An import that has been looked at and not begun. `output` is the folder of the finished pictures."""

    project: Project
    asked: Asked
    folder: Path
    slots: Slots
    matches: Sequence[Match]
    shares: Mapping[Key, Nano]
    redo: frozenset[str]

    @property
    def taken(self) -> list[Match]:
        """The pictures that go to a slot."""
        return [each for each in self.matches if each.state == "taken"]

    @property
    def idle(self) -> bool:
        """Whether there is nothing to take, and nothing that an import that was cut off left to be finished."""
        return not self.taken and all(slot.state != "cached" for slot in self.slots.all)

    @property
    def cost(self) -> Nano:
        """What will be booked for them, in nanodollars."""
        return sum(self.shares[each.slot.key] for each in self.taken if each.slot)


def opened(asked: Asked) -> Project:
    """The project as `asked`, with the keys and on the day of a run."""
    return open_project(short(asked.manifest), asked.flags, set_fields=asked.set_fields)


def short(path: str) -> Path:
    """`path` as a person would write it here."""
    try:
        return Path(path).relative_to(Path.cwd())
    except (ValueError, OSError):
        return Path(path)


def slots_of(project: Project, output: Path, redo: frozenset[str] = frozenset()) -> Slots:
    """The manifest's slots, with what is in the folder and the cache taken into account."""
    with preview.planning(project, output, redo=redo) as planned:
        return slots(planned)


def export(project: Project, asked: Asked, folder: Path, command: str, when: datetime) -> Exported:
    """Write the sheets for what is open. Raises StorageError."""
    found = slots_of(project, Path(asked.output))
    if not found.open:
        return Exported(found, None)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        title = Path(asked.manifest).stem
        _written(folder / "prompts.txt", lambda out: sheets.text(found.open, out))
        _written(folder / "prompts.csv", lambda out: sheets.table(found.open, out))
        _written(
            folder / "prompts.html",
            lambda out: sheets.page(found.open, out, title=title, command=command, when=when),
        )
    except OSError as problem:
        what = f"{folder} cannot be written: {problem.strerror or problem}"
        raise StorageError(what, "mend its rights, or choose another folder with -o") from problem
    make_private(project.settings.home)
    memory.remember(asked, folder, project.settings.home)
    return Exported(found, folder)


def _written(path: Path, write: Callable[[TextIO], None]) -> None:
    """Write a file whole or not at all."""
    out = StringIO(newline="")
    write(out)
    write_whole(path, out.getvalue().encode())


def prepare(
    project: Project,
    asked: Asked,
    folder: Path,
    *,
    plan: str | None = None,
    order: Literal["name", "time"] | None = None,
    redo: frozenset[str] = frozenset(),
) -> Prepared:
    """Look at the pictures of `folder` and find their slots; nothing is written. Raises UsageError."""
    found = slots_of(project, Path(asked.output), redo)
    rows = {place.row for slot in found.all for place in slot.places}
    if redo - rows:
        raise UsageError(f"--redo: no row that is made by hand is called {min(redo - rows)!r}", "see handoff export")
    shares = shares_of(project.catalog, plan, found)
    matches = match(list(downloads.files(folder)), found.all, order)
    return Prepared(project, asked, folder, found, matches, shares, redo)


def shares_of(catalog: Catalog, plan: str | None, found: Slots) -> dict[Key, Nano]:
    """What is booked for each slot: its model's share under the subscription `plan`, else the catalogue's price.
    Raises UsageError for a plan that none of the models has."""
    models = {slot.model for slot in found.all}
    known = {(each.model, each.name): each.per_image for each in catalog.plans}
    if plan is not None and models and not any((model, plan) in known for model in models):
        names = dict.fromkeys(name for model, name in known if model in models)
        todo = f"there are {', '.join(names)}" if names else "leave --plan out: the catalogue's price counts"
        raise UsageError(f"--plan: {', '.join(sorted(models))} has no plan called {plan!r}", todo)
    return {slot.key: known.get((slot.model, plan or ""), slot.cost) for slot in found.all}


def take(prepared: Prepared, parts: Parts, watcher: Watcher, said: Mapping[str, Any], plan: str | None) -> Summary:
    """Book, keep and finish what was matched; everything else stays as it is."""
    brought = {
        each.slot.key: Brought(
            prepared.folder.absolute() / each.file.name,
            each.file.digest,
            prepared.shares[each.slot.key],
            {"file": each.file.name, "matched_by": each.by} | ({"plan": plan} if plan else {}),
        )
        for each in prepared.taken
        if each.slot
    }
    project = prepared.project
    # What a person made is paid for: no budget keeps it out. And nothing is fetched for rows that others make.
    project = replace(project, sources=None, settings=replace(project.settings, budgets={}))
    person = crew.by_hand(project.catalog, brought)
    parts = replace(parts, providers={**parts.providers, HANDOFF: person})
    order = Order(
        output=short(prepared.asked.output),
        yes=True,
        skip_refused=True,
        redo=prepared.redo,
        brought=frozenset(brought),
        flags=said,
    )
    return execute(project, order, parts, watcher)
