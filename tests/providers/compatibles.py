"""Providers for servers of the user's own, at the local server."""

from __future__ import annotations

from datetime import date
from typing import Any

from imagegen.domain.model import Offer, Price, Size, SizeRule
from imagegen.domain.money import nano
from imagegen.domain.request import Request
from imagegen.providers import Limits
from imagegen.providers.compatible import Compatible
from imagegen.servers import OwnServer
from tests.cloud import Cloud
from tests.providers.contract import KEY
from tests.providers.fals import QUICK

SQUARES = SizeRule(Size(512, 512), (Size(512, 512), Size(256, 256)))
VERSION = "2025-04-01-preview"


def offer(api_name: str, dollars: str, *can: str, **more: Any) -> Offer:
    """A model as its owner describes it."""
    price = Price("image", "ours", date(2026, 11, 1), per_image={"*": nano(dollars)})
    return Offer("lab", api_name, SQUARES, price, frozenset(can), **more)


ALL = ("seed", "steps", "guidance", "negative", "edit")
OFFERS = {
    "house": offer("sd-turbo", "0.001", *ALL, max_inputs=1),
    "free": offer("free", "0", *ALL, max_inputs=1),
    "plain": offer("sd-turbo", "0.001"),
}


def connect(cloud: Cloud, key: str = KEY, **changes: Any) -> Compatible:
    """A provider at `cloud`; `changes` are the server's."""
    server = OwnServer("lab", f"{cloud.url('lab')}/v1", "LAB_API_KEY", **changes)
    return Compatible(server, key, OFFERS, Limits(), QUICK)


def azure(cloud: Cloud, deployment: str = "pictures", version: str = VERSION) -> Compatible:
    """The Azure resource at `cloud`."""
    server = OwnServer("azure", cloud.url("azure"), "AZURE_KEY", True, version, response_format=None)
    return Compatible(server, KEY, {"house": offer(deployment, "0.001")}, Limits(), QUICK)


def ask(prompt: str = "A stoneware mug on linen", **changes: Any) -> Request:
    """A small request that is right but for `changes`."""
    fields: dict[str, Any] = {"provider": "lab", "model": "house", "prompt": prompt, "width": 256, "height": 256}
    return Request(**(fields | {"wire_format": "png"} | changes))
