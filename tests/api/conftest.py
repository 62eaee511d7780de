"""A local server in the place of the paid one, its bill compared with the books after every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cloud import Cloud
from tests.e2e.conftest import Books

#: The cheapest picture that OpenAI makes.
CHEAP = {"model": "gpt-image-2.5-flare", "size": "1024x640", "quality": "low"}


def rows(count: int, **fields: Any) -> list[dict[str, Any]]:
    """`count` cheap rows: p0, p1, …"""
    return [{"id": f"p{n}", "prompt": f"Picture number {n}"} | CHEAP | fields for n in range(count)]


@pytest.fixture
def books(home: Path) -> Books:
    """The ledger of the test's home."""
    return Books(home / "ledger.db")


@pytest.fixture
def cloud(books: Books, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """The server, a tenth of a second slow, and a key for it. At the end nothing may be open."""
    with Cloud(latency=0.1) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-api")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server
        assert books.spent == server.bill
        assert books.reserved == 0
        assert (
            not books.there
            or books.ask("SELECT COUNT(*) FROM attempts WHERE state IN ('reserved', 'sent', 'accepted', 'unknown')")
            == 0
        )
