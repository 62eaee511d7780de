"""multipart/form-data as browsers and SDKs send it -> its parts."""

from __future__ import annotations

import re
from typing import NamedTuple


class Part(NamedTuple):
    """One part: a field's name, the file's name where it is one, its media type and its bytes."""

    name: str
    file: str | None
    media_type: str
    data: bytes


def parts(content_type: str, raw: bytes) -> list[Part] | None:
    """The parts of a body in their order; None when it is not multipart/form-data or not whole."""
    found = re.fullmatch(r'multipart/form-data;\s*boundary="?([^";]+)"?', content_type.strip())
    if found is None:
        return None
    fence = b"\r\n--" + found[1].encode("latin-1")
    first, *pieces = (b"\r\n" + raw).split(fence)
    if first or not pieces or not pieces[-1].startswith(b"--"):
        return None
    return [_part(piece.removeprefix(b"\r\n")) for piece in pieces[:-1]]


def _part(piece: bytes) -> Part:
    head, _, data = piece.partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    headers = {name.lower(): value for name, value in lines.items()}
    said = dict(re.findall(r'(\w+)="([^"]*)"', headers["content-disposition"]))
    return Part(said["name"], said.get("filename"), headers.get("content-type", ""), data)
