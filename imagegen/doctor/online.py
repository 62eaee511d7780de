"""Asking each provider one question that costs nothing: is it there, is the key good, what time is it there."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from imagegen.doctor.finding import Finding, note, ok, problem
from imagegen.imports import IMPORTING
from imagegen.settings import HOME_ADDRESSES, KEY_VARIABLES, Settings

#: Seconds for one question.
PATIENCE = 10.0
#: Seconds that the clock may differ from a server's.
SLACK = 120.0


@dataclass(frozen=True, slots=True)
class Question:
    """A GET that is never charged: the path behind the provider's address, and how the key goes with it."""

    path: str
    header: str = "Authorization"
    form: str = "Bearer {}"


QUESTIONS = {
    "openai": Question("/models"),
    "together": Question("/v1/models"),
    "bfl": Question("/v1/credits", "x-key", "{}"),
    "stability": Question("/v1/user/balance"),
}


def look(settings: Settings, enabled: frozenset[str]) -> Iterator[Finding]:
    """One question to each provider that can be called."""
    for provider in sorted(enabled):
        address = settings.addresses.get(provider) or HOME_ADDRESSES.get(provider)
        own = settings.servers.get(provider)
        question = Question("/models") if own and not own.api_version else QUESTIONS.get(provider)
        if question is None or address is None:
            yield note("online", f"{provider}: not asked, no question is known that costs nothing")
        else:
            yield from _asked(provider, address, question, settings)


def _asked(provider: str, address: str, question: Question, settings: Settings) -> Iterator[Finding]:
    with IMPORTING:
        import httpx2

    host, key = urlsplit(address).hostname or "?", settings.keys.get(provider)
    headers = {question.header: question.form.format(key.reveal())} if key else {}
    began = time.monotonic()
    try:
        response = httpx2.get(address + question.path, headers=headers, timeout=PATIENCE, follow_redirects=False)
    except httpx2.HTTPError as error:
        yield _unreached(provider, host, error)
        return
    except (UnicodeError, ValueError):  # what no header may hold
        yield problem("online", f"{provider}: the key cannot be sent", "copy it anew")
        return
    own = settings.servers.get(provider)
    variable = own.key_variable if own else KEY_VARIABLES.get(provider, ("the key",))[0]
    yield _answered(provider, host, response.status_code, time.monotonic() - began, variable if key else "")
    yield from _time(host, response.headers.get("date", ""), time.time())


def _answered(provider: str, host: str, status: int, seconds: float, variable: str) -> Finding:
    """What an answer says; `variable` is where the key stands that was sent, "" when none was."""
    if status == 200:
        return ok("online", f"{provider}: {host} answers in {seconds:.1f} s" + (", and takes the key" * bool(variable)))
    if status in (401, 403) and not variable:
        return problem("online", f"{provider}: {host} wants a key ({status})", "set the variable of its key")
    if status in (401, 403):
        return problem("online", f"{provider}: {host} refuses the key ({status})", f"check {variable}")
    if status == 429:
        return note("online", f"{provider}: {host} answers, and asks for patience (429: a limit, or no credit)")
    if status >= 500:
        return note("online", f"{provider}: {host} is in trouble ({status})", "try again later")
    return note("online", f"{provider}: {host} answers, but has no list of models ({status})")


def _unreached(provider: str, host: str, error: Exception) -> Finding:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            text = f"{provider}: the certificate of {host} is not trusted ({cause.verify_message})"
            return problem("online", text, "behind a proxy that reads along: set SSL_CERT_FILE to its certificates")
        cause = cause.__cause__ or cause.__context__
    said = " ".join(str(error).split()) or type(error).__name__
    return problem("online", f"{provider}: {host} cannot be reached: {said[:160]}", "check the network and the proxy")


def _time(host: str, said: str, now: float) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(said).timestamp()
    except (ValueError, TypeError):
        return
    off = now - theirs
    if abs(off) > SLACK:
        way = "ahead of" if off > 0 else "behind"
        mend = "set the clock: budgets by the hour and day go by it"
        yield problem("clock", f"it is {abs(off) / 60:,.0f} minutes {way} that of {host}", mend)
