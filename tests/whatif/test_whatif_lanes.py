"""Live beside the provider's half-price queue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from imagegen.domain.money import nano
from imagegen.estimate import Totals
from imagegen.whatif.lanes import Lane, Lanes, Sold, allows, reasons
from tests.planning import TODAY, planned, preset

FLARE = {"model": "gpt-image-2.5-flare"}


def bought(rows: list[dict[str, Any]], lane: Lane = "auto") -> tuple[Totals, Lanes]:
    """`rows` in that lane."""
    totals, lanes = Totals(), Lanes(lane, TODAY)
    for picture in planned(rows, preset("current")):
        lanes.add(picture, totals.add(lanes.bought(picture)))
    return totals, lanes


def test_the_queue_takes_half_where_it_is_sold() -> None:
    """Ten pictures that can wait, ten that are sold live only."""
    live, _ = bought([FLARE] * 10, "live")
    totals, lanes = bought([FLARE] * 10 + [{"model": "flux-schnell"}] * 10)
    assert totals.all.cost == live.all.cost / 2 + nano("0.03")
    first, second = lanes.sold()
    assert (first.model, first.queued, first.live, first.save) == (
        "gpt-image-2.5-flare",
        10,
        live.all.cost,
        live.all.cost / 2,
    )
    assert second == Sold("flux-schnell", "replicate", 10, nano("0.03"))
    assert list(reasons(lanes.all)) == ["10 not sold so"]


def test_live_costs_what_it_costs_and_says_what_the_queue_would_save() -> None:
    """The plan's own figures stay."""
    totals, lanes = bought([FLARE], "live")
    assert totals.all.cost == lanes.all.live > 0
    assert lanes.all.save == totals.all.cost - -(-totals.all.cost // 2)


def test_what_is_shared_refused_or_a_placeholder_is_not_counted() -> None:
    """Only purchases can be bought otherwise."""
    rows = [
        FLARE | {"prompt": "x"},
        FLARE | {"prompt": "x"},
        {"model": "dall-e-3", "size": "9x4000"},
        {"provider": "placeholder"},
    ]
    assert bought(rows)[1].all.pictures == 1


def test_a_discount_alone_is_no_queue() -> None:
    """An offer that does not list the lane is not sold through it."""
    context = preset("current")
    model = context.catalog.models["gpt-image-2.5-flare"]
    live_only = replace(model, offers=tuple(replace(offer, lanes=("live",)) for offer in model.offers))
    catalog = replace(context.catalog, models={**context.catalog.models, model.name: live_only})
    lanes = Lanes("auto", TODAY)
    for picture in planned([FLARE], replace(context, catalog=catalog)):
        lanes.add(picture, "buy")
    assert (lanes.all.pictures, lanes.all.queued, lanes.all.save) == (1, 0, 0)


def test_a_deadline_keeps_a_row_live() -> None:
    """Unless every row is to go there."""
    rows = [FLARE | {"deadline": "6h"}, FLARE | {"deadline": "2d"}, FLARE]
    totals, lanes = bought(rows)
    assert (lanes.all.queued, lanes.all.late) == (2, 1)
    assert list(reasons(lanes.all)) == ["1 held by their deadline"]
    assert totals.all.cost == lanes.all.live - lanes.all.save
    assert bought(rows, "batch")[1].all.queued == 3


@pytest.mark.parametrize(
    ("deadline", "can"),
    [
        ("24h", True),
        ("23h", False),
        ("1d", True),
        ("1 w", True),
        ("1440 min", True),
        ("1439m", False),
        ("2026-11-24", True),
        ("2026-11-23", False),  # tomorrow may begin in an hour
        ("2026-11-24T08:00", True),
        ("2026-11-21", False),
        ("soon", False),
        ("", False),
    ],
)
def test_a_deadline_of_a_day_or_more_can_wait(deadline: str, can: bool) -> None:
    """As a time from now or a date; what cannot be read cannot wait."""
    assert allows(deadline, TODAY) is can
