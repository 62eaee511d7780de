"""The server that providers are tested against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cloud import Cloud


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """The local server, started and empty."""
    with Cloud() as cloud:
        yield cloud
