"""Guarded: getting bytes by URL from the public internet only.

A name is looked up once, every address that it has is checked, and the connection goes to a checked address: a name
that leads elsewhere the next time it is asked for gains nothing. Redirects are followed by hand, each checked the
same way. Proxies are not used: who resolves the name must be who checks it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from imagegen.imports import IMPORTING
from imagegen.inputs.addresses import public
from imagegen.inputs.local import MOST_BYTES

if TYPE_CHECKING:
    from httpx2 import URL, Client, Response

MOST_REDIRECTS = 5
#: Seconds for one picture, redirects included; for a connection; for the next bytes.
WHOLE, CONNECT, READ = 120.0, 10.0, 30.0
_MOVED = frozenset({301, 302, 303, 307, 308})
_DEFAULT_PORTS = {"http": 80, "https": 443}

#: Name and port -> its addresses, as text. Raises OSError.
Lookup = Callable[[str, int], list[str]]


class NotFetched(Exception):
    """`what` is a sentence without its subject; `passing`: another try may fare better; `status`: what the server
    answered, if it did."""

    def __init__(self, what: str, *, passing: bool = False, status: int | None = None) -> None:
        self.what, self.passing, self.status = what, passing, status
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Got:
    """What came. `data` None: the server says that it is still the same."""

    data: bytes | None
    etag: str | None = None
    last_modified: str | None = None


def look_up(name: str, port: int) -> list[str]:
    """The addresses of `name`, as the system resolves it."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def shown(url: str) -> str:
    """`url` for people: without the query, which may hold a key, and not too long."""
    bare = url.partition("#")[0].partition("?")[0]
    scheme, _, rest = bare.partition("://")
    rest = "".join(sign if sign.isprintable() else "?" for sign in rest.rpartition("@")[2])
    return f"{scheme}://{rest if len(rest) <= 90 else rest[:87] + '...'}"


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """Gets what lies at a URL. `hosts` may be asked though they are internal: "name" or "name:port". `verify` is an
    SSL context in the place of the system's trust store. Thread-safe once entered."""

    hosts: frozenset[str] = frozenset()
    lookup: Lookup = look_up
    verify: Any = None
    pause: float = 1.0
    stopped: Callable[[], bool] = field(default=lambda: False)

    def get(self, url: str, facts: Mapping[str, Any] | None = None) -> Got:
        """What lies at `url`; with `facts` of an earlier answer only if it changed. Tries twice. Raises NotFetched."""
        conditions = _conditions(facts or {})
        try:
            return self._get(url, conditions)
        except NotFetched as problem:
            if not problem.passing or self.stopped():
                raise
        time.sleep(self.pause)
        return self._get(url, conditions)

    def __enter__(self) -> Self:
        _ = self._client  # made here, before threads share it
        return self

    def __exit__(self, *problem: object) -> None:
        self._client.close()

    def _get(self, text: str, conditions: dict[str, str]) -> Got:
        with IMPORTING:
            import httpx2

        end = time.monotonic() + WHOLE
        try:
            url = httpx2.URL(text)
            for _ in range(MOST_REDIRECTS + 1):
                answer = self._ask(url, conditions, end)
                if not isinstance(answer, httpx2.URL):
                    return answer
                if url.scheme == "https" and answer.scheme == "http":
                    raise NotFetched(f"leads from https to http ({shown(str(answer))})")
                url = answer
        except httpx2.InvalidURL:
            raise NotFetched("is no address that can be asked") from None
        raise NotFetched(f"leads on more than {MOST_REDIRECTS} times")

    def _ask(self, url: URL, conditions: dict[str, str], end: float) -> Got | URL:
        with IMPORTING:
            import httpx2

        addresses = self._checked(url)
        problem: Exception = AssertionError("a name without addresses")
        for address in addresses[:4]:
            try:
                with self._sent(url, address, conditions, end) as response:
                    return self._answer(url, response, end, bool(conditions))
            except httpx2.ConnectTimeout as error:
                problem = error
            except httpx2.ConnectError as error:
                problem = error
            except httpx2.TimeoutException:
                raise NotFetched("does not answer in time", passing=True) from None
            except (httpx2.HTTPError, httpx2.StreamError) as error:
                raise NotFetched(f"cannot be fetched ({_line(error)})", passing=True) from None
        raise NotFetched(f"cannot be reached ({_line(problem)})", passing=True)

    def _checked(self, url: URL) -> list[str]:
        """The addresses that may be asked. Raises NotFetched."""
        if url.scheme not in _DEFAULT_PORTS or not url.host:
            raise NotFetched(f"leads to {shown(str(url))}, which is neither http nor https")
        if url.userinfo:
            raise NotFetched("holds a name or password; fetch it yourself and give the file")
        port = _DEFAULT_PORTS[url.scheme] if url.port is None else url.port
        if not 0 < port < 65_536:
            raise NotFetched("is no address that can be asked")
        try:
            addresses = self.lookup(url.raw_host.decode("ascii"), port)
        except (OSError, UnicodeError):
            raise NotFetched(f"cannot be reached: nobody knows the name {url.host}", passing=True) from None
        if self.hosts.isdisjoint({url.host, f"{url.host}:{port}"}):
            inside = next((each for each in addresses if not public(each)), None)
            if inside is not None:
                raise NotFetched(
                    f"is not fetched: {url.host} is at {inside}, which is not on the public internet"
                    " (if the server is yours, name it under input_hosts in config.yaml)"
                )
        return addresses

    def _sent(self, url: URL, address: str, conditions: dict[str, str], end: float) -> Any:
        with IMPORTING:
            import httpx2

        left = end - time.monotonic()
        if left <= 0:
            raise NotFetched("takes too long", passing=True)
        return self._client.stream(
            "GET",
            url.copy_with(host=address, fragment=None),
            headers={"Host": url.netloc.decode("ascii"), **conditions},
            # The certificate must be the name's, not the address's.
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
            timeout=httpx2.Timeout(min(READ, left), connect=min(CONNECT, left)),
        )

    def _answer(self, url: URL, response: Response, end: float, conditional: bool) -> Got | URL:
        status, headers = response.status_code, response.headers
        if status in _MOVED and headers.get("location"):
            return url.join(headers["location"])
        if status == 304 and conditional:
            return Got(None, headers.get("etag"), headers.get("last-modified"))
        if status != 200:
            raise NotFetched(f"answers {status}", passing=status == 429 or status >= 500, status=status)
        data = b"".join(self._body(response, end))
        return Got(data, headers.get("etag"), headers.get("last-modified"))

    def _body(self, response: Response, end: float) -> Iterator[bytes]:
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise NotFetched("is sent compressed though nobody asked for that")
        promised = response.headers.get("content-length", "")
        size = int(promised) if promised.isdecimal() else 0
        if size > MOST_BYTES:
            raise _too_large()
        size = 0
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > MOST_BYTES:
                raise _too_large()
            if self.stopped():
                raise NotFetched("was not fetched: the run was interrupted")
            if time.monotonic() > end:
                raise NotFetched("takes too long", passing=True)
            yield chunk

    @cached_property
    def _client(self) -> Client:
        with IMPORTING:
            import httpx2

        from imagegen import __version__

        return httpx2.Client(
            verify=self.verify or httpx2.create_ssl_context(),
            trust_env=False,
            follow_redirects=False,
            # A connection serves one name: two names at one address must not share it.
            limits=httpx2.Limits(max_keepalive_connections=0),
            headers={"User-Agent": f"imagegen/{__version__}", "Accept": "image/*", "Accept-Encoding": "identity"},
        )


def _conditions(facts: Mapping[str, Any]) -> dict[str, str]:
    given = {"If-None-Match": facts.get("etag"), "If-Modified-Since": facts.get("last_modified")}
    return {name: value for name, value in given.items() if isinstance(value, str)}


def _too_large() -> NotFetched:
    return NotFetched(f"is larger than {MOST_BYTES // 10**6} MB")


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 100 else text[:97] + "..."
