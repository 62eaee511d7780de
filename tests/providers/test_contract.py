"""Every provider against the contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from imagegen.clock import SystemClock
from imagegen.domain.request import Request
from imagegen.providers import Provider
from imagegen.providers.wrap import breaking, limited, retrying
from tests.cloud import Cloud
from tests.providers.contract import Contract, WireContract
from tests.providers.openais import ask, connect


class TestOpenAI(WireContract):
    """OpenAI's dialect against the local server."""

    @pytest.fixture
    def provider(self, cloud: Cloud) -> Iterator[Provider]:
        provider = connect(cloud)
        yield provider
        provider.close()

    @pytest.fixture
    def request_(self) -> Request:
        return ask()

    @pytest.fixture
    def refused(self) -> Request:
        return replace(ask(), width=1000)


class TestOpenAIOldManners(TestOpenAI):
    """DALL-E 3, whose prices are per picture and whose answers hold no usage."""

    @pytest.fixture
    def request_(self) -> Request:
        return ask(model="dall-e-3", quality="standard")

    @pytest.fixture
    def refused(self) -> Request:
        return ask(model="dall-e-3", quality="low")


class TestWrapped(TestOpenAI):
    """The wrappers, which are Providers too; with one try each they change nothing."""

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

    @pytest.fixture
    def request_(self) -> Request:
        return Request(
            provider="placeholder",
            model="placeholder",
            stands_for="gpt-image-2.5-flare",
            prompt="A stoneware mug on linen",
            width=320,
            height=240,
            wire_format="png",
        )
