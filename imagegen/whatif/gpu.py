"""On a GPU: how long one would take for the pictures that its model could make, and for how much.

Twice: from the pictures an hour that the catalogue names, by pixels and steps; and, where the GPU's peak and the
model's architecture are known, from the arithmetic. Neither is measured here.
"""

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
from imagegen.forecast import flops, speed
from imagegen.forecast.speed import HOUR, Device, Forecast, Range, Setting
from imagegen.planned import Planned
from imagegen.routing import Entry, NoChoice, Routes, Target

#: Kinds of rows remembered at once.
KINDS = 4_000
#: What a row says for another model than the GPU's.
_OTHERS: dict[str, Any] = {"model": None, "provider": None, "quality": None, "max_price": None, "lane": None}


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A picture on the GPU. `work` in pictures of 1024x1024 at the steps that the GPU's figure counts, `seconds` and
    `tflop` by arithmetic, `guided`: with two passes a step. `why` it cannot be made there, or ""."""

    work: float = 0.0
    seconds: Range = (0.0, 0.0)
    tflop: float = 0.0
    guided: bool = False
    why: str = ""


@dataclass(slots=True)
class OnGpu:
    """What `gpu` would take for what a plan buys. `pictures` it could make, in `work` pictures of 1024x1024 at the
    steps that the GPU's figure counts; they `replace` a cost. `others` it could not, at `left` still to pay, the first
    of them for the reason `why`. By arithmetic they take from `least` to `most` seconds for `tflop` TFLOP; `guided`
    of them are computed twice a step."""

    gpu: Gpu
    context: Context
    setting: Setting = field(default_factory=Setting)
    pictures: int = 0
    work: float = 0.0
    replaced: Nano = 0
    others: int = 0
    left: Nano = 0
    why: str = ""
    least: float = 0.0
    most: float = 0.0
    tflop: float = 0.0
    guided: int = 0
    _routes: Routes | None = None
    _kinds: dict[int, tuple[Blueprint, Reckoned]] = field(default_factory=dict)

    @property
    def comparison(self) -> Comparison:
        """What the catalogue counts a GPU's pictures in."""
        assert self.context.catalog.comparison is not None, "our own data say what a GPU makes"
        return self.context.catalog.comparison

    @property
    def hours(self) -> float:
        """Hours of work, by the catalogue's figure."""
        return self.work / self.gpu.images_per_hour

    @property
    def usual(self) -> Forecast | None:
        """The arithmetic for a picture such as the catalogue's figure counts; None where the GPU's peak or the model's
        architecture is not known."""
        return self._forecast(SIDE, SIDE, self.comparison.steps, True, False)

    @property
    def cost(self) -> Nano:
        """What these hours cost, by the catalogue's figure."""
        return round(self.gpu.hourly * self.hours)

    @property
    def costs(self) -> tuple[Nano, Nano]:
        """What the hours by arithmetic cost, least and most."""
        return round(self.gpu.hourly * self.least / HOUR), round(self.gpu.hourly * self.most / HOUR)

    def add(self, planned: Planned, state: Counted) -> None:
        """Look at a picture, counted as `state`; only what would be bought counts."""
        if state != "buy" or planned.cost is None:
            return
        found = self._kind(planned)
        if found.why:
            self.why = self.why or f"{planned.row.id}: {self.comparison.makes} {found.why}"
            self.others += 1
            self.left += planned.cost
            return
        self.pictures += 1
        self.work += found.work
        self.replaced += planned.cost
        self.least += found.seconds[0]
        self.most += found.seconds[1]
        self.tflop += found.tflop
        self.guided += found.guided

    def _kind(self, planned: Planned) -> Reckoned:
        blueprint = planned.draft.blueprint
        known = self._kinds.get(id(blueprint))
        if known is None:
            if len(self._kinds) >= KINDS:
                self._kinds.clear()
            # The blueprint is kept beside it: while it lives, no other has its id.
            known = self._kinds[id(blueprint)] = (blueprint, self._judge(planned.row))
        return known[1]

    def _judge(self, row: Row) -> Reckoned:
        """What `row`'s picture takes, or why the GPU's model cannot make it."""
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
            return Reckoned(why=chosen.losers[0].reason if chosen.losers else chosen.reason)
        size, steps = chosen.size_plan.size, row.steps or self.comparison.steps
        work = size.pixels / SIDE**2 * steps / self.comparison.steps
        guided = row.guidance is None or row.guidance > 1
        # A picture to start from saves the steps that strength leaves out.
        done = max(1, int(steps * row.strength)) if count and row.strength is not None else steps
        forecast = self._forecast(size.width, size.height, done, guided, count > 0)
        if forecast is None:
            return Reckoned(work)
        return Reckoned(work, forecast.seconds, forecast.tflop, guided)

    def _forecast(self, width: int, height: int, steps: int, guided: bool, image: bool) -> Forecast | None:
        work = flops.work(self.comparison.makes, width, height, steps, guided=guided, image=image)
        if work is None or self.gpu.peak_tflops is None:
            return None
        return speed.forecast(work, width * height, Device(self.gpu.peak_tflops, self.gpu.mfu_scale), self.setting)


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
