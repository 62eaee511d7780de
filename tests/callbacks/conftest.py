"""A ledger with webhooks in its outbox, a clock that is moved by hand, and whoever receives them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from imagegen.callbacks.delivery import Delivery
from imagegen.callbacks.post import Poster
from imagegen.callbacks.schedule import Verdict
from imagegen.ledger import Ledger, outbox, runs
from imagegen.ledger.outbox import Message
from tests.callbacks.receiver import SECRET, Receiver

NOON = 1_795_348_800.0
HOSTS = frozenset({"127.0.0.1"})


@dataclass
class Shop:
    """A home whose run "run" has written messages. `now` is the ledger's time."""

    home: Path
    now: float = NOON
    number: int = 0
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.home, lambda: self.now)
        self.start("run", self.home.parent / "rows.csv")

    def start(self, run: str, manifest: Path) -> None:
        """A run of `manifest`, as the books have it."""
        self.ledger.write(lambda c: runs.start(c, run, "shop", str(manifest), {}, self.now))

    def put(self, url: str, *rows: str, run: str = "run") -> list[str]:
        """A message for each of `rows`, due now; their ids."""
        ids = []
        for row in rows or ("mug",):
            self.number += 1
            body = json.dumps({"type": "image.made", "data": {"row": row, "state": "made", "key": row}})
            ids.append(f"msg_{self.number}")
            put: Any = lambda c, row=row, body=body: outbox.put(c, ids[-1], run, row, 0, url, body, self.now)  # noqa: E731
            self.ledger.write(put)
        return ids

    @property
    def messages(self) -> list[Message]:
        with self.ledger.reading() as reader:
            return list(outbox.messages(reader, ["due", "delivered", "given_up"]))

    @property
    def states(self) -> dict[str, str]:
        return {message.row: message.state for message in self.messages}


@dataclass
class Sender:
    """Takes what is due and sends it, one after the other."""

    delivery: Delivery

    def once(self) -> Verdict | None:
        claimed = self.delivery.take()
        return None if claimed is None else self.delivery.send(claimed)

    def all(self) -> list[Verdict]:
        """Everything that can be sent now."""
        found = []
        while (verdict := self.once()) is not None:
            found.append(verdict)
        return found


@pytest.fixture
def shop(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("IMAGEGEN_WEBHOOK_SECRET", SECRET)
    shop = Shop(home)
    with closing(shop.ledger):
        yield shop


@pytest.fixture
def sender(shop: Shop) -> Iterator[Sender]:
    with Poster(HOSTS) as poster, Delivery(shop.ledger, "run", poster) as delivery:
        yield Sender(delivery)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver
