"""A web server on loopback that webhooks are sent to: it writes down every request, and answers as the test says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `hangs`: none comes before the receiver is closed. `drips`: the head never ends, though it goes on."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hangs: bool = False
    drips: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        """The body, parsed."""
        return dict(json.loads(self.body))

    @property
    def data(self) -> dict[str, Any]:
        return dict(self.told["data"])

    def signed(self, secret: str = SECRET) -> bool:
        """Whether the signature is right: worked out here, by hand, from what Standard Webhooks says."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = b".".join((self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body))
        right = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return self.headers["webhook-signature"] == f"v1,{right}"


class Receiver:
    """`replies` are used one after the other, the last again and again; `answer`, where it is set, decides instead."""

    def __init__(self, *replies: Reply, context: SSLContext | None = None) -> None:
        self.replies = list(replies) or [Reply()]
        self.answer: Callable[[Call], Reply] | None = None
        self.calls: list[Call] = []
        self.over = threading.Event()
        self._came = threading.Condition()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                call = Call(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                owner._reply(self, owner._heard(call))

            def do_GET(self) -> None:
                owner._reply(self, owner._heard(Call(self.path, {}, b"GET")))

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda request, address: None  # type: ignore[method-assign]
        self._scheme = "https" if context else "http"

    def _heard(self, call: Call) -> Reply:
        with self._came:
            self.calls.append(call)
            reply = self.answer(call) if self.answer else self.replies[0]
            if len(self.replies) > 1 and not self.answer:
                self.replies.pop(0)
            self._came.notify_all()
        return reply

    def _reply(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.hangs:
            self.over.wait(60)
            return
        if reply.drips:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
            while not self.over.is_set():
                handler.wfile.write(b".")
                time.sleep(0.01)
            return
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write(reply.body)

    def wait_for(self, number: int, seconds: float = 60.0) -> list[Call]:
        """The calls, once `number` of them have come."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.calls) >= number, seconds), f"{len(self.calls)} calls"
            return list(self.calls)

    @property
    def rows(self) -> dict[str, list[str]]:
        """Row -> the types that it was told with, in the order they came."""
        found: dict[str, list[str]] = {}
        for call in self.calls:
            found.setdefault(call.data["row"], []).append(call.told["type"])
        return found

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
