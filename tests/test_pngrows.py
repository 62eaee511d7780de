"""pngrows says yes only to pictures that a full decode would take and that are not blank."""

from __future__ import annotations

import io
import itertools
import random
import struct
import zlib

import pytest
from PIL import Image

from imagegen import pngrows


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))


def png(rows: list[bytes], width: int, *, parts: int = 1, extra: bytes = b"", colour: int = 2) -> bytes:
    """A PNG of raw filtered rows, its pixel data in `parts` chunks."""
    packed = zlib.compress(b"".join(rows))
    cuts = [len(packed) * n // parts for n in range(parts + 1)]
    body = b"".join(chunk(b"IDAT", packed[a:b]) for a, b in itertools.pairwise(cuts))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + body + chunk(b"IEND", b"")


def row(kind: int, width: int, seed: int) -> bytes:
    return bytes([kind]) + random.Random(seed).randbytes(3 * width)


LIVELY = [row(n % 5, 40, n) for n in range(30)]


def test_a_whole_picture_with_colours_is_lively_and_pillow_agrees() -> None:
    """What is called lively decodes in Pillow."""
    for parts in (1, 2, 7):
        data = png(LIVELY, 40, parts=parts)
        assert pngrows.lively(data)
        Image.open(io.BytesIO(data)).load()


def test_a_large_picture_is_read_in_blocks() -> None:
    """Several blocks of rows are counted as one picture."""
    assert pngrows.lively(png([row(n % 2, 900, n) for n in range(400)], 900, parts=40))


@pytest.mark.parametrize(
    "rows",
    [
        [*LIVELY[:-1], row(5, 40, 1)],
        [*LIVELY[:-1], LIVELY[-1][:-1]],
        [*LIVELY[:-1], LIVELY[-1] + b"\0"],
    ],
    ids=["a filter that does not exist", "a byte too few", "a byte too many"],
)
def test_rows_that_are_not_a_picture_are_not_lively(rows: list[bytes]) -> None:
    """Pixel data must be exactly its rows."""
    assert not pngrows.lively(png(rows, 40))


def test_a_cut_stream_is_not_lively() -> None:
    """Pixel data that breaks off is left to the full decode, which refuses it."""
    whole = png(LIVELY, 40)
    at = whole.index(b"IDAT")
    packed = zlib.compress(b"".join(LIVELY))
    cut = whole[: at - 4] + chunk(b"IDAT", packed[:-9]) + chunk(b"IEND", b"")
    assert not pngrows.lively(cut)


@pytest.mark.parametrize("shade", [0, 7, 255])
def test_one_colour_is_not_lively(shade: int) -> None:
    """A blank picture, plain or with a speck, is left to the full decode."""
    plain = [bytes([0]) + bytes([shade]) * 120 for _ in range(30)]
    assert not pngrows.lively(png(plain, 40))
    speck = [*plain[:-1], bytes([0]) + bytes([shade]) * 117 + b"\x80\x80\x80"]
    assert not pngrows.lively(png(speck, 40))


def test_two_colours_in_one_row_are_enough_whatever_the_filter() -> None:
    """Filter Sub is undone before colours are compared."""
    half = bytes([1]) + bytes(60) + b"\xff\xff\xff" + bytes(57)
    assert pngrows.lively(png([half] * 20, 40))
    constant = bytes([1]) + b"\x50\x60\x70" + bytes(117)
    assert not pngrows.lively(png([constant] * 20, 40))


@pytest.mark.parametrize("extra", [chunk(b"tRNS", b"\0\1\0\1\0\1"), chunk(b"acTL", b"\0" * 8), chunk(b"eXIf", b"MM")])
def test_special_pictures_are_left_to_the_full_decode(extra: bytes) -> None:
    """See-through, moving and turned pictures need their pixels looked at."""
    assert not pngrows.lively(png(LIVELY, 40, extra=extra))


def test_other_kinds_are_left_to_the_full_decode() -> None:
    """Palettes, 16 bits and interlacing are not read here."""
    for mode in ("P", "RGBA", "I;16", "1"):
        out = io.BytesIO()
        Image.effect_noise((64, 64), 80).convert(mode).save(out, "PNG")
        assert not pngrows.lively(out.getvalue())
