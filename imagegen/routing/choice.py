"""Choose: a Row, the Routes, the Catalog and the day -> the model that makes it and why, or why nothing can.

Pure and deterministic: the answer depends on the row's fields other than id, prompt and tags, so a caller
may keep it for all rows of one shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from imagegen.catalog import Catalog
from imagegen.catalog.fields import suggestion
from imagegen.domain.handoff import HANDOFF
from imagegen.domain.model import Estimate, Model, Offer
from imagegen.domain.money import show
from imagegen.domain.row import Row
from imagegen.errors import SettingsError, UsageError
from imagegen.routing.offers import PLACEHOLDER, Candidate, Loser, Terms, judge
from imagegen.routing.refusal import NoChoice, no_choice
from imagegen.routing.route import Entry, Routes
from imagegen.routing.wish import Wish, wish_of
from imagegen.sizing import SizePlan


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that makes a row. `unit` is the price of one picture, its prompt not counted. `why` is one
    sentence for a person, `notes` are what he should know besides; `losers` are all that was not taken."""

    model: Model
    offer: Offer
    size_plan: SizePlan
    quality: str | None
    unit: Estimate
    tier: str
    use_case: str | None
    strategy: str
    why: str
    losers: tuple[Loser, ...] = ()
    notes: tuple[str, ...] = ()


def choose(
    row: Row,
    routes: Routes,
    catalog: Catalog,
    today: date,
    *,
    enabled: frozenset[str] | None = None,
    missing: Mapping[str, str] | None = None,
    served_elsewhere: frozenset[str] = frozenset(),
    allow_retired: bool = False,
    assume_alive: bool = False,
    optimize: Literal["route", "cost"] = "route",
    input_count: int = 0,
    native: tuple[int, int] | None = None,
    also: tuple[tuple[int, int], ...] = (),
    barred: Mapping[tuple[str, str], str] | None = None,
) -> Choice | NoChoice:
    """The first model of the row's list that can make it, or with `optimize` "cost" the cheapest.

    `enabled`: providers that may be used (None: all); `missing`: per provider why it is not, such as
    "no OPENAI_API_KEY". `served_elsewhere`: providers with an address of the user's, where retired models
    run; `allow_retired` lets them run anywhere; `assume_alive` prices them as they were, for estimates.
    `input_count` input pictures come with the row, the first of `native` pixels where that is known.
    `also` are sizes that must be cut from the same picture without enlarging it. `barred`: see `Terms`.
    A row that asks for the provider "placeholder" gets the model to stand in for: all count as enabled.

    Raises UsageError for a model, provider or use case that does not exist, SettingsError for a route that
    names a model nobody knows."""
    alive = assume_alive or row.provider == PLACEHOLDER
    terms = Terms(
        today, enabled, missing or {}, served_elsewhere, allow_retired, alive, input_count, native, also, barred or {}
    )
    wish = wish_of(row, routes)
    _check_provider(row, catalog)
    verdicts = _hands_last(list(_verdicts(row, wish, catalog, routes, terms)), enabled)
    usable = [verdict for verdict in verdicts if isinstance(verdict, Candidate)]
    if not usable:
        return no_choice(row, wish, catalog, [verdict for verdict in verdicts if isinstance(verdict, Loser)])
    best = min(usable, key=_expected) if optimize == "cost" else usable[0]
    beaten = f"{_name(best)} {'costs no more' if optimize == 'cost' else 'comes first'}"
    losers = tuple(_loser(verdict, beaten) for verdict in verdicts if verdict is not best)
    before = losers[: verdicts.index(best)]
    return Choice(
        model=best.model,
        offer=best.offer,
        size_plan=best.size_plan,
        quality=best.quality,
        unit=best.unit,
        tier=wish.target.tier,
        use_case=row.use_case,
        strategy=wish.strategy,
        why=_why(wish, best, before, len(usable), optimize),
        losers=losers,
        notes=(*best.notes, *(_keyless(before) if optimize == "route" else ())),
    )


def _check_provider(row: Row, catalog: Catalog) -> None:
    if row.provider not in (None, PLACEHOLDER, *catalog.providers()):
        what = f"no provider is called {row.provider!r}"
        raise UsageError(what, suggestion(str(row.provider), frozenset({PLACEHOLDER, *catalog.providers()})))


def _verdicts(row: Row, wish: Wish, catalog: Catalog, routes: Routes, terms: Terms) -> Iterable[Candidate | Loser]:
    """Every offer of every model of the list in order, each judged once."""
    seen: set[tuple[str, str, str | None]] = set()
    for entry in wish.target.models:
        model, provider = _find(entry, wish, catalog, routes)
        for offer in model.offers:
            place = (model.name, offer.provider, entry.quality)
            if provider in (None, offer.provider) and place not in seen:
                seen.add(place)
                yield judge(row, wish, entry, model, offer, terms)


def _hands_last(verdicts: list[Candidate | Loser], enabled: frozenset[str] | None) -> list[Candidate | Loser]:
    """Unless it is enabled by name, a person's hand is never asked for what a provider can make."""
    providers = {verdict.offer.provider for verdict in verdicts if isinstance(verdict, Candidate)}
    if enabled is None or HANDOFF in enabled or not providers - {HANDOFF}:
        return verdicts
    return [
        Loser(verdict.model.name, HANDOFF, "is made by hand", "behind")
        if isinstance(verdict, Candidate) and verdict.offer.provider == HANDOFF
        else verdict
        for verdict in verdicts
    ]


def _find(entry: Entry, wish: Wish, catalog: Catalog, routes: Routes) -> tuple[Model, str | None]:
    try:
        return catalog.find(entry.model)
    except UsageError as error:
        if wish.explicit:
            raise
        raise SettingsError(f"routes {routes.name}: {wish.what}: {error.what}", error.todo) from None


def _expected(candidate: Candidate) -> tuple[bool, int]:
    """Sorts unknown prices last; they come up for placeholders only."""
    return candidate.unit.expected is None, candidate.unit.expected or 0


def _loser(verdict: Candidate | Loser, beaten: str) -> Loser:
    if isinstance(verdict, Loser):
        return verdict
    price = "" if verdict.unit.expected is None else f" for {show(verdict.unit.expected)}"
    return Loser(verdict.model.name, verdict.offer.provider, f"could make it{price}, but {beaten}", "behind")


def _name(best: Candidate) -> str:
    return f"{best.model.name} on {best.offer.provider}"


def _why(wish: Wish, best: Candidate, before: tuple[Loser, ...], usable: int, optimize: str) -> str:
    if wish.explicit:
        return f"{_name(best)}: the row names {wish.what}"
    if optimize == "cost" and usable > 1:
        return f"{_name(best)}: the cheapest of {usable} that can make it, for {wish.what}"
    others = [loser for loser in before if loser.model != best.model.name]
    if not others:
        return f"{_name(best)}: the first choice for {wish.what}"
    first = others[0]
    return f"{_name(best)}: the next choice for {wish.what}, as {first.model} on {first.provider} {first.reason}"


def _keyless(before: tuple[Loser, ...]) -> list[str]:
    """What a missing key changed: the first that only lacks it."""
    first = next((loser for loser in before if loser.kind == "disabled"), None)
    return [f"{first.model} on {first.provider} would come first, but it {first.reason}"] if first else []
