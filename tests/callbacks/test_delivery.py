"""From the outbox to the receiver: in time, signed anew, under the same id, and by one process at a time."""

from __future__ import annotations

import base64
import multiprocessing
import socket
import sqlite3
from collections import Counter
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from imagegen.callbacks import delivery, schedule, worker
from imagegen.callbacks.command import deliver
from imagegen.callbacks.delivery import LONGEST_REST, Delivery
from imagegen.callbacks.post import Poster
from imagegen.callbacks.schedule import Verdict
from imagegen.ledger import outbox
from imagegen.ledger.outbox import Message
from imagegen.ledger.runs import new_run
from tests.callbacks.conftest import HOSTS, NOON, Sender, Shop
from tests.callbacks.receiver import SECRET, Receiver, Reply

STEPS = [0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600]


def test_a_message_arrives_once(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    """Signed, under its id; then there is nothing to do."""
    (name,) = shop.put(receiver.url())
    (verdict,) = sender.all()
    assert verdict.state == "delivered"
    (call,) = receiver.calls
    assert (call.id, call.data["row"], call.headers["content-type"]) == (name, "mug", "application/json")
    assert call.headers["webhook-timestamp"] == str(int(NOON))
    assert call.signed()
    assert sender.all() == []


def test_the_whole_schedule(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    """Eight tries, none a second too early, each signed anew under the same id; then it is given up."""
    receiver.replies = [Reply(500)]
    (name,) = shop.put(receiver.url())
    for number, step in enumerate(STEPS):
        if step:
            shop.now += step - 1
            assert sender.all() == []
            shop.now += 1
        (verdict,) = sender.all()
        assert verdict.reason == "answers 500"
        assert verdict.state == ("given_up" if number == 7 else "due")
    assert [call.id for call in receiver.calls] == [name] * 8
    stamps = [int(call.headers["webhook-timestamp"]) for call in receiver.calls]
    assert [later - earlier for earlier, later in pairwise(stamps)] == STEPS[1:]
    assert all(call.signed() for call in receiver.calls)
    shop.now += 100 * 86_400
    assert sender.all() == []
    assert shop.states == {"mug": "given_up"}


@pytest.mark.parametrize("reply", [Reply(302, {"Location": "/other"}), Reply(404), Reply(429), Reply(503)])
def test_what_is_not_2xx_is_tried_again(shop: Shop, sender: Sender, receiver: Receiver, reply: Reply) -> None:
    """A redirect too, and it is not followed."""
    receiver.replies = [reply, Reply(200)]
    shop.put(receiver.url())
    assert [verdict.state for verdict in sender.all()] == ["due"]
    shop.now += 5
    assert [verdict.state for verdict in sender.all()] == ["delivered"]
    assert {call.path for call in receiver.calls} == {"/hook"}


def test_gone_is_the_end(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    """410: the receiver wants no more of it."""
    receiver.replies = [Reply(410)]
    shop.put(receiver.url())
    assert [verdict.state for verdict in sender.all()] == ["given_up"]


def test_retry_after_is_respected(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    """For this message and for all others to the same host."""
    receiver.replies = [Reply(429, {"Retry-After": "60"}), Reply(200)]
    shop.put(receiver.url(), "mug")
    assert len(sender.all()) == 1
    shop.put(receiver.url("/other"), "bowl")
    shop.now += 59
    assert sender.all() == []
    shop.now += 1
    assert len(sender.all()) == 2


def test_a_host_that_does_not_answer_is_left_alone(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    """Its other messages lose no try, and others' do not wait for it; its rest grows to five minutes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shop.put(f"http://127.0.0.1:{port}/", *(f"r{n}" for n in range(40)))
    shop.put(receiver.url(), "mug")
    assert [verdict.state for verdict in sender.all()] == ["due", "delivered"]
    assert Counter(message.tries for message in shop.messages) == {1: 2, 0: 39}
    rests = []
    for _ in range(9):
        rested = 0
        while not sender.all():
            shop.now += 5
            rested += 5
        rests.append(rested)
    assert rests == [5, 10, 20, 40, 80, 160, LONGEST_REST, LONGEST_REST, LONGEST_REST]


@pytest.mark.parametrize("url", ["http://localhost:{port}/", "http://127.1:{port}/", "http://2130706433:{port}/"])
def test_an_internal_address_in_the_outbox_is_not_called(shop: Shop, receiver: Receiver, url: str) -> None:
    """What passed the plan of an earlier day, or leads inside since, is a failure like any other."""
    shop.put(url.format(port=receiver.port))
    with Poster() as poster, Delivery(shop.ledger, "run", poster) as delivery:
        (verdict,) = Sender(delivery).all()
    assert verdict.state == "due"
    assert verdict.reason
    assert "public internet" in verdict.reason
    assert receiver.calls == []


def test_each_manifest_has_its_secret(
    shop: Shop, sender: Sender, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the `.env` beside it, where the environment has none. Without any a message waits and loses no try."""
    monkeypatch.delenv("IMAGEGEN_WEBHOOK_SECRET")
    theirs = "whsec_" + base64.b64encode(b"y" * 24).decode()
    for name, secret in (("a", SECRET), ("b", theirs), ("c", "whsec_short")):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".env").write_text(f"IMAGEGEN_WEBHOOK_SECRET={secret}\n")
        shop.start(f"run-{name}", tmp_path / name / "rows.csv")
        shop.put(receiver.url(), name, run=f"run-{name}")
    shop.put(receiver.url(), "none")
    assert [verdict.state for verdict in sender.all()] == ["delivered"] * 2
    calls = {call.data["row"]: call for call in receiver.calls}
    assert calls["a"].signed(SECRET)
    assert calls["b"].signed(theirs)
    assert {message.row: message.tries for message in shop.messages if message.state == "due"} == {"c": 0, "none": 0}
    assert "IMAGEGEN_WEBHOOK_SECRET" in sender.delivery.trouble
    assert "short" not in sender.delivery.trouble


def test_many_without_a_secret_do_not_hide_the_others(
    shop: Shop, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window of what is looked at holds 2,000; there may be more that cannot be sent."""
    monkeypatch.delenv("IMAGEGEN_WEBHOOK_SECRET")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".env").write_text(f"IMAGEGEN_WEBHOOK_SECRET={SECRET}\n")
    shop.start("run-a", tmp_path / "a" / "rows.csv")

    def fill(connection: sqlite3.Connection) -> None:
        for n in range(2100):
            outbox.put(connection, f"m{n}", "run", f"m{n}", 0, receiver.url(), "{}", NOON - 9)

    shop.ledger.write(fill)
    shop.put(receiver.url(), "mug", run="run-a")
    with Poster(HOSTS) as poster, Delivery(shop.ledger, "run", poster) as delivery:
        assert len(Sender(delivery).all()) == 1
    assert receiver.rows == {"mug": ["image.made"]}


def test_what_a_dead_sender_had_in_hand_is_sent(shop: Shop, sender: Sender, receiver: Receiver) -> None:
    """At once, under the same id; what a living one has in hand is his."""
    names = shop.put(receiver.url(), "mug", "bowl")
    alive = new_run(shop.ledger.locks)
    for who in (alive.run, "killed"):
        shop.ledger.write(lambda c, who=who: outbox.claim(c, next(outbox.due(c, shop.now)), who, shop.now))
    assert sender.all() == []
    assert sender.delivery.take_over()
    assert [verdict.state for verdict in sender.all()] == ["delivered"]
    assert [call.id for call in receiver.calls] == names[1:]
    alive.drop()
    sender.delivery.take_over()
    assert len(sender.all()) == 1
    assert sorted(call.id for call in receiver.calls) == names


def test_waiting_until_none_is_left(
    shop: Shop, receiver: Receiver, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`wait` goes on after failures, `given_up` begins anew; without them what is due is tried once."""
    monkeypatch.setattr(schedule, "PAUSES", (0.05,) * 7)
    monkeypatch.setattr(delivery, "REST", 0.01)
    monkeypatch.setattr(worker, "LOOK", 0.01)
    shop.put(receiver.url())
    tried: list[str] = []

    def told(message: Message, verdict: Verdict) -> None:
        tried.append(verdict.state)

    receiver.replies = [Reply(404)]
    deliver(home, HOSTS, told)
    assert tried == ["due"]
    assert deliver(home, HOSTS, told, wait=True).left.given_up == 1
    assert tried == ["due"] * 7 + ["given_up"]
    assert deliver(home, HOSTS, told).left == outbox.Count(0, 1, None)
    receiver.replies = [Reply(404), Reply(200)]
    assert deliver(home, HOSTS, told, wait=True, given_up=True).left == outbox.Count(0, 0, None)
    assert tried[8:] == ["due", "delivered"]


def _deliver(home: str, begin: Any) -> None:
    begin.wait(60)
    deliver(Path(home), HOSTS, lambda message, verdict: None)


def test_two_processes_deliver_each_message_once(shop: Shop, receiver: Receiver, home: Path) -> None:
    """Both take from the same outbox at the same time."""
    names = shop.put(receiver.url(), *(f"r{n}" for n in range(60)))
    with closing(shop.ledger):
        pass
    context = multiprocessing.get_context("spawn")
    begin = context.Barrier(2)
    both = [context.Process(target=_deliver, args=(str(home), begin)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
        assert process.exitcode == 0
    assert Counter(call.id for call in receiver.calls) == dict.fromkeys(names, 1)
    assert all(call.signed() for call in receiver.calls)
