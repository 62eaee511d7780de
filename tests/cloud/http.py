"""As much HTTP/1.1 as the SDKs speak, fast: one asyncio protocol per connection, keep-alive, wire faults.

Knows nothing of pictures or money.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

REASONS = {
    200: "OK",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
}


@dataclass(slots=True)
class Answer:
    """What goes back: after `delay` seconds, whole or cut.

    cut: "now" before any byte · "headers" head only · "half" in the middle of the body · "never" answers.
    `drip`: seconds over which the body trickles.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    delay: float = 0.0
    cut: Literal["", "now", "headers", "half", "never"] = ""
    drip: float = 0.0

    def head(self) -> bytes:
        """Status line and headers, always with the whole body's length."""
        lines = [
            f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}",
            f"content-type: {self.media_type}",
            f"content-length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


#: method, path, headers in lower case, body -> what to answer.
Handler = Callable[[str, str, Mapping[str, str], bytes], Answer]


class Connection(asyncio.Protocol):
    """One client's connection: requests one after the other."""

    def __init__(self, handle: Handler) -> None:
        self.handle = handle
        self.buffer = b""
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.step()

    def step(self) -> None:
        """Serve the next request if it is here whole."""
        end = self.buffer.find(b"\r\n\r\n")
        if self.busy or end < 0:
            return
        first, *lines = self.buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(self.buffer) < end + 4 + length:
            return
        body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
        self.busy = True
        method, path, _ = first.split(" ", 2)
        answer = self.handle(method, path, headers, body)
        if answer.delay > 0:
            asyncio.get_running_loop().call_later(answer.delay, self.send, answer)
        else:
            self.send(answer)

    def send(self, answer: Answer) -> None:
        """Write the answer, or the part of it that its fault lets through."""
        if self.transport.is_closing() or answer.cut == "never":
            return
        if answer.cut == "now":
            self.transport.abort()
        elif answer.cut:
            part = answer.body[: len(answer.body) // 2] if answer.cut == "half" else b""
            self.transport.write(answer.head() + part)
            self.transport.close()
        elif answer.drip:
            self.transport.write(answer.head())
            self.drip(answer, 0)
        else:
            self.transport.write(answer.head() + answer.body)
            self.next()

    def drip(self, answer: Answer, done: int, parts: int = 10) -> None:
        """Write the body in `parts` pieces, evenly over its seconds."""
        if self.transport.is_closing():
            return
        size = -(-len(answer.body) // parts)
        self.transport.write(answer.body[done * size : (done + 1) * size])
        if done + 1 < parts:
            asyncio.get_running_loop().call_later(answer.drip / parts, self.drip, answer, done + 1, parts)
        else:
            self.next()

    def next(self) -> None:
        """Ready for the next request on this connection."""
        self.busy = False
        if self.buffer:
            self.step()
