"""A hub on this machine: folders as repositories, by the part of Hugging Face's HTTP API that downloads use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """`repositories`: OWNER/NAME -> its folder. `gated`: those whose files nobody gets. `log`: what was asked."""

    repositories: dict[str, Path]
    gated: set[str] = field(default_factory=set)
    log: list[str] = field(default_factory=list)
    address: str = ""

    def fetched(self) -> list[str]:
        """The files that were sent, in alphabetical order."""
        return sorted(line.partition("GET /")[2] for line in self.log if line.startswith("GET /") and "resolve" in line)


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        self._answer(send=True)

    def do_HEAD(self) -> None:
        self._answer(send=False)

    def _answer(self, send: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.log.append(f"{self.command} {path}")
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self._api("/".join(parts[2:4]), parts[4:], send)
        elif len(parts) > 4 and parts[2] == "resolve":
            self._file("/".join(parts[:2]), "/".join(parts[4:]), send)
        else:
            self._refuse(404, "EntryNotFound")

    def _api(self, name: str, rest: list[str], send: bool) -> None:
        folder = self.hub.repositories.get(name)
        if folder is None:
            return self._refuse(404, "RepoNotFound")
        if rest[:1] in (["revision"], ["tree"]) and "/".join(rest[1:]) not in ("main", "v1", COMMIT):
            return self._refuse(404, "RevisionNotFound")
        if rest[:1] == ["tree"]:
            files = sorted(each for each in folder.rglob("*") if each.is_file())
            said = [
                {"type": "file", "path": str(each.relative_to(folder)), "size": each.stat().st_size, "oid": "0" * 40}
                for each in files
            ]
            folders = sorted({each.parent for each in files} - {folder})
            said += [{"type": "directory", "path": str(each.relative_to(folder)), "oid": "1" * 40} for each in folders]
            return self._send(json.dumps(said).encode(), {}, send)
        siblings = [{"rfilename": str(each.relative_to(folder))} for each in folder.rglob("*") if each.is_file()]
        info = {
            "_id": "1",
            "id": name,
            "sha": COMMIT,
            "private": False,
            "siblings": siblings,
            "tags": [],
            "downloads": 0,
        }
        return self._send(json.dumps(info).encode(), {}, send)

    def _file(self, name: str, file: str, send: bool) -> None:
        folder = self.hub.repositories.get(name)
        if folder is None:
            return self._refuse(404, "RepoNotFound")
        if name in self.hub.gated:
            return self._refuse(403, "GatedRepo")
        if not (folder / file).is_file():
            return self._refuse(404, "EntryNotFound")
        data = (folder / file).read_bytes()
        return self._send(data, {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(data).hexdigest()}"'}, send)

    def _send(self, data: bytes, headers: dict[str, str], send: bool) -> None:
        self.send_response(200)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if send:
            self.wfile.write(data)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on standard error."""


@contextmanager
def serving(repositories: dict[str, Path]) -> Iterator[Hub]:
    """The hub, as long as the block lasts."""
    hub = Hub(repositories)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
