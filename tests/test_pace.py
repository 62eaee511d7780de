"""Pace: how long a plan takes, and the one limit that decides it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagegen.catalog import Catalog
from imagegen.domain.model import Model
from imagegen.domain.money import nano
from imagegen.pace import Duration, clock, duration
from imagegen.settings import Settings
from tests.planning import added, guide_catalogue, preset

CATALOG = preset().catalog
HOME = Settings(Path("home"))


def lasts(rows: list[dict[str, Any]], catalog: Catalog = CATALOG, settings: Settings = HOME, **usd: str) -> Duration:
    """How long `rows` take under budgets in dollars by scope."""
    return duration(added(rows), catalog, settings, {scope: nano(amount) for scope, amount in usd.items()})


def limited(**limits: Any) -> Catalog:
    """The catalogue with other limits for DALL-E 3."""
    model = CATALOG.models["dall-e-3"]
    other = replace(model, offers=tuple(replace(offer, **limits) for offer in model.offers))
    return replace(CATALOG, models={**CATALOG.models, model.name: other})


def seconds_of(name: str) -> float:
    model: Model = CATALOG.models[name]
    return model.typical_seconds


def test_pictures_are_made_so_many_at_a_time() -> None:
    """1,000 pictures by five hands take the time of 200."""
    found = lasts([{}] * 1000)
    assert found.seconds == 200 * seconds_of("dall-e-3")
    assert found.said == "about 33 min; openai sets the pace: 1,000 pictures, 5 at a time, about 10 s each"


@pytest.mark.parametrize("settings", [replace(HOME, workers=10), replace(HOME, concurrency={"openai": 10})])
def test_more_hands_take_less_time(settings: Settings) -> None:
    """What the user says of hands counts."""
    assert lasts([{}] * 1000, settings=settings).seconds == 100 * seconds_of("dall-e-3")


def test_one_picture_takes_its_whole_time_however_many_hands() -> None:
    """Work is not divided below one picture."""
    assert lasts([{}]).seconds == seconds_of("dall-e-3")


def test_the_slowest_provider_decides() -> None:
    """Providers work side by side: their times are not added."""
    found = lasts(guide_catalogue(2000))
    assert found.seconds == max(found.by_provider.values())
    assert set(found.by_provider) == {"openai", "replicate"}
    assert found.slowest is not None
    assert found.slowest.provider == "openai"


def test_a_rate_limit_may_bind() -> None:
    """Six pictures a minute make 60 pictures last ten minutes, whatever the hands could do."""
    found = lasts([{}] * 60, limited(images_per_minute=6.0))
    assert found.seconds == 600
    assert found.said == "about 10 min; openai takes at most 6 pictures a minute of dall-e-3"


def test_a_model_may_bear_fewer_calls_than_its_provider() -> None:
    """24 tasks at once at Black Forest Labs, six of Kontext max: only those wait for each other."""
    rows = [{"model": "bfl/flux-kontext-max"}] * 60
    found = lasts(rows)
    assert found.seconds == 60 / 6 * seconds_of("flux-kontext-max")
    assert found.said.endswith("bfl takes at most 6 calls at once for flux-kontext-max")
    assert lasts(rows, settings=replace(HOME, concurrency={"bfl": 3})).seconds == 2 * found.seconds


def test_a_daily_limit_may_bind() -> None:
    """100 pictures a day make 1,000 pictures last ten days."""
    assert lasts([{}] * 1000, limited(images_per_day=100)).said.startswith("about 10 days; openai takes at most 100")


def test_an_hour_budget_may_bind() -> None:
    """$10 an hour buys 250 pictures of $0.04."""
    found = lasts([{}] * 2500, hour="10")
    assert found.seconds == 10 * 3600
    assert found.said == "about 10 h 00 min; the $10 an hour budget binds: 250 pictures an hour"


@pytest.mark.parametrize("scope", ["hour", "day", "month"])
def test_a_budget_that_is_not_exceeded_does_not_bind(scope: str) -> None:
    """What costs no more than the budget of one window is not slowed by it."""
    assert lasts([{}] * 10, **{scope: "0.40"}).slowest == lasts([{}] * 10).slowest


@pytest.mark.parametrize(
    ("scope", "amount", "said"),
    [
        ("day", "0.25", "two days: the $0.25 a day budget binds"),
        ("day", "0.03", "never: a picture of $0.04 does not fit into the budget of $0.03 a day"),
        ("hour", "0", "never: a picture of $0.04 does not fit into the budget of $0 an hour"),
        ("month", "0.10", "four months: the $0.10 a month budget binds"),
    ],
)
def test_days_are_counted_whole(scope: str, amount: str, said: str) -> None:
    """Ten pictures of $0.04: a day's budget makes whole days, and one below a single picture never ends."""
    assert lasts([{}] * 10, **{scope: amount}).said == said


def test_a_run_budget_slows_nothing() -> None:
    """A budget for the run stops it; it does not make it wait."""
    assert lasts([{}] * 100, run="1").slowest == lasts([{}] * 100).slowest


@pytest.mark.parametrize("rows", [[], [{"provider": "placeholder"}]], ids=["nothing", "placeholders"])
def test_where_nobody_is_asked_nothing_is_said(rows: list[dict[str, Any]]) -> None:
    """Neither an empty plan nor placeholders wait for a provider."""
    found = lasts(rows)
    assert (found.seconds, found.said, dict(found.by_provider)) == (0.0, "", {})


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (45, "45 s"), (120, "2 min"), (12000, "3 h 20 min"), (3600 * 24 * 12, "12 days")],
)
def test_times_are_told_roughly(seconds: float, said: str) -> None:
    """As exact as an estimate is, and no more."""
    assert clock(seconds) == said
