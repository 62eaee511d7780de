"""The card of one model: who serves it, what it can do, what every size costs and where the figures are from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from imagegen import prices
from imagegen.cli.model_list import standing
from imagegen.cli.model_words import amount, limit_words, price_rows, price_words, priced_sizes, size_words
from imagegen.domain.model import Model, Offer
from imagegen.domain.money import plain, show

if TYPE_CHECKING:
    from imagegen.catalog import Catalog

#: The model whose pictures an hour the catalogue's GPU table counts.
GPU_MODEL = "sdxl"


def print_card(book: Catalog, model: Model, offers: Sequence[Offer], today: date) -> None:
    """The card for people; of the model's offers only `offers`."""
    from imagegen.cli.sheet import cell, put

    put(cell(model.title, style="bold"))
    _print_facts(_about(model, today))
    for offer in offers:
        put("", cell(f"Served by {offer.provider}", style="bold"))
        _print_facts(_terms(model, offer, today), indent=2)
        _print_prices(offer)
    _print_plans(book, model)
    _print_gpus(book, model)


def as_json(book: Catalog, model: Model, offers: Sequence[Offer], today: date) -> dict[str, Any]:
    """The card for machines. Money in USD as text; prices by "QUALITY/SIZE" or "SIZE", None where unknown."""
    now = standing(model, today)
    values: dict[str, Any] = {
        "model": model.name,
        "title": model.title,
        "maker": model.maker,
        "status": now.status,
        "released_on": model.released_on and model.released_on.isoformat(),
        "shutdown_on": now.day and now.day.isoformat(),
        "replaced_by": model.replaced_by,
        "best_for": model.best_for,
        "typical_seconds": model.typical_seconds,
        "license": model.license,
        "note": model.note,
        "source": model.source,
        "read_on": model.read_on and model.read_on.isoformat(),
        "offers": [_offer_json(model, offer, today) for offer in offers],
    }
    if plans := [plan for plan in book.plans if plan.model == model.name]:
        values["plans"] = [
            {"name": plan.name, "monthly_usd": plain(plan.monthly), "fast_hours": plan.fast_hours}
            | {"images": plan.images, "per_image_usd": plain(plan.per_image)}
            for plan in plans
        ]
    if model.name == GPU_MODEL:
        values["gpus"] = [
            {"name": gpu.name, "title": gpu.title, "hourly_usd": plain(gpu.hourly)}
            | {"images_per_hour": gpu.images_per_hour, "per_image_usd": plain(gpu.per_image), "note": gpu.note}
            | {"source": gpu.source, "read_on": gpu.read_on.isoformat()}
            for gpu in book.gpus
        ]
    return values


def _offer_json(model: Model, offer: Offer, today: date) -> dict[str, Any]:
    cost = {
        f"{quality}/{size}" if quality else str(size): prices.unit(offer.price, size, quality)
        for size in priced_sizes(offer.sizes)
        for quality in offer.qualities or (None,)
    }
    return {
        "provider": offer.provider,
        "api_name": offer.api_name,
        "status": standing(model, today, offer).status,
        "can": sorted(offer.can),
        "sizes": size_words(offer.sizes),
        "default_size": str(offer.sizes.default),
        "qualities": list(offer.qualities),
        "default_quality": offer.default_quality,
        "formats": list(offer.formats),
        "lanes": list(offer.lanes),
        "batch_discount": offer.batch_discount,
        "max_prompt": offer.max_prompt,
        "max_inputs": offer.max_inputs,
        "max_images": offer.max_images,
        "concurrency": offer.concurrency,
        "images_per_minute": offer.images_per_minute,
        "requests_per_minute": offer.requests_per_minute,
        "tokens_per_minute": offer.tokens_per_minute,
        "images_per_day": offer.images_per_day,
        "requests_per_day": offer.requests_per_day,
        "tokens_per_day": offer.tokens_per_day,
        "price_kind": offer.price.kind if offer.price else None,
        "prices_usd": {key: None if e.expected is None else plain(e.expected) for key, e in cost.items()},
        "price_basis": sorted({estimate.basis for estimate in cost.values()}),
        "price_source": offer.price.source if offer.price else None,
        "price_read_on": offer.price.read_on.isoformat() if offer.price else None,
    }


def _about(model: Model, today: date) -> Iterator[tuple[str, str]]:
    yield "Name", model.name
    yield "Maker", model.maker
    yield "Best for", model.best_for
    released = f", released {model.released_on}" if model.released_on else ""
    yield "Status", (str(standing(model, today)) or "active") + released
    yield "Takes", f"about {model.typical_seconds:g} s a picture"
    yield "License", model.license
    yield "Note", model.note
    yield "Source", f"{model.source}, read {model.read_on}"


def _terms(model: Model, offer: Offer, today: date) -> Iterator[tuple[str, str]]:
    now = standing(model, today, offer)
    if now.status != standing(model, today).status:
        yield "Status", str(now) or "active"
    yield "As", offer.api_name
    yield "Can", ", ".join(sorted(offer.can)) or "pictures from a prompt, nothing more"
    yield "Sizes", size_words(offer.sizes)
    usual = offer.default_quality if len(offer.qualities) > 1 else None
    yield "Qualities", ", ".join(f"{word} (usual)" if word == usual else word for word in offer.qualities)
    yield "Formats", ", ".join(offer.formats) or "the provider decides"
    yield "Limits", limit_words(offer)
    yield "Batch", f"{offer.batch_discount} % off in the provider's 24-hour queue" if offer.batch_discount else ""
    yield "Price", price_words(offer.price)
    if offer.price:
        yield "Source", f"{offer.price.source}, read {offer.price.read_on}"


def _print_facts(facts: Iterator[tuple[str, str]], indent: int = 0) -> None:
    from imagegen.cli.sheet import cell, put, sheet

    table = sheet("", "")
    table.columns[0].min_width = 9
    table.columns[0].no_wrap = True
    for name, text in facts:
        if text:
            table.add_row(cell(name, style="dim"), cell(text))
    put(table, indent=indent)


def _print_prices(offer: Offer) -> None:
    """Sizes that cost the same share a row; a column for each quality."""
    from imagegen.cli.sheet import cell, put, sheet

    if offer.price is None:
        return
    qualities = offer.qualities or ("A picture",)
    table = sheet("Size", *qualities, right=qualities, keep=qualities)
    for label, estimates in price_rows(offer):
        table.add_row(cell(label), *map(amount, estimates))
    put("")
    put(table, indent=2)


def _print_plans(book: Catalog, model: Model) -> None:
    from imagegen.cli.sheet import cell, put, sheet

    plans = [plan for plan in book.plans if plan.model == model.name]
    if not plans:
        return
    columns = ("A month", "Fast hours", "Pictures", "A picture")
    table = sheet("Plan", *columns, right=columns)
    for plan in plans:
        figures = (show(plan.monthly), plan.fast_hours, f"~{plan.images:,}", f"~{show(plan.per_image)}")
        table.add_row(cell(plan.name), *map(cell, figures))
    put("", cell("Subscriptions", style="bold"))
    put(table, cell(f"Source: {plans[0].source}, read {plans[0].read_on}", style="dim"), indent=2)


def _print_gpus(book: Catalog, model: Model) -> None:
    from imagegen.cli.sheet import cell, put, sheet

    if model.name != GPU_MODEL or not book.gpus:
        return
    columns = ("An hour", "Pictures an hour", "A picture")
    table = sheet("GPU", *columns, "", right=columns)
    for gpu in book.gpus:
        figures = (show(gpu.hourly), f"~{gpu.images_per_hour}", f"~{show(gpu.per_image)}")
        table.add_row(cell(gpu.title), *map(cell, figures), cell(gpu.note))
    put("", cell("On a GPU of your own or rented by the hour", style="bold"))
    sources: dict[str, list[str]] = {}
    for gpu in book.gpus:
        sources.setdefault(f"{gpu.source}, read {gpu.read_on}", []).append(gpu.title)
    said = [f"Source: {next(iter(sources))}"]
    said += [f"{', '.join(titles)}: {source}" for source, titles in list(sources.items())[1:]]
    put(table, *(cell(line, style="dim") for line in said), indent=2)
