"""PNG rows: whether all pixel data of a PNG is there and well-formed, and shows more than one colour.

A third of the work of a full decode, and as strict: the stream must inflate to exactly its rows, each
with a filter that exists (checksums are `container`'s matter). Knows nothing of Pillow.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import accumulate

#: Chunks that change how the pixels are seen: turned, see-through, moving.
_SPECIAL = (b"eXIf", b"tRNS", b"acTL")
#: Bytes that may follow the last row: the stream's own checksum.
_CHECKSUM = 4
#: Bytes of rows looked at once.
_BLOCK = 1 << 15
#: Differences of brightness (of 255) that still count as one colour.
_FLAT = 8
#: Rows per block whose colours are looked at until two are seen.
_LOOKS = 12


def lively(data: bytes) -> bool:
    """True when `data`, a PNG whose chunks are sound, certainly decodes whole and is not blank.
    False: it may or may not; only a full decode tells (other bit depths, see-through, interlaced, plain)."""
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    depth, colour, interlaced = data[24], data[25], data[28]
    if depth != 8 or colour not in (0, 2) or interlaced or any(name in data for name in _SPECIAL):
        return False
    channels = 1 if colour == 0 else 3
    stride = 1 + width * channels
    rows, seen = 0, _Colours(channels)
    try:
        for block in _blocks(data, stride):
            filters = block[::stride]
            if max(filters) > 4:
                return False
            rows += len(filters)
            if not seen.several:
                seen.look(block, stride, filters)
    except (zlib.error, ValueError):
        return False
    return rows == height and seen.several


def _blocks(data: bytes, stride: int) -> Iterator[bytes]:
    """The inflated rows, some whole rows at a time. ValueError when bytes are missing or left over."""
    # Without its two bytes of head and its own checksum: the chunks' checksums cover the same bytes.
    inflate, most = zlib.decompressobj(-zlib.MAX_WBITS), max(1, _BLOCK // stride) * stride
    rest, after = b"", 0
    for piece in _pixel_data(data):
        if inflate.eof:
            after += len(piece)
            continue
        waiting: bytes | memoryview = piece
        while not inflate.eof:
            more = inflate.decompress(waiting, most - len(rest))
            waiting, rest = inflate.unconsumed_tail, rest + more
            if len(rest) == most:
                yield rest
                rest = b""
            elif not waiting:
                break
    if not inflate.eof or len(inflate.unused_data) + after > _CHECKSUM or len(rest) % stride:
        raise ValueError("pixel data of another length")
    if rest:
        yield rest


def _pixel_data(data: bytes) -> Iterator[memoryview]:
    """The pieces of the deflate stream, its two bytes of head left out."""
    at, view, head = 8, memoryview(data), 2
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(view[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IDAT":
            start = at + 8 + head
            head = max(0, start - end)
            yield view[min(start, end) : end]
        at = end + 4


class _Colours:
    """The darkest and brightest of the first channel seen so far, stray pixels left out."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._low, self._high = 255, 0

    @property
    def several(self) -> bool:
        """Whether more than one colour was seen."""
        return self._high - self._low > _FLAT

    def look(self, block: bytes, stride: int, filters: bytes) -> None:
        """Look at some rows that can be read without the row above: filters None and Sub."""
        alone = [row for row, kind in enumerate(filters) if kind < 2]
        for row in alone[:_LOOKS]:
            line = block[row * stride + 1 : (row + 1) * stride]
            for channel in range(self._channels):
                values = line[channel :: self._channels]
                if filters[row] == 1:
                    values = bytes(value & 255 for value in accumulate(values))
                ranked = sorted(values[:: max(1, len(values) // 64)])
                edge = len(ranked) // 16
                if ranked[-1 - edge] - ranked[edge] > _FLAT:
                    self._low, self._high = ranked[edge], ranked[-1 - edge]
                    return
