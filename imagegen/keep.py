"""Keeping: whatever was paid for goes into the store, a picture or a judge's answer under its Key, what is no use as
evidence.

Knows neither the output folder nor the work list; `record` and `collect` do the rest.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imagegen import finish as finishing
from imagegen.domain.handoff import HANDOFF
from imagegen.domain.money import Nano, plain
from imagegen.domain.outcome import Failed, Made, Outcome, Pending
from imagegen.domain.request import Key, digest
from imagegen.ledger import attempts
from imagegen.output import OutputFolder
from imagegen.picture import BadPicture, Picture
from imagegen.stores import Held, Store


@dataclass(frozen=True, slots=True)
class Desk:
    """Where pictures are put and whose they are. `posted` is told when somebody is to be told of one."""

    store: Store
    folder: OutputFolder
    collection: str
    now: Callable[[], float]
    posted: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Paid:
    """What was, or may have been, paid for. `charge` in nanodollars, None when not known. `flaw` says why it is
    no use; then it is kept as evidence, if anything came at all. `picture` only where it is a sound one."""

    key: Key
    charge: Nano | None
    basis: str
    flaw: str | None = None
    held: Held | None = None
    picture: Picture | None = None

    def write(self, connection: sqlite3.Connection, model: str, clock: float) -> None:
        """Put it into the books, so that it is not bought again."""
        if self.charge is not None:
            kept = self.held.digest if self.held else ""
            attempts.bought(connection, self.key, kept, model, cost=self.charge, clock=clock, flaw=self.flaw)


def keep(desk: Desk, key: Key, row: str, request: str, most: Nano, outcome: Outcome) -> Paid | None:
    """Put away what `outcome` brought for `key`; None when nothing was paid and nothing came. `request` is canonical
    JSON, `most` what is booked for a picture whose price nobody says. Raises StorageError when the disk refuses."""
    if isinstance(outcome, Pending):
        return None
    charge, basis = outcome.charge.amount, outcome.charge.basis
    facts = _facts(desk, row, json.loads(request))
    if isinstance(outcome, Made):
        charge, basis = (most, "reserved") if charge is None else (charge, basis)
        put_away = _answer if facts["request"].get("kind") == "judge" else _picture
        return put_away(desk, key, facts | {"cost_usd": plain(charge)}, outcome, charge, basis)
    evidence = outcome.evidence if isinstance(outcome, Failed) else None
    if not charge and evidence is None:
        return None
    held = None
    if evidence is not None:
        told = facts | {"flaw": outcome.reason} | ({} if charge is None else {"cost_usd": plain(charge)})
        held = desk.store.put(_aside(key), evidence, "application/octet-stream", told)
    return Paid(key, charge, basis, outcome.reason, held)


def _answer(desk: Desk, key: Key, facts: dict[str, Any], outcome: Made, charge: Nano, basis: str) -> Paid:
    """What a judge wrote. Whether it can be used, its reader says."""
    artifact = outcome.artifact
    held = desk.store.put(key, artifact.data, artifact.media_type, facts | artifact.facts)
    return Paid(key, charge, basis, None, held)


def _picture(desk: Desk, key: Key, facts: dict[str, Any], outcome: Made, charge: Nano, basis: str) -> Paid:
    artifact, picture = outcome.artifact, None
    try:
        picture = finishing.inspect(artifact.data)
        flaw = _flaw(facts["request"], picture)
    except BadPicture as problem:
        flaw = problem.reason
    facts = facts | artifact.facts
    facts.setdefault("seed", facts["request"].get("seed"))
    size = (picture.width, picture.height) if picture else (0, 0)
    place, more = (_aside(key), {"flaw": flaw}) if flaw else (key, {})
    held = desk.store.put(place, artifact.data, artifact.media_type, facts | more, *size)
    return Paid(key, charge, basis, flaw, held, None if flaw else picture)


def _aside(key: Key) -> Key:
    # What is no use is kept, but not under its key: the cache must never serve it.
    return digest(["flawed", key])


def _facts(desk: Desk, row: str, request: dict[str, Any]) -> dict[str, Any]:
    return {
        "row": row,
        "prompt": request["prompt"],
        "provider": request["provider"],
        "model": request["model"],
        "made_at": datetime.fromtimestamp(desk.now(), UTC).isoformat(timespec="seconds"),
        "request": request,
    }


def _flaw(request: dict[str, Any], picture: Picture) -> str | None:
    if request["provider"] == HANDOFF:  # upscaled or not, PNG or not: that a person decides; its shape was looked at
        return finishing.verify(picture, width=None, height=None, formats=(), alpha_wanted=False)
    return finishing.verify(
        picture,
        width=request.get("width"),
        height=request.get("height"),
        formats=(request["wire_format"],) if request.get("wire_format") else (),
        alpha_wanted=request.get("background") == "transparent",
    )
