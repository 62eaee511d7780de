"""The list of models: what is chosen for it, and how it is printed. Reads no files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from imagegen import prices
from imagegen.catalog.fields import suggestion
from imagegen.domain.model import CAPABILITIES, Estimate, Model, Offer
from imagegen.domain.money import plain, show
from imagegen.errors import UsageError

if TYPE_CHECKING:
    from imagegen.catalog import Catalog

#: In the order of the list, with the heading of each part.
HEADINGS = {"active": "", "deprecated": "Shutting down", "retired": "Shut down"}
#: From this many columns on everything stands in one line.
WIDE = 110

_COLUMNS = ("Model", "A picture", "Served by")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a model's dates mean today: its status now, the day it ends or ended, and how far off that is."""

    status: Literal["active", "deprecated", "retired"]
    day: date | None
    days_left: int | None
    successor: str | None

    def __str__(self) -> str:
        """ "shuts down 2026-12-01, in 9 days; then use X"; "" for an active model."""
        if self.status == "active":
            return ""
        if self.status == "retired":
            said = f"shut down {self.day}" if self.day else "retired"
        elif self.day is None:
            said = "will be shut down, no day is known"
        else:
            said = f"shuts down {self.day}, in {self.days_left} day{'' if self.days_left == 1 else 's'}"
        then = "use" if self.status == "retired" else "then use"
        return f"{said}; {then} {self.successor}" if self.successor else said


class Line(NamedTuple):
    """A model of the list, those of its offers that were asked for, and what they cost a picture."""

    model: Model
    offers: tuple[Offer, ...]
    standing: Standing
    price: Range

    @property
    def ending(self) -> bool:
        """Whether the model is shut down or about to be."""
        return self.standing.status != "active"


class Range(NamedTuple):
    """Prices of one picture at the usual size, nanodollars, over qualities and offers. None: unknown."""

    low: int | None
    high: int | None
    basis: Literal["exact", "estimated", "unknown"]

    def __str__(self) -> str:
        """ "$0.0059-0.2107", "~" before it when estimated."""
        if self.low is None or self.high is None:
            return "unknown"
        low, high = show(self.low), show(self.high)
        sign = "~" if self.basis == "estimated" else ""
        return f"{sign}{low}" if low == high else f"{sign}{low}-{high.removeprefix('$')}"


def standing(model: Model, today: date, offer: Offer | None = None) -> Standing:
    """How `model` (or one offer of it) stands on `today`."""
    days = [day for day in (model.shutdown_on, offer.shutdown_on if offer else None) if day]
    day = min(days) if days else None
    left = (day - today).days if day else None
    gone = model.gone(today, offer) if offer else all(model.gone(today, each) for each in model.offers)
    ending = "deprecated" in (model.status, offer.status if offer else None)
    status = "retired" if gone else "deprecated" if ending or day else "active"
    return Standing(status, day, left, model.replaced_by)  # type: ignore[arg-type]


def price_range(offers: Iterable[Offer]) -> Range:
    """What a picture of the usual size costs, from the cheapest quality and offer to the dearest."""
    found = [estimate for offer in offers for estimate in _estimates(offer) if estimate.expected is not None]
    if not found:
        return Range(None, None, "unknown")
    amounts = [estimate.expected or 0 for estimate in found]
    sure = all(estimate.basis == "exact" for estimate in found)
    return Range(min(amounts), max(amounts), "exact" if sure else "estimated")


def _estimates(offer: Offer) -> list[Estimate]:
    return [prices.unit(offer.price, offer.sizes.default, quality) for quality in offer.qualities or (None,)]


def choose(
    book: Catalog, today: date, *, provider: str | None = None, status: str | None = None, can: str | None = None
) -> list[Line]:
    """The models of `book` that are asked for, those in service first. `can` is words with commas between.
    Raises UsageError for a provider, status or capability that nobody knows."""
    wanted = {word.strip() for word in (can or "").split(",") if word.strip()}
    _refuse_unknown("provider", [provider] if provider else [], book.providers())
    _refuse_unknown("status", [status] if status else [], HEADINGS)
    _refuse_unknown("capability", sorted(wanted), CAPABILITIES)
    lines = [_line(model, today, provider, wanted) for model in book.models.values()]
    chosen = [line for line in lines if line.offers and status in (None, line.standing.status)]
    return sorted(chosen, key=lambda line: list(HEADINGS).index(line.standing.status))


def _line(model: Model, today: date, provider: str | None, wanted: set[str]) -> Line:
    alive = tuple(offer for offer in model.offers if not model.gone(today, offer)) or model.offers
    offers = tuple(offer for offer in alive if provider in (None, offer.provider) and wanted <= offer.can)
    only = offers[0] if provider and offers else None
    return Line(model, offers, standing(model, today, only), price_range(offers))


def _refuse_unknown(noun: str, words: Sequence[str], known: Iterable[str]) -> None:
    known = frozenset(known)
    for word in words:
        if word not in known:
            raise UsageError(f"unknown {noun} {word!r}", suggestion(word, known))


def as_json(line: Line) -> dict[str, Any]:
    """A line for machines. Money in USD as text."""
    model, low, high = line.model, line.price.low, line.price.high
    return {
        "model": model.name,
        "title": model.title,
        "maker": model.maker,
        "status": line.standing.status,
        "shutdown_on": line.standing.day.isoformat() if line.standing.day else None,
        "replaced_by": model.replaced_by,
        "providers": [offer.provider for offer in line.offers],
        "can": sorted(set().union(*(offer.can for offer in line.offers))),
        "price_from_usd": None if low is None else plain(low),
        "price_to_usd": None if high is None else plain(high),
        "price_basis": line.price.basis,
        "best_for": model.best_for,
        "typical_seconds": model.typical_seconds,
    }


def print_list(lines: Sequence[Line], total: int) -> None:
    """The list for people: a line each where the terminal is wide, two where it is not."""
    from imagegen.cli.sheet import put, width

    if not lines:
        put(f"None of the {total} models is like that.")
        return
    if width() >= WIDE:
        _print_wide(lines)
    else:
        _print_narrow(lines)
    put("", "A picture: its price at the model's usual size, lowest to highest quality.", "~ is an estimate.")
    put("Every size, price and source of one: imagegen models show MODEL")


def _print_wide(lines: Sequence[Line]) -> None:
    from imagegen.cli.sheet import cell, put, sheet

    table = sheet(*_COLUMNS, "Best for", keep=_COLUMNS[:2])
    for heading, line in _with_headings(lines):
        if heading:
            table.add_row()
            table.add_row(cell(heading, style="bold"))
        about = cell(line.model.best_for).append(f"\n{line.standing}" if line.ending else "", style="yellow")
        table.add_row(*map(cell, _figures(line)), about)
    put(table)


def _print_narrow(lines: Sequence[Line]) -> None:
    from textwrap import fill

    from imagegen.cli.sheet import cell, put, width

    first, second = (max(len(_figures(line)[n]) for line in lines) + 2 for n in (0, 1))
    put(cell(f"{_COLUMNS[0]:{first}}{_COLUMNS[1]:{second}}{_COLUMNS[2]}", style="bold"))
    for heading, line in _with_headings(lines):
        if heading:
            put("", cell(heading, style="bold"))
        name, price, served = _figures(line)
        put(
            fill(
                served,
                width(),
                initial_indent=f"{name:{first}}{price:{second}}",
                subsequent_indent=" " * (first + second),
            )
        )
        put(cell(line.model.best_for, style="dim"), indent=2)
        if line.ending:
            put(cell(str(line.standing), style="yellow"), indent=2)


def _with_headings(lines: Sequence[Line]) -> Iterator[tuple[str, Line]]:
    """Each line, with the heading that comes before it ("" for none)."""
    last = "active"
    for line in lines:
        status = line.standing.status
        yield (HEADINGS[status] if status != last else ""), line
        last = status


def _figures(line: Line) -> tuple[str, str, str]:
    return line.model.name, str(line.price), ", ".join(offer.provider for offer in line.offers)
