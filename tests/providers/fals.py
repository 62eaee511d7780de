"""A fal provider at the local server, with the catalogue's own offers."""

from __future__ import annotations

from functools import cache
from typing import Any

from imagegen import catalog
from imagegen.domain.model import Offer
from imagegen.domain.request import Request
from imagegen.providers import Limits
from imagegen.providers.fal import Fal
from imagegen.providers.hosted.remote import Patience, Remote
from imagegen.providers.hosted.server import Timeouts
from tests.cloud import Cloud
from tests.providers.contract import KEY

QUICK = Timeouts(connect=2, first_byte=0.5, progress=0.5, total=5)
SOON = Patience(first=0.01, longest=0.05, total=2, stopping=0.2)


@cache
def offers(provider: str) -> dict[str, Offer]:
    """What the catalogue says that `provider` serves, by model."""
    found = {name: model.offer(provider) for name, model in catalog.load().models.items()}
    return {name: offer for name, offer in found.items() if offer is not None}


def connect(cloud: Cloud, key: str = KEY, timeouts: Timeouts = QUICK, patience: Patience = SOON) -> Remote:
    """A provider at `cloud`."""
    return Remote(Fal(key, cloud.url("fal"), timeouts), offers("fal"), Limits(), patience=patience)


def ask(prompt: str = "A stoneware mug on linen", **changes: Any) -> Request:
    """A small request that is right but for `changes`."""
    fields: dict[str, Any] = {
        "provider": "fal",
        "model": "flux-schnell",
        "prompt": prompt,
        "width": 512,
        "height": 512,
        "wire_format": "png",
        "seed": 7,
    }
    return Request(**(fields | changes))
