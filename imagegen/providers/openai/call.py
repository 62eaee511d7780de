"""One call through the SDK: opened late, sent once, its answer spooled as it comes. Knows no models and no prices."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagegen.imports import IMPORTING
from imagegen.providers import Slip
from imagegen.providers.hosted.rest import limited
from imagegen.providers.hosted.server import Server, Timeouts

if TYPE_CHECKING:
    from openai import OpenAI as Client

OFFICIAL = "https://api.openai.com/v1"
#: What a server of one's own gets that asks for no key.
_NO_KEY = "none"


@dataclass(frozen=True, slots=True)
class Call:
    """A complete answer and the provider's name for it."""

    data: bytes
    request_id: str | None


class Line(Server):
    """The server with one SDK client for all threads, opened with the first call. `keeps`: it may keep what is asked
    of a model that writes, unless told not to."""

    keeps = True

    def __init__(self, name: str, api_key: str, base_url: str | None, timeouts: Timeouts) -> None:
        super().__init__(
            name, api_key, base_url, timeouts, home=OFFICIAL, variable="OPENAI_API_KEY", looks=r"\bsk-[\w*.-]{3,}"
        )
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._methods: tuple[Any, Any] | None = None

    def send(self, body: dict[str, Any], extra: Mapping[str, str], slip: Slip) -> Call:
        """Send `body`, with fields in `extra` that the SDK need not know, once, and return the whole answer: to the
        edits when it holds an `image`, else to the generations.

        Raises what `errors.wire_errors` names when nothing or an error came, Cut when the answer broke
        off, and StorageError when the intent cannot be written down (then nothing was sent)."""
        generate, edit = self._open()
        ask = edit if "image" in body else generate
        slip.sending()
        with ask(**body, extra_body=dict(extra) or None) as response:
            return self._received(response, slip)

    def chat(self, body: dict[str, Any], slip: Slip) -> Call:
        """Ask a model that writes; raises as `send`."""
        client = self.client()
        with IMPORTING:
            ask = client.chat.completions.with_streaming_response.create
        slip.sending()
        with ask(**body) as response:
            return self._received(response, slip)

    def _received(self, response: Any, slip: Slip) -> Call:
        length = response.headers.get("content-length")
        plain = "content-encoding" not in response.headers
        data = slip.receive(self.pieces(response), int(length) if length and plain else None)
        return Call(data, response.headers.get("x-request-id"))

    def close(self) -> None:
        """Close the client, if it is open."""
        with self._lock:
            client, self._client, self._methods = self._client, None, None
        if client is not None:
            client.close()

    def _open(self) -> tuple[Any, Any]:
        """The SDK's methods that generate and edit, on the one client."""
        methods = self._methods
        if methods is not None:
            return methods
        with self._lock:
            if self._methods is None:
                images = self._opened().images.with_streaming_response
                self._methods = images.generate, images.edit
            return self._methods

    def client(self) -> Client:
        """The SDK's one client."""
        with self._lock:
            return self._opened()

    def _opened(self) -> Client:
        if self._client is None:
            with IMPORTING:
                # The SDK takes whatever `sys.modules` holds under this name, with every request: also what another
                # thread has half imported. So it is imported before the first.
                import httpx  # noqa: F401

                client = self._new()
                # Each part of the SDK is imported when it is asked for.
                _ = client.images, client.files, client.batches, client.models
            self._client = client
        return self._client

    def _new(self) -> Client:
        with IMPORTING:
            import openai

        return openai.OpenAI(api_key=self.key or _NO_KEY, base_url=self.base_url, **self._terms())

    def _terms(self) -> dict[str, Any]:
        """What every client of the SDK's is made with: the connections, the timeouts, no retries."""
        with IMPORTING:
            import httpx2

        wait = self.timeouts
        timeout = httpx2.Timeout(wait.first_byte, connect=wait.connect, write=wait.progress, pool=wait.total)
        # Redirects are not followed: the second request would be another charge, at an address nobody chose.
        http = httpx2.Client(
            timeout=timeout,
            limits=httpx2.Limits(max_connections=1024, max_keepalive_connections=1024),
            follow_redirects=False,
        )
        return {"max_retries": 0, "timeout": timeout, "http_client": http}

    def pieces(self, response: Any) -> Iterator[bytes]:
        """The answer's bytes. From here on silence is limited by `progress`, the whole as by `limited`."""
        with IMPORTING:
            import httpx2

        response.http_request.extensions["timeout"]["read"] = self.timeouts.progress
        return limited(response.iter_bytes(), self, httpx2)
