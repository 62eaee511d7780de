"""Lanes: live, or the provider's queue, which takes up to a day and costs less. What the queue would save, by model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from imagegen.domain.money import Nano
from imagegen.estimate import Counted
from imagegen.planner import Planned
from imagegen.prices import discounted

#: live: all bought while one waits · batch: all through the queue · auto: through it where that is possible.
Lane = Literal["live", "batch", "auto"]

#: Seconds that a queue may take.
QUEUE = 24 * 3600
_AGE = re.compile(r"(\d{1,4})\s*(m|min|h|d|w)")
_SECONDS = {"m": 60, "min": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}


@dataclass(slots=True)
class Sold:
    """What a plan buys of one model from one provider. `live` is what all of it costs live; `queued` pictures could
    wait for the queue and would `save` so much. `late` could not: by their deadline, which is nearer
    than a day or cannot be read."""

    model: str
    provider: str
    pictures: int = 0
    live: Nano = 0
    queued: int = 0
    save: Nano = 0
    late: int = 0


@dataclass(slots=True)
class Lanes:
    """The lanes side by side for what a plan buys; see `bought` for the plan in one of them."""

    lane: Lane
    today: date
    _sold: dict[tuple[str, str], Sold] = field(default_factory=dict)

    def bought(self, planned: Planned) -> Planned:
        """`planned` at the price of the lane."""
        if self.lane == "live" or planned.state != "buy" or planned.cost is None or planned.most is None:
            return planned
        percent = self._percent(planned)
        if not percent:
            return planned
        return planned._replace(cost=discounted(planned.cost, percent), most=discounted(planned.most, percent))

    def add(self, planned: Planned, state: Counted) -> None:
        """Count a picture at its live price, counted as `state`; only what would be bought counts."""
        if state != "buy" or planned.cost is None or planned.draft.blueprint.is_placeholder:
            return
        blueprint = planned.draft.blueprint
        names = blueprint.model, blueprint.provider
        sold = self._sold.get(names)
        if sold is None:
            sold = self._sold[names] = Sold(*names)
        sold.pictures += 1
        sold.live += planned.cost
        percent = self._percent(planned)
        if percent:
            sold.queued += 1
            sold.save += planned.cost - discounted(planned.cost, percent)
        elif _off(planned):
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

    def _percent(self, planned: Planned) -> int:
        """Per cent off in the queue; 0 where the picture cannot wait or is not sold so."""
        deadline = planned.row.deadline
        if deadline is not None and self.lane != "batch" and not allows(deadline, self.today):
            return 0
        return _off(planned)


def _off(planned: Planned) -> int:
    choice = planned.draft.blueprint.choice
    return choice.offer.batch_discount if choice and "batch" in choice.offer.lanes else 0


def allows(deadline: str, today: date) -> bool:
    """Whether a row with `deadline` ("36h", "2d", "2026-12-01") can wait a day. One that cannot be read cannot."""
    age = _AGE.fullmatch(deadline.strip().lower())
    if age:
        return int(age[1]) * _SECONDS[age[2]] >= QUEUE
    try:
        return (datetime.fromisoformat(deadline.strip()).date() - today).days > 1
    except ValueError:
        return False


def reasons(whole: Sold) -> Iterator[str]:
    """Why the rest cannot wait, a clause each."""
    other = whole.pictures - whole.queued - whole.late
    if other:
        yield f"{other:,} not sold so"
    if whole.late:
        yield f"{whole.late:,} held by their deadline"
