"""Prices as they stand in a catalogue file. Each form of `price:` is a kind of charge:

    price: 0.04                                        per image, whatever its size and quality
    price: {image: {low/1024x1024: 0.011, high: 0.2}}  per image, by quality and size
    price: {megapixel: {first: 0.03, next: 0.015}}
    price: {tokens: {text_in: 5, image_in: 8, image_out: 30, grid: {low: 8}}}
    price: {seconds: {per_second: 0.001, typical: 8, max: 60}}
    price: unknown                                     never called

A price by tokens may add `image:`, the maker's own figures per picture. Knows no models.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imagegen.catalog.fields import Field, Reader, read_all
from imagegen.domain.model import Price
from imagegen.domain.money import Nano


def per_image(field: Field) -> dict[str, Nano]:
    """A table of prices per picture; a single price stands for all of them."""
    if not isinstance(field.value, dict):
        return {"*": field.money()}
    return {key: inner.money() for key, inner in field.entries()}


def _counts(field: Field) -> dict[str, int]:
    return {key: inner.count() for key, inner in field.entries()}


def _kind(name: str, readers: dict[str, Reader], rename: dict[str, str]) -> Callable[[Field], dict[str, Any]]:
    def read(field: Field) -> dict[str, Any]:
        values = read_all(field, readers)
        return {"kind": name} | {rename.get(key, key): value for key, value in values.items()}

    return read


_MEGAPIXEL: dict[str, Reader] = dict.fromkeys(("run", "first", "next", "input"), Field.money)
_TOKENS: dict[str, Reader] = dict.fromkeys(("text_in", "image_in", "image_out", "text_out"), Field.money)
_KINDS: dict[str, Reader] = {
    "image": lambda field: {"kind": "image", "per_image": per_image(field)},
    "megapixel": _kind("megapixel", _MEGAPIXEL | {"round_up": Field.flag}, {}),
    "tokens": _kind(
        "tokens", _TOKENS | {"tokens": _counts, "grid": _counts, "image": per_image}, {"image": "per_image"}
    ),
    "seconds": _kind(
        "seconds",
        {"per_second": Field.money, "typical": Field.number, "max": Field.number},
        {"typical": "typical_seconds", "max": "max_seconds"},
    ),
}
_NEEDS = {
    "image": ("per_image",),
    "megapixel": ("first",),
    "tokens": ("text_in", "image_out"),
    "seconds": ("per_second", "typical_seconds", "max_seconds"),
}
_READERS: dict[str, Reader] = _KINDS | {"estimated": Field.flag, "source": Field.text, "read_on": Field.day}


def read_price(field: Field, origin: dict[str, Any]) -> Price | None:
    """The price in `field`; None for "unknown". `origin` holds the file's own source and read_on, used where
    the price names none. Raises SettingsError when neither does."""
    if field.value == "unknown":
        return None
    values = {"image": _KINDS["image"](field)} if not isinstance(field.value, dict) else _read(field)
    kinds = [name for name in _KINDS if name in values]
    if len(kinds) != 1:
        raise field.wrong(f"one kind of charge is wanted, not {len(kinds)}", f"one of {', '.join(_KINDS)}")
    charge = values.pop(kinds[0])
    for name in _NEEDS[kinds[0]]:
        if name not in charge:
            raise field.wrong(f"{kinds[0]} without {name}")
    values = origin | values
    for name in ("source", "read_on"):
        if name not in values:
            raise field.wrong(f"no {name}", f"write {name}: in the price or at the top of the file")
    return Price(**charge, **values)


def _read(field: Field) -> dict[str, Any]:
    return read_all(field, _READERS)
