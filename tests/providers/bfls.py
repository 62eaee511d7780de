"""Black Forest Labs and Stability at the local server, with the catalogue's own offers."""

from __future__ import annotations

from typing import Any

from imagegen.catalog import load
from imagegen.domain.model import Offer
from imagegen.domain.request import Request
from imagegen.providers import Limits
from imagegen.providers.bfl import Bfl
from imagegen.providers.hosted.hosted import Direct
from imagegen.providers.hosted.remote import Patience, Remote
from imagegen.providers.hosted.server import Timeouts
from imagegen.providers.stability import Stability
from tests.cloud import Cloud
from tests.providers.contract import KEY

CATALOG = load()
QUICK = Timeouts(connect=2, first_byte=0.5, progress=0.5, total=5)
HASTY = Patience(first=0.01, longest=0.05, total=2, stopping=0.2)


def offers(provider: str) -> dict[str, Offer]:
    """What the catalogue says that `provider` serves."""
    found = {name: model.offer(provider) for name, model in CATALOG.models.items()}
    return {name: offer for name, offer in found.items() if offer is not None}


def bfl(cloud: Cloud, key: str = KEY, **more: Any) -> Remote:
    """Black Forest Labs at `cloud`."""
    return Remote(Bfl(key, cloud.url("bfl"), QUICK), offers("bfl"), Limits(), **{"patience": HASTY, **more})


def stability(cloud: Cloud, key: str = KEY) -> Direct:
    """Stability at `cloud`."""
    return Direct(Stability(key, cloud.url("stability"), QUICK), offers("stability"), Limits())


def flux(model: str = "flux-2-pro", **changes: Any) -> Request:
    """A small request that Black Forest Labs take, but for `changes`."""
    fields: dict[str, Any] = {"prompt": "A stoneware mug on linen", "wire_format": "png", "seed": 7}
    if model in ("flux-kontext-pro", "flux-kontext-max", "flux-1.1-pro-ultra", "flux-fill"):
        fields["aspect_ratio"] = "1:1"
    else:
        fields |= {"width": 256, "height": 256}
    return Request(**{"provider": "bfl", "model": model, **fields, **changes})


def stable(model: str = "sd-3.5-large", **changes: Any) -> Request:
    """A request that Stability takes, but for `changes`."""
    fields = {"prompt": "A stoneware mug on linen", "wire_format": "png", "aspect_ratio": "1:1", "seed": 7}
    return Request(**{"provider": "stability", "model": model, **fields, **changes})
