"""On a GPU: how long one would take for the pictures that its model could make, and for how much."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from imagegen import routing
from imagegen.blueprint import Blueprint
from imagegen.catalog import Comparison, Gpu
from imagegen.catalog.gpus import SIDE
from imagegen.context import Context
from imagegen.domain.money import Nano
from imagegen.domain.row import Row
from imagegen.estimate import Counted
from imagegen.planner import Planned
from imagegen.routing import Entry, NoChoice, Routes, Target

#: Kinds of rows remembered at once.
KINDS = 4_000
#: What a row says for another model than the GPU's.
_OTHERS: dict[str, Any] = {"model": None, "provider": None, "quality": None, "max_price": None, "lane": None}


@dataclass(slots=True)
class OnGpu:
    """What `gpu` would take for what a plan buys. `pictures` it could make, in `work` pictures of 1024x1024 at the
    steps that the GPU's figure counts; they `replace` a cost. `others` it could not, at `left` still to pay, the first
    of them for the reason `why`."""

    gpu: Gpu
    context: Context
    pictures: int = 0
    work: float = 0.0
    replaced: Nano = 0
    others: int = 0
    left: Nano = 0
    why: str = ""
    _routes: Routes | None = None
    _kinds: dict[int, tuple[Blueprint, float, str]] = field(default_factory=dict)

    @property
    def comparison(self) -> Comparison:
        """What the catalogue counts a GPU's pictures in."""
        assert self.context.catalog.comparison is not None, "our own data say what a GPU makes"
        return self.context.catalog.comparison

    @property
    def hours(self) -> float:
        """Hours of work."""
        return self.work / self.gpu.images_per_hour

    @property
    def cost(self) -> Nano:
        """What these hours cost."""
        return round(self.gpu.hourly * self.hours)

    def add(self, planned: Planned, state: Counted) -> None:
        """Look at a picture, counted as `state`; only what would be bought counts."""
        if state != "buy" or planned.cost is None:
            return
        work, why = self._kind(planned)
        if why:
            self.why = self.why or f"{planned.row.id}: {self.comparison.makes} {why}"
            self.others += 1
            self.left += planned.cost
            return
        self.pictures += 1
        self.work += work
        self.replaced += planned.cost

    def _kind(self, planned: Planned) -> tuple[float, str]:
        blueprint = planned.draft.blueprint
        known = self._kinds.get(id(blueprint))
        if known is None:
            if len(self._kinds) >= KINDS:
                self._kinds.clear()
            # The blueprint is kept beside them: while it lives, no other has its id.
            known = self._kinds[id(blueprint)] = (blueprint, *self._judge(planned.row))
        return known[1], known[2]

    def _judge(self, row: Row) -> tuple[float, str]:
        """(work of a picture of `row`, "") or (0, why the GPU's model cannot make it)."""
        if self._routes is None:
            self._routes = _only(self.context.routes, f"local/{self.comparison.makes}")
        count = 0 if row.image is None else 1 if isinstance(row.image, str) else len(row.image)
        chosen = routing.choose(
            row.model_copy(update=_OTHERS),
            self._routes,
            self.context.catalog,
            self.context.today,
            assume_alive=True,
            input_count=count,
        )
        if isinstance(chosen, NoChoice):
            return 0.0, chosen.losers[0].reason if chosen.losers else chosen.reason
        steps = (row.steps or self.comparison.steps) / self.comparison.steps
        return chosen.size_plan.size.pixels / SIDE**2 * steps, ""


def _only(routes: Routes, model: str) -> Routes:
    """`routes` with the same use cases and sizes, and one model for all of them."""

    def to(target: Target) -> Target:
        return replace(target, models=(Entry(model),))

    return replace(
        routes,
        default=to(routes.default),
        text=to(routes.text),
        edit=to(routes.edit),
        lora=to(routes.lora),
        subjects={name: to(target) for name, target in routes.subjects.items()},
        use_cases={name: to(target) for name, target in routes.use_cases.items()},
    )
