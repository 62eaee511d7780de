"""Sending one webhook, to the public internet only.

As with input pictures: a name is looked up once, every address that it has is checked, and the connection goes to a
checked address. No redirect is followed, no proxy is used, and nothing of an answer counts but its status and
Retry-After. A receiver who takes too long is cut off, however busily bytes arrive.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any

from imagegen.callbacks.address import PORTS
from imagegen.callbacks.schedule import Answer
from imagegen.imports import IMPORTING
from imagegen.inputs.addresses import public
from imagegen.inputs.guarded import look_up

if TYPE_CHECKING:
    from httpx2 import URL, Client

#: Seconds for a whole delivery from the first connection on, and for each connection.
WHOLE, CONNECT = 15.0, 5.0
#: Addresses of one name that are tried.
ADDRESSES = 4

CUT_OFF = "was cut off"
_NUMBER = re.compile(r"^\[Errno -?\d+\] ")


class Poster:
    """Sends webhooks. `hosts` ("name" or "name:port") may be called though they are internal. `verify` is an SSL
    context in the place of the system's trust store, `whole` the seconds of one delivery. Thread-safe once entered."""

    def __init__(
        self,
        hosts: frozenset[str] = frozenset(),
        lookup: Callable[[str, int], list[str]] = look_up,
        verify: Any = None,
        whole: float = WHOLE,
    ) -> None:
        self._hosts, self._lookup, self._verify, self._whole = hosts, lookup, verify, whole
        self._lock, self._flights = Lock(), set[_Flight]()
        self._closed = False

    def __enter__(self) -> Poster:
        _ = self._client  # made here, before threads share it
        return self

    def __exit__(self, *problem: object) -> None:
        self._client.close()

    def post(self, url: str, headers: Mapping[str, str], body: str) -> Answer:
        """What came of sending `body` to `url`; nothing that a receiver does raises."""
        with IMPORTING:
            import httpx2

        try:
            target = httpx2.URL(url)
            addresses = self._checked(target)
        except httpx2.InvalidURL:
            return Answer(None, "is no address that can be called")
        except _NotAllowedError as problem:
            return Answer(None, str(problem))
        with self._flight() as flight:
            for address in addresses[:ADDRESSES]:
                answer = self._sent(target, address, headers, body, flight)
                if answer is not None or flight.over:
                    break
        if flight.over and (answer is None or answer.status is None):
            return Answer(None, flight.over)
        return answer or Answer(None, flight.said)

    def abort(self) -> None:
        """Cut off what is on its way, and send nothing more."""
        with self._lock:
            self._closed = True
            flights = list(self._flights)
        for flight in flights:
            flight.end(CUT_OFF)

    def _flight(self) -> _Flight:
        flight = _Flight(self._whole, self._landed)
        with self._lock:
            self._flights.add(flight)
            if self._closed:
                flight.end(CUT_OFF)
        return flight

    def _landed(self, flight: _Flight) -> None:
        with self._lock:
            self._flights.discard(flight)

    def _checked(self, url: URL) -> list[str]:
        """The addresses that may be called. Raises _NotAllowedError."""
        port = PORTS.get(url.scheme, 0) if url.port is None else url.port
        if url.scheme not in PORTS or not url.host or url.userinfo or not 0 < port < 65_536:
            raise _NotAllowedError("is no address that can be called")
        try:
            addresses = self._lookup(url.raw_host.decode("ascii"), port)
        except (OSError, UnicodeError):
            raise _NotAllowedError(f"cannot be reached: nobody knows the name {url.host}") from None
        if self._hosts.isdisjoint({url.host, f"{url.host}:{port}"}):
            within = next((each for each in addresses if not public(each)), None)
            if within is not None:
                raise _NotAllowedError(
                    f"is not called: {url.host} is at {within}, which is not on the public internet"
                    " (if the server is yours, name it under callback_hosts in config.yaml)"
                )
        return addresses

    def _sent(self, url: URL, address: str, headers: Mapping[str, str], body: str, flight: _Flight) -> Answer | None:
        """What `address` answers; None where no connection could be made and another address may do."""
        with IMPORTING:
            import httpx2

        try:
            with self._client.stream(
                "POST",
                url.copy_with(host=address, fragment=None),
                content=body.encode(),
                headers={"Host": url.netloc.decode("ascii"), **headers},
                # The certificate must be the name's, not the address's.
                extensions={"sni_hostname": url.raw_host.decode("ascii"), "trace": flight.watch},
                timeout=httpx2.Timeout(self._whole, connect=min(CONNECT, self._whole)),
            ) as response:
                return Answer(response.status_code, "", response.headers.get("retry-after"))
        except (httpx2.ConnectTimeout, httpx2.ConnectError) as problem:
            flight.said = f"cannot be reached: {_line(problem)}"
            return None
        except httpx2.TimeoutException:
            return Answer(None, "does not answer in time")
        except (httpx2.HTTPError, httpx2.StreamError) as problem:
            return Answer(None, f"breaks off: {_line(problem)}")

    @cached_property
    def _client(self) -> Client:
        with IMPORTING:
            import httpx2

        from imagegen import __version__

        return httpx2.Client(
            verify=self._verify or httpx2.create_ssl_context(),
            trust_env=False,
            follow_redirects=False,
            # A connection serves one name: two names at one address must not share it.
            limits=httpx2.Limits(max_keepalive_connections=0),
            headers={"User-Agent": f"imagegen/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"},
        )


class _NotAllowedError(Exception):
    """A sentence without its subject."""


class _Flight:
    """One delivery on its way, which ends after `seconds` at the latest: its connection is shut. `over` says why it
    was ended, `said` why the last address could not be reached."""

    def __init__(self, seconds: float, landed: Callable[[_Flight], None]) -> None:
        self.over, self.said = "", ""
        self._landed = landed
        self._socket: socket.socket | None = None
        self._timer = Timer(seconds, self.end)
        self._timer.daemon = True

    def __enter__(self) -> _Flight:
        self._timer.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._timer.cancel()
        self._landed(self)

    def watch(self, name: str, info: Mapping[str, Any]) -> None:
        """Hear of each connection as it is made."""
        if name in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = info["return_value"].get_extra_info("socket")
            if self.over:
                self.end(self.over)

    def end(self, why: str = "takes too long") -> None:
        """Shut the connection: whoever reads from it sees its end."""
        self.over = self.over or why
        if self._socket is not None:
            with suppress(OSError):  # not the SSL socket's own: that would forget its keys under the reader's hands
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _line(problem: Exception) -> str:
    text = _NUMBER.sub("", " ".join(str(problem).split())) or type(problem).__name__
    return text if len(text) <= 100 else text[:97] + "..."
