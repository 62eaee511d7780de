"""Collecting: pictures that an earlier run paid for come home without being bought again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from imagegen import finish as finishing
from imagegen.domain.outcome import Outcome, Pending
from imagegen.keep import Desk, keep
from imagegen.ledger import Ledger, attempts, spool
from imagegen.ledger.attempts import Bought, Open
from imagegen.picture import BadPicture
from imagegen.stores import EXTENSIONS, Held


def collected(ledger: Ledger, desk: Desk, left: Open, outcomes: Sequence[Outcome]) -> bool:
    """Put away what an earlier run paid for: its rows will find it in the cache. False while it is not ready."""
    if any(isinstance(outcome, Pending) for outcome in outcomes):
        return False
    items = {item.key: item for item in left.items}
    kept = []
    for outcome in outcomes:
        item = items[outcome.key]
        kept.append((outcome, keep(desk, item.key, item.row, item.request, item.most, outcome)))
    charges = [paid.charge if paid else outcome.charge.amount for outcome, paid in kept]  # type: ignore[union-attr]

    def write(connection: sqlite3.Connection) -> None:
        for _, paid in kept:
            if paid:
                paid.write(connection, left.model, desk.now())
        total = None if None in charges else sum(charge or 0 for charge in charges)
        basis = "reserved" if any(paid and paid.basis == "reserved" for _, paid in kept) else "collected"
        attempts.close(connection, left.id, total, basis, desk.now(), None)

    ledger.write(write)
    spool.drop(ledger.spool, left.id)
    return True


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
                return _restored(desk, bought.key, data, media_type, json.loads(request))
    return False


def _restored(desk: Desk, key: str, data: bytes, media_type: str, values: dict[str, Any]) -> bool:
    facts = {name: values.get(name) for name in ("prompt", "provider", "model", "seed")} | {"request": values}
    try:
        picture = finishing.inspect(data)
    except BadPicture:
        return False
    desk.store.put(key, data, media_type, facts, picture.width, picture.height)
    return True
