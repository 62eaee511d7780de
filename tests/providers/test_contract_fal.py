"""fal against the contract: by pixels, by ratio, and with an input picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from imagegen.domain.request import Request
from imagegen.providers import Provider
from tests.cloud import Cloud
from tests.providers.contract import Contract, WireContract
from tests.providers.fals import ask, connect


class TestFal(WireContract):
    """An app that is asked by pixels and charges by the megapixel."""

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


class TestFalByRatio(Contract):
    """An app that is asked by ratio and resolution, charges by picture, and edits at an address of its own."""

    @pytest.fixture
    def provider(self) -> Iterator[Provider]:
        with Cloud() as cloud:
            provider = connect(cloud)
            yield provider
            provider.close()

    @pytest.fixture
    def request_(self) -> Request:
        return ask(model="gemini-3.1-flash-image", aspect_ratio="1:1", resolution="512", width=512, height=512)

    @pytest.fixture
    def refused(self) -> Request:
        return replace(ask(model="gemini-3-pro-image"), steps=4)
