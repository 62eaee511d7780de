"""Vision models of the local server: what they answer about pictures, and what they count.

The picture with the highest SHA-256 gets 90 points, each other one 50; `text_ok` is true of the former alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
from math import ceil
from typing import Any

#: Nanodollars a token, in and out.
RATES = {
    "gpt-5.4-mini": (750, 4500),
    "gpt-5.4-nano": (200, 1250),
    "gemini-3.1-flash-lite": (250, 1500),
    "qwen-vl": (0, 0),
}
#: What it says in place of a judgement.
REFUSAL = "I can't help with these pictures."


def verdict(schema: dict[str, Any], pictures: list[bytes], kind: str) -> str:
    """The text of an answer, spoilt as the fault `kind` says. Only fields that the schema asks for are in it."""
    names = [hashlib.sha256(data).hexdigest() for data in pictures]
    wanted = schema["properties"]["pictures"]["items"]["required"]
    entries = []
    for number, name in enumerate(names, 1):
        best = name == max(names)
        entry = {"picture": number, "score": 90 if best else 50, "reason": f"Picture {number}.", "text_ok": best}
        entries.append({field: entry[field] for field in wanted})
    text = json.dumps({"pictures": entries})
    return {"garbage": "Both are lovely!", "truncated": text[: len(text) // 2]}.get(kind, text)


def tokens(prompt: str, pictures: list[bytes], text: str, per_patch: float) -> tuple[int, int]:
    """What is counted of the request and of the answer: 1120 a picture where `per_patch` is 0."""
    seen = sum(ceil(patches(data) * per_patch) if per_patch else 1120 for data in pictures)
    return -(-len(prompt) // 4) + seen, -(-len(text) // 4)


def patches(data: bytes) -> int:
    """32x32 pixels each."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        width, height = opened.size
    return min(1536, ceil(width / 32) * ceil(height / 32))


def decoded(text: str) -> bytes | None:
    """Base64 as the services take it, strictly, in either alphabet."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        return None


def strict(schema: Any) -> str | None:
    """What is wrong with a schema for structured output: every object closed, every key required."""
    if not isinstance(schema, dict):
        return "the schema is no object"
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            return "additionalProperties must be false"
        if sorted(schema.get("required", [])) != sorted(schema.get("properties", {})):
            return "every property must be required"
        return next((wrong for each in schema["properties"].values() if (wrong := strict(each))), None)
    if schema.get("type") == "array":
        return strict(schema.get("items"))
    return None if schema.get("type") in ("string", "integer", "boolean") else f"unknown type {schema.get('type')}"
