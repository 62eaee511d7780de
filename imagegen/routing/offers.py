"""Whether one offer of one model can make a row: a Candidate with its price, or a Loser with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from imagegen import prices
from imagegen.domain.handoff import BY_HAND, HANDED, HANDOFF
from imagegen.domain.model import Estimate, Model, Offer, Size
from imagegen.domain.money import nano, show
from imagegen.domain.row import Row
from imagegen.routing.route import Entry
from imagegen.routing.wish import Wish, needs_text
from imagegen.sizing import SizePlan, plan_size

#: Asking for this provider asks for a picture of what any model would make: nothing is enabled, alive or paid for.
PLACEHOLDER = "placeholder"

#: behind: could make the row, another comes first. The others: what keeps it from making the row.
Kind = Literal["provider", "retired", "cannot", "quality", "size", "unpriced", "dear", "disabled", "behind"]


@dataclass(frozen=True, slots=True)
class Loser:
    """An offer that was not taken, and the reason: a clause that continues "MODEL on PROVIDER ...".
    Sentences and tests for `kind` are made of it, not of the reason."""

    model: str
    provider: str
    reason: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds on the day of choosing, whatever the row. See `choose` for each. `barred` says why a model at a
    provider is not to be asked now; "" stands for every model, or every provider."""

    today: date
    enabled: frozenset[str] | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    served_elsewhere: frozenset[str] = frozenset()
    allow_retired: bool = False
    assume_alive: bool = False
    input_count: int = 0
    native: tuple[int, int] | None = None
    also: tuple[tuple[int, int], ...] = ()
    barred: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An offer that can make the row: at which size and quality, for how much a picture."""

    model: Model
    offer: Offer
    size_plan: SizePlan
    quality: str | None
    unit: Estimate
    notes: tuple[str, ...]


def judge(row: Row, wish: Wish, entry: Entry, model: Model, offer: Offer, terms: Terms) -> Candidate | Loser:
    """Whether `offer` can make `row`. What a key could mend is looked at last: a Loser of kind "disabled"
    would win its place if its provider were enabled."""

    def loser(kind: Kind, reason: str) -> Loser:
        return Loser(model.name, offer.provider, reason, kind)

    if row.provider not in (None, PLACEHOLDER, offer.provider):
        return loser("provider", f"is not the provider that the row asks for, {row.provider}")
    if _gone(model, offer, terms) and not _revived(offer, terms):
        return loser("retired", shut_down(model, offer))
    lack = _lack(row, offer, wish, terms)
    if lack:
        return loser("cannot", lack)
    asked = row.quality or entry.quality
    if asked and asked not in offer.qualities:
        known = f"only {', '.join(offer.qualities)}" if offer.qualities else "it knows no quality levels"
        return loser("quality", f"has no quality {asked}, {known}")
    quality = asked or next((one for one in wish.qualities if one in offer.qualities), offer.default_quality)
    cost = _costs(row, offer, quality, terms)
    plan, soft_note = _size_plan(row, wish, offer, lambda size: cost(size).expected, terms)
    if isinstance(plan, str):
        return loser("size", plan)
    unit = cost(plan.size)
    free = row.provider == PLACEHOLDER
    if unit.expected is None and not free:
        return loser("unpriced", "has no known price for this (no price, no call)")
    if row.max_price is not None and not free and _most(unit) > nano(row.max_price):
        cap = show(nano(row.max_price))
        return loser("dear", f"may cost {show(_most(unit))}, more than the row's max_price of {cap}")
    by_hand = offer.provider == HANDOFF and terms.missing.get(HANDOFF) == BY_HAND  # `choose` takes it last
    if terms.enabled is not None and offer.provider not in terms.enabled and not (free or by_hand):
        return loser("disabled", f"is not enabled ({terms.missing.get(offer.provider, 'not listed')})")
    barred = next((why for place in _places(model, offer) if (why := terms.barred.get(place))), "")
    if barred:
        return loser("disabled", f"cannot be used now ({barred})")
    notes = (*wish.notes, *_notes(row, wish, model, offer, terms), *soft_note)
    return Candidate(model, offer, plan, quality, unit, notes)


def _places(model: Model, offer: Offer) -> tuple[tuple[str, str], ...]:
    return (model.name, offer.provider), (model.name, ""), ("", offer.provider)


def shut_down(model: Model, offer: Offer) -> str:
    """ "was shut down on 2026-05-12", as far as the catalogue knows."""
    days = [day for day in (offer.shutdown_on, model.shutdown_on) if day]
    return f"was shut down on {min(days)}" if days else "is retired"


def _gone(model: Model, offer: Offer, terms: Terms) -> bool:
    return model.gone(terms.today, offer)


def _revived(offer: Offer, terms: Terms) -> bool:
    elsewhere = offer.provider in terms.served_elsewhere
    return elsewhere or terms.allow_retired or terms.assume_alive


def _lack(row: Row, offer: Offer, wish: Wish, terms: Terms) -> str:
    """What the row needs and the offer cannot, as a clause; "" when there is nothing."""
    lacks = [what for capability, what in _needs(row, wish) if capability not in offer.can]
    if lacks:
        return f"cannot {' or '.join(lacks)}"
    if offer.provider == HANDOFF and row.provider != PLACEHOLDER:
        if wish.strategy != "plain":
            return f"is made by hand, and not by way of drafts (strategy {wish.strategy})"
        if row.accept is not None and row.accept.attempts > 1:
            return "is made by hand: nobody buys further attempts (accept.attempts)"
    given = (1 if isinstance(row.image, str) else len(row.image)) if row.image is not None else 0
    if max(given, terms.input_count) > offer.max_inputs:
        return f"takes at most {offer.max_inputs} input pictures, the row has {max(given, terms.input_count)}"
    lanes = {*offer.lanes, "local"} if offer.provider == "local" else set(offer.lanes)
    if row.lane not in (None, "auto", *lanes):
        return f"is not sold through the {row.lane} lane"
    return ""


def _needs(row: Row, wish: Wish) -> list[tuple[str, str]]:
    """Capabilities the row needs, each with words for it. A person who names a model may try text on any."""
    asked = (
        ("text", needs_text(row) and not wish.explicit, "write readable text"),
        ("edit", row.image is not None, "edit a picture"),
        ("mask", row.mask is not None, "use a mask"),
        ("alpha", row.background == "transparent", "make a transparent background"),
        ("negative", bool(row.negative_prompt), "take a negative prompt"),
        ("seed", row.seed is not None, "take a seed"),
        ("steps", row.steps is not None, "take a number of steps"),
        ("guidance", row.guidance is not None, "take a guidance scale"),
        ("scheduler", row.scheduler is not None, "choose a scheduler"),
        ("refiner", bool(row.refiner), "use a refiner"),
        ("control", row.control is not None, "follow a control image"),
        ("lora", bool(row.lora), "load a LoRA"),
    )
    return [(capability, what) for capability, needed, what in asked if needed]


def _costs(row: Row, offer: Offer, quality: str | None, terms: Terms) -> Callable[[Size], Estimate]:
    """Prices a size of this offer; every input picture counts as one megapixel. A mask goes in as a picture where
    pictures are paid for by token."""
    masks = bool(row.mask) and offer.price is not None and offer.price.kind == "tokens"
    inputs = (1.0,) * (terms.input_count + masks)
    return lambda size: prices.unit(offer.price, size, quality, inputs)


def _size_plan(
    row: Row, wish: Wish, offer: Offer, cost: Callable[[Size], int | None], terms: Terms
) -> tuple[SizePlan | str, tuple[str, ...]]:
    plan = plan_size(offer.sizes, wish.size, row.fit, cost, wish.ratio, native=terms.native, also=terms.also)
    if isinstance(plan, SizePlan) or not wish.soft:
        return plan, ()
    nearest = plan_size(offer.sizes, wish.size, "none", cost, also=terms.also)
    if isinstance(nearest, str) or wish.size is None:
        return plan, ()
    note = f"{row.use_case} is {wish.size[0]}x{wish.size[1]} as a rule, this model comes near with {nearest.size}"
    return nearest, (note,)


def _most(unit: Estimate) -> int:
    return unit.most if unit.most is not None else unit.expected or 0


def _notes(row: Row, wish: Wish, model: Model, offer: Offer, terms: Terms) -> list[str]:
    notes = []
    successor = f", {model.replaced_by} replaces it" if model.replaced_by else ""
    if _gone(model, offer, terms):
        priced = "; priced as it was" if terms.assume_alive else ""
        notes.append(f"{model.name} {shut_down(model, offer)}{successor}{priced}")
    elif "deprecated" in (model.status, offer.status):
        day = offer.shutdown_on or model.shutdown_on
        notes.append(f"{model.name} is deprecated{f' and ends on {day}' if day else ''}{successor}")
    if wish.explicit and needs_text(row) and "text" not in offer.can:
        notes.append(f"{model.name} is not known to write readable text")
    return [*notes, HANDED] if offer.provider == HANDOFF and row.provider != PLACEHOLDER else notes
