"""Sending one webhook: only to the public internet, to the address that was checked, and never for long.

The receiver stands on loopback, so it is named as one of the user's own where it is to be reached.
"""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from imagegen.callbacks.post import Poster
from imagegen.callbacks.schedule import Answer
from tests.callbacks.receiver import Receiver, Reply
from tests.certificates import certificate


def sent(url: str, *hosts: str, **said: Any) -> Answer:
    with Poster(frozenset(hosts), **said) as poster:
        return poster.post(url, {"webhook-id": "msg_1"}, '{"a": 1}')


def test_what_arrives() -> None:
    """A POST with the body, the headers, our name and theirs; path and query whole, the fragment left out."""
    with Receiver() as receiver:
        assert sent(receiver.url("/a/b?c=d%20e#f"), "127.0.0.1") == Answer(204)
        (call,) = receiver.calls
    assert (call.path, call.body) == ("/a/b?c=d%20e", b'{"a": 1}')
    assert call.headers["webhook-id"] == "msg_1"
    assert call.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert call.headers["user-agent"].startswith("imagegen/")


@pytest.mark.parametrize("status", [200, 301, 302, 303, 307, 308, 400, 410, 500])
def test_an_answer_is_its_status(status: int) -> None:
    """No redirect is followed; Retry-After is passed on, the rest of an answer is not looked at."""
    headers = {"Location": "/other", "Retry-After": "7"}
    with Receiver(Reply(status, headers, b"x" * 100_000)) as receiver:
        assert sent(receiver.url(), "127.0.0.1") == Answer(status, "", "7")
        assert [call.path for call in receiver.calls] == ["/hook"]


@pytest.mark.parametrize("reply", [Reply(hangs=True), Reply(drips=True)], ids=["hangs", "drips"])
def test_who_takes_too_long_is_cut_off(reply: Reply) -> None:
    """Whether nothing comes or a byte now and then: the time for one delivery ends."""
    with Receiver(reply) as receiver:
        answer = sent(receiver.url(), "127.0.0.1", whole=0.3)
    assert answer.status is None
    assert answer.reason in ("takes too long", "does not answer in time")


def test_a_drip_through_tls(tmp_path: Any) -> None:
    """The same where the connection is encrypted."""
    theirs, ours = certificate(tmp_path, "hook.example")
    with Receiver(Reply(drips=True), context=theirs) as receiver:
        host = f"hook.example:{receiver.port}"
        answer = sent(
            receiver.url(host="hook.example"), host, lookup=lambda name, port: ["127.0.0.1"], verify=ours, whole=0.5
        )
    assert answer == Answer(None, "takes too long")


def test_what_is_on_its_way_can_be_cut_off() -> None:
    """From another thread; what is sent afterwards ends at once."""
    with Receiver(Reply(drips=True)) as receiver, Poster(frozenset({"127.0.0.1"})) as poster:
        found: list[Answer] = []
        thread = threading.Thread(target=lambda: found.append(poster.post(receiver.url(), {}, "{}")))
        thread.start()
        receiver.wait_for(1)
        poster.abort()
        thread.join(60)
        assert found == [Answer(None, "was cut off")]
        assert poster.post(receiver.url(), {}, "{}") == Answer(None, "was cut off")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "localhost", "[::1]", "0.0.0.0"])
def test_this_machine_is_not_called(host: str, connections: list[str]) -> None:
    """However it is spelt, no connection is made."""
    with Receiver() as receiver:
        answer = sent(receiver.url(host=host))
        assert receiver.calls == []
    assert answer.status is None
    assert "not on the public internet" in answer.reason or "nobody knows" in answer.reason
    assert connections == []


@pytest.mark.parametrize("inside", ["10.0.0.1", "169.254.169.254", "fd00:ec2::254", "64:ff9b::7f00:1"])
def test_a_name_that_leads_inside_is_not_called(inside: str, connections: list[str]) -> None:
    """One inner address among several is enough to leave it."""
    answer = sent("https://hook.example/", lookup=lambda name, port: ["8.8.8.8", inside])
    assert f"hook.example is at {inside}, which is not on the public internet" in answer.reason
    assert connections == []


def test_the_checked_address_is_the_one_that_is_called() -> None:
    """A name is looked up once a delivery; the receiver hears its name."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    with Receiver() as receiver:
        url, host = receiver.url(host="rebind.example"), f"rebind.example:{receiver.port}"
        assert sent(url, host, lookup=lambda name, port: next(answers)) == Answer(204)
        assert [call.headers["host"] for call in receiver.calls] == [host]
    assert next(answers) == ["10.0.0.1"]


def test_the_certificate_must_be_the_names(tmp_path: Any) -> None:
    """Though the address is called, the certificate is checked against the name."""
    theirs, ours = certificate(tmp_path, "hook.example")
    with Receiver(context=theirs) as receiver:
        hosts = [f"{name}.example:{receiver.port}" for name in ("hook", "other")]
        said: dict[str, Any] = {"lookup": lambda name, port: ["127.0.0.1"], "verify": ours}
        assert sent(receiver.url(host="hook.example"), *hosts, **said) == Answer(204)
        assert "certificate" in sent(receiver.url(host="other.example"), *hosts, **said).reason.lower()
        assert len(receiver.calls) == 1


def test_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who resolves the name must be who checks it."""
    with Receiver() as proxy, Receiver() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
        assert sent(receiver.url(), "127.0.0.1") == Answer(204)
        assert (len(proxy.calls), len(receiver.calls)) == (0, 1)


def test_nobody_there() -> None:
    """A port where nobody listens, a name that nobody knows, and what is no address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert sent(f"http://127.0.0.1:{port}/", "127.0.0.1").reason == "cannot be reached: Connection refused"

    def unknown(name: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    assert sent("https://no.example/", lookup=unknown).reason == "cannot be reached: nobody knows the name no.example"
    for url in ("ftp://8.8.8.8/", "http://[::1", "http://user:word@8.8.8.8/", "http://8.8.8.8:0/", "nonsense"):
        assert sent(url) == Answer(None, "is no address that can be called")


def test_another_address_of_the_name_may_do() -> None:
    """Where the first cannot be reached the next is tried."""
    with Receiver() as receiver:
        url, host = receiver.url(host="two.example"), "two.example"
        assert sent(url, host, lookup=lambda name, port: ["127.0.0.2", "127.0.0.1"]) == Answer(204)
