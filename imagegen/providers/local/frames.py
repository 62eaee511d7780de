"""Frames: Python values over a pipe between processes of our own, each as its length and its pickle."""

from __future__ import annotations

import pickle
import struct
from typing import IO, Any

_HEAD = struct.Struct(">Q")


def write(pipe: IO[bytes], value: Any) -> None:
    """Send `value`. Raises OSError when nobody reads any more."""
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(_HEAD.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def read(pipe: IO[bytes]) -> Any:
    """The next value. Raises EOFError when the other process is gone."""
    (length,) = _HEAD.unpack(_whole(pipe, _HEAD.size))
    return pickle.loads(_whole(pipe, length))  # noqa: S301  written by our own process, over a pipe of our own


def _whole(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data
