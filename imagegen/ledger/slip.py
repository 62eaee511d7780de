"""LedgerSlip: the line of one paid attempt, as handed to a provider."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from imagegen.ledger import attempts
from imagegen.ledger.spool import Slot, Slots

if TYPE_CHECKING:
    from imagegen.ledger.writer import Writer


def new_attempt() -> str:
    """An id for an attempt, unique over all homes. It begins with the time: neighbours in time lie on
    neighbouring pages of the ledger."""
    return f"{time.time_ns():016x}{secrets.token_hex(8)}"


class LedgerSlip:
    """See `imagegen.providers.Slip`. `clock` gives wall time in seconds; `room` is set aside on disk."""

    def __init__(
        self,
        writer: Writer,
        slots: Slots,
        attempt: str,
        clock: Callable[[], float],
        *,
        room: int = 0,
        remote_id: str | None = None,
        poll_url: str | None = None,
        told: Mapping[str, Any] | None = None,
        answer: bytes | None = None,
    ) -> None:
        self._writer, self._slots, self._clock, self._room = writer, slots, clock, room
        self.id = attempt
        self.remote_id, self.poll_url, self.answer = remote_id, poll_url, answer
        self.told: Mapping[str, Any] = told or {}
        self.calls = 0
        self._slot: Slot | None = None

    def sending(self) -> None:
        """The intent is on disk when this returns."""
        if self._slot is None:
            self._slot = self._slots.take(self.id, self._room)
        attempt, clock = self.id, self._clock()
        self._writer.call(lambda connection: attempts.sent(connection, attempt, clock))
        self.calls += 1

    def accepted(self, remote_id: str, poll_url: str | None = None, told: Mapping[str, Any] | None = None) -> None:
        """The provider's job id is on disk when this returns."""
        attempt = self.id
        self._writer.call(lambda connection: attempts.accepted(connection, attempt, remote_id, poll_url, told))
        self.remote_id, self.poll_url, self.told = remote_id, poll_url, told or {}

    def receive(self, chunks: Iterable[bytes], length: int | None = None) -> bytes:
        """Spool the answer as it arrives and return it whole."""
        if self._slot is None:
            self._slot = self._slots.take(self.id, self._room)
        return self._slot.receive(chunks, length)

    def again(self, reason: str) -> LedgerSlip:
        """Close this attempt as not charged and open the next on the same reservation."""
        attempt, following, clock = self.id, new_attempt(), self._clock()
        self._writer.call(lambda connection: attempts.again(connection, attempt, following, clock, reason))
        if self._slot is not None:
            self._slot.renamed(following)
        self.id = following
        return self

    @property
    def trouble(self) -> OSError | None:
        """What went wrong while spooling, if anything did."""
        return self._slot.trouble if self._slot else None

    @contextmanager
    def kept_on_error(self) -> Iterator[None]:
        """When the books cannot be closed the answer stays in the spool, for the next run to adopt."""
        try:
            yield
        except BaseException:
            if self._slot:
                self._slot.close()
            raise

    def drop_unsent(self) -> None:
        """The call never went out: the room set aside is given back."""
        if self.calls == 0:
            self.drop()

    def drop(self) -> None:
        """The books are closed: the answer may go."""
        if self._slot:
            self._slots.give_back(self._slot)
            self._slot = None
