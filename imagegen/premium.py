"""Premium: what the comparison model would take for the picture that a row asks for. Pure."""

from __future__ import annotations

from typing import Any

from imagegen import prices, sizing
from imagegen.context import Context
from imagegen.domain.money import Nano
from imagegen.routing import Choice


def premium_of(chosen: Choice, context: Context) -> Nano | None:
    """What the comparison model takes for a picture of the same size, its prompt not counted."""
    _, offer, quality = context.premium
    plan = chosen.size_plan
    wanted = (plan.width, plan.height) if plan.width and plan.height else (plan.size.width, plan.size.height)

    def cost(size: Any) -> int | None:
        return prices.unit(offer.price, size, quality).expected

    planned = sizing.plan_size(offer.sizes, wanted, "cover", cost)
    size = offer.sizes.default if isinstance(planned, str) else planned.size
    found = cost(size)
    return found if found is not None else cost(offer.sizes.default)
