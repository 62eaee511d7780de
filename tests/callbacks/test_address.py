"""A callback_url while planning: what can be said of it without asking the network."""

from __future__ import annotations

import socket

import pytest

from imagegen.callbacks.address import checker, refusal
from imagegen.callbacks.body import LONGEST_ID
from imagegen.domain.row import Row
from imagegen.errors import SettingsError
from imagegen.settings import Secret
from tests.callbacks.receiver import SECRET


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked for an address."""

    def asked(*args: object, **more: object) -> None:
        raise AssertionError(f"asked for {args}")

    monkeypatch.setattr(socket, "getaddrinfo", asked)


@pytest.mark.parametrize(
    "url",
    ["https://shop.example.com/hook", "http://shop.example.com:8080/a?b=c#d", "https://8.8.8.8/", "HTTPS://EXAMPLE.COM",
     "https://[2606:4700:4700::1111]/x", "https://münchen.example/x", "https://a.b/@x"],
)  # fmt: skip
def test_public_addresses_pass(url: str) -> None:
    """By name, by number, with a port, a query and a fragment."""
    assert refusal(url, ()) == ""


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "017700000001", "localhost", "LOCALHOST.", "a.localhost", "[::1]",
     "0.0.0.0", "0", "[::ffff:127.0.0.1]", "10.1.2.3", "192.168.0.1", "169.254.169.254", "[fd00:ec2::254]", "printer",
     "metadata.google.internal", "nas.local", "100.64.0.1", "[64:ff9b::7f00:1]", "224.0.0.1"],
)  # fmt: skip
def test_internal_addresses_do_not(host: str) -> None:
    """However they are spelt; unless the user named the host."""
    url = f"https://{host}/hook"
    assert "not on the public internet" in refusal(url, ())
    name = host.strip("[]").lower()
    assert refusal(url, {name}) == ""
    assert refusal(url, {f"{name}:443"}) == ""
    assert "not on the public internet" in refusal(url, {f"{name}:444"})


@pytest.mark.parametrize(
    "url",
    ["", "shop.example.com/hook", "ftp://a.example/", "file:///etc/passwd", "https://", "https:///x", "https://[::1",
     "https://a.example:99999/", "https://a.example:0/", "https://a.example:x/", "https://a.example/a b",
     "javascript:1", "https://a.example/\n", "https://a.example/\x1b[31m", "https://a.example/" + "x" * 2000],
)  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    """A sentence that says so."""
    assert "is no address" in refusal(url, ())


def test_a_password_is_not_shown() -> None:
    """A name and a password have no place in it, and are not repeated."""
    said = refusal("https://me:s3cret@a.example/", ())
    assert "name or password" in said
    assert "s3cret" not in said


def row(url: str | None, name: str = "mug") -> Row:
    return Row(id=name, prompt="A mug", callback_url=url)


def test_a_row_needs_a_secret() -> None:
    """Asked for once, only where a row calls back, and not at all while estimating."""
    asked: list[int] = []

    def none() -> None:
        asked.append(1)

    told = checker((), none, estimating=False)
    assert told(row(None)) == ""
    assert not asked
    assert "imagegen webhook secret" in told(row("https://a.example/"))
    assert "imagegen webhook secret" in told(row("https://b.example/"))
    assert len(asked) == 1
    assert checker((), none, estimating=True)(row("https://a.example/")) == ""
    assert "not on the public" in checker((), none, estimating=True)(row("https://localhost/"))
    assert len(asked) == 1
    assert checker((), lambda: Secret(SECRET), estimating=False)(row("https://a.example/")) == ""
    with pytest.raises(SettingsError, match="does not begin with whsec_"):
        checker((), lambda: Secret("secret"), estimating=False)(row("https://a.example/"))


def test_an_id_must_fit_into_the_body() -> None:
    """What no body could hold is refused before anything is made."""
    told = checker((), lambda: Secret(SECRET), estimating=False)
    assert told(row("https://a.example/", "x" * LONGEST_ID)) == ""
    assert "cannot be told" in told(row("https://a.example/", "x" * (LONGEST_ID + 1)))
