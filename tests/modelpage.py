"""Writes the tables of docs/models.md from the catalogue: `python -m tests.modelpage` brings the page up to date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from pathlib import Path

from imagegen import prices
from imagegen.catalog import Catalog, load
from imagegen.cli.model_words import amount
from imagegen.domain.model import Model, Offer
from imagegen.wiring import SPOKEN

PAGE = Path(__file__).parents[1] / "docs" / "models.md"
#: Between these two lines the page is written by this file.
BEGIN, END = "<!-- from the catalogue: begin -->", "<!-- from the catalogue: end -->"
HEAD = ("model", "status", "available via", "lanes", "one picture", "source of the price")


def tables(catalog: Catalog) -> str:
    """A table for each maker, a line for each model at each provider."""
    models = sorted(catalog.models.values(), key=lambda model: model.maker)
    parts = []
    for maker, group in groupby(models, key=lambda model: model.maker):
        lines = [f"## {maker}", "", _line(HEAD), _line(["---"] * len(HEAD))]
        parts.append("\n".join([*lines, *(_line(cells) for model in group for cells in _cells(model))]))
    return "\n\n".join(parts)


def page(catalog: Catalog, before: str) -> str:
    """The page `before` with the tables as they are to be."""
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{tables(catalog)}\n\n{END}{tail}"


def _cells(model: Model) -> Iterator[tuple[str, ...]]:
    for offer in model.offers:
        via = offer.provider if _called(offer) else f"{offer.provider} (not called by this version)"
        yield f"`{model.name}`", _status(model, offer), via, _lanes(offer), _price(offer), _source(offer)


def _called(offer: Offer) -> bool:
    return offer.provider in SPOKEN or offer.provider == "handoff"


def _status(model: Model, offer: Offer) -> str:
    ends = next((day for day in (offer.shutdown_on, model.shutdown_on) if day), None)
    status = offer.status or model.status
    words = {"active": "in service", "deprecated": "ends", "retired": "retired"}[status]
    when = f" {ends.isoformat()}" if ends else ""
    successor = f", then `{model.replaced_by}`" if model.replaced_by and status != "active" else ""
    return words + when + successor


def _lanes(offer: Offer) -> str:
    if offer.provider == "handoff":
        return "by hand"
    off = f" (-{offer.batch_discount} %)" if offer.batch_discount else ""
    return ", ".join(f"{lane}{off}" if lane == "batch" else lane for lane in offer.lanes)


def _price(offer: Offer) -> str:
    if offer.price is None:
        return "not known"
    found = prices.unit(offer.price, offer.sizes.default, offer.default_quality)
    quality = f", {offer.default_quality}" if offer.default_quality else ""
    return f"{amount(found)} ({offer.sizes.default}{quality})"


def _source(offer: Offer) -> str:
    return "" if offer.price is None else f"{offer.price.source}; read {_day(offer.price.read_on)}"


def _day(when: date) -> str:
    return when.isoformat()


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(load(()), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
