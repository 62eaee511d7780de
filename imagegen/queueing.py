"""Queueing: whether a row is bought live or through the provider's queue, half the price within a day. Pure."""

from __future__ import annotations

from typing import Literal

from imagegen.context import Context
from imagegen.domain.deadline import allows_queue
from imagegen.domain.model import Offer
from imagegen.domain.queue import LOCAL, QUEUES
from imagegen.domain.row import Place, Row
from imagegen.errors import ManifestError
from imagegen.routing import Choice
from imagegen.routing.offers import PLACEHOLDER

Lane = Literal["live", "batch"]


def lane_of(row: Row, chosen: Choice, context: Context) -> tuple[Lane, str]:
    """The lane that `row` takes, and why it cannot take the one that it asks for ("" when it can). A row that says
    `lane: batch` itself is bought so or not at all; the manifest's own `lane: batch` holds where it can."""
    wanted = row.lane or context.lane
    if wanted not in ("batch", "auto") or row.provider == PLACEHOLDER:
        return "live", ""
    no = _why_not(row, chosen, context)
    if no:
        return "live", f"lane: batch: {no}; use lane: auto, or live" if row.lane == "batch" else ""
    return "batch", ""


def asks_both(row: Row, context: Context) -> bool:
    """Whether `lane: auto` compares this machine with everybody else for `row`."""
    auto = (row.lane or context.lane) == "auto" and row.provider is None
    return auto and context.enabled is not None and LOCAL in context.enabled


def may_wait(row: Row, context: Context) -> bool:
    """Whether the deadline of `row`, if it has one, is a day away or more."""
    return allows_queue(row.deadline, context.moment)


def waits(row: Row, place: Place, context: Context) -> bool:
    """Whether the deadline of `row` leaves time for a queue. Raises ManifestError at `place` for one that is none."""
    try:
        return allows_queue(row.deadline, context.moment)
    except (ValueError, OverflowError):
        what = f"row {row.id!r}: the deadline {str(row.deadline)[:40]!r} is no time"
        raise ManifestError(*place, what, "write 36h or 3d from now, or 2026-12-01 or 2026-12-01T18:00") from None


def could_wait(row: Row, chosen: Choice, context: Context) -> bool:
    """Whether `row` could be bought through a queue, whatever it says of lanes."""
    return not _why_not(row, chosen, context)


def sold_so(offer: Offer) -> bool:
    """Whether `offer` can be bought through its provider's queue."""
    return "batch" in offer.lanes and offer.provider in QUEUES


def _why_not(row: Row, chosen: Choice, context: Context) -> str:
    offer = chosen.offer
    if not sold_so(offer):
        return f"{chosen.model.name} on {offer.provider} is not sold through a queue here"
    if chosen.strategy != "plain":
        return f"strategy {chosen.strategy} makes one picture after the other, and each would wait a day"
    if row.accept is not None:
        return "accept looks at a picture before it asks for the next, and each would wait a day"
    if not allows_queue(row.deadline, context.moment):
        return f"the deadline {row.deadline} is nearer than the 24 hours that a batch may take"
    return ""
