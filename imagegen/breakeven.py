"""Break-even: from how many pictures a month a GPU of one's own costs no more than an API. Pure.

A GPU costs its hours, busy or not, and makes so many pictures in them and no more: what it cannot make, it never
breaks even on. A month is 30 days, as in the guide. Knows no providers and no rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from imagegen import prices
from imagegen.catalog import Catalog, Gpu
from imagegen.domain.model import Model, Offer
from imagegen.domain.money import Nano
from imagegen.errors import UsageError

#: Hours in a month.
HOURS = 24 * 30

#: Whose prices: the guide's, today's, or the user's own.
When = Literal["guide", "today", "yours"]
Choice = Literal["API", "serverless", "own GPU"]


@dataclass(frozen=True, slots=True)
class Price:
    """What somebody else takes for a picture, in nanodollars: `least` to `most`, mostly the same. `name` is the
    model, and `about` says where the figure is from; `guessed`: it is charged by use."""

    name: str
    least: Nano
    most: Nano
    about: str
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """Prices of one time, to compare a GPU with. `serverless` None: nobody knows it."""

    when: When
    api: Price
    serverless: Price | None


@dataclass(frozen=True, slots=True)
class Sides:
    """What a GPU is compared with. `pictures` are those of the manifest whose price it is (0: of none), `notes` what
    its reader should know."""

    views: Sequence[View]
    pictures: int = 0
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Even:
    """`volume` pictures a month at which the GPU costs no more than the other (None: the other is free).
    `reached` is False where the GPU cannot make so many: never."""

    volume: int | None
    reached: bool


@dataclass(frozen=True, slots=True)
class Month:
    """`volume` pictures in a month: what an API, serverless and `gpus` GPUs take for them in nanodollars, and which
    takes the least. `busy` is the share of the GPUs' time in which they work, from 0 to 1. Where serverless has a
    least and a most, the most counts."""

    volume: int
    api: Nano
    serverless: tuple[Nano, Nano] | None
    own: Nano
    gpus: int
    busy: float
    cheapest: Choice


def monthly(gpu: Gpu) -> Nano:
    """What `gpu` costs a month."""
    return gpu.hourly * HOURS


def capacity(gpu: Gpu) -> int:
    """The pictures that `gpu` makes a month at most."""
    return gpu.images_per_hour * HOURS


def break_even(gpu: Gpu, price: Nano) -> Even:
    """From which volume `gpu` costs no more than pictures of `price` each."""
    if price <= 0:
        return Even(None, False)
    volume = max(1, -(-monthly(gpu) // price))
    return Even(volume, volume <= capacity(gpu))


def month(gpu: Gpu, view: View, volume: int) -> Month:
    """The bills for `volume` pictures; as many GPUs as it takes."""
    gpus = -(-volume // capacity(gpu))
    other = view.serverless
    serverless = (other.least * volume, other.most * volume) if other else None
    bills: dict[Choice, Nano] = {"API": view.api.most * volume, "own GPU": monthly(gpu) * gpus}
    if serverless:
        bills["serverless"] = serverless[1]
    cheapest = min(bills, key=lambda name: (bills[name], name == "own GPU"))
    return Month(volume, bills["API"], serverless, bills["own GPU"], gpus, volume / (gpus * capacity(gpu)), cheapest)


def own_gpu(gpu: Gpu | None, hourly: Nano | None, images_per_hour: int | None, today: date) -> Gpu | None:
    """`gpu` with the user's figures in place of the catalogue's; without one, a GPU of his that both describe.
    Raises UsageError where one of the two is missing."""
    if hourly is None and images_per_hour is None:
        return gpu
    if gpu is None:
        if hourly is None:
            raise UsageError("--images-per-hour alone is no GPU", "add --gpu-price USD, or --gpu NAME")
        if images_per_hour is None:
            raise UsageError("--gpu-price alone is no GPU", "add --images-per-hour N, or --gpu NAME")
        return Gpu("own", "your GPU", hourly, images_per_hour, "", "your figures", today)
    source = f"your figures; the rest is from {gpu.source}"
    changed = replace(gpu, title=f"{gpu.title}, your figures", source=source)
    return replace(
        changed,
        hourly=gpu.hourly if hourly is None else hourly,
        images_per_hour=images_per_hour or gpu.images_per_hour,
        note=gpu.note if hourly is None else "",
    )


def views(catalog: Catalog, guide: Catalog, against: str | None, today: date) -> list[View]:
    """The guide's prices, then today's: of `against` ("MODEL", "PROVIDER/MODEL", each with "@QUALITY" or not), or of
    what the catalogue compares with. `guide` is the catalogue at the guide's prices, where it has any.
    Raises UsageError for a model or quality that is not there, or whose price nobody knows."""
    usual = catalog.comparison
    assert usual is not None, "our own data say what to compare with"
    found: list[View] = []
    low, high = usual.guide_serverless
    then = Price(f"{usual.makes} by the second", low, high, f"{usual.source}, read {usual.read_on}")
    api = api_price(guide, against or usual.guide_api, today)
    if api is not None and _repriced(guide, catalog, against or usual.guide_api):
        found.append(View("guide", replace(api, about="the guide's price"), then))
    now = api_price(catalog, against or usual.today_api, today)
    if now is not None:
        found.append(View("today", now, serverless(catalog, today)))
    if not found:
        raise UsageError(f"nobody knows the price of {against}", "give it: --api-price USD")
    return found


def serverless(catalog: Catalog, today: date) -> Price | None:
    """What the GPUs' pictures cost today where they are paid for by the second."""
    usual = catalog.comparison
    assert usual is not None, "our own data say what to compare with"
    return api_price(catalog, usual.today_serverless, today)


def api_price(catalog: Catalog, name: str, today: date) -> Price | None:
    """A picture of "MODEL", "PROVIDER/MODEL" or either with "@QUALITY", at the model's usual size and its prompt not
    counted; None where nobody knows. Raises UsageError for what there is not."""
    model, offer, quality = _asked(catalog, name)
    size = offer.sizes.default
    unit = prices.unit(offer.price, size, quality)
    if unit.expected is None or offer.price is None:
        return None
    title = f"{model.name}@{quality}" if quality and len(offer.qualities) > 1 else model.name
    gone = f"; {model.name} was shut down{_successor(model)}" if model.gone(today, offer) else ""
    about = f"on {offer.provider}, {size}, read {offer.price.read_on}{gone}"
    return Price(title, unit.expected, unit.expected, about, unit.basis != "exact")


def _successor(model: Model) -> str:
    return f", use {model.replaced_by}" if model.replaced_by else ""


def _repriced(guide: Catalog, catalog: Catalog, name: str) -> bool:
    """Whether the guide says what an API takes for this model; of those a GPU makes it says what the GPU takes."""
    model, offer, _ = _asked(catalog, name)
    if catalog.comparison and model.name == catalog.comparison.makes:
        return False
    theirs = guide.models[model.name].offer(offer.provider)
    return theirs is not None and theirs.price != offer.price


def _asked(catalog: Catalog, name: str) -> tuple[Model, Offer, str | None]:
    """The model, the offer of it that is counted and the quality. An offer on one's own GPU is none of an API's."""
    model_name, at, quality = name.partition("@")
    model, provider = catalog.find(model_name)
    offers = [offer for offer in model.offers if provider in (None, offer.provider) and offer.provider != "local"]
    if not offers:
        raise UsageError(f"{model.name} on a GPU of your own is no API", "name a model that somebody else serves")
    offer = next((offer for offer in offers if offer.price is not None), offers[0])
    if at and quality not in offer.qualities:
        known = f"one of {', '.join(offer.qualities)}" if offer.qualities else f"write {model_name} alone"
        raise UsageError(f"{model.name} has no quality {quality!r}", known)
    return model, offer, quality if at else offer.default_quality


def volumes(said: Sequence[str], usual: Sequence[int], more: Sequence[int] = ()) -> list[int]:
    """Volumes to compare at, each once and in order: the usual ones, `more`, and what a user said: "10000",
    "20k", "1M", several with commas. Raises UsageError for what is none."""
    return sorted({*usual, *more, *(volume for text in said for volume in _volumes(text))})


_TIMES = {"k": 1_000, "m": 1_000_000}
#: More pictures than anybody asks about; a number beyond it is a slip of the key.
MOST = 10**12


def _volumes(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 1 and all(len(part) == 3 and part.isdecimal() for part in parts[1:]) and len(parts[0]) < 4:
        what = f"--volume {text} may be one number or {len(parts)}"
        raise UsageError(what, f"write {''.join(parts)}; several volumes each after a --volume of its own")
    return [_volume(part) for part in parts]


def _volume(text: str) -> int:
    times = _TIMES.get(text[-1:].lower(), 1)
    digits = (text[:-1] if times > 1 else text).replace("_", "")
    count = int(digits) * times if digits.isascii() and digits.isdecimal() and len(digits) < 14 else 0
    if not 1 <= count <= MOST:
        raise UsageError(f"--volume {text!r} is no number of pictures", "write 10000, 20k or 1M")
    return count
