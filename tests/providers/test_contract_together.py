"""Together against the contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from imagegen.domain.request import Request
from imagegen.providers import Provider
from tests.cloud import Cloud
from tests.providers.contract import WireContract
from tests.providers.togethers import ask, connect


class TestTogether(WireContract):
    """One JSON call, the picture in base64."""

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
        return replace(ask(), width=1001)
