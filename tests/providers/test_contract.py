"""Every provider against the contract."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from imagegen.clock import SystemClock
from imagegen.domain.request import Request
from imagegen.providers import Provider
from imagegen.providers.wrap import breaking, limited, retrying
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.providers.contract import Contract, Supplied, WireContract
from tests.providers.openais import ask, connect

#: Two pictures and a mask for the first, all of 64x48 pixels, by their digests.
PICTURES = {
    hashlib.sha256(data).hexdigest(): data
    for data in (picture("mug", 64, 48, "jpeg"), picture("cup", 64, 48), picture("mask", 64, 48, alpha=True))
}


class TestOpenAI(WireContract):
    """OpenAI's dialect against the local server."""

    connect = staticmethod(connect)
    asked = ask()
    wrong = replace(ask(), width=1000)


class TestOpenAIOldManners(TestOpenAI):
    """DALL-E 3, whose prices are per picture and whose answers hold no usage."""

    asked = ask(model="dall-e-3", quality="standard")
    wrong = ask(model="dall-e-3", quality="low")


class TestOpenAIEdits(TestOpenAI):
    """A row with pictures and a mask: the same promises on the other path."""

    connect = staticmethod(lambda cloud: Supplied(connect(cloud), PICTURES))
    asked = ask(images=tuple(PICTURES)[:2], mask=tuple(PICTURES)[2])
    wrong = ask(images=tuple(PICTURES)[:2] * 9)


class TestWrapped(TestOpenAI):
    """The wrappers, which are Providers too; with one try each they change nothing."""

    closes = frozenset({"model_gone", "unverified"})

    @pytest.fixture
    def provider(self, cloud: Cloud) -> Iterator[Provider]:
        inner, clock = connect(cloud), SystemClock()
        yield retrying(breaking(limited(inner, clock), clock), clock, tries=1, patience=0)
        inner.close()


class TestPlaceholder(Contract):
    """The stand-in for every model."""

    @pytest.fixture
    def provider(self) -> Provider:
        from imagegen.providers.placeholder import Placeholder

        return Placeholder()

    asked = Request(
        provider="placeholder",
        model="placeholder",
        stands_for="gpt-image-2.5-flare",
        prompt="A stoneware mug on linen",
        width=320,
        height=240,
        wire_format="png",
    )
