"""The hands beside a run: they begin when there is something, never hold the run up, and leave nothing half done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagegen.callbacks import worker as worker_module
from imagegen.callbacks.worker import Worker
from tests.callbacks.conftest import HOSTS, Shop
from tests.callbacks.receiver import Receiver, Reply

#: Seconds within which everything is over. Nothing takes so long unless it hangs.
LONG = 60.0


@pytest.fixture
def worker(shop: Shop) -> Iterator[Worker]:
    worker = Worker(shop.ledger, "run", HOSTS)
    yield worker
    worker.close()
    assert not hands()


def hands() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("webhooks")]


def test_nothing_to_do_starts_nothing(worker: Worker) -> None:
    """Most runs have no webhooks: no thread is started for them."""
    worker.begin()
    assert hands() == []
    worker.finish()
    assert list(worker.said()) == []


def test_what_is_written_is_delivered(shop: Shop, worker: Worker, receiver: Receiver) -> None:
    """What earlier runs left and what comes meanwhile; at the end nothing is left to say."""
    shop.put(receiver.url(), "left")
    worker.begin()
    receiver.wait_for(1)
    shop.put(receiver.url(), "new", "newer")
    worker.wake()
    receiver.wait_for(3)
    worker.finish(LONG)
    assert shop.states == dict.fromkeys(["left", "new", "newer"], "delivered")
    assert list(worker.said()) == []


def test_the_end_waits_for_what_can_still_be_sent(shop: Shop, worker: Worker, receiver: Receiver) -> None:
    """A message that is due within its patience is waited for."""
    receiver.replies = [Reply(503), Reply(204)]
    shop.put(receiver.url())
    worker.begin()
    receiver.wait_for(1)
    threading.Timer(0.2, lambda: setattr(shop, "now", shop.now + 5)).start()
    worker.finish(LONG)
    assert shop.states == {"mug": "delivered"}


def test_what_hangs_is_cut_off(shop: Shop, worker: Worker, receiver: Receiver) -> None:
    """The run goes on to its end; the message is tried again another day, and people are told."""
    receiver.replies = [Reply(hangs=True)]
    shop.put(receiver.url())
    worker.begin()
    receiver.wait_for(1)
    worker.finish(0.1)
    (message,) = shop.messages
    assert (message.state, message.tries, message.reason) == ("due", 1, "was cut off")
    said = "1 webhook waits (was cut off); a later run or `imagegen webhook deliver` sends it"
    assert list(worker.said()) == [said]


def test_who_wants_to_be_gone_is_not_held(shop: Shop, worker: Worker, receiver: Receiver) -> None:
    """An interrupt ends the wait."""
    receiver.replies = [Reply(hangs=True)]
    shop.put(receiver.url())
    worker.begin()
    receiver.wait_for(1)
    worker.finish(10_000, interrupted=lambda: True)
    assert shop.states == {"mug": "due"}


def test_what_was_given_up_is_said(shop: Shop, worker: Worker, receiver: Receiver) -> None:
    """By the run that gave it up."""
    receiver.replies = [Reply(410)]
    shop.put(receiver.url())
    worker.begin()
    worker.finish(LONG)
    assert list(worker.said()) == ["1 webhook was given up: see `imagegen webhook list`"]


def test_without_a_secret_it_does_not_wait(
    shop: Shop, worker: Worker, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be signed is not waited for; why stands in the one line."""
    monkeypatch.delenv("IMAGEGEN_WEBHOOK_SECRET")
    shop.put(receiver.url(), "mug", "bowl")
    worker.begin()
    worker.finish(10_000)
    (said,) = worker.said()
    assert said.startswith("2 webhooks wait (IMAGEGEN_WEBHOOK_SECRET is not set);")
    assert receiver.calls == []


def test_a_bug_in_it_is_not_the_runs(shop: Shop, receiver: Receiver) -> None:
    """It stops, and says so; what it had in hand is tried again."""

    def told(*said: object) -> None:
        raise RuntimeError("nobody home")

    worker = Worker(shop.ledger, "run", HOSTS, told)
    shop.put(receiver.url(), *(f"r{n}" for n in range(9)))
    worker.begin()
    worker.finish(LONG)
    assert isinstance(worker.error, RuntimeError)
    assert "nobody home" in next(worker.said())
    assert not hands()


def test_a_closed_ledger_ends_it(shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hand that comes back too late finds the books closed, and goes without a word."""
    monkeypatch.setattr(worker_module, "LET_GO", 0.0)
    receiver.replies = [Reply(hangs=True)]
    shop.put(receiver.url())
    worker = Worker(shop.ledger, "run", HOSTS)
    worker.begin()
    receiver.wait_for(1)
    shop.ledger.close()
    worker.close()
    for thread in threading.enumerate():
        if thread.name.startswith("webhooks"):
            thread.join(LONG)
    assert not hands()
    assert worker.error is None


def test_certificates_that_cannot_be_read(
    shop: Shop, worker: Worker, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No connection can be made then; the run is not disturbed, and the line says why."""
    (tmp_path / "ca.pem").write_text("nonsense")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    shop.put(receiver.url())
    worker.begin()
    worker.finish(LONG)
    (said,) = worker.said()
    assert "nothing can be sent" in said
    assert shop.messages[0].tries == 0
