"""Carried: the prompts that a picture file carries in its own bytes.

PNG text chunks (Midjourney writes `Description`, others `parameters` or `prompt`), the EXIF description and comment,
and XMP. Nothing is decoded, and a hostile file costs no more than its size: what is packed is unpacked to a limit.
"""

from __future__ import annotations

import html
import io
import re
import zlib
from collections.abc import Iterator

from imagegen import container
from imagegen.picture import pillow

#: Characters of a prompt that are looked at.
LONGEST = 20_000
_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_KEYWORDS = frozenset({"description", "parameters", "prompt", "comment", "title", "caption"})
_XMP = re.compile(rb"<(?:dc:)?description\b[^>]*>(.*?)</(?:dc:)?description>", re.DOTALL | re.IGNORECASE)
_TAGS = re.compile(r"<[^>]*>")
#: EXIF's numbers: ImageDescription; UserComment below the Exif folder.
_DESCRIPTION, _EXIF, _COMMENT = 0x010E, 0x8769, 0x9286
#: Where the prompt ends in what some tools write: Midjourney's job id, a list of parameters.
_ENDS = re.compile(r"\s+Job ID:\s|\n(?:Negative prompt|Steps):\s", re.IGNORECASE)


def prompts(data: bytes) -> list[str]:
    """Every text in `data` that may be a prompt, as it was pasted; none for what is no picture."""
    found: dict[str, None] = {}
    for text in (*_png(data), *_exif(data), *_xmp(data)):
        said = _ENDS.split(text[:LONGEST])[0].strip()
        if said:
            found[said] = None
    return list(found)


def _png(data: bytes) -> Iterator[str]:
    if not data.startswith(b"\x89PNG"):
        return
    at = 8
    while at + 12 <= len(data):
        name, end = data[at + 4 : at + 8], at + 8 + int.from_bytes(data[at : at + 4], "big")
        if name in _CHUNKS and end <= len(data):
            keyword, _, rest = data[at + 8 : end].partition(b"\0")
            if keyword.decode("latin-1").strip().lower() in _KEYWORDS:
                yield from _text(name, rest)
        at = end + 4


def _text(name: bytes, rest: bytes) -> Iterator[str]:
    """The text of a chunk behind its keyword, by the PNG specification."""
    if name == b"tEXt":
        yield _decoded(rest[:LONGEST])
    elif name == b"zTXt":
        yield _decoded(_inflated(rest[1:]))
    else:
        packed, _, tail = rest[:1], rest[1:2], rest[2:]
        _, _, tail = tail.partition(b"\0")  # the language
        _, _, body = tail.partition(b"\0")  # the keyword translated
        yield _decoded(_inflated(body) if packed == b"\1" else body[: 4 * LONGEST])


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, 4 * LONGEST)
    except zlib.error:
        return b""


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _exif(data: bytes) -> Iterator[str]:
    try:
        form = container.read(data).format
        with pillow().open(io.BytesIO(data), formats=(form.upper(),)) as image:
            exif = image.getexif()
            values = [exif.get(_DESCRIPTION), exif.get_ifd(_EXIF).get(_COMMENT)]
    except Exception:  # noqa: BLE001  hostile bytes may raise anything; then there is no text in them
        return
    for value in values:
        if isinstance(value, bytes):
            head, body = value[:8], value[8 : 4 * LONGEST]
            yield body.decode("utf-16-le" if head.startswith(b"UNICODE") else "utf-8", "ignore").strip("\0")
        elif isinstance(value, str):
            yield value.strip("\0")


def _xmp(data: bytes) -> Iterator[str]:
    start = data.find(b"<x:xmpmeta")
    if start < 0:
        return
    for found in _XMP.finditer(data[start : start + 64 * LONGEST]):
        yield html.unescape(_TAGS.sub(" ", found[1].decode("utf-8", "ignore"))).strip()
