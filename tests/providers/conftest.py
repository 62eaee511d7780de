"""The server that providers are tested against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.certificates import certificate
from tests.cloud import Cloud


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """The local server, started and empty."""
    with Cloud() as cloud:
        yield cloud


@pytest.fixture(scope="session")
def _few_roots(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("roots")
    certificate(folder, "nobody.invalid")
    return str(folder / "both.pem")


@pytest.fixture(autouse=True)
def _quick_start(_few_roots: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One root certificate in place of all those of the system, which every new client would read: nothing here is
    encrypted."""
    monkeypatch.setenv("SSL_CERT_FILE", _few_roots)
