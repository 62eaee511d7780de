"""A ledger in the test's own home."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imagegen.ledger import Ledger
from ledger.bookkeeping import HandClock, open_books


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ledger(home: Path, clock: HandClock) -> Iterator[Ledger]:
    with closing(Ledger(home, clock)) as ledger:
        yield ledger


@pytest.fixture
def books(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that may write, without a writer thread."""
    with closing(open_books(tmp_path)) as connection:
        yield connection
