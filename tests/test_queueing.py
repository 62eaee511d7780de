"""Which lane a row takes, and what it then costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from imagegen.errors import ManifestError
from imagegen.planned import Planned
from tests.planning import planned, preset

FLARE: dict[str, Any] = {"model": "gpt-image-2.5-flare"}


def one(fields: dict[str, Any], lane: str | None = None, **said: Any) -> Planned:
    """The plan of one row, under a manifest with `lane`."""
    (picture,) = planned([FLARE | fields], replace(preset("current", **said), lane=lane))
    return picture


@pytest.mark.parametrize(
    ("fields", "lane", "taken"),
    [
        ({}, None, "live"),
        ({}, "batch", "batch"),
        ({}, "auto", "batch"),
        ({"lane": "batch"}, None, "batch"),
        ({"lane": "live"}, "batch", "live"),
        ({"lane": "auto", "deadline": "36h"}, None, "batch"),
        ({"lane": "auto", "deadline": "23h"}, None, "live"),
        ({"deadline": "23h"}, "batch", "live"),
        ({"accept": {"text": True}}, "batch", "live"),
        ({"model": "flux-schnell"}, "batch", "live"),
        ({"model": "flux-schnell", "lane": "auto"}, None, "live"),
        ({"provider": "placeholder"}, "batch", "live"),
        ({"provider": "placeholder", "lane": "batch"}, None, "live"),
    ],
    ids=str,
)
def test_the_lane_that_a_row_takes(fields: dict[str, Any], lane: str | None, taken: str) -> None:
    """Its own word first, then the manifest's; what cannot wait is bought live in silence."""
    picture = one(fields, lane)
    assert (picture.state, picture.draft.blueprint.lane) == ("buy", taken)
    assert picture.draft.blueprint.buyer.endswith(".batch") is (taken == "batch")


def test_a_batch_costs_half_and_is_the_same_picture() -> None:
    """Expected and reserved; the Key knows nothing of lanes."""
    live, queued = one({}), one({"lane": "batch"})
    assert live.cost
    assert live.most
    assert (queued.cost, queued.most) == (-(-live.cost // 2), -(-live.most // 2))
    assert queued.draft.key == live.draft.key
    assert queued.draft.blueprint.live_price(queued.row).expected == live.cost


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"model": "flux-schnell"}, "batch"),
        ({"accept": {"text": True}}, "accept looks at a picture"),
        ({"strategy": "draft_refine"}, "one picture after the other"),
        ({"deadline": "6h"}, "nearer than the 24 hours"),
    ],
    ids=str,
)
def test_a_row_that_asks_for_a_batch_and_cannot_have_it_is_refused(fields: dict[str, Any], why: str) -> None:
    """With a sentence, before anything is bought."""
    picture = one(fields | {"lane": "batch"})
    assert picture.state == "refused"
    assert why in picture.reason


def test_rows_of_one_kind_differ_by_their_deadline() -> None:
    """What is remembered of a kind of row does not mix those that can wait with those that cannot."""
    rows = [FLARE | {"lane": "auto", "deadline": deadline} for deadline in ("6h", "3d", "5h", "4d")]
    found = [picture.draft.blueprint.lane for picture in planned(rows, preset("current"))]
    assert found == ["live", "batch", "live", "batch"]


def test_deadlines_count_from_the_plan() -> None:
    """Not from midnight."""
    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert one({"lane": "auto", "deadline": "2026-11-23T11:00"}, now=now).draft.blueprint.lane == "batch"
    assert one({"lane": "auto", "deadline": "2026-11-23T09:00"}, now=now).draft.blueprint.lane == "live"


def test_a_deadline_that_is_none_is_told_at_its_place() -> None:
    """In whatever lane."""
    with pytest.raises(ManifestError, match=r"rows\.csv:2.*deadline 'soon' is no time; write 36h"):
        one({"deadline": "soon"})


def test_drafts_never_wait_for_a_queue() -> None:
    """Neither they nor the picture that is made from one."""
    rows = [{"strategy": "draft_refine", "use_case": "hero_image"}]
    found = planned(rows, replace(preset("current"), lane="batch"))
    assert {picture.draft.blueprint.lane for picture in found} == {"live"}
    assert len(found) > 1
