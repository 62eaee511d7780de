"""A local server in the place of the paid ones: strict about requests, real pictures, every charge counted,
faults on demand. `Cloud` runs it inside a test; `python -m tests.cloud` as a process of its own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.cloud import openai_batch
from tests.cloud.book import Asked, Book, Charged
from tests.cloud.faults import FAULTS, Faults
from tests.cloud.http import Answer, Connection
from tests.cloud.openai import PATHS, Dialect
from tests.cloud.openai_rules import MODELS
from tests.cloud.service import Desk, Service
from tests.cloud.services import SERVICES

__all__ = ["FAULTS", "Asked", "Charged", "Cloud", "Faults"]


class Cloud:
    """The server, from `with` to its end. `latency` in seconds for every picture; `port` 0 picks a free one.

    `base_url` ends in /v1 · `bill` is exact, in nanodollars · `charges` and `requests` in order · `faults` the
    script · `shutdowns` days by model in the list of models · `models` another answer in that list's
    place · `batches` OpenAI's batches.
    """

    def __init__(self, latency: float = 0.0, port: int = 0, bill_file: Path | None = None) -> None:
        self.book, self.faults = Book(bill_file), Faults()
        self.shutdowns: dict[str, str] = {}
        self.models: Answer | None = None
        self.batches = openai_batch.Batches(self.book, self.faults)
        self._dialect = Dialect(self.book, self.faults, latency)
        self._desk = Desk(self.book, self.faults, latency)
        self.services: dict[str, Service] = {kind.name: kind(self._desk) for kind in SERVICES}
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="cloud", daemon=True)

    def __enter__(self) -> Cloud:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close every connection and the door. The books stay readable."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    @property
    def base_url(self) -> str:
        """Where to send requests in OpenAI's dialect."""
        return f"http://127.0.0.1:{self._port}/v1"

    def url(self, provider: str) -> str:
        """Where to send requests for `provider`: what its base URL is set to."""
        return self.base_url if provider == "openai" else f"http://127.0.0.1:{self._port}/{provider}"

    @property
    def bill(self) -> int:
        """Everything charged so far, in nanodollars."""
        return self.book.total

    @property
    def charges(self) -> list[Charged]:
        """What was charged, in order."""
        return self.book.charges

    @property
    def requests(self) -> list[Asked]:
        """What arrived on the paid path, in order."""
        return self.book.requests

    def join(self) -> None:
        """Wait for the server's end."""
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        connections: set[Connection] = set()

        def connect() -> Connection:
            connection = Connection(self._handle)
            connections.add(connection)
            return connection

        server = self._loop.run_until_complete(self._loop.create_server(connect, "127.0.0.1", self._port, backlog=1024))
        self._port = server.sockets[0].getsockname()[1]
        self._desk.base = f"http://127.0.0.1:{self._port}"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for connection in connections:
            connection.transport.abort()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if method == "POST" and path in PATHS:
            return self._dialect.handle(path, headers, body)
        if path.startswith(openai_batch.PATHS):
            return self.batches.handle(method, path, headers, body)
        if (method, path) == ("GET", "/_bill"):
            return Answer(200, json.dumps(self.book.bill()).encode())
        if (method, path) == ("POST", "/_faults"):
            return self._script(body)
        if (method, path) == ("GET", "/v1/models"):
            return self.models or self._models()
        _, mount, *rest = path.split("/", 2) if path.count("/") > 1 else ("", "")
        service = self.services.get(mount)
        found = service.handle(method, f"/{rest[0]}", headers, body) if service and rest else None
        if found is not None:
            return found
        return Answer(404, b'{"error": {"message": "no such path", "type": "invalid_request_error"}}')

    def _models(self) -> Answer:
        ends = self.shutdowns
        models = [{"id": model, "object": "model", "shutdown_date": ends.get(model)} for model in (*MODELS, *ends)]
        return Answer(200, json.dumps({"object": "list", "data": models}).encode())

    def _script(self, body: bytes) -> Answer:
        """Replace the script of faults by the one sent: a JSON list of what `Faults.add` takes."""
        self.faults.clear()
        try:
            self.faults.script(json.loads(body))
        except (ValueError, TypeError) as error:
            return Answer(400, json.dumps({"error": str(error)}).encode())
        return Answer(200, b"{}")
