"""A prediction as Replicate tells of it -> how the job stands, and what it cost. Pure.

What is charged (Replicate's pages on billing, the life of a prediction and official models, read 2026-11-22): official
models by the output, so nothing where none was made; others by the second that they ran, also when they failed or were
canceled; nothing for one that never started.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from imagegen import prices
from imagegen.domain.model import Offer, Size
from imagegen.domain.outcome import FREE, UNKNOWN_CHARGE, Charge, Failed, Refused, Unknown
from imagegen.domain.request import Request
from imagegen.providers.hosted.remote import Ended, Ready, Running
from imagegen.providers.hosted.server import one_line

#: What models write when their safety check says no: nobody publishes a code for it.
POLICY = re.compile(r"nsfw|sensitive|safety (?:checker|filter|system)|content polic|moderat", re.IGNORECASE)
_WAITING = ("starting", "processing")


def told(request: Request, offer: Offer, megapixels: Sequence[float]) -> dict[str, int]:
    """What is kept with the job, so that it is settled at the price it was bought at: nanodollars a second, or a
    picture. `megapixels` are those of the input pictures."""
    if offer.price is None:
        return {}
    if offer.price.kind == "seconds":
        return {"per_second": offer.price.per_second}
    rule = offer.sizes.default
    size = Size(request.width or rule.width, request.height or rule.height, request.aspect_ratio, request.resolution)
    each = prices.unit(offer.price, size, request.quality or offer.default_quality, megapixels).expected
    return {} if each is None else {"each": each}


def read(
    said: Mapping[str, Any], kept: Mapping[str, Any], offer: Offer, hide: Callable[[str], str]
) -> Running | Ready | Ended:
    """Running, Ready or Ended, by the prediction's status. `kept` is what `told` gave."""
    status = said.get("status")
    if status in _WAITING:
        return Running()
    error = said.get("error")
    reason = hide(one_line(error)) if isinstance(error, str) else ""
    if status == "succeeded":
        return _succeeded(said, kept, offer)
    if status == "aborted":
        return Ended(Failed("", "replicate did not start it in time and charges nothing; run again"))
    if status == "canceled":
        return Ended(
            Failed(
                "",
                "replicate canceled it, at the longest time that is paid for or by hand",
                charge=_unmade(said, kept, offer),
            )
        )
    if status != "failed":
        return Ended(Unknown("", f"replicate says {one_line(str(status), 40)!r} of it, which is not known here"))
    charge = _unmade(said, kept, offer)
    if POLICY.search(reason):
        return Ended(Refused("", f"replicate refused the request: {reason}", charge))
    return Ended(Failed("", f"the model failed{': ' + reason if reason else ''}", charge=charge))


def _succeeded(said: Mapping[str, Any], kept: Mapping[str, Any], offer: Offer) -> Ready | Ended:
    output = said.get("output")
    urls = [output] if isinstance(output, str) else output if isinstance(output, list) else []
    urls = [url for url in urls if isinstance(url, str) and url]
    charge = _made(said, kept, len(urls) or 1)
    if urls:
        return Ready(urls[0], charge, _facts(said, len(urls)), kept="an hour")
    if said.get("data_removed"):
        return Ended(Failed("", "paid for, but lost: replicate deletes pictures after an hour", charge=charge))
    if "nsfw" in str(said.get("logs") or "").lower():  # some models leave out such pictures, and that was all of them
        return Ended(
            Refused("", "replicate kept the picture back: its safety check found it", _unmade(said, kept, offer))
        )
    return Ended(
        Failed("", "replicate says that it is done and gives no picture: possibly charged", charge=UNKNOWN_CHARGE)
    )


def _made(said: Mapping[str, Any], kept: Mapping[str, Any], pictures: int) -> Charge:
    """What pictures cost: by the second, or each."""
    if "per_second" in kept:
        return _by_time(said, kept)
    each = kept.get("each")
    return Charge(each * pictures, "price") if isinstance(each, int) else UNKNOWN_CHARGE


def _unmade(said: Mapping[str, Any], kept: Mapping[str, Any], offer: Offer) -> Charge:
    """What a prediction without a picture costs."""
    if "per_second" in kept:
        return _by_time(said, kept)
    per_output = offer.price is not None and offer.price.kind == "image"
    return FREE if per_output and "each" in kept else UNKNOWN_CHARGE


def _by_time(said: Mapping[str, Any], kept: Mapping[str, Any]) -> Charge:
    seconds, rate = _seconds(said), kept["per_second"]
    if seconds is None or not isinstance(rate, int):
        return UNKNOWN_CHARGE
    return Charge(prices.by_seconds(rate, seconds), "returned")


def _seconds(said: Mapping[str, Any]) -> float | None:
    """The time that the model ran, as far as it is told."""
    metrics = said.get("metrics")
    value = metrics.get("predict_time") if isinstance(metrics, Mapping) else None
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**6
    return value if right else None


def _facts(said: Mapping[str, Any], pictures: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"request_id": said.get("id")}
    version, seconds = said.get("version"), _seconds(said)
    if isinstance(version, str) and version != "hidden":
        facts["version"] = one_line(version, 80)
    if seconds is not None:
        facts["predict_time"] = seconds
    return facts | ({"pictures": {"asked": 1, "came": pictures}} if pictures != 1 else {})
