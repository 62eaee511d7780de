"""An answer's bytes -> one outcome per request: pictures, what they cost, or what came in their place. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from imagegen import prices
from imagegen.domain.model import Offer, Size
from imagegen.domain.money import Nano
from imagegen.domain.outcome import FREE, UNKNOWN_CHARGE, Artifact, Charge, Failed, Made, Outcome
from imagegen.domain.request import Key, Request
from imagegen.providers.hosted.pictures import decoded, media_type

_KEPT = ("usage", "size", "quality")


def outcomes(
    raw: bytes,
    batch: Sequence[Request],
    keys: Sequence[Key],
    offer: Offer,
    facts: Mapping[str, Any],
    hide: Callable[[str], str],
) -> list[Outcome]:
    """What a complete answer means for each request. It was accepted, so whatever is no picture was paid for all
    the same. `facts` are those of the call; `hide` takes keys out of texts."""
    parsed = _parsed(raw)
    if parsed is None:
        return _paid_for_nothing(raw, keys, "the answer is not the JSON of a picture", None, hide)
    given = parsed.get("data")
    items = given if isinstance(given, list) else []
    if not items:
        total = _total(parsed, batch[0], offer, 0)
        return _paid_for_nothing(raw, keys, "the answer holds no picture", total, hide)
    shown = min(len(items), len(keys))
    charges = _shared(_total(parsed, batch[0], offer, len(items)), shown, _basis(offer))
    common = _facts(parsed, facts, len(items), len(keys))
    made = [
        _picture(item, each, charge, common, raw, hide)
        for item, each, charge in zip(items, keys, charges, strict=False)
    ]
    short = f"{len(items)} of {len(keys)} pictures came"
    return made + [Failed(each, short, charge=FREE) for each in keys[shown:]]


def _parsed(raw: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _facts(parsed: Mapping[str, Any], call: Mapping[str, Any], came: int, asked: int) -> dict[str, Any]:
    facts = {**call, **{name: parsed[name] for name in _KEPT if parsed.get(name) is not None}}
    if came != 1 or asked != 1:
        facts["pictures"] = {"asked": asked, "came": came}
    return facts


def _total(parsed: Mapping[str, Any], request: Request, offer: Offer, pictures: int) -> Nano | None:
    """Nanodollars for the whole answer; None when nobody can say."""
    price, usage = offer.price, parsed.get("usage")
    if price is None:
        return None
    if price.kind == "tokens":
        if not isinstance(usage, Mapping):
            return None
        if request.images and not isinstance(usage.get("input_tokens_details"), Mapping):
            return None  # tokens of text and of pictures have different prices
        try:
            return prices.from_usage(price, usage)
        except ValueError:
            return None
    rule = offer.sizes.default
    size = Size(request.width or rule.width, request.height or rule.height)
    each = prices.unit(price, size, request.quality or offer.default_quality).expected
    # Nothing came: whether that was charged is the provider's secret.
    return each * pictures if each is not None and pictures else None


def _basis(offer: Offer) -> str:
    return "usage" if offer.price is not None and offer.price.kind == "tokens" else "price"


def _shared(total: Nano | None, parts: int, basis: str) -> list[Charge]:
    """`total` in `parts` that add up to it exactly."""
    if total is None:
        return [UNKNOWN_CHARGE] * parts
    each, rest = divmod(total, parts)
    return [Charge(each + (1 if index < rest else 0), basis) for index in range(parts)]


def _picture(
    item: Any,
    key: Key,
    charge: Charge,
    facts: Mapping[str, Any],
    raw: bytes,
    hide: Callable[[str], str],
) -> Outcome:
    text = item.get("b64_json") if isinstance(item, Mapping) else None
    data = decoded(text) if isinstance(text, str) else None
    media = media_type(data) if data else None
    if data is None or media is None:
        what = "base64" if data is None else "a picture"
        return Failed(key, f"paid for, but what came is not {what}", charge=charge, evidence=_evidence(raw, hide))
    own = dict(facts)
    if item.get("revised_prompt"):
        own["revised_prompt"] = str(item["revised_prompt"])
    return Made(key, Artifact(data, media, own), charge)


def _paid_for_nothing(
    raw: bytes, keys: Sequence[Key], reason: str, total: Nano | None, hide: Callable[[str], str]
) -> list[Outcome]:
    charges = _shared(total, len(keys), "usage")
    return [
        Failed(key, f"paid for, but {reason}", charge=charge, evidence=_evidence(raw, hide))
        for key, charge in zip(keys, charges, strict=True)
    ]


def _evidence(raw: bytes, hide: Callable[[str], str]) -> bytes:
    """What came, without keys."""
    return hide(raw.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
