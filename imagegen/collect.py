"""Collecting: pictures that an earlier run paid for come home without being bought again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from imagegen import finish as finishing
from imagegen import record
from imagegen.domain.outcome import Outcome, Pending
from imagegen.domain.request import request_of
from imagegen.domain.result import State
from imagegen.keep import Desk, keep
from imagegen.ledger import Ledger, attempts, spool
from imagegen.ledger.attempts import Bought, Open
from imagegen.picture import BadPicture
from imagegen.pool import Pool
from imagegen.providers import Provider
from imagegen.stores import EXTENSIONS, Held

#: So many are asked for at once.
AT_ONCE = 8

#: Why attempts are still not closed, by their id: the state of their pictures, and the reason.
Left = dict[str, tuple[State, str]]


def collect(
    ledger: Ledger,
    desk: Desk,
    providers: Mapping[str, Provider],
    left: Sequence[Open],
    hands: Callable[[str, int], Pool],
) -> Left:
    """Fetch what dead runs `left` at providers or in the spool, what expires soonest first; what could not be had.
    Raises StorageError."""
    if not left:
        return {}
    queue: SimpleQueue[Open] = SimpleQueue()
    for attempt in sorted(left, key=lambda each: _expires(each, providers)):
        queue.put(attempt)
    found: Left = {}
    problems: list[BaseException] = []

    def work() -> None:
        try:
            while not problems:
                attempt = queue.get_nowait()
                if (why := _collected(ledger, desk, providers.get(attempt.provider), attempt)) is not None:
                    found[attempt.id] = why
        except Empty:
            pass
        except BaseException as problem:  # noqa: BLE001  raised below, in the caller's thread
            problems.append(problem)

    pool = hands("collect", min(AT_ONCE, len(left)))
    for _ in range(pool.size):
        pool.start(work)
    while pool.alive:
        time.sleep(0.005)
    if problems:
        raise problems[0]
    return found


def _expires(attempt: Open, providers: Mapping[str, Provider]) -> float:
    """When the provider no longer has it, in wall time."""
    provider = providers.get(attempt.provider)
    return (attempt.sent or 0.0) + (provider.limits.keeps if provider else 0.0)


def _collected(ledger: Ledger, desk: Desk, provider: Provider | None, attempt: Open) -> tuple[State, str] | None:
    """Bring one home; else why not."""
    requests = [request_of(item.request) for item in attempt.items]
    slip = ledger.slip_of(attempt)
    if provider is None or any(map(provider.refuses, requests)):
        return "unknown", record.doubt(attempt.id)
    if not slip.answer and not slip.remote_id:
        find = getattr(provider, "find", None)
        if attempt.state != "sent" or find is None:
            return None  # another run was quicker
        there = find(slip, attempt.sent or 0.0)
        if there is None:
            return "waiting", record.QUEUED
        if not there:
            ledger.write(lambda c: attempts.close(c, attempt.id, 0, "nothing", desk.now(), "it never arrived"))
            return None
    outcomes = list(provider.generate(requests, {}, slip))
    return None if collected(ledger, desk, attempt, outcomes) else ("waiting", record.QUEUED)


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
