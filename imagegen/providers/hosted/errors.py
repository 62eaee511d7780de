"""An HTTP status -> an outcome, by what is known: not charged and worth another try, refused, or unknown.

`Manners` says what holds for most; a dialect overrides what its provider does differently.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from imagegen.domain.outcome import Failed, Outcome, Refused, Unknown
from imagegen.providers.hosted.rest import Cut, NotSent, Reply
from imagegen.providers.hosted.server import Server, one_line

_NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,9})?")


class Denied(Exception):
    """The provider did not take the request: `outcome` says what that means (its `key` is still empty)."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(getattr(outcome, "reason", ""))


class Manners:
    """What a provider's error answers mean. `free_5xx`: documented not to be billed, so worth another try.
    `policy`: statuses that are always the content policy's."""

    free_5xx = False
    policy: tuple[int, ...] = ()

    def said(self, reply: Reply) -> str:
        """The provider's own sentence, "" where there is none: a web page explains nothing."""
        body = reply.json()
        found = _text(body)
        return found if isinstance(found, str) else ""

    def refused(self, reply: Reply) -> bool:
        """Whether it was the content policy."""
        return reply.status in self.policy

    def no_credit(self, reply: Reply) -> bool:
        """Whether the account is empty: no other request will fare better."""
        return reply.status == 402

    def overloaded(self, reply: Reply) -> bool:
        """Whether it was refused before work for want of capacity, so not charged."""
        return reply.status == 503 and "retry-after" in reply.headers

    def model_gone(self, reply: Reply) -> bool:
        """Whether no further request for this model can fare better."""
        return reply.status == 404

    def wait(self, reply: Reply) -> float | None:
        """Seconds that the provider asks to wait."""
        return retry_after(reply.headers)


def failure(reply: Reply, server: Server, manners: Manners) -> Failed | Refused | Unknown:
    """What an answer that is no success means; its `key` is still empty."""
    status, said = reply.status, server.hide(one_line(manners.said(reply)))
    tail = f": {said}" if said else ""
    if manners.refused(reply):
        return Refused("", f"{server.name} refused the request ({status}){tail}")
    if manners.no_credit(reply):
        return Failed("", f"{server.name} has no credit left ({status}){tail}", stops_provider=True)
    if status == 429:
        return _later(reply, manners, "rate", f"{server.name} asks to go slower (429){tail}")
    if manners.overloaded(reply):
        return _later(reply, manners, "overload", f"{server.name} is overloaded ({status})")
    if status >= 500 and manners.free_5xx:
        return _later(reply, manners, "overload", f"{server.name} failed ({status}), which it does not bill{tail}")
    if status >= 500 or status == 408:
        return Unknown("", f"{server.name} answered {status} after taking the request, possibly charged{tail}")
    if status in (401, 403):
        detail = f"{server.name}: the API key was not accepted ({status})" if status == 401 else ""
        # A refused key may be repeated in the provider's own sentence.
        return Failed("", detail or f"{server.name} denies access ({status}){tail}", stops_provider=True)
    if status < 400:
        reason = f"{server.host} answered {status}, sending us elsewhere; check the base URL"
        return Failed("", reason, stops_provider=True)
    if status in (404, 405) and not said:
        reason = f"{server.host} has no such endpoint ({status}); check the base URL"
        return Failed("", reason, stops_provider=True)
    return Failed("", f"{server.name} did not take the request ({status}){tail}")


def not_sent(error: NotSent) -> Failed:
    """No connection: free of charge, worth another try."""
    return Failed("", error.reason, retryable=True, because="connection")


def cut_off(error: Cut, server: Server) -> Unknown:
    """Sent, and nobody knows."""
    return Unknown("", f"sent to {server.host}, then {error.reason}: possibly charged")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait, from either form of Retry-After; None when it does not ask.

    A date is taken against the server's own clock where it told the time."""
    value = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(value):
        return max(0.0, float(value))
    until = _seconds(value)
    if until is None:
        return None
    told = _seconds(headers.get("date", ""))
    return max(0.0, until - (told if told is not None else time.time()))


def _later(reply: Reply, manners: Manners, because: Any, reason: str) -> Failed:
    return Failed("", reason, retryable=True, retry_after=manners.wait(reply), because=because)


def _text(body: Any) -> Any:
    """The sentence in the usual shapes of an error's JSON."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(str(_text(each)) for each in body[:3] if _text(each))
    if not isinstance(body, Mapping):
        return None
    for name in ("message", "msg", "detail", "error", "errors", "title", "name"):
        if body.get(name):
            return _text(body[name])
    return None


def _seconds(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
