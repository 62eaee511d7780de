"""Servers of the user's own against the contract: base64 and links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from imagegen.domain.request import Request
from imagegen.providers import Provider
from tests.cloud import Cloud
from tests.providers.compatibles import ask, azure, connect
from tests.providers.contract import Contract, WireContract


class TestCompatible(WireContract):
    """A server that answers in base64."""

    @pytest.fixture
    def provider(self, cloud: Cloud) -> Iterator[Provider]:
        provider = connect(cloud)
        yield provider
        provider.close()

    @pytest.fixture
    def request_(self) -> Request:
        return ask(seed=7, steps=4)

    @pytest.fixture
    def refused(self) -> Request:
        return replace(ask(), width=1000)


class TestLinks(Contract):
    """One that answers with a link to its own address."""

    @pytest.fixture
    def provider(self) -> Iterator[Provider]:
        with Cloud() as cloud:
            provider = connect(cloud, response_format=None)
            yield provider
            provider.close()

    @pytest.fixture
    def request_(self) -> Request:
        return ask()


class TestAzure(TestLinks):
    """Azure's path, header and query."""

    @pytest.fixture
    def provider(self) -> Iterator[Provider]:
        with Cloud() as cloud:
            provider = azure(cloud)
            yield provider
            provider.close()
