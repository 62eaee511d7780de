"""The server of a review: a page on 127.0.0.1 for the one person who was given its address.

Whoever does not know the secret part of the address gets 404 for everything; a request that names another host, and a
decision that does not come from the page itself, are refused. Nothing is loaded from elsewhere.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

from imagegen.choose import Decision
from imagegen.errors import ImagegenError
from imagegen.review.page import data, page
from imagegen.review.pending import Choice, Folder, Pending

#: A decision is some hundred bytes; more is none.
MOST_BYTES = 16_384
LONGEST_NOTE = 500
POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
PICTURES = frozenset({"image/png", "image/jpeg", "image/webp", "image/avif"})


@dataclass
class Review:
    """What is reviewed. `finished` is called when the person is done; `command` is what is to be run then."""

    title: str
    folder: Folder
    pending: Sequence[Pending]
    command: str
    finished: Callable[[], None] = lambda: None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._pending = {each.name: each for each in self.pending}
        self._pictures = {choice.digest: choice for each in self.pending for choice in each.choices}

    def page(self) -> str:
        """The page as it is now."""
        return page(self.title, self.pending, self.folder.decided(), self.command)

    def picture(self, digest: str) -> Choice | None:
        """The draft whose bytes have this SHA-256; only those that are on the page."""
        return self._pictures.get(digest)

    def decide(self, said: Any) -> str:
        """Write down a decision as the page sends it; why not, or ""."""
        if not isinstance(said, dict) or set(said) - {"name", "picture", "note"}:
            return "not a decision"
        pending, picture, note = self._pending.get(str(said.get("name"))), said.get("picture"), said.get("note", "")
        if pending is None:
            return "nothing of that name waits"
        numbers = {choice.index + 1 for choice in pending.choices}
        if picture is not None and (type(picture) is not int or picture not in numbers):
            return "no such draft"
        if not isinstance(note, str) or len(note) > LONGEST_NOTE:
            return f"a note has at most {LONGEST_NOTE} characters"
        decision: Decision = pending.decision(None if picture is None else picture - 1, note.strip())
        with self._lock:
            self.folder.decide(pending.name, decision)
        return ""


class Server(ThreadingHTTPServer):
    """Serves `review` on 127.0.0.1; port 0 takes a free one. Raises OSError when the port is taken."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, review: Review, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.review = review
        self.host = f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """The page's address, its secret included."""
        return f"http://{self.host}/{self.review.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is none of our business."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 30
    server_version, sys_version, protocol_version = "imagegen", "", "HTTP/1.1"

    def do_GET(self) -> None:
        path = self._path()
        if path is None:
            return
        review = self.server.review
        if path == "":
            self._text(review.page(), "text/html")
        elif path in ("review.css", "review.js"):
            self._text(data(path), {"css": "text/css", "js": "text/javascript"}[path[-3:].lstrip(".")])
        elif path.startswith("draft/") and (choice := review.picture(path.removeprefix("draft/"))):
            self._picture(choice)
        else:
            self._no(404, "not found")

    def do_POST(self) -> None:
        path = self._path()
        if path is None:
            return
        site = self.headers.get("Sec-Fetch-Site", "same-origin")
        if self.headers.get_all("Origin") != [f"http://{self.server.host}"] or site != "same-origin":
            self._no(403, "not from this page")
        elif (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower() != "application/json":
            self._no(415, "JSON only")
        elif path == "decide":
            self._decide()
        elif path == "done":
            self._text("{}", "application/json")
            self.server.review.finished()
        else:
            self._no(404, "not found")

    def _path(self) -> str | None:
        """What is asked for, behind the secret; None when it was answered already."""
        if self.headers.get_all("Host") != [self.server.host]:
            self._no(403, "another host")
            return None
        _, token, *rest = self.path.split("/", 2)
        if not rest or not compare_digest(token.encode(), self.server.review.token.encode()):
            self._no(404, "not found")
            return None
        return rest[0]

    def _decide(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self._no(413, "too long")
            return
        try:
            why = self.server.review.decide(json.loads(self.rfile.read(int(length))))
        except (ValueError, RecursionError):
            why = "not JSON"
        except ImagegenError as problem:
            self._no(500, str(problem))
            return
        if why:
            self._no(400, why)
        else:
            self._text("{}", "application/json")

    def _picture(self, choice: Choice) -> None:
        try:
            body = choice.path.read_bytes()
        except OSError:
            self._no(404, "the draft is gone")
            return
        kind = choice.media_type if choice.media_type in PICTURES else "application/octet-stream"
        self._answer(200, body, kind)

    def _text(self, text: str, kind: str) -> None:
        self._answer(200, text.encode("utf-8", "replace"), f"{kind}; charset=utf-8")

    def _no(self, status: int, why: str) -> None:
        self.close_connection = True  # what was sent is not read to its end
        self._answer(status, json.dumps({"error": why}).encode(), "application/json; charset=utf-8")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is said: the address holds the secret."""
