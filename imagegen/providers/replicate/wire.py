"""The SDK's way to Replicate: it builds every request, and what goes over the wire is seen and counted here.

The SDK repeats what fails with 429, 503 or 504, sets no time limit on a creation, and its types lack a status that the
wire has. So a transport of ours stands below it: one request a call, our time limits, the answer as it came.
"""

from __future__ import annotations

import io
import ssl
import threading
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from imagegen.imports import IMPORTING
from imagegen.providers import Slip
from imagegen.providers.hosted.rest import Cut, NotSent, Reply, limited, sending
from imagegen.providers.hosted.server import Server

if TYPE_CHECKING:
    import httpx
    from replicate.client import Client


class _Answered(Exception):
    """An answer that is no success, on its way past the SDK's own retries."""


class Wire:
    """One server, its connections shared by all threads and opened with the first call."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._lock = threading.Lock()
        self._open: httpx.HTTPTransport | None = None

    def create(
        self, model: str, version: str | None, given: dict[str, Any], slip: Slip, headers: Mapping[str, str]
    ) -> Reply:
        """Create a prediction, once and without waiting for its end. Raises NotSent, Cut, StorageError."""
        if version is not None:
            return self._call(lambda client: client.predictions.create(version=version, input=given), slip, headers)
        owner, _, name = model.partition("/")
        return self._call(
            lambda client: client.models.predictions.create(model=(owner, name), input=given), slip, headers
        )

    def get(self, job: str) -> Reply:
        """How a prediction stands. Raises NotSent, Cut."""
        return self._call(lambda client: client.predictions.get(job))

    def upload(self, data: bytes, name: str) -> Reply:
        """Hand in a file, which is free. Raises NotSent, Cut."""
        return self._call(lambda client: client.files.create(io.BytesIO(data), filename=name))

    def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        with self._lock:
            transport, self._open = self._open, None
        if transport is not None:
            transport.close()

    def _call(
        self, ask: Callable[[Client], object], slip: Slip | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        with IMPORTING:
            from replicate.client import Client

        once = _Once(self.server, self._transport(), slip, headers or {})
        # Without a key the SDK would look for one in the environment: the header is there, and taken out again.
        client = Client(self.server.key or "none", base_url=self.server.base_url, transport=once)
        try:
            ask(client)
        except (NotSent, Cut):
            raise
        except Exception:
            # What the SDK's types make of an answer does not matter; that one came does.
            if once.reply is None:
                raise
        if once.reply is None:
            raise RuntimeError("the SDK sent nothing")
        return once.reply

    def _transport(self) -> httpx.HTTPTransport:
        with IMPORTING:
            import httpx

        with self._lock:
            if self._open is None:
                limits = httpx.Limits(max_connections=1024, max_keepalive_connections=1024)
                self._open = httpx.HTTPTransport(verify=_trusted(), limits=limits, retries=0)
            return self._open


@cache
def _trusted() -> ssl.SSLContext:
    """The system's trust store, as for all other providers; the SDK would bring its own."""
    with IMPORTING:
        import httpx2

    return httpx2.create_ssl_context()


class _Once:
    """An httpx transport for one request: the intent is on disk before it, its answer is read whole."""

    def __init__(
        self, server: Server, inner: httpx.HTTPTransport, slip: Slip | None, headers: Mapping[str, str]
    ) -> None:
        self._server, self._inner, self._slip, self._headers = server, inner, slip, headers
        self._sent = False
        self.reply: Reply | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it. Raises NotSent, Cut, StorageError, and _Answered for an answer that is no success."""
        with IMPORTING:
            import httpx

        if self._sent:
            raise RuntimeError("a second request on one call")
        self._sent = True
        request.headers.update(self._headers)
        if not self._server.key:
            request.headers.pop("authorization", None)
        wait = self._server.timeouts
        limits = {"connect": wait.connect, "read": wait.first_byte, "write": wait.progress, "pool": wait.total}
        request.extensions = {**request.extensions, "timeout": limits}
        if self._slip is not None:
            self._slip.sending()
        with sending(self._server, httpx):
            response = self._inner.handle_request(request)
        response.request = request
        limits["read"] = wait.progress
        try:
            data = b"".join(limited(response.iter_bytes(), self._server, httpx))
        finally:
            response.close()
        names = {name.lower(): value for name, value in response.headers.items()}
        self.reply = Reply(response.status_code, names, data)
        if response.status_code >= 400:
            raise _Answered
        return httpx.Response(response.status_code, content=data, request=request)

    def close(self) -> None:
        """The connections are shared: nothing."""
