"""A Together provider at the local server, with the catalogue's own offers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from imagegen.domain.model import Offer, Price
from imagegen.domain.money import nano
from imagegen.domain.request import Request
from imagegen.providers import Limits
from imagegen.providers.hosted.hosted import Direct
from imagegen.providers.together import Together
from tests.cloud import Cloud
from tests.providers.contract import KEY
from tests.providers.fals import QUICK, offers


def priced() -> dict[str, Offer]:
    """The catalogue's offers, and FLUX1.1 [pro] at a price that a user declared."""
    found = dict(offers("together"))
    contract = Price("megapixel", "our contract", date(2026, 11, 1), first=nano("0.04"), next=nano("0.04"))
    found["flux-1.1-pro"] = replace(found["flux-1.1-pro"], price=contract)
    return found


def connect(cloud: Cloud, key: str = KEY) -> Direct:
    """A provider at `cloud`."""
    return Direct(Together(key, cloud.url("together"), QUICK), priced(), Limits())


def ask(prompt: str = "A stoneware mug on linen", **changes: Any) -> Request:
    """A small request that is right but for `changes`."""
    fields: dict[str, Any] = {
        "provider": "together",
        "model": "flux-dev",
        "prompt": prompt,
        "width": 512,
        "height": 512,
        "wire_format": "jpeg",
        "seed": 7,
    }
    return Request(**(fields | changes))
