"""An error of the SDK -> what it means for the request: refused, not charged, or nobody knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from imagegen.domain.outcome import Failed, Refused, Unknown
from imagegen.imports import IMPORTING
from imagegen.providers.hosted.errors import retry_after
from imagegen.providers.hosted.server import one_line

if TYPE_CHECKING:
    from openai import APIStatusError

#: The provider's policy said no.
POLICY = frozenset({"moderation_blocked", "content_policy_violation", "content_filter"})
#: Pieces of the codes that mean: no money, no service.
CREDIT = ("quota", "credit", "billing", "spend", "account_deactivated")
#: Refused before work, so not charged.
OVERLOADED = frozenset({"server_is_overloaded", "slow_down"})


class Place(Protocol):
    """Where it happened, for the sentence; `hide` takes keys out of texts."""

    name: str
    host: str

    def hide(self, text: str) -> str:
        """`text` without keys."""


def wire_errors() -> tuple[type[Exception], ...]:
    """What the SDK raises for a server's or a network's doing."""
    with IMPORTING:
        import httpx2
        import openai

    return (openai.APIStatusError, openai.APIConnectionError, httpx2.HTTPError)


def outcome(error: Exception, place: Place) -> Failed | Refused | Unknown:
    """What `error` means; its `key` is still empty."""
    with IMPORTING:
        import openai

    if isinstance(error, openai.APIStatusError):
        return _status(error, place)
    cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
    if _never_connected(cause):
        why = place.hide(one_line(str(cause)) or type(cause).__name__)
        reason = f"could not connect to {place.host}: {why}"
        return Failed("", reason, retryable=True, because="connection")
    what = "no answer in time" if isinstance(error, openai.APITimeoutError) else "the connection broke"
    return Unknown("", f"sent to {place.host}, then {what}: possibly charged")


def says_model_is_gone(error: Exception) -> bool:
    """Whether no further request for this model can fare better."""
    return getattr(error, "status_code", None) == 404 and getattr(error, "code", None) == "model_not_found"


def _never_connected(cause: BaseException | None) -> bool:
    with IMPORTING:
        import httpx2

    return isinstance(
        cause,
        httpx2.ConnectError
        | httpx2.ConnectTimeout
        | httpx2.PoolTimeout
        | httpx2.ProxyError
        | httpx2.UnsupportedProtocol,
    )


def _status(error: APIStatusError, place: Place) -> Failed | Refused | Unknown:
    status, code = error.status_code, str(error.code or "")
    said = place.hide(one_line(_message(error)))
    if code in POLICY:
        return Refused("", f"{place.name} refused the prompt ({code}): {said}")
    if any(word in code or word in str(error.type or "") for word in CREDIT):
        return Failed("", f"{place.name} has no credit left ({code}): {said}", stops_provider=True)
    if status == 429:
        return _later(error, place, "rate", f"{place.name} asks to go slower (429 {code}): {said}")
    if status == 503 and code in OVERLOADED:
        return _later(error, place, "overload", f"{place.name} is overloaded (503 {code})")
    if status >= 500 or status == 408:
        return Unknown("", f"{place.name} answered {status} after taking the request, possibly charged: {said}")
    return _denied(status, code, said, place)


def _denied(status: int, code: str, said: str, place: Place) -> Failed:
    """A refusal that a repetition does not change, and that costs nothing."""
    if status in (401, 402, 403):
        # OpenAI's own sentence repeats part of the key.
        detail = "the API key was not accepted" if status == 401 else said
        reason = f"{place.name}: {detail} ({status} {code})".replace(" )", ")")
        # "must be verified to use the model", "does not have access to model": the key is good for the others.
        one = status == 403 and "model" in f"{code} {said}".lower()
        return Failed("", reason, stops_model=one, stops_provider=not one)
    if status == 404 and code != "model_not_found":
        reason = f"{place.host} has no such endpoint ({status}); check the base URL"
        return Failed("", reason, stops_provider=True)
    if status < 400:
        return Failed(
            "", f"{place.host} answered {status}, sending us elsewhere; check the base URL", stops_provider=True
        )
    return Failed("", f"{place.name} did not take the request ({status} {code}): {said}")


def _later(error: APIStatusError, place: Place, because: Any, reason: str) -> Failed:
    return Failed("", reason, retryable=True, retry_after=retry_after(error.response.headers), because=because)


def _message(error: APIStatusError) -> str:
    """The provider's own sentence where it is one, else nothing: a web page explains nothing."""
    body = error.body
    text = body.get("message") if isinstance(body, Mapping) else None
    return str(text) if text else ""
