"""Findings: what the dates of the catalogue, and those that a provider announces, mean for each use on a day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from imagegen.catalog import Catalog
from imagegen.domain.model import Model, Offer
from imagegen.domain.row import Row
from imagegen.modelcheck.uses import Use, Uses
from imagegen.routing import Choice, NoChoice

#: Days before a shutdown from which on it is a notice, and from which on a warning.
NOTICE, WARNING = 30, 7
#: Days after which a price is old.
OLD_PRICE = 90

#: retired: shut down · warning, notice: so near to it · later: announced, further off or without a day.
Level = Literal["retired", "warning", "notice", "later", "fine"]
LEVELS: tuple[Level, ...] = ("retired", "warning", "notice", "later", "fine")

#: What would make a row on a day: a Choice, or why there is none.
Choose = Callable[[Row, date], Choice | NoChoice]


@dataclass(frozen=True)
class Announced:
    """What a provider's own list of models says: days of shutdown by the provider's names, None for none. `own`:
    the address is the user's, not the provider's home. `trouble`: why nothing is known, in a sentence."""

    provider: str
    host: str
    own: bool = False
    dates: Mapping[str, date | None] = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True)
class Finding:
    """One use and what is to be known about it. `day` is that of the shutdown, `successor` a model that lives on.
    `then`: which model the routes take after that day for how many rows that name none ("": for so many there is
    none). `price_days`: how old the price is, where it is too old. `remarks` are sentences."""

    use: Use
    model: Model
    offer: Offer
    level: Level
    day: date | None = None
    days_left: int | None = None
    successor: str | None = None
    then: Mapping[str, int] = field(default_factory=dict)
    price_days: int | None = None
    remarks: tuple[str, ...] = ()


def findings(
    uses: Uses, catalog: Catalog, today: date, announced: Announced | None, choose: Callable[[Catalog], Choose]
) -> list[Finding]:
    """A Finding for each use, the worst first. Rows that name no model and whose first choice is gone count for
    the one that makes them today. `choose` chooses by a catalogue's dates."""
    known = overlaid(catalog, announced)
    select = choose(known)
    moved = _moved(uses, known, today, select)
    found = [_finding(use, catalog, known, today, announced, select) for use in moved]
    return sorted(found, key=lambda each: (LEVELS.index(each.level), each.day or date.max, -each.use.rows))


def overlaid(catalog: Catalog, announced: Announced | None) -> Catalog:
    """`catalog` with what the provider announces in the place of its dates. A model that the provider lists without
    a day keeps the catalogue's, unless the address is the user's own: what is listed there lives there."""
    if announced is None:
        return catalog
    models = dict(catalog.models)
    for name, model in catalog.models.items():
        offer = model.offer(announced.provider)
        if offer is None or offer.api_name not in announced.dates:
            continue
        day = announced.dates[offer.api_name]
        if day is not None or announced.own:
            models[name] = _dated(model, offer.provider, day)
    return replace(catalog, models=models)


def successor(catalog: Catalog, model: Model, today: date) -> str | None:
    """The model to use instead: the replacement, or the replacement's when that is about to end too."""
    seen = {model.name}
    while model.replaced_by is not None and model.replaced_by not in seen:
        seen.add(model.replaced_by)
        model = catalog.models[model.replaced_by]
        if any(_level(model, offer, today) in ("later", "fine") for offer in model.offers):
            return model.name
    return None


def _moved(uses: Uses, known: Catalog, today: date, select: Choose) -> list[Use]:
    """The uses of today: rows without a model of their own leave what is gone, where the routes go on."""
    settled = Uses()
    for use in uses.by_offer.values():
        model = known.models[use.model]
        if not model.gone(today, _offer(model, use)):
            settled.of(use.model, use.provider).merge(use)
            continue
        nexts = {mark: select(kind.row, today) for mark, kind in use.kinds.items() if not mark[0]}
        _move(settled, replace(use, made=use.made_named), nexts)
    return [use for use in settled.by_offer.values() if use.rows or use.made or use.lists]


def _move(settled: Uses, use: Use, nexts: Mapping[tuple[bool, int], Choice | NoChoice]) -> None:
    """The rows of a use that is gone, each kind to the one that makes it now."""
    if not any(isinstance(each, Choice) for each in nexts.values()):
        settled.of(use.model, use.provider).merge(use)
        return
    stays = replace(use, rows=0, first=[], kinds={}, named=0)
    extra = use.rows - sum(kind.rows for kind in use.kinds.values())  # kinds that were not remembered
    for mark, kind in use.kinds.items():
        choice = nexts.get(mark)
        target = settled.of(choice.model.name, choice.offer.provider) if isinstance(choice, Choice) else stays
        target.count(kind._replace(rows=kind.rows + extra), mark)
        extra = 0
    settled.of(use.model, use.provider).merge(stays)


def _finding(
    use: Use, catalog: Catalog, known: Catalog, today: date, announced: Announced | None, select: Choose
) -> Finding:
    model, dated = catalog.models[use.model], known.models[use.model]
    offer, dated_offer = _offer(model, use), _offer(dated, use)
    day, price = _day(dated, dated_offer), offer.price
    level, remarks = _weighed(_level(dated, dated_offer, today), use, dated, today)
    if level == "fine" and _unlisted(offer, announced):
        level = "notice"
    age = (today - price.read_on).days if price else 0
    return Finding(
        use=use,
        model=model,
        offer=offer,
        level=level,
        day=day,
        days_left=(day - today).days if day else None,
        successor=successor(known, model, today),
        then=_then(use, day, select) if day and day > today else {},
        price_days=age if age > OLD_PRICE else None,
        remarks=(*remarks, *_remarks(model, offer, today, announced)),
    )


def _offer(model: Model, use: Use) -> Offer:
    return model.offer(use.provider) or model.offers[0]


def _level(model: Model, offer: Offer, today: date) -> Level:
    if model.gone(today, offer):
        return "retired"
    day = _day(model, offer)
    if day is not None and (day - today).days <= NOTICE:
        return "warning" if (day - today).days <= WARNING else "notice"
    return "later" if day or "deprecated" in (model.status, offer.status) else "fine"


def _day(model: Model, offer: Offer) -> date | None:
    return min((day for day in (model.shutdown_on, offer.shutdown_on) if day), default=None)


def _dated(model: Model, provider: str, day: date | None) -> Model:
    """`model` with its dates at its offers, and `day` at that of `provider`."""

    def dated(offer: Offer) -> Offer:
        if offer.provider == provider:
            return replace(offer, status="deprecated" if day else "active", shutdown_on=day)
        status = "retired" if "retired" in (offer.status, model.status) else offer.status or model.status
        return replace(offer, status=status, shutdown_on=_day(model, offer))

    return replace(model, status="active", shutdown_on=None, offers=tuple(map(dated, model.offers)))


def _weighed(level: Level, use: Use, model: Model, today: date) -> tuple[Level, list[str]]:
    """`level`, less where nobody asks the offer any more, or others serve the model as well."""
    if level not in ("retired", "warning"):
        return level, []
    if not use.rows and not use.lists:  # new rows will be such as the made ones are: what is near stays near
        return "notice" if level == "retired" else level, []
    others = [offer.provider for offer in model.offers if _level(model, offer, today) in ("later", "fine")]
    if not use.rows and not use.alone and others:
        return "notice", [f"{' and '.join(others)} still {'serve' if len(others) > 1 else 'serves'} it"]
    return level, []


def _then(use: Use, day: date, select: Choose) -> dict[str, int]:
    """Who makes the rows that name no model from `day` on; "" for those that nobody does."""
    found: dict[str, int] = {}
    for (named, _), kind in use.kinds.items():
        if not named:
            choice = select(kind.row, day)
            name = choice.model.name if isinstance(choice, Choice) else ""
            found[name] = found.get(name, 0) + kind.rows
    return found


def _unlisted(offer: Offer, announced: Announced | None) -> bool:
    if announced is None or not announced.dates or offer.provider != announced.provider:
        return False
    return offer.api_name not in announced.dates


def _remarks(model: Model, offer: Offer, today: date, announced: Announced | None) -> list[str]:
    """Where the provider and the catalogue differ, in sentences."""
    if announced is None or not announced.dates or offer.provider != announced.provider:
        return []
    if offer.api_name not in announced.dates:
        return [f"{announced.host} does not list it for this key"]
    said, ours, gone = announced.dates[offer.api_name], _day(model, offer), model.gone(today, offer)
    if said == ours and not (said is None and gone):
        return []
    catalogue = str(ours) if ours else "that it is retired" if gone else "names no day"
    read = f" (read {model.read_on})" if model.read_on else ""
    if said is None:
        return [f"the provider lists it without a date, the catalogue says {catalogue}{read}"]
    remark = f"the provider says {said}, the catalogue {catalogue}{read}"
    if gone and said > today and not announced.own:
        return [remark, "run goes by the catalogue: correct status and shutdown_on in a catalogue file of your own"]
    return [remark]


def count(found: Iterable[Finding]) -> dict[Level, int]:
    """How many models there are of each level; one that several providers serve counts by the worst."""
    worst: dict[str, int] = {}
    for each in found:
        level = LEVELS.index(each.level)
        worst[each.model.name] = min(level, worst.get(each.model.name, level))
    return {level: sum(found == number for found in worst.values()) for number, level in enumerate(LEVELS)}
