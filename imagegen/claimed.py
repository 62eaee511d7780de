"""Claimed: jobs that an attempt holds which is not over, this run's own or an earlier one's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagegen import record
from imagegen.domain.outcome import Pending
from imagegen.domain.queue import QUEUED
from imagegen.domain.result import State
from imagegen.ledger import Ledger, parts
from imagegen.ledger.jobs import Job
from imagegen.record import Kept


def given_up(ledger: Ledger, batch: Sequence[Job], left: Mapping[str, tuple[State, str]]) -> list[Kept]:
    """The ends of those of `batch` that nobody may buy now: an attempt that is unknown, or one of `left` by its id,
    is about them."""
    with ledger.reading() as reader:
        held = parts.claims(reader, [job.key for job in batch])
    ends = []
    for job in batch:
        attempt, state = held.get(job.key, ("", ""))
        if attempt in left or state == "unknown":
            ends.append(record.without_picture(job, *left.get(attempt, ("unknown", record.doubt(attempt)))))
    return ends


def open_still(attempt: str, kept: Sequence[Kept]) -> dict[str, tuple[State, str]]:
    """The attempt and why, where it is not ready: twins of its pictures wait with them."""
    waits = [item.result for item in kept if item.result and isinstance(item.outcome, Pending)]
    return {attempt: ("waiting", waits[0].reason or QUEUED)} if waits else {}
