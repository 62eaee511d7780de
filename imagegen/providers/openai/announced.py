"""What OpenAI's list of models says of itself: which models a key may ask for, and the days on which they end.

Free of charge. Whatever goes wrong is a sentence in the answer, never an error.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from imagegen.errors import SettingsError
from imagegen.providers.hosted.server import Timeouts
from imagegen.providers.openai.call import Line
from imagegen.providers.openai.errors import wire_errors

if TYPE_CHECKING:
    from openai import OpenAI as Client

#: Seconds until connected, between two pieces, and for the whole answer.
PATIENCE = Timeouts(connect=5.0, first_byte=10.0, progress=10.0, total=20.0)
#: A list of a few hundred models has some 50 kB.
MOST_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Listed:
    """The models by the provider's names, each with the day it ends or None. `trouble`: why there are none."""

    host: str
    dates: dict[str, date | None] = field(default_factory=dict)
    trouble: str = ""


def listed(api_key: str, base_url: str | None, patience: Timeouts = PATIENCE) -> Listed:
    """Ask once, without retries. `base_url` None: OpenAI itself."""
    try:
        line = Line("openai", api_key, base_url, patience)
    except SettingsError as problem:
        return Listed("", trouble=problem.what)
    try:
        dates = _dates(_body(line.client(), patience))
    except wire_errors() as problem:
        return Listed(line.host, trouble=_said(problem))
    except (ValueError, OSError) as problem:
        return Listed(line.host, trouble=line.hide(str(problem)))
    finally:
        line.close()
    return Listed(line.host, dates)


def _body(client: Client, patience: Timeouts) -> bytes:
    data, end = b"", time.monotonic() + patience.total
    with client.models.with_streaming_response.list() as response:
        for piece in response.iter_bytes():
            data += piece
            if len(data) > MOST_BYTES:
                raise ValueError("the list is too long to be one of models")
            if time.monotonic() > end:
                raise ValueError(f"the list was not whole after {patience.total:g} s")
    return data


def _dates(data: bytes) -> dict[str, date | None]:
    """The list's models. Raises ValueError for what is no list of models."""
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("the answer is not JSON") from None
    models = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(models, list):
        raise ValueError("the answer holds no list of models")
    named = [model for model in models if isinstance(model, dict) and isinstance(model.get("id"), str)]
    return {model["id"]: _day(model.get("shutdown_date")) for model in named}


def _day(value: Any) -> date | None:
    """A date, or the date of a time; None for what is neither."""
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def _said(error: Exception) -> str:
    """What went wrong, in words of our own: an answer may repeat the key."""
    status = getattr(error, "status_code", None)
    if status in (401, 403):
        return f"it refuses the key (HTTP {status})"
    if status:
        return f"it answered HTTP {status}"
    if "Timeout" in type(error).__name__:
        return "no answer in time"
    return "it cannot be reached" if type(error).__name__ == "APIConnectionError" else "the answer broke off"
