"""OpenAI's queue at the local server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from imagegen.domain.outcome import Outcome, Pending
from imagegen.domain.request import Request
from imagegen.providers import Limits
from imagegen.providers.hosted.queue import Queue
from imagegen.providers.openai.batches import Batches
from tests.cloud import Cloud
from tests.providers.contract import KEY
from tests.providers.openais import OFFERS, QUICK, connect
from tests.providers.slips import MemorySlip

HALF = {name: replace(offer, batch_discount=50) for name, offer in OFFERS.items()}


def queue(cloud: Cloud, key: str = KEY, grace: float = 0.0, keeps: float = 1000.0, **changes: Any) -> Queue:
    """A queue at `cloud`. `grace`: seconds after which a batch that is not listed never arrived."""
    timeouts = changes.get("timeouts", QUICK)
    live = connect(cloud, key, timeouts, offers=HALF)
    limits = Limits(max_batch=10, keeps=keeps, most_bytes=10**9)
    return Queue(Batches(key, cloud.base_url, HALF, timeouts, grace), live, limits)


def collected(queue: Queue, batch: Sequence[Request], slip: MemorySlip, **said: Any) -> list[Outcome]:
    """What a later process gets for the batch that `slip` was submitted with."""
    left = MemorySlip(remote_id=slip.remote_id, told=said.get("told", slip.told), answer=said.get("answer"))
    return list(queue.generate(batch, {}, left))


def submitted(provider: Queue, batch: list[Request], inputs: dict[str, bytes] | None = None) -> MemorySlip:
    """The slip of a batch that was accepted."""
    slip = MemorySlip()
    outcomes = list(provider.generate(batch, inputs or {}, slip))
    assert [type(each) for each in outcomes] == [Pending] * len(batch), outcomes
    assert slip.calls == ["sending", "accepted"]
    return slip
