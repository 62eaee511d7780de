"""What came as a picture: by its first bytes, out of base64, out of a data URL. Pure."""

from __future__ import annotations

from base64 import b64encode
from binascii import Error, a2b_base64


def media_type(data: bytes) -> str | None:
    """By the first bytes; whether the rest is sound, `imagegen.picture` finds out."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/avif" if data[4:8] == b"ftyp" and b"avi" in data[8:32] else None


def decoded(text: str) -> bytes | None:
    """The bytes of base64, with or without the head of a data URL; None when it is no base64."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return a2b_base64(text, strict_mode=True)
    except (Error, ValueError):
        return None


def data_url(data: bytes) -> str:
    """`data` as a data URL of its own media type."""
    return f"data:{media_type(data) or 'application/octet-stream'};base64,{b64encode(data).decode()}"
