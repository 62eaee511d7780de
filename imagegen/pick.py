"""Pick: which model makes a row, here or elsewhere, and the Request of its picture but for prompt and seed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from imagegen import prices, routing, treatment
from imagegen.context import Context
from imagegen.domain.inputs import PLACEHOLDER, images_of
from imagegen.domain.model import Estimate
from imagegen.domain.money import Nano, show
from imagegen.domain.queue import LOCAL
from imagegen.domain.request import Request, canonical_json
from imagegen.domain.row import Row
from imagegen.errors import SettingsError
from imagegen.ownrequest import own_request
from imagegen.queueing import asks_both, lane_of, may_wait
from imagegen.routing import Choice, NoChoice


def pick(row: Row, context: Context, native: tuple[int, int] | None) -> Choice | NoChoice:
    """The model that makes `row`. Raises UsageError: see `routing.choose`."""
    return _here_or_there(row, _choose(row, context, native), context, native)


def _choose(row: Row, context: Context, native: tuple[int, int] | None) -> Choice | NoChoice:
    optimize: Any = context.optimize
    chosen = routing.choose(
        row,
        context.routes,
        context.catalog,
        context.today,
        enabled=context.enabled,
        missing=context.missing,
        served_elsewhere=context.served_elsewhere,
        allow_retired=context.allow_retired,
        assume_alive=context.estimating,
        optimize=optimize,
        input_count=_inputs(row),
        native=native,
        also=context.cut,
        barred=context.barred,
    )
    if isinstance(chosen, NoChoice) and context.estimating and context.enabled is not None:
        other = routing.choose(
            row,
            context.routes,
            context.catalog,
            context.today,
            assume_alive=True,
            optimize=optimize,
            input_count=_inputs(row),
            native=native,
            also=context.cut,
        )
        if isinstance(other, Choice):
            note = f"{other.offer.provider} is not set up here ({context.missing.get(other.offer.provider, 'no key')})"
            return replace(other, notes=(*other.notes, note))
    return chosen


def own(base: Request, row: Row, unit: Estimate, context: Context) -> tuple[Request, Mapping[str, str], Estimate]:
    """What this machine is told, and what it costs here; of all others nothing is changed."""
    if base.provider != LOCAL or context.own is None or (context.estimating and context.enabled is None):
        return base, {}, unit
    told, loras = own_request(base, row, context.own)
    return told, loras, context.own.estimate(told) or unit


def _here_or_there(
    row: Row, chosen: Choice | NoChoice, context: Context, native: tuple[int, int] | None
) -> Choice | NoChoice:
    """What was `chosen`; with `lane: auto` the cheaper of this machine and everybody else, among the models of the
    row's list, and of two equals what was chosen. What is wanted within a day is left to those who make many at
    once."""
    if isinstance(chosen, NoChoice) or not asks_both(row, context):
        return chosen
    ours = chosen.offer.provider == LOCAL
    others = replace(context, enabled=(context.enabled or frozenset()) - {LOCAL})
    asked = row if ours else row.model_copy(update={"provider": LOCAL})
    other = _choose(asked, others if ours else context, native)
    if isinstance(other, NoChoice):
        return chosen
    here, there = (chosen, other) if ours else (other, chosen)
    if not may_wait(row, context):
        return there
    cost, theirs = _cost_here(row, here, context), _cost_there(row, there, context)
    if cost is None or cost > theirs or (cost == theirs and not ours):
        return there
    note = f"made here for about {show(cost)}; {show(theirs)} by {there.model.name} on {there.offer.provider}"
    return replace(here, notes=(*here.notes, note))


def _cost_here(row: Row, here: Choice, context: Context) -> Nano | None:
    try:
        return own(base_of(row, here, context), row, here.unit, context)[2].expected
    except SettingsError:  # it is told of where the row is for this machine alone
        return None


def _cost_there(row: Row, there: Choice, context: Context) -> Nano:
    off = there.offer.batch_discount if lane_of(row, there, context)[0] == "batch" else 0
    return prices.discounted(there.unit.expected or 0, off)


def _inputs(row: Row) -> int:
    """How many input pictures come with the row."""
    return len(images_of(row))


def base_of(row: Row, chosen: Choice, context: Context) -> Request:
    """What is asked of the model that was `chosen` for `row`, but for prompt, sample and seed."""
    size, can, exact = chosen.size_plan.size, chosen.offer.can, chosen.offer.sizes.exact
    return Request(
        provider=chosen.offer.provider,
        model=chosen.model.name,
        prompt="",
        address=context.addresses.get(chosen.offer.provider),
        negative_prompt=row.negative_prompt,
        width=size.width if exact else None,
        height=size.height if exact else None,
        aspect_ratio=size.ratio,
        resolution=size.resolution,
        wire_format=treatment.wire_format(row, chosen.offer),
        quality=chosen.quality,
        steps=row.steps if "steps" in can else None,
        guidance=row.guidance if "guidance" in can else None,
        scheduler=row.scheduler if "scheduler" in can else None,
        strength=row.strength,
        refiner=str(row.refiner) if row.refiner else None,
        safety=row.safety,
        background=row.background if row.background in ("opaque", "transparent") else None,
        options=canonical_json(_own_options(row, chosen.offer.provider))
        if _own_options(row, chosen.offer.provider)
        else None,
    )


def stand_in(chosen: Choice) -> Request:
    """The same, of a placeholder for that model."""
    size = chosen.size_plan.size
    return Request(
        provider=PLACEHOLDER,
        model=PLACEHOLDER,
        prompt="",
        stands_for=chosen.model.name,
        width=size.width,
        height=size.height,
        quality=chosen.quality,
        wire_format="png",
    )


def _own_options(row: Row, provider: str) -> dict[str, Any]:
    return dict((row.options or {}).get(provider) or {})
