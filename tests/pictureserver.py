"""A web server for pictures on loopback: routes are set by the test, every request is written down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any


@dataclass
class Reply:
    """What a route answers. `endless`: its body again and again, until the client goes. `promise`: another length than
    it has."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    promise: int | None = None
    endless: bool = False


Route = Reply | Callable[[dict[str, str]], Reply]


class PictureServer:
    """`routes` by path; `asked` are the paths in the order they came, `hosts` the Host headers. `sent`:
    bytes of endless answers that went out."""

    def __init__(self, context: SSLContext | None = None) -> None:
        self.routes: dict[str, Route] = {}
        self.asked: list[str] = []
        self.hosts: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.sent = 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.asked.append(self.path)
                owner.hosts.append(self.headers.get("Host", ""))
                given = {name.lower(): value for name, value in self.headers.items()}
                owner.headers.append(given)
                route = owner.routes.get(self.path, Reply(status=404))
                owner._answer(self, route if isinstance(route, Reply) else route(given))

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda request, address: None  # type: ignore[method-assign]
        self._scheme = "https" if context else "http"

    def _answer(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if not reply.endless:
            handler.send_header("Content-Length", str(len(reply.body) if reply.promise is None else reply.promise))
        handler.end_headers()
        while reply.endless:
            self.sent += handler.wfile.write(reply.body)
        handler.wfile.write(reply.body)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def __enter__(self) -> PictureServer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._server.shutdown()
        self._server.server_close()
