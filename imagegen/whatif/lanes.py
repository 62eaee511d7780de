"""Lanes: live, or the provider's queue, which takes up to a day and costs less. What the queue would save, by model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from imagegen.context import Context
from imagegen.domain.deadline import allows_queue
from imagegen.domain.money import Nano
from imagegen.estimate import Counted
from imagegen.planned import Planned
from imagegen.prices import discounted
from imagegen.queueing import could_wait, sold_so

#: live: all bought while one waits · batch: all through the queue · auto: through it where that is possible.
Lane = Literal["live", "batch", "auto"]


@dataclass(slots=True)
class Sold:
    """What a plan buys of one model from one provider. `live` is what all of it costs live; `queued` pictures could
    wait for the queue and would `save` so much. `late` could not: their deadline is nearer than a day."""

    model: str
    provider: str
    pictures: int = 0
    live: Nano = 0
    queued: int = 0
    save: Nano = 0
    late: int = 0


@dataclass(slots=True)
class Lanes:
    """The lanes side by side for what a plan of `context` buys."""

    lane: Lane
    context: Context
    _sold: dict[tuple[str, str], Sold] = field(default_factory=dict)

    def add(self, planned: Planned, state: Counted) -> None:
        """Count a picture at its live price, counted as `state`; only what would be bought counts."""
        blueprint, row = planned.draft.blueprint, planned.row
        if state != "buy" or planned.cost is None or blueprint.choice is None or blueprint.is_placeholder:
            return
        live = blueprint.live_price(row, planned.draft.inputs).expected or 0
        names = blueprint.model, blueprint.provider
        sold = self._sold.get(names)
        if sold is None:
            sold = self._sold[names] = Sold(*names)
        sold.pictures += 1
        sold.live += live
        offer = blueprint.choice.offer
        if could_wait(row, blueprint.choice, self.context) and not planned.draft.part:
            sold.queued += 1
            sold.save += live - discounted(live, offer.batch_discount)
        elif sold_so(offer) and not allows_queue(row.deadline, self.context.moment):
            sold.late += 1

    def sold(self) -> list[Sold]:
        """By model, what the queue saves most first."""
        return sorted(self._sold.values(), key=lambda sold: (-sold.save, -sold.live, sold.model, sold.provider))

    @property
    def all(self) -> Sold:
        """Everything together."""
        whole = Sold("", "")
        for sold in self._sold.values():
            for name in ("pictures", "live", "queued", "save", "late"):
                setattr(whole, name, getattr(whole, name) + getattr(sold, name))
        return whole


def reasons(whole: Sold) -> Iterator[str]:
    """Why the rest cannot wait, a clause each."""
    other = whole.pictures - whole.queued - whole.late
    if other:
        yield f"{other:,} not sold so"
    if whole.late:
        yield f"{whole.late:,} held by their deadline"
