"""An OpenAI provider at the local server, with the offers that its tests speak of."""

from __future__ import annotations

from datetime import date
from typing import Any

from imagegen.domain.model import Offer, Price, Size, SizeRule
from imagegen.domain.money import nano
from imagegen.domain.request import Request
from imagegen.providers import Limits
from imagegen.providers.openai import OpenAI, Timeouts
from tests.cloud import Cloud
from tests.providers.contract import KEY

THREE = (Size(1024, 1024), Size(1536, 1024), Size(1024, 1536))
FLEXIBLE = SizeRule(THREE[0], THREE, step=16, max_edge=3840, min_pixels=655_360, max_pixels=8_294_400, max_ratio=3.0)
DALLE = SizeRule(THREE[0], (THREE[0], Size(1792, 1024), Size(1024, 1792)))


def price(text_in: str, image_out: str, image_in: str = "8") -> Price:
    """By token, dollars per million."""
    amounts = {"text_in": nano(text_in), "image_in": nano(image_in), "image_out": nano(image_out)}
    return Price("tokens", "test", date(2026, 11, 22), **amounts)


def gpt(name: str, cost: Price, sizes: SizeRule = FLEXIBLE, *qualities: str) -> Offer:
    """A GPT Image model's offer."""
    return Offer(
        provider="openai",
        api_name=name,
        sizes=sizes,
        price=cost,
        can=frozenset({"text", "alpha", "edit", "mask"}),
        qualities=qualities or ("low", "medium", "high", "xhigh", "max"),
        formats=("png", "jpeg", "webp"),
        max_prompt=32_000,
        max_inputs=16,
        max_images=4,
    )


def dalle(quality: str, square: str, wide: str) -> Offer:
    """DALL-E 3 at one quality."""
    table = {"1024x1024": nano(square), "1792x1024": nano(wide), "1024x1792": nano(wide)}
    return Offer(
        provider="openai",
        api_name="dall-e-3",
        sizes=DALLE,
        price=Price("image", "test", date(2026, 11, 22), per_image=table),
        can=frozenset(),
        qualities=(quality,),
        default_quality=quality,
        max_prompt=4000,
    )


OFFERS = {
    "gpt-image-2.5-flare": gpt("gpt-image-2.5-flare", price("5", "30")),
    "gpt-image-2": gpt("gpt-image-2", price("5", "30"), FLEXIBLE, "low", "medium", "high"),
    "gpt-image-1": gpt("gpt-image-1", price("5", "40", "10"), SizeRule(THREE[0], THREE), "low", "medium", "high"),
    "dall-e-3": dalle("standard", "0.04", "0.08"),
    "dall-e-3-hd": dalle("hd", "0.08", "0.12"),
}
QUICK = Timeouts(connect=2, first_byte=0.5, progress=0.5, total=5)


def connect(cloud: Cloud, key: str = KEY, timeouts: Timeouts = QUICK, **changes: Any) -> OpenAI:
    """A provider at `cloud`."""
    return OpenAI(key, cloud.base_url, changes.get("offers", OFFERS), Limits(max_batch=4), timeouts)


def ask(prompt: str = "A stoneware mug on linen", **changes: Any) -> Request:
    """A small request that is right but for `changes`."""
    fields: dict[str, Any] = {
        "provider": "openai",
        "model": "gpt-image-2.5-flare",
        "prompt": prompt,
        "width": 1024,
        "height": 1024,
        "quality": "low",
        "wire_format": "png",
    }
    return Request(**(fields | changes))
