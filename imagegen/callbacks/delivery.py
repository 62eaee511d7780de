"""Delivery: what is due leaves the outbox, signed, and what came of it is written down.

Thread-safe: several hands may take and send at once. Decides nothing about when a message is tried again (`schedule`)
and nothing about how long to go on (`worker`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Self
from urllib.parse import urlsplit

from imagegen import settings
from imagegen.callbacks.post import Poster
from imagegen.callbacks.schedule import Verdict, put_off, verdict
from imagegen.callbacks.signature import headers, key_of
from imagegen.errors import SettingsError
from imagegen.ledger import Ledger, outbox
from imagegen.ledger.outbox import Message
from imagegen.ledger.runs import RunLock

#: Seconds that a host which does not answer is left alone by this process, doubled with each failure, and the most.
REST, LONGEST_REST = 5.0, 300.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message in our hands, with all that is sent."""

    message: Message
    body: str
    key: bytes


class Delivery:
    """Takes messages out of the ledger's outbox and sends them. `sender` is the run, or whoever holds the lock of
    this name among the runs', so that what he had in hand when he died is known to be free."""

    def __init__(self, ledger: Ledger, sender: str, poster: Poster) -> None:
        self._ledger, self._sender, self._poster = ledger, sender, poster
        self._lock = Lock()
        self._keys: dict[str, bytes | None] = {}
        self._mute: set[str] = set()
        self._rests: dict[str, tuple[float, int]] = {}
        self.trouble = ""
        self._in_hand = 0
        self._open = ExitStack()
        self._reader: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        self._reader = self._open.enter_context(self._ledger.reading())
        return self

    def __exit__(self, *problem: object) -> None:
        with self._lock:
            self._reader = None
            self._open.close()

    def take_over(self) -> bool:
        """Free what senders who are dead had in hand, and forget what is over and old."""
        with self._ledger.reading() as reader:
            others = [name for name in outbox.senders(reader) if name != self._sender]
        clock = self._ledger.clock()
        self._ledger.write(lambda connection: outbox.tidy(connection, clock))
        for name in others:
            lock = RunLock(self._ledger.locks, name)
            if lock.take():
                try:
                    self._ledger.write(partial(outbox.freed, sender=name, clock=clock))
                finally:
                    lock.drop()
        return bool(others)

    def take(self) -> Claimed | None:
        """The next message that can be sent now, claimed; None where there is none."""
        with self._lock:  # two hands would only find the same one
            for message in self._ready(0.0):
                clock = self._ledger.clock()
                claim = partial(outbox.claim, message=message, sender=self._sender, clock=clock)
                body = self._ledger.write(claim)
                key = self._keys[message.manifest]
                if body is not None and key is not None:
                    self._in_hand += 1
                    return Claimed(message, body, key)
        return None

    def at_work(self, seconds: float) -> bool:
        """Whether a message is in our hands, or can be sent within `seconds`."""
        with self._lock:
            return self._in_hand > 0 or any(True for _ in self._ready(seconds))

    def send(self, claimed: Claimed) -> Verdict:
        """Send one message and write what came of it."""
        try:
            return self._sent(claimed)
        finally:
            with self._lock:
                self._in_hand -= 1

    def _sent(self, claimed: Claimed) -> Verdict:
        message, tries = claimed.message, claimed.message.tries + 1
        signed = headers(claimed.key, message.id, self._ledger.clock(), claimed.body)
        answer = self._poster.post(message.url, signed, claimed.body)
        clock = self._ledger.clock()
        found = verdict(answer, tries, clock)
        with self._lock:
            host = _host(message.url)
            if answer.host_ails:
                until, failures = self._rests.get(host, (0.0, 0))
                failures += until <= clock
                pause = max(min(REST * 2 ** (failures - 1), LONGEST_REST), put_off(answer, clock))
                self._rests[host] = max(until, clock + pause), failures
            else:
                self._rests.pop(host, None)
        self._ledger.write(lambda c: outbox.tried(c, message, found.state, found.due, found.reason))
        return found

    def _ready(self, seconds: float) -> Iterator[Message]:
        """What can be sent within `seconds` from now: due, its host not at rest, its secret known."""
        until = self._ledger.clock() + seconds
        before = -1
        while self._reader is not None and before != len(self._mute):
            before = len(self._mute)
            for message in outbox.due(self._reader, until, self._mute):
                if self._key(message.manifest) is None:
                    self._mute.add(message.run)  # and once more: there may have been no room for others
                elif self._rests.get(_host(message.url), (0.0, 0))[0] <= until:
                    yield message

    def _key(self, manifest: str) -> bytes | None:
        """What messages of `manifest` are signed with: the secret of the environment, else of the `.env` beside it."""
        if manifest not in self._keys:
            try:
                secret = settings.webhook_secret(Path(manifest).parent if manifest else None)
                self._keys[manifest] = key_of(secret) if secret else None
                self.trouble = self.trouble or ("" if secret else f"{settings.WEBHOOK_SECRET} is not set")
            except SettingsError as problem:
                self._keys[manifest] = None
                self.trouble = str(problem)
        return self._keys[manifest]


def _host(url: str) -> str:
    return urlsplit(url).netloc
