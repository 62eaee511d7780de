"""Collecting: pictures that an earlier run paid for come home without being bought again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from imagegen import finish as finishing
from imagegen.domain.money import plain
from imagegen.domain.outcome import Made, Outcome, Pending
from imagegen.domain.request import digest
from imagegen.ledger import Ledger, attempts, spool
from imagegen.ledger.attempts import Bought, Open
from imagegen.picture import BadPicture
from imagegen.record import Desk
from imagegen.stores import EXTENSIONS, Held


def collected(ledger: Ledger, desk: Desk, left: Open, outcomes: Sequence[Outcome]) -> None:
    """Put away what an earlier run paid for: its rows will find it in the cache."""
    charges: list[int | None] = []
    pictures: list[tuple[str, Held, int]] = []
    for outcome in outcomes:
        charge = outcome.charge.amount if not isinstance(outcome, Pending) else None
        if isinstance(outcome, Made):
            item = next(item for item in left.items if item.key == outcome.key)
            charge = item.most if charge is None else charge
            pictures.append((outcome.key, _adopted(desk, item.request, outcome, charge), charge))
        charges.append(charge)

    def write(connection: sqlite3.Connection) -> None:
        for key, held, cost in pictures:
            attempts.bought(connection, key, held.digest, left.model, cost=cost, clock=desk.now(), flaw=None)
        total = None if None in charges else sum(charge or 0 for charge in charges)
        attempts.close(connection, left.id, total, "collected", desk.now(), None)

    if any(isinstance(outcome, Pending) for outcome in outcomes):
        return
    ledger.write(write)
    spool.drop(ledger.spool, left.id)


def _adopted(desk: Desk, request: str, outcome: Made, charge: int) -> Held:
    values = json.loads(request)
    facts = {"prompt": values["prompt"], "provider": values["provider"], "model": values["model"]}
    facts |= {"cost_usd": plain(charge), "request": values, "seed": values.get("seed"), **outcome.artifact.facts}
    try:
        picture = finishing.inspect(outcome.artifact.data)
        size = (picture.width, picture.height)
    except BadPicture as problem:
        facts["flaw"], size = problem.reason, (0, 0)
    key = digest(["flawed", outcome.key]) if "flaw" in facts else outcome.key
    return desk.store.put(key, outcome.artifact.data, outcome.artifact.media_type, facts, *size)


def adopt(desk: Desk, bought: Bought, request: str) -> bool:
    """Whether the store has, or can be given back, a picture that the books say was bought: a power cut
    may take its sidecar, never its bytes. `request` is its canonical JSON."""
    if desk.store.get(bought.key):
        return True
    for media_type in EXTENSIONS:
        held = Held(bought.key, bought.digest, media_type, 0)
        path = desk.store.path(held)
        if path.exists():
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() == bought.digest:
                _restore(desk, bought.key, data, media_type, json.loads(request))
                return True
    return False


def _restore(desk: Desk, key: str, data: bytes, media_type: str, values: dict[str, Any]) -> None:
    facts = {name: values.get(name) for name in ("prompt", "provider", "model", "seed")} | {"request": values}
    try:
        picture = finishing.inspect(data)
    except BadPicture:
        return
    desk.store.put(key, data, media_type, facts, picture.width, picture.height)
