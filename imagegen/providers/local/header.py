"""The header of a safetensors file, read by hand: which tensors a file holds, without torch and without trusting it.

A file is 8 bytes with the header's length, the header in JSON, then the tensors' bytes without gaps. All that a
header says is held against the file's own length before anything is believed. Pure but for reading.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagegen.errors import SettingsError

#: Bytes. A model of 5,000 tensors has 0.6 MB of header; what is larger is no model.
MOST = 16_000_000

#: The types that safetensors knows -> bits of one element.
BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
}

_AGAIN = "download it again"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: its type in safetensors' words, its shape, and its bytes' place behind the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself. `metadata` is free text of whoever wrote the file. `size`: bytes of the file."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    size: int


def read(path: Path, shown: str | None = None) -> Header:
    """The header of the file at `path`, called `shown` in messages. Raises SettingsError: no safetensors, cut short,
    or a header that does not fit the file."""
    shown = shown or str(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 10:
                raise SettingsError(f"{shown} is no safetensors file: it is {size} bytes long", _AGAIN)
            if length > min(MOST, size - 8):
                raise _too_long(shown, length, size)
            text = file.read(length)
    except OSError as error:
        raise SettingsError(f"{shown} cannot be read: {(error.strerror or str(error)).lower()}") from None
    return _header(shown, _parsed(shown, text), size - 8 - length, size)


def _too_long(shown: str, length: int, size: int) -> SettingsError:
    if length > MOST:
        what = f"its header would be {length:,} bytes long" if length < 2**50 else "it does not begin with a header"
        return SettingsError(f"{shown} is no safetensors file: {what}", "safetensors files only")
    return SettingsError(f"{shown} is cut short: its header alone is longer than its {size:,} bytes", _AGAIN)


def _parsed(shown: str, text: bytes) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) != len(pairs):
            raise ValueError("a name stands twice")
        return values

    try:
        if not text.startswith(b"{"):
            raise ValueError("no mapping")
        values = json.loads(text.decode("utf-8"), object_pairs_hook=once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise SettingsError(
            f"{shown} is no safetensors file: its header is not the JSON it should be", _AGAIN
        ) from None
    return dict(values)


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _header(shown: str, values: dict[str, Any], room: int, size: int) -> Header:
    metadata = values.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _lies(shown, "__metadata__")
    tensors = {name: _tensor(shown, name, value) for name, value in values.items()}
    if not tensors:
        raise SettingsError(f"{shown} holds no tensors", _AGAIN)
    _check_places(shown, tensors, room)
    return Header(tensors, metadata, size)


def _tensor(shown: str, name: str, value: Any) -> Tensor:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise _lies(shown, name)
    dtype, shape, places = value["dtype"], value["shape"], value["data_offsets"]
    counts = isinstance(shape, list) and all(map(_count, shape))
    if not isinstance(dtype, str) or dtype not in BITS or not counts or len(shape) > 8:
        raise _lies(shown, name)
    if not isinstance(places, list) or len(places) != 2 or not all(map(_count, places)):
        raise _lies(shown, name)
    if (places[1] - places[0]) * 8 != math.prod(shape) * BITS[dtype]:
        raise _lies(shown, name)
    return Tensor(dtype, tuple(shape), places[0], places[1])


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**60


def _check_places(shown: str, tensors: Mapping[str, Tensor], room: int) -> None:
    """The tensors' bytes fill what lies behind the header: no overlap, no gap, nothing beyond the end, no rest."""
    place = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin != place:
            raise _lies(shown, name)
        place = tensor.end
    if place > room:
        missing = place - room
        raise SettingsError(f"{shown} is cut short: {missing:,} bytes of its tensors are missing", _AGAIN)
    if place < room:
        raise SettingsError(f"{shown} has {room - place:,} bytes that belong to no tensor", _AGAIN)


def _lies(shown: str, name: str) -> SettingsError:
    short = name if len(name) < 80 else f"{name[:77]}..."
    return SettingsError(f"{shown}: what its header says of {short!r} cannot be true", _AGAIN)
