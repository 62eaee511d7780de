"""Live beside the provider's half-price queue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from imagegen.domain.money import nano
from imagegen.estimate import Totals
from imagegen.whatif.lanes import Lane, Lanes, Sold, reasons
from tests.planning import planned, preset

FLARE = {"model": "gpt-image-2.5-flare"}


def bought(rows: list[dict[str, Any]], lane: Lane = "auto") -> tuple[Totals, Lanes]:
    """`rows` in that lane."""
    context = preset("current")
    totals, lanes = Totals(), Lanes(lane, context)
    for picture in planned([{"lane": lane} | row for row in rows], context):
        lanes.add(picture, totals.add(picture))
    return totals, lanes


def test_the_queue_takes_half_where_it_is_sold() -> None:
    """Ten pictures that can wait, ten that are sold live only; nothing is discounted twice."""
    live, _ = bought([FLARE] * 10, "live")
    totals, lanes = bought([FLARE] * 10 + [{"model": "flux-schnell"}] * 10)
    assert totals.all.cost == live.all.cost / 2 + nano("0.03")
    assert (totals.queued, totals.spared) == (10, live.all.cost / 2)
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
    assert (totals.queued, totals.spared) == (0, 0)


def test_what_is_shared_refused_or_a_placeholder_is_not_counted() -> None:
    """Only purchases can be bought otherwise."""
    rows = [
        FLARE | {"prompt": "x"},
        FLARE | {"prompt": "x"},
        {"model": "dall-e-3", "size": "9x4000"},
        {"provider": "placeholder"},
    ]
    assert bought(rows)[1].all.pictures == 1


@pytest.mark.parametrize("fields", [{"accept": {"text": True}}, {"strategy": "draft_refine"}], ids=str)
def test_what_comes_one_after_the_other_does_not_wait(fields: dict[str, Any]) -> None:
    """Each step would take a day."""
    totals, lanes = bought([FLARE | fields])
    assert (totals.queued, lanes.all.queued) == (0, 0)
    assert totals.all.cost == lanes.all.live > 0


def test_a_discount_alone_is_no_queue() -> None:
    """An offer that does not list the lane is not sold through it."""
    context = preset("current")
    model = context.catalog.models["gpt-image-2.5-flare"]
    live_only = replace(model, offers=tuple(replace(offer, lanes=("live",)) for offer in model.offers))
    catalog = replace(context.catalog, models={**context.catalog.models, model.name: live_only})
    context = replace(context, catalog=catalog)
    lanes = Lanes("auto", context)
    for picture in planned([FLARE | {"lane": "auto"}], context):
        lanes.add(picture, "buy")
    assert (lanes.all.pictures, lanes.all.queued, lanes.all.save) == (1, 0, 0)


def test_a_deadline_keeps_a_row_live() -> None:
    """It is counted as late; what costs half is what can wait."""
    totals, lanes = bought([FLARE | {"deadline": "6h"}, FLARE | {"deadline": "2d"}, FLARE])
    assert (lanes.all.queued, lanes.all.late, totals.queued) == (2, 1, 2)
    assert list(reasons(lanes.all)) == ["1 held by their deadline"]
    assert totals.all.cost == lanes.all.live - lanes.all.save
