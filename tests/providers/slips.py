"""A slip that lives in memory and writes down what was done with it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from imagegen.errors import StorageError

_ids = itertools.count(1)


class MemorySlip:
    """See `imagegen.providers.Slip`. `calls` in order; `closed` why attempts before this one ended.

    `broken`: the intent cannot be written. `at_sending` is called while `sending` runs.
    """

    def __init__(
        self,
        *,
        remote_id: str | None = None,
        poll_url: str | None = None,
        told: Mapping[str, Any] | None = None,
        answer: bytes | None = None,
        broken: bool = False,
        at_sending: Callable[[], None] = lambda: None,
    ) -> None:
        self.id = f"slip-{next(_ids)}"
        self.remote_id, self.poll_url, self.answer = remote_id, poll_url, answer
        self.told: Mapping[str, Any] = told or {}
        self.broken, self.at_sending = broken, at_sending
        self.calls: list[str] = []
        self.closed: list[str] = []
        self.received = b""
        self.length: int | None = None

    def sending(self) -> None:
        self.calls.append("sending")
        if self.broken:
            raise StorageError("the disk is full")
        self.at_sending()

    def accepted(self, remote_id: str, poll_url: str | None = None, told: Mapping[str, Any] | None = None) -> None:
        self.calls.append("accepted")
        self.remote_id, self.poll_url, self.told = remote_id, poll_url, told or {}

    def receive(self, chunks: Iterable[bytes], length: int | None = None) -> bytes:
        self.calls.append("receive")
        self.length = length
        for chunk in chunks:
            self.received += chunk
        return self.received

    def again(self, reason: str) -> MemorySlip:
        following = MemorySlip(broken=self.broken, at_sending=self.at_sending)
        following.calls, following.closed = [*self.calls, "again"], [*self.closed, reason]
        return following
