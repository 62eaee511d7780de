"""Collecting: pictures that an earlier run paid for come home without being bought again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from imagegen import finish as finishing
from imagegen import record
from imagegen.domain.money import Nano
from imagegen.domain.outcome import Failed, Outcome, Pending, Refused
from imagegen.domain.queue import QUEUED, is_queue
from imagegen.domain.request import Key, request_of
from imagegen.domain.result import State
from imagegen.keep import Desk, Paid, keep
from imagegen.ledger import Ledger, attempts, parts, spool
from imagegen.ledger.attempts import Bought, Open
from imagegen.ledger.slip import new_attempt
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
                    if why[0] == "waiting":
                        ledger.told |= {item.key: why for item in attempt.items}
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
            return "waiting", QUEUED
        if not there:
            ledger.write(lambda c: attempts.close(c, attempt.id, 0, "nothing", desk.now(), "it never arrived"))
            return None
    waits = collected(ledger, desk, attempt, provider.generate(requests, {}, slip))
    return ("waiting", waits.reason or QUEUED) if waits else None


def collected(ledger: Ledger, desk: Desk, left: Open, outcomes: Iterable[Outcome]) -> Pending | None:
    """Put away what an earlier run paid for, as it comes: its rows will find it in the cache. Pending: it is not
    ready. What a queue did not make is told by `ledger.told`."""
    items = {item.key: item for item in left.items}
    kept: list[tuple[Key, Paid | None, Nano | None]] = []
    told: dict[Key, tuple[str, str]] = {}
    for outcome in outcomes:
        if isinstance(outcome, Pending):
            return outcome
        item = items[outcome.key]
        paid = keep(desk, item.key, item.row, item.request, item.most, outcome)
        kept.append((item.key, paid, paid.charge if paid else outcome.charge.amount))
        if is_queue(left.provider) and (state := _end(outcome)):
            told[item.key] = state

    def write(connection: sqlite3.Connection) -> None:
        for _, paid, _ in kept:
            if paid:
                paid.write(connection, left.model, desk.now())
        charges = [charge for _, _, charge in kept if charge is not None]
        doubtful = [key for key, _, charge in kept if charge is None]
        if doubtful and charges:
            parts.set_apart(connection, left.id, new_attempt(), doubtful, desk.now())
        total = sum(charges) if charges or not doubtful else None
        basis = "reserved" if any(paid and paid.basis == "reserved" for _, paid, _ in kept) else "collected"
        attempts.close(connection, left.id, total, basis, desk.now(), None)

    ledger.write(write)
    ledger.told |= told
    spool.drop(ledger.spool, left.id)
    return None


def _end(outcome: Outcome) -> tuple[str, str] | None:
    """How a picture ended that is not there, was not charged and is not to be bought again at once."""
    if isinstance(outcome, Refused) and outcome.charge.amount == 0:
        return "refused", outcome.reason
    if isinstance(outcome, Failed) and outcome.charge.amount == 0 and not outcome.retryable:
        return "failed", outcome.reason
    return None


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
    if values.get("kind") == "judge":
        desk.store.put(key, data, media_type, facts)
        return True
    try:
        picture = finishing.inspect(data)
    except BadPicture:
        return False
    desk.store.put(key, data, media_type, facts, picture.width, picture.height)
    return True
