"""Google's providers keep the contract: the Gemini API, Vertex, and Imagen where Vertex is asked as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from imagegen.domain.request import Request
from imagegen.providers import Provider
from tests.cloud import Cloud
from tests.providers.contract import WireContract
from tests.providers.googles import ask, google, vertex


class TestGoogle(WireContract):
    """Gemini image models with a key."""

    @pytest.fixture
    def provider(self, cloud: Cloud) -> Iterator[Provider]:
        provider = google(cloud)
        yield provider
        provider.close()

    @pytest.fixture
    def request_(self) -> Request:
        return ask()

    @pytest.fixture
    def refused(self) -> Request:
        return ask(seed=7)


class TestVertex(WireContract):
    """The same models with a project at Google Cloud."""

    @pytest.fixture
    def provider(self, cloud: Cloud) -> Iterator[Provider]:
        provider = vertex(cloud)
        yield provider
        provider.close()

    @pytest.fixture
    def request_(self) -> Request:
        return ask(provider="vertex")

    @pytest.fixture
    def refused(self) -> Request:
        return ask(provider="vertex", aspect_ratio="7:5")


class TestImagen(WireContract):
    """Imagen at an address that still serves it."""

    @pytest.fixture
    def provider(self, cloud: Cloud) -> Iterator[Provider]:
        provider = vertex(cloud)
        yield provider
        provider.close()

    @pytest.fixture
    def request_(self) -> Request:
        return ask(provider="vertex", model="imagen-3", resolution=None)

    @pytest.fixture
    def refused(self) -> Request:
        return ask(provider="vertex", model="imagen-3", resolution=None, safety="OFF")
