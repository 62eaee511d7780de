"""A Replicate provider at the local server, with the catalogue's own offers and prices for those that have none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import cache
from io import BytesIO
from typing import Any

from imagegen import catalog
from imagegen.domain.model import Offer, Price
from imagegen.domain.money import nano
from imagegen.domain.outcome import Outcome
from imagegen.domain.request import Request
from imagegen.providers import Limits
from imagegen.providers.hosted.remote import Patience, Remote
from imagegen.providers.hosted.server import Timeouts
from imagegen.providers.replicate import Replicate
from tests.cloud import Cloud
from tests.cloud.replicate import ReplicateService
from tests.providers.contract import KEY, outcomes
from tests.providers.slips import MemorySlip

QUICK = Timeouts(connect=2, first_byte=0.5, progress=0.5, total=5)
SOON = Patience(first=0.01, longest=0.05, total=2, stopping=0.2)
#: Fields of a picture whose size is asked for by ratio alone.
WIDE: dict[str, Any] = {"width": 1344, "height": 768, "aspect_ratio": "16:9", "resolution": None}
Connects = Callable[..., Remote]
#: A price that nobody published, as a user may declare one; the local server charges the same.
DECLARED = Price("image", "test", date(2026, 11, 22), per_image={"*": nano("0.05")})


@cache
def offers() -> dict[str, Offer]:
    """What the catalogue says that Replicate serves, by model."""
    found = {name: model.offer("replicate") for name, model in catalog.load().models.items()}
    return {name: replace(offer, price=offer.price or DECLARED) for name, offer in found.items() if offer is not None}


def connect(cloud: Cloud, key: str = KEY, timeouts: Timeouts = QUICK, patience: Patience = SOON, **more: Any) -> Remote:
    """A provider at `cloud`."""
    speaker = Replicate(key, more.pop("base_url", cloud.url("replicate")), timeouts)
    return Remote(speaker, more.pop("offers", None) or offers(), Limits(), patience=patience, **more)


@contextmanager
def connecting(cloud: Cloud) -> Iterator[Connects]:
    """`connect` to `cloud`, as often as wanted; what it connected is closed in the end."""
    opened: list[Remote] = []

    def one_more(**more: Any) -> Remote:
        opened.append(connect(cloud, **more))
        return opened[-1]

    yield one_more
    for provider in opened:
        provider.close()


def service(cloud: Cloud) -> ReplicateService:
    """The service itself."""
    found = cloud.services["replicate"]
    assert isinstance(found, ReplicateService)
    return found


def ask(prompt: str = "A stoneware mug on linen", **changes: Any) -> Request:
    """A small request that is right but for `changes`."""
    fields: dict[str, Any] = {
        "provider": "replicate",
        "model": "flux-schnell",
        "prompt": prompt,
        "width": 512,
        "height": 512,
        "aspect_ratio": "1:1",
        "resolution": "0.25",
        "wire_format": "png",
        "seed": 7,
    }
    return Request(**(fields | changes))


def pixels(model: str, width: int = 512, height: int = 512, **changes: Any) -> Request:
    """A request of a model that is asked for pixels."""
    return ask(model=model, width=width, height=height, aspect_ratio=None, resolution=None, **changes)


def one(provider: Remote, request: Request, slip: MemorySlip | None = None, *inputs: bytes) -> Outcome:
    """What came of one request with these input pictures."""
    (outcome,) = outcomes(provider, [request], slip, {digest(data): data for data in inputs})
    return outcome


def digest(data: bytes) -> str:
    """What a request calls a picture."""
    return hashlib.sha256(data).hexdigest()


@cache
def noise() -> bytes:
    """A picture of 1500x1500 pixels that cannot be packed well, so that it is more than 256 kB."""
    from PIL import Image

    out = BytesIO()
    Image.effect_noise((1500, 1500), 80).save(out, "PNG", compress_level=1)
    return out.getvalue()
