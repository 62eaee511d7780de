"""What a model's sizes, limits and prices are in words, and which of its sizes share a price. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from imagegen import prices
from imagegen.domain.model import Estimate, Offer, Price, Size, SizeRule
from imagegen.domain.money import Nano, plain, show

#: So many sizes of one price, or of one list, are named; more are counted.
NAMED = 3
LISTED = 8


def priced_sizes(rule: SizeRule) -> tuple[Size, ...]:
    """The sizes that prices are shown for: the listed ones, else the usual one."""
    return rule.sizes or (rule.default,)


def size_words(rule: SizeRule) -> str:
    """A size rule in words: "1024x1024, 1536x1024, or edges in steps of 16 up to 3840, ..."."""
    listed = [str(size) for size in rule.sizes]
    if len(listed) > LISTED:
        listed = [f"{len(listed)} sizes from {min(rule.sizes, key=_area)} to {max(rule.sizes, key=_area)}"]
    words = ", ".join(listed)
    if rule.step:
        words += (", or " if words else "") + _step_words(rule)
    usual = f"; {rule.default} unless asked otherwise" if len(rule.sizes) != 1 or rule.step else ""
    return words + usual


def _step_words(rule: SizeRule) -> str:
    at_least = f"from {rule.min_edge} " if rule.min_edge > 1 else ""
    words = [f"edges {at_least}to {rule.max_edge} in steps of {rule.step}"]
    least, most = SizeRule(rule.default).min_pixels, SizeRule(rule.default).max_pixels
    if rule.min_pixels != least:
        words.append(f"at least {rule.min_pixels / 1e6:.2f} megapixels")
    if rule.max_pixels != most:
        words.append(f"at most {rule.max_pixels / 1e6:.2f} megapixels")
    if rule.max_ratio != SizeRule(rule.default).max_ratio:
        words.append(f"at most {rule.max_ratio:g}:1")
    return ", ".join(words)


def _area(size: Size) -> int:
    return size.pixels


def limit_words(offer: Offer) -> str:
    """What the provider takes at once, in words; "" when nothing is known."""
    known = (
        (offer.max_prompt, "characters of prompt"),
        (offer.max_inputs, "input pictures"),
        (offer.max_images if offer.max_images > 1 else None, "pictures a call"),
        (offer.concurrency, "calls at once"),
        (offer.images_per_minute, "pictures a minute"),
        (offer.requests_per_minute, "calls a minute"),
        (offer.tokens_per_minute, "tokens a minute"),
        (offer.images_per_day, "pictures a day"),
        (offer.requests_per_day, "calls a day"),
        (offer.tokens_per_day, "tokens a day"),
    )
    said = [f"{number:,.0f} {what}" for number, what in known if number]
    return ", ".join("1 input picture" if one == "1 input pictures" else one for one in said)


def price_words(price: Price | None) -> str:
    """How it is charged, in words."""
    if price is None:
        return "unknown, so it is never called; declare one in a catalogue file of your own"
    words = {"image": _by_picture, "megapixel": _by_megapixel, "tokens": _by_tokens, "seconds": _by_time}
    return words[price.kind](price) + (" (estimated)" if price.estimated else "")


def _by_picture(_price: Price) -> str:
    return "by picture"


def _by_megapixel(price: Price) -> str:
    run = f"{_exact(price.run)} a call and " if price.run else ""
    inputs = f", {_exact(price.input)} for each of input" if price.input else ""
    rounded = "; begun ones count whole" if price.round_up else ""
    return f"{run}{_exact(price.first)} for the first megapixel, {_exact(price.next)} for each more{inputs}{rounded}"


def _by_tokens(price: Price) -> str:
    inputs = f", {_exact(price.image_in)} of input pictures" if price.image_in else ""
    made = f"{_exact(price.image_out)} of the picture made"
    text = f", {_exact(price.text_out)} of text and thinking beside it" if price.text_out else ""
    return f"by tokens, a million: {_exact(price.text_in)} of prompt{inputs}, {made}{text}"


def _by_time(price: Price) -> str:
    rate = _exact(price.per_second)
    return f"by time: {rate} a second, about {price.typical_seconds:g} s, at most {price.max_seconds:g} s"


def _exact(amount: Nano) -> str:
    return f"${plain(amount)}"


def price_rows(offer: Offer) -> Iterator[tuple[str, list[Estimate]]]:
    """Sizes that cost the same, in words, and their prices at each quality."""
    groups: dict[tuple[Any, ...], list[Size]] = {}
    for size in priced_sizes(offer.sizes):
        estimates = [prices.unit(offer.price, size, quality) for quality in offer.qualities or (None,)]
        groups.setdefault(tuple((one.expected, one.basis) for one in estimates), []).append(size)
    for figures, sizes in groups.items():
        yield _what_sizes(offer.sizes, sizes), [Estimate(amount, amount, basis) for amount, basis in figures]


def _what_sizes(rule: SizeRule, sizes: Sequence[Size]) -> str:
    """What sizes of one price have in common: all there are, resolution words, or their names."""
    if len(rule.sizes) > 1 and len(sizes) == len(rule.sizes) and not rule.step:
        return "every size"
    words = list(dict.fromkeys(size.resolution for size in sizes))
    whole = [size for size in rule.sizes if size.resolution in words]
    if None not in words and len(whole) == len(sizes):
        return f"{' and '.join(map(str, words))} ({sizes[0] if len(sizes) == 1 else f'{len(sizes)} sizes'})"
    named = ", ".join(str(size) for size in sizes[:NAMED])
    return f"{named} and {len(sizes) - NAMED} more" if len(sizes) > NAMED else named


def amount(estimate: Estimate) -> str:
    """An estimate for people: "~$0.0132", or "unknown"."""
    if estimate.expected is None:
        return "unknown"
    return f"{'~' if estimate.basis == 'estimated' else ''}{show(estimate.expected)}"
