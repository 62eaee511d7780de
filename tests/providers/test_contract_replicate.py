"""Replicate against the contract: by ratio and per picture, by megapixel with input pictures, and by the second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from imagegen.domain.request import Request
from imagegen.providers import Provider
from tests.cloud import Cloud
from tests.providers.contract import WireContract
from tests.providers.replicates import ask, connect, pixels


class TestReplicate(WireContract):
    """An official model that is asked for a ratio and charges for each picture; its output is a list."""

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


class TestReplicateByMegapixel(TestReplicate):
    """An official model that takes input pictures and charges for every megapixel; its output is one address."""

    @pytest.fixture
    def request_(self) -> Request:
        return pixels("flux-2-pro")

    @pytest.fixture
    def refused(self) -> Request:
        return replace(pixels("flux-2-pro"), steps=4)


class TestReplicateBySecond(TestReplicate):
    """A pinned version that charges for the seconds that it runs."""

    @pytest.fixture
    def request_(self) -> Request:
        return pixels("sdxl", negative_prompt="blurry", scheduler="K_EULER")

    @pytest.fixture
    def refused(self) -> Request:
        return replace(pixels("sdxl"), scheduler="euler")
