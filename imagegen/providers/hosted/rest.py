"""One HTTP call: sent once, never redirected, its answer read whole. Knows no dialect and no prices."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from imagegen.imports import IMPORTING
from imagegen.providers import Slip
from imagegen.providers.hosted.server import MOST_BYTES, Server

if TYPE_CHECKING:
    from httpx2 import Client, Request, Response


class NotSent(Exception):
    """No connection was made, so nothing was sent. `reason` is a sentence."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Cut(Exception):
    """It was sent, and no whole answer came."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    def json(self) -> Any:
        """The body's JSON; None when it is none."""
        return parsed(self.data)


def parsed(data: bytes) -> Any:
    """`data` as JSON; None when it is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


@contextmanager
def sending(server: Server, http: Any) -> Iterator[None]:
    """What goes wrong before an answer comes, as NotSent or Cut. `http` is httpx or httpx2: their errors have the same
    names."""
    try:
        yield
    except (http.ConnectError, http.ConnectTimeout, http.PoolTimeout, http.ProxyError) as error:
        raise NotSent(f"could not connect to {server.host}: {server.said(error)}") from error
    except http.UnsupportedProtocol as error:
        raise NotSent(f"{server.host} cannot be asked: {server.said(error)}") from error
    except http.TimeoutException as error:
        raise Cut("no answer in time") from error
    except (http.HTTPError, ssl.SSLError, OSError) as error:
        raise Cut("the connection broke") from error


def limited(pieces: Iterable[bytes], server: Server, http: Any) -> Iterator[bytes]:
    """An answer's `pieces`, while they are no more than MOST_BYTES and come within the `total` time, which begins with
    the first that is asked for. Raises Cut, also for what goes wrong on the way; `http` as in `sending`."""
    end, size = time.monotonic() + server.timeouts.total, 0
    try:
        for piece in pieces:
            size += len(piece)
            if size > MOST_BYTES:
                raise Cut(f"the answer is longer than {MOST_BYTES:,} bytes")
            if time.monotonic() > end:
                raise Cut(f"the answer was still not whole after {server.timeouts.total:g} s")
            yield piece
    except (http.HTTPError, http.StreamError, ssl.SSLError, OSError) as error:
        raise Cut(f"the answer broke off: {server.said(error)}") from error


class Rest:
    """HTTP to one server with httpx2, opened with the first call, shared by all threads. `headers` go out with every
    call, the key among them; so call nothing but `server.same_site` addresses."""

    def __init__(self, server: Server, headers: Mapping[str, str]) -> None:
        self.server, self._headers = server, dict(headers)
        self._lock = threading.Lock()
        self._client: Client | None = None

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        files: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        slip: Slip | None = None,
        spool: bool = False,
    ) -> Reply:
        """One call. `path` is joined to the server's address, or an address itself. `body` goes out as JSON, `form`
        with `files` as multipart, files as httpx2 takes them. With a `slip` the intent is written down first;
        `spool`: a good answer goes through the slip's spool.

        Raises NotSent, Cut, and StorageError when the intent cannot be written (then nothing was sent)."""
        client = self._open()
        url = path if "://" in path else urljoin(self.server.base_url + "/", path.lstrip("/"))
        parts: dict[str, Any] = {"json": body} if body is not None else {}
        if form is not None or files is not None:
            # A part without a file name is a field; so it is multipart even where no file goes along.
            fields = [(name, (None, value)) for name, value in (form or {}).items()]
            parts = {"files": [*fields, *(files or {}).items()]}
        request = client.build_request(method, url, headers=dict(headers or {}), **parts)
        return self.deliver(request, slip=slip, spool=spool)

    def deliver(self, request: Request, *, slip: Slip | None = None, spool: bool = False) -> Reply:
        """As `send`, for a request that somebody else has built; it goes out as it is."""
        with IMPORTING:
            import httpx2

        client = self._open()
        if slip is not None:
            slip.sending()
        with sending(self.server, httpx2):
            response = client.send(request, stream=True)
        try:
            return self._read(response, slip if spool and 200 <= response.status_code < 300 else None)
        finally:
            response.close()

    def _read(self, response: Response, slip: Slip | None) -> Reply:
        length = response.headers.get("content-length", "")
        plain = "content-encoding" not in response.headers
        response.request.extensions["timeout"]["read"] = self.server.timeouts.progress
        with IMPORTING:
            import httpx2

        pieces = limited(response.iter_bytes(), self.server, httpx2)
        try:
            if slip is None:
                data = b"".join(pieces)
            else:
                data = slip.receive(pieces, int(length) if plain and length.isdecimal() else None)
        except ConnectionError as error:
            raise Cut(f"the answer broke off: {self.server.said(error)}") from error
        return Reply(response.status_code, {name.lower(): value for name, value in response.headers.items()}, data)

    def _open(self) -> Client:
        with self._lock:
            if self._client is None:
                with IMPORTING:
                    import httpx2

                wait = self.server.timeouts
                self._client = httpx2.Client(
                    headers=self._headers,
                    timeout=httpx2.Timeout(wait.first_byte, connect=wait.connect, write=wait.progress, pool=wait.total),
                    limits=httpx2.Limits(max_connections=1024, max_keepalive_connections=1024),
                    # The second request would be another charge, at an address nobody chose.
                    follow_redirects=False,
                )
            return self._client

    def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
