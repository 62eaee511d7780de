"""The HTTP client that the SDK is given: what it has built goes out through the house, once, and never comes back to
it. Imported with the SDK, at the first call."""

from __future__ import annotations

import threading
from typing import Any, NoReturn

import httpx2

from imagegen.providers import Slip
from imagegen.providers.hosted.rest import Reply, Rest


class Answered(Exception):
    """The answer is here, and kept; the SDK need not read it. It passes through the SDK to whoever called it."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(str(reply.status))


class Tap(httpx2.Client):
    """Sends through `rest`, with the slip that `use` gave this thread. It opens no connections of its own."""

    def __init__(self, rest: Rest) -> None:
        super().__init__(transport=httpx2.BaseTransport(), trust_env=False)
        self._rest, self._mine = rest, threading.local()

    def use(self, slip: Slip) -> None:
        """The slip of this thread's next request."""
        self._mine.slip = slip

    def send(self, request: httpx2.Request, **_: Any) -> NoReturn:
        """Send it, and raise Answered; or what `Rest.send` raises."""
        wait = self._rest.server.timeouts
        request.extensions["timeout"] = {
            "connect": wait.connect,
            "read": wait.first_byte,
            "write": wait.progress,
            "pool": wait.total,
        }
        raise Answered(self._rest.deliver(request, slip=self._mine.slip, spool=True))


class Shut(httpx2.AsyncClient):
    """In place of the SDK's asynchronous client, which nobody uses: it opens nothing."""

    def __init__(self) -> None:
        super().__init__(transport=httpx2.AsyncBaseTransport(), trust_env=False)
