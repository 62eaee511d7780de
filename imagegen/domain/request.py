"""Request: everything that decides how a picture looks, and Key: its name everywhere.

Lane, account, adapter and finishing never enter: a picture is the same picture
however it was bought and however it is cropped afterwards.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import dataclass, fields
from typing import Any

#: Raised when the canonical form changes; every Key changes with it.
KEY_VERSION = 1

#: SHA-256 in lower-case hex.
Key = str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One picture, as asked of one model. Fields left None are not sent and not part of the Key.

    `width`/`height` are the pixels asked for (or expected, where a model takes only
    `aspect_ratio` and `resolution`). `address` is set when the provider is reached at another
    address than its own, so that pictures of a test server never pass for real ones.
    `sample` counts from 0 within a row's `n`. Digests are SHA-256 in hex.
    `options` is canonical JSON text of what only one provider knows.
    """

    provider: str
    model: str
    prompt: str
    address: str | None = None
    kind: str = "image"
    stands_for: str | None = None
    negative_prompt: str | None = None
    width: int | None = None
    height: int | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    wire_format: str | None = None
    quality: str | None = None
    steps: int | None = None
    guidance: float | None = None
    scheduler: str | None = None
    seed: int | None = None
    sample: int = 0
    strength: float | None = None
    control: str | None = None
    refiner: str | None = None
    safety: str | None = None
    background: str | None = None
    options: str | None = None
    weights: str | None = None
    step_cache: str | None = None
    images: tuple[str, ...] = ()
    mask: str | None = None
    control_image: str | None = None
    loras: tuple[tuple[str, float], ...] = ()


_NAMES = tuple(field.name for field in fields(Request))


def canonical(request: Request) -> dict[str, Any]:
    """The parts of `request` that are set, prompt in NFC, with the format version."""
    values: dict[str, Any] = {"v": KEY_VERSION}
    for name in _NAMES:
        value = getattr(request, name)
        if value is None or value == ():
            continue
        values[name] = list(value) if isinstance(value, tuple) else value
    values["prompt"] = nfc(request.prompt)
    return values


def request_of(text: str) -> Request:
    """The Request whose canonical JSON is `text`."""
    values = json.loads(text)
    values.pop("v")
    for name in ("images", "loras"):
        if name in values:
            values[name] = tuple(tuple(each) if isinstance(each, list) else each for each in values[name])
    return Request(**values)


def key(request: Request) -> Key:
    """SHA-256 over the canonical JSON of `request`."""
    return digest(canonical(request))


def digest(value: Any) -> str:
    """SHA-256 (hex) over the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces and no escapes beyond the necessary: one text per value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def nfc(text: str) -> str:
    """`text` in Unicode NFC; never lower-cased: "SALE" and "sale" are different pictures."""
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def derived_seed(values: dict[str, Any]) -> int:
    """The seed of a request that nobody gave one: 32 bits of the hash of all the rest."""
    rest = {name: value for name, value in values.items() if name != "seed"}
    return int(digest(rest)[:8], 16) & 0x7FFFFFFF
