"""Pending: the pictures of an output folder that wait for a person, with their drafts, and what was decided so far."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagegen import files
from imagegen.choose import Decision
from imagegen.choose.person import read, written
from imagegen.domain.result import PRESENT
from imagegen.errors import StorageError, UsageError
from imagegen.ledger import holdings, jobs, schema
from imagegen.manifest.advice import nearest
from imagegen.output import OutputFolder
from imagegen.refining import DECISIONS, decision_name
from imagegen.stores import Store
from imagegen.wiring import open_store


@dataclass(frozen=True, slots=True)
class Choice:
    """A draft to choose: its `index` from 0 as scorers count, the file of its bytes and their SHA-256, its name in the
    output folder, what it cost (nanodollars, None: not known)."""

    index: int
    path: Path
    digest: str
    media_type: str
    width: int
    height: int
    file: str
    model: str
    cost: int | None


@dataclass(frozen=True, slots=True)
class Pending:
    """A picture that waits. `name` is what decisions call it, `text` the wording that must be readable in it."""

    name: str
    prompt: str
    text: str | None
    model: str
    choices: tuple[Choice, ...]

    def decision(self, index: int | None, note: str = "") -> Decision:
        """The decision for the draft `index`, None for none of them."""
        return Decision(index, note, pictures=tuple(choice.digest for choice in self.choices))

    def decided(self, decisions: Mapping[str, Decision]) -> Decision | None:
        """What `decisions` say of it; None where they say nothing, or were about other drafts."""
        found = decisions.get(self.name)
        if found is None or (found.pictures and found.pictures != self.decision(None).pictures):
            return None
        return found


@dataclass(frozen=True)
class Folder:
    """An output folder and the home that knows what is in it."""

    home: Path
    path: Path

    def pending(self) -> list[Pending]:
        """The pictures that wait for a person, in the manifest's order. Raises StorageError for damaged books."""
        with schema.looking(self.home / "ledger.db") as reader:
            if reader is None:
                return []
            with _opened(open_store(self.home)) as store:
                return list(_pending(reader, store, self.path))

    def decided(self) -> dict[str, Decision]:
        """What was decided so far, by name. Raises SettingsError for a file that says anything else."""
        return read(self.path / DECISIONS)

    def decide(self, name: str, decision: Decision) -> None:
        """Write a decision beside the others, whole or not at all. Raises StorageError."""
        decisions = self.decided() | {name: decision}
        try:
            files.write_whole(self.path / DECISIONS, written(decisions).encode())
        except OSError as problem:
            raise files.storage_error(problem, self.path) from problem


def named(pending: list[Pending], name: str, manifest: Path) -> Pending:
    """The one called `name`. Raises UsageError, with the nearest, when none waits under that name."""
    found = next((each for each in pending if each.name == name), None)
    if found:
        return found
    meant = nearest(name, [each.name for each in pending])
    todo = f"did you mean {meant}?" if meant else f"`imagegen choose {manifest}` lists what waits"
    raise UsageError(f"no picture called {name!r} waits for a choice", todo)


def index_of(pending: Pending, number: str) -> int | None:
    """The draft that a person calls `number`, counting from 1; None for "none". Raises UsageError."""
    if number.strip().lower() == "none":
        return None
    numbers = [str(choice.index + 1) for choice in pending.choices]
    if number.strip() not in numbers:
        raise UsageError(f"{pending.name} has no draft {number!r}", f"one of {', '.join(numbers)}, or none")
    return int(number) - 1


@contextmanager
def _opened(store: Store) -> Iterator[Store]:
    yield store
    with suppress(StorageError):  # what its index missed is found again the next time
        store.close()


def _pending(reader: sqlite3.Connection, store: Store, folder: Path) -> Iterator[Pending]:
    run = _newest(reader, folder)
    found = reader.execute(
        "SELECT row, sample, link, model, about FROM jobs WHERE run = ? AND state = 'waiting' AND role = 'refine'"
        " ORDER BY seq",
        (run,),
    ).fetchall()
    for row, sample, link, model, text in found:
        about = json.loads(text)
        if about.get("refine", {}).get("scorer") != "person":
            continue
        drafts = jobs.chosen_from(reader, run, link)
        choices = tuple(choice for at, line in enumerate(drafts) if (choice := _choice(store, at, line)))
        if choices:
            yield Pending(decision_name(row, sample), about["prompt"], about["refine"]["text"], model, choices)


def _newest(reader: sqlite3.Connection, folder: Path) -> str:
    """The run that looked into `folder` last; "" where none did."""
    known = OutputFolder(folder).collection() or holdings.collection_at(reader, str(folder.absolute()))
    found = reader.execute(
        "SELECT id FROM runs WHERE collection = ? AND EXISTS (SELECT 1 FROM jobs WHERE run = runs.id)"
        " ORDER BY started DESC LIMIT 1",
        (known,),
    ).fetchone()
    return found[0] if found else ""


def _choice(store: Store, at: int, line: tuple[Any, ...]) -> Choice | None:
    _, _, state, key, _, model, cost, _, file, _ = line
    held = store.get(key) if state in PRESENT else None
    if held is None:
        return None
    return Choice(
        at, store.path(held), held.digest, held.media_type, held.width or 0, held.height or 0, file, model, cost
    )
