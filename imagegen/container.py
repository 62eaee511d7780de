"""What the bytes of a picture file say without decoding: format, size, content credentials, where it ends.

Reads PNG, JPEG, WebP and AVIF by their published structure; knows nothing of pixels and of Pillow.
Raises only ValueError, for what is none of the four or is damaged.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

Format = Literal["png", "jpeg", "webp", "avif"]

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
#: Marks a C2PA manifest in the ISO base media family.
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
class Container:
    """`width`/`height` as declared (0 where the header is not that simple). `signed`: carries content
    credentials. `tail`: bytes follow the picture's end that do not belong to it."""

    format: Format
    width: int = 0
    height: int = 0
    signed: bool = False
    tail: bool = False


def read(data: bytes) -> Container:
    """The container of `data`. ValueError with what it is instead, or where it is damaged."""
    if data.startswith(_PNG):
        return _png(data)
    if data.startswith(_JPEG):
        return _jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[4:8] == b"ftyp" and (b"avif" in data[8:64] or b"avis" in data[8:64]):
        return _avif(data)
    raise ValueError(f"not a PNG, JPEG, WebP or AVIF picture but {_instead(data)}")


def _instead(data: bytes) -> str:
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    names = {
        b"<svg": "SVG", b"<?xml": "XML", b"<": "HTML", b"{": "JSON", b"gif8": "GIF", b"%!ps": "PostScript",
        b"%pdf": "PDF", b"bm": "BMP", b"ii*": "TIFF", b"mm\0*": "TIFF", b"\xc5\xd0\xd3\xc6": "PostScript",
    }  # fmt: skip
    if not data:
        return "nothing at all"
    return next((name for magic, name in names.items() if start.startswith(magic)), "something else")


def _png(data: bytes) -> Container:
    found = Container("png", int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))
    at = len(_PNG)
    while at + 12 <= len(data):
        name, end = data[at + 4 : at + 8], at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        # Pillow does not look at the checksums of pixel data, which are what finds a damaged picture.
        if zlib.crc32(memoryview(data)[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise ValueError("a PNG picture with a wrong checksum: it was damaged on its way")
        at = end + 4
        if name == b"caBX":
            found = replace(found, signed=True)
        if name == b"IEND":
            return replace(found, tail=at < len(data))
    raise ValueError("a PNG picture that breaks off before its end")


def _jpeg(data: bytes) -> Container:
    found, at = Container("jpeg"), 2
    while match := _MARKER.search(data, at):
        marker, at = match[0][-1], match.end()
        if marker == 0xD9:
            return replace(found, tail=bool(data[at:].strip(b"\0")))
        if marker == 0x01:
            continue
        payload = data[at + 2 : at + max(2, int.from_bytes(data[at : at + 2], "big"))]
        at += 2 + len(payload)
        if marker in _FRAMES:
            height, width = int.from_bytes(payload[1:3], "big"), int.from_bytes(payload[3:5], "big")
            found = replace(found, width=width, height=height)
        elif marker == 0xEB and payload[:2] == b"JP" and b"jum" in payload:
            found = replace(found, signed=True)
    raise ValueError("a JPEG picture that breaks off before its end")


def _webp(data: bytes) -> Container:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise ValueError("a WebP picture that breaks off before its end")
    found, at = Container("webp", tail=end + end % 2 < len(data)), 12
    while at + 8 <= end:
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        width, height = _webp_size(name, data[at + 8 : at + 18])
        if width > found.width:
            found = replace(found, width=width, height=height)
        if name == b"C2PA":
            found = replace(found, signed=True)
        at += 8 + length + length % 2
    return found


def _webp_size(name: bytes, head: bytes) -> tuple[int, int]:
    if name == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if name == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if name == b"VP8 ":
        size = int.from_bytes(head[6:10], "little")
        return size & 0x3FFF, size >> 16 & 0x3FFF
    return 0, 0


def _avif(data: bytes) -> Container:
    found, covered = Container("avif"), 0
    for name, body, covered in _boxes(data):
        if name == b"uuid" and data[body : body + 16] == _C2PA:
            found = replace(found, signed=True)
        if name == b"meta":
            at = data.find(b"ispe", body, covered)
            sizes = [int.from_bytes(data[at + n : at + n + 4], "big") for n in (8, 12)] if at > 0 else [0, 0]
            found = replace(found, width=sizes[0], height=sizes[1])
    if covered > len(data):
        raise ValueError("an AVIF picture that breaks off before its end")
    return replace(found, tail=covered < len(data))


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Top-level boxes: name, where the content starts, where it ends (beyond `data` when cut)."""
    at = 0
    while at + 8 <= len(data):
        length, name, body = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], at + 8
        if length == 1:
            length, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        if not re.fullmatch(rb"[A-Za-z0-9 _-]{4}", name) or 0 < length < body - at:
            return
        at = at + length if length else len(data)
        yield name, body, at
