"""Models and offers as they stand in a catalogue file: what may be written, and how files lie over one another.

A file may hold a whole model or single fields of one that an earlier file holds. So entries are kept as the
fields that were given (`Entry`) until every file is read; `build` then makes the Models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from imagegen.catalog.charges import read_price
from imagegen.catalog.fields import Field, Reader, read_all, suggestion
from imagegen.catalog.sizes import read_rule
from imagegen.domain.model import CAPABILITIES, Model, Offer, SizeRule

_STATUS = ("active", "deprecated", "retired")
_LANES = frozenset({"live", "batch", "local"})
_PIXELS = re.compile(r"[1-9]\d*x[1-9]\d*")
_FORMATS = frozenset({"png", "jpeg", "webp", "avif", "gif", "svg"})
_NEEDED = ("title", "maker", "best_for", "typical_seconds", "source", "read_on")


def _status(field: Field) -> str:
    return field.one_of(*_STATUS)


def _among(words: frozenset[str], noun: str) -> Reader:
    def read(field: Field) -> tuple[str, ...]:
        return tuple(item.one_of(*sorted(words), noun=noun) for item in field.items())

    return read


def _sizes(field: Field) -> SizeRule | Field:
    """A rule in place, or the Field that names one of a file's `sizes`: looked up when all are known."""
    return read_rule(field) if isinstance(field.value, dict) else field


def _sent(field: Field) -> dict[str, str]:
    return {key: inner.text() for key, inner in field.entries()}


_MODEL: dict[str, Reader] = {
    "title": Field.text,
    "maker": Field.text,
    "best_for": Field.text,
    "typical_seconds": Field.number,
    "status": _status,
    "released_on": Field.day,
    "shutdown_on": Field.day,
    "replaced_by": Field.text,
    "license": Field.text,
    "note": Field.text,
    "source": Field.text,
    "read_on": Field.day,
}
#: May stand at the model too, for all its offers.
_SHARED: dict[str, Reader] = {
    "sizes": _sizes,
    "can": _among(CAPABILITIES, "capability"),
    "qualities": Field.texts,
    "default_quality": Field.text,
    "formats": _among(_FORMATS, "format"),
    "max_prompt": Field.count,
    "max_inputs": Field.count,
    "max_images": Field.count,
    "batch_discount": Field.count,
    "lanes": _among(_LANES, "lane"),
}
_OFFER: dict[str, Reader] = _SHARED | {
    "api_name": Field.text,
    "images_per_minute": Field.number,
    "requests_per_minute": Field.number,
    "tokens_per_minute": Field.number,
    "images_per_day": Field.count,
    "requests_per_day": Field.count,
    "tokens_per_day": Field.count,
    "concurrency": Field.count,
    "status": _status,
    "shutdown_on": Field.day,
    "sent": _sent,
}


@dataclass(slots=True)
class Entry:
    """The fields given for one model so far, by all files read."""

    place: Field
    model: dict[str, Any] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)
    offers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def lay_over(self, place: Field, origin: Mapping[str, Any]) -> None:
        """Take the fields of `place`, each in place of what was known before."""
        self.place = place

        def offers(field: Field) -> dict[str, Any]:
            return {key: _offer(inner, origin) for key, inner in field.entries()}

        values = read_all(place, _MODEL | _SHARED | {"offers": offers})
        for provider, given in values.pop("offers", {}).items():
            self.offers.setdefault(provider, {}).update(given)
        known = self.model or dict(origin)
        self.shared |= {key: value for key, value in values.items() if key in _SHARED}
        self.model = known | {key: value for key, value in values.items() if key in _MODEL}

    def build(self, name: str, rules: Mapping[str, SizeRule]) -> Model:
        """The Model. Raises SettingsError for a field that no file gave."""
        for key in _NEEDED:
            if key not in self.model:
                raise self.place.inner(key, None).wrong("is missing", f"give the model a {key}")
        if not self.offers:
            raise self.place.inner("offers", None).wrong("is missing", "say which provider serves the model")
        offers = tuple(self._offer(provider, given, rules) for provider, given in self.offers.items())
        return Model(name=name, offers=offers, **self.model)

    def _offer(self, provider: str, given: Mapping[str, Any], rules: Mapping[str, SizeRule]) -> Offer:
        place = self.place.inner("offers", None).inner(provider, None)
        values: dict[str, Any] = {"price": None, "can": ()} | self.shared | dict(given)
        for key in ("api_name", "sizes"):
            if key not in values:
                raise place.inner(key, None).wrong("is missing")
        values["can"] = frozenset(values["can"])
        values["sizes"] = _rule(values["sizes"], rules)
        offer = Offer(provider=provider, **values)
        _check(place, offer)
        return offer


def _offer(field: Field, origin: Mapping[str, Any]) -> dict[str, Any]:
    return read_all(field, _OFFER | {"price": lambda price: read_price(price, dict(origin))})


def _rule(sizes: SizeRule | Field, rules: Mapping[str, SizeRule]) -> SizeRule:
    if isinstance(sizes, SizeRule):
        return sizes
    if sizes.text() not in rules:
        raise sizes.wrong(f"no size rule is called {sizes.value!r}", suggestion(sizes.text(), rules))
    return rules[sizes.text()]


def _check(place: Field, offer: Offer) -> None:
    """What one field alone cannot say: qualities and sizes that exist, a discount below the whole."""
    if offer.default_quality is not None and offer.default_quality not in offer.qualities:
        raise place.inner("default_quality", None).wrong(f"{offer.default_quality!r} is none of qualities")
    if offer.batch_discount >= 100:
        raise place.inner("batch_discount", None).wrong("must be below 100 per cent")
    for key in _strange_keys(offer):
        raise place.inner("price", None).wrong(f"{key!r} is neither a quality, a size nor both of this offer")


def _strange_keys(offer: Offer) -> Iterator[str]:
    """Keys of the price's tables that no picture of this offer will ever be looked up by."""
    if offer.price is None:
        return
    words = {size.resolution for size in offer.sizes.sizes}
    for table in (offer.price.per_image, offer.price.tokens):
        for key in table:
            quality, slash, place = key.rpartition("/")
            sized = place in words or _PIXELS.fullmatch(place) is not None
            alone = key == "*" or key in offer.qualities
            if not (sized and quality in offer.qualities if slash else sized or alone):
                yield key
    yield from (key for key in offer.price.grid if key not in offer.qualities)
