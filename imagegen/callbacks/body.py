"""What a webhook says of a picture. Pure.

Neither the prompt nor anything secret is in it: a receiver knows the row by its id.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from imagegen.domain.money import plain
from imagegen.domain.result import Result

#: Bytes that Standard Webhooks allows for a body.
MOST = 20_000
#: Characters of a row's id that fit in any case.
LONGEST_ID = 1000
#: Characters of a reason; and where even so the body would be too long.
REASON, SHORT = 500, 60

#: States that are told: the picture's fate is final for this run.
FINAL = frozenset({"made", "cached", "kept", "refused", "failed", "unknown"})


def body_of(result: Result, run: str, clock: float) -> str:
    """The JSON text that tells `result` of `run`, decided at `clock` (seconds since 1970). Pure ASCII, below `MOST`:
    what does not fit is left out, first the renditions, then most of the reason, then the file's name."""
    data = _data(result, run)
    for fitting in (data, {**data, "renditions": {}}, _shortened(data), {**_shortened(data), "file": None}):
        text = json.dumps({"type": f"image.{result.state}", "timestamp": _when(clock), "data": fitting})
        if len(text) < MOST:
            break
    return text


def _data(result: Result, run: str) -> dict[str, Any]:
    return {
        "row": result.id,
        "sample": result.sample,
        "state": result.state,
        "file": result.file,
        "model": result.model,
        "provider": result.provider,
        "cost_usd": None if result.cost is None else plain(result.cost),
        "key": result.key,
        "sha256": result.digest,
        "width": result.width,
        "height": result.height,
        "format": result.format,
        "renditions": result.renditions,
        "reason": _cut(result.reason, REASON),
        "run": run,
    }


def _shortened(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "renditions": {}, "reason": _cut(data["reason"], SHORT)}


def _cut(text: str | None, most: int) -> str | None:
    return text if text is None or len(text) <= most else text[: most - 1] + "…"


def _when(clock: float) -> str:
    return datetime.fromtimestamp(clock, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
