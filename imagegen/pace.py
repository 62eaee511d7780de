"""Pace: how long a plan takes, and which limit decides that. Pure.

Providers work side by side, so the slowest one counts; a budget for an hour, a day or a month may be slower still.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from imagegen.catalog import Catalog
from imagegen.domain.handoff import HANDOFF
from imagegen.domain.model import Model, Offer
from imagegen.domain.money import Nano, show
from imagegen.domain.queue import LOCAL
from imagegen.domain.words import counted
from imagegen.estimate import Line, Totals
from imagegen.providers import Limits
from imagegen.settings import Settings

HOUR = 3600
DAY = 24 * HOUR
_WINDOWS: dict[str, int] = {"hour": HOUR, "day": DAY, "month": 30 * DAY}
_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

Binding = Literal["concurrency", "rate", "hour", "day", "month"]


@dataclass(frozen=True, slots=True)
class Pace:
    """One limit: the `seconds` that a plan takes under it alone. `why` names the limit for a person."""

    seconds: float
    binds: Binding
    why: str
    provider: str | None = None

    @property
    def said(self) -> str:
        """ "about 3 h 20 min; the $10 an hour budget binds: 250 pictures an hour"."""
        return f"about {clock(self.seconds)}; {self.why}" if self.binds in ("concurrency", "rate", "hour") else self.why


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a plan takes. `slowest` is what decides it (None: nothing is asked of any provider),
    `by_provider` the seconds of each provider by itself. `blocked` says which budget is smaller than one picture."""

    slowest: Pace | None = None
    by_provider: Mapping[str, float] = field(default_factory=dict)
    blocked: str = ""

    @property
    def seconds(self) -> float:
        """Seconds from the first call to the last picture."""
        return self.slowest.seconds if self.slowest else 0.0

    @property
    def said(self) -> str:
        """One sentence for a person; "" when nothing is asked of any provider."""
        return self.blocked or (self.slowest.said if self.slowest else "")


def duration(
    totals: Totals, catalog: Catalog, settings: Settings, budgets: Mapping[str, Nano], hourly: Nano | None = None
) -> Duration:
    """How long what `totals` counted takes. `budgets` by scope (hour, day, month; others do not slow a run). `hourly`:
    what an hour of this machine costs, where its pictures are priced by the time that they take."""
    lines = [line for line in totals.by("model") if line.paid and not line.is_placeholder]
    providers = dict.fromkeys(line.provider for line in lines if line.provider != HANDOFF)  # nobody knows how long
    paces = [
        _own_machine(lines, hourly, len(settings.local.devices))
        if name == LOCAL and hourly
        else _provider(name, lines, catalog, settings)
        for name in providers
    ]
    cost, paid = sum(line.cost for line in lines), sum(line.paid for line in lines)
    slowed = [
        _budget(scope, budgets[scope], cost, paid) for scope in _WINDOWS if scope in budgets and cost > budgets[scope]
    ]
    too_small = [scope for scope in _WINDOWS if scope in budgets and totals.dearest > budgets[scope]]
    return Duration(
        max([*paces, *slowed], key=lambda pace: pace.seconds, default=None),
        {str(pace.provider): pace.seconds for pace in paces},
        _blocked(totals.dearest, too_small[0], budgets) if too_small else "",
    )


def clock(seconds: float) -> str:
    """`seconds` roughly, for people: "45 s", "42 min", "3 h 20 min", "12 days"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{round(seconds / DAY):,} days"


def _own_machine(lines: Sequence[Line], hourly: Nano, devices: int) -> Pace:
    """One batch after the other on each of so many `devices`: the time of each is what is paid for."""
    here = [line for line in lines if line.provider == LOCAL]
    seconds, made = sum(line.cost for line in here) * HOUR / hourly, sum(line.paid for line in here)
    why = f"{LOCAL} sets the pace: {counted(made, 'picture')}, about {seconds / made:.2g} s each"
    return Pace(seconds / devices, "concurrency", why, LOCAL)


def _provider(name: str, lines: Sequence[Line], catalog: Catalog, settings: Settings) -> Pace:
    """The slowest of a provider's limits."""
    served = [(line, *_served(line, catalog)) for line in lines if line.provider == name]
    known = _hands(name, catalog)
    hands = settings.concurrency.get(name) or settings.workers or known
    pictures = sum(line.paid for line, _, _ in served)
    work = sum(line.paid * model.typical_seconds for line, model, _ in served)
    busy = max(work / hands, *(model.typical_seconds for _, model, _ in served))
    each = f"about {clock(work / pictures)} each"
    at_once = "one at a time" if hands == 1 else f"{hands} at a time"
    why = f"{name} sets the pace: {counted(pictures, 'picture')}, {at_once}, {each}"
    rates = [pace for line, model, offer in served for pace in _rates(line, model, offer)]
    own = [_own(line, model, offer) for line, model, offer in served if (offer.concurrency or known) < known]
    return max([Pace(busy, "concurrency", why, name), *own, *rates], key=lambda pace: pace.seconds)


def _rates(line: Line, model: Model, offer: Offer) -> Iterator[Pace]:
    asked = ((offer.images_per_minute, 60, "minute"), (offer.requests_per_minute, 60, "minute"))
    daily = ((offer.images_per_day, DAY, "day"), (offer.requests_per_day, DAY, "day"))
    for most, window, word in (*asked, *daily):
        if most:
            why = f"{offer.provider} takes at most {most:g} pictures a {word} of {model.name}"
            yield Pace(line.paid / most * window, "rate", why, offer.provider)


def _own(line: Line, model: Model, offer: Offer) -> Pace:
    """A model bears fewer calls at once than its provider."""
    hands = offer.concurrency or 1
    why = f"{offer.provider} takes at most {counted(hands, 'call')} at once for {model.name}"
    return Pace(max(line.paid / hands, 1) * model.typical_seconds, "concurrency", why, offer.provider)


def _served(line: Line, catalog: Catalog) -> tuple[Model, Offer]:
    model = catalog.models[line.model]
    offer = model.offer(line.provider)
    assert offer is not None, "plans name offers of the catalogue"
    return model, offer


def _hands(provider: str, catalog: Catalog) -> int:
    """How many calls go out at once: the most that the catalogue knows of any model there, else the usual."""
    if provider == LOCAL:
        return 1
    offers = [model.offer(provider) for model in catalog.models.values()]
    known = [offer.concurrency for offer in offers if offer and offer.concurrency]
    return max(known) if known else Limits().concurrency


def _budget(scope: str, limit: Nano, cost: Nano, paid: int) -> Pace:
    seconds = cost / limit * _WINDOWS[scope] if limit else float("inf")
    said = f"{_dollars(limit)} {'an' if scope == 'hour' else 'a'} {scope}"
    if scope == "hour":
        each = limit * paid // cost
        return Pace(seconds, "hour", f"the {said} budget binds: {counted(each, 'picture')} an hour")
    count = -(-cost // limit) if limit else 0
    word = _COUNTS[count] if count < len(_COUNTS) else f"{count:,}"
    binds: Binding = "day" if scope == "day" else "month"
    return Pace(seconds, binds, f"{word} {scope}s: the {said} budget binds")


def _blocked(dearest: Nano, scope: str, budgets: Mapping[str, Nano]) -> str:
    limit = f"{_dollars(budgets[scope])} {'an' if scope == 'hour' else 'a'} {scope}"
    return f"never: a picture of {show(dearest)} does not fit into the budget of {limit}"


def _dollars(amount: Nano) -> str:
    return show(amount).removesuffix(".00")
