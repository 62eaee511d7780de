"""Which addresses a webhook may go to, as far as can be said without asking the network. Pure.

What a name leads to is checked when the webhook is sent (`imagegen.callbacks.post`).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from urllib.parse import urlsplit

from imagegen.callbacks.body import LONGEST_ID
from imagegen.callbacks.signature import MAKE_ONE, key_of
from imagegen.domain.row import Row
from imagegen.inputs.addresses import public
from imagegen.settings import WEBHOOK_SECRET, Secret

PORTS = {"http": 80, "https": 443}
#: Characters of the longest address.
LONGEST = 2000

#: Names that lead inside wherever they are asked for.
_INSIDE = ("localhost", "local", "internal", "home.arpa")


def checker(hosts: Collection[str], secret: Callable[[], Secret | None], estimating: bool) -> Callable[[Row], str]:
    """Why a row's callback_url cannot be called, as a sentence; "" where it can, or where there is none. `secret` is
    asked for once, and not at all while `estimating`. What it gives raises SettingsError where it is no secret."""
    signed: list[bool] = []

    def told(row: Row) -> str:
        if row.callback_url is None:
            return ""
        no = refusal(row.callback_url, hosts)
        if not no and len(row.id) > LONGEST_ID:
            no = f"an id of more than {LONGEST_ID:,} characters cannot be told by callback_url; shorten it"
        if no or estimating:
            return no
        if not signed:
            found = secret()
            signed.append(found is not None and bool(key_of(found)))
        return "" if signed[0] else f"callback_url needs a secret to sign with: {MAKE_ONE}; set it as {WEBHOOK_SECRET}"

    return told


def refusal(url: str, hosts: Collection[str]) -> str:
    """Why no webhook may go to `url`; "" when nothing speaks against it yet. `hosts` may be called though they are
    internal: "name" or "name:port"."""
    if len(url) > LONGEST or not url.isprintable() or " " in url:
        return "callback_url is no address: it is too long, or holds spaces or control characters"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "callback_url is no address; write https://HOST/PATH"
    if parts.scheme not in PORTS or not host or port == 0:
        return "callback_url is no address that can be called; write https://HOST/PATH"
    if "@" in parts.netloc:
        return "callback_url holds a name or password; the signature says who calls, take them out"
    port = port or PORTS[parts.scheme]
    if not inside(host) or not {host, f"{host}:{port}"}.isdisjoint(hosts):
        return ""
    return (
        f"callback_url leads to {host[:80]}, which is not on the public internet"
        " (if the server is yours, name it under callback_hosts in config.yaml)"
    )


def inside(host: str) -> bool:
    """Whether `host` is an internal address, however it is spelt, or a name that can only lead inside."""
    bare = host.rstrip(".").lower()
    with suppress(OSError, ValueError):  # 127.1, 0x7f.1, 2130706433: what a resolver takes for an address
        return not public(socket.inet_ntoa(socket.inet_aton(bare)))
    if ":" in bare:
        return not public(bare)
    return "." not in bare or any(bare == name or bare.endswith(f".{name}") for name in _INSIDE)
