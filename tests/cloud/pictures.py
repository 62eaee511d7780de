"""Real, decodable pictures of any size, cheap enough for hundreds a second: a gradient that is compressed
once per size under a bar whose colour comes from the prompt."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from functools import lru_cache

BAR = 8
MEDIA = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


def picture(prompt: str, width: int, height: int, form: str = "png", alpha: bool = False) -> bytes:
    """An encoded picture of `width` x `height`; other prompts give other bytes."""
    seed = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()
    if form == "png":
        return _png(seed, width, height, 4 if alpha else 3)
    return _marked(seed, form, _encoded(form, width, height, alpha))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))


def _deflate(raw: bytes, last: bool) -> bytes:
    squeeze = zlib.compressobj(1, zlib.DEFLATED, -15)
    return squeeze.compress(raw) + squeeze.flush(zlib.Z_FINISH if last else zlib.Z_FULL_FLUSH)


def _png(seed: bytes, width: int, height: int, channels: int) -> bytes:
    pixel = seed[:3] + (b"\xff" if channels == 4 else b"")
    bar = (b"\x00" + pixel * width) * min(BAR, height)
    tail, adler, size = _gradient(width, height, channels)
    total = _joined(zlib.adler32(bar), adler, size)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6 if channels == 4 else 2, 0, 0, 0)),
            _chunk(b"IDAT", b"\x78\x01" + _deflate(bar, last=False)),
            tail,
            _chunk(b"IDAT", struct.pack(">I", total)),
            _chunk(b"IEND", b""),
        )
    )


@lru_cache(maxsize=64)
def _gradient(width: int, height: int, channels: int) -> tuple[bytes, int, int]:
    """The rows below the bar as one IDAT chunk, with checksum and length of the raw rows."""
    rows = height - min(BAR, height)
    ramp = [x * 255 // width for x in range(width)]
    first = b"\x00" + b"".join(bytes((x, 128, 255 - x, x)[:channels]) for x in ramp)
    still, step = b"\x02" + bytes(channels * width), b"\x02" + bytes((0, 1, 0, 0)[:channels]) * width
    every = max(1, rows // 120)
    raw = b"".join(first if row == 0 else step if row % every == 0 else still for row in range(rows))
    return _chunk(b"IDAT", _deflate(raw, last=True)), zlib.adler32(raw), len(raw)


def _joined(one: int, two: int, length: int) -> int:
    """The Adler-32 of two pieces joined, from theirs and the second's length."""
    base = 65521
    a = ((one & 0xFFFF) + (two & 0xFFFF) - 1) % base
    b = ((one >> 16) + (two >> 16) + length * ((one & 0xFFFF) - 1)) % base
    return (b << 16) | a


@lru_cache(maxsize=64)
def _encoded(form: str, width: int, height: int, alpha: bool) -> bytes:
    from PIL import Image

    image = Image.open(io.BytesIO(_png(bytes(32), width, height, 4 if alpha else 3)))
    out = io.BytesIO()
    if form == "jpeg":
        image.convert("RGB").save(out, "JPEG", quality=80, comment=b"#" * 32)
    else:
        image.save(out, "WEBP", quality=80, method=0, xmp=b"#" * 32)
    return out.getvalue()


def _marked(seed: bytes, form: str, data: bytes) -> bytes:
    """The prompt's mark in the place left free for it: a JPEG comment, a WebP's XMP."""
    return data.replace(b"#" * 32, seed.hex()[:32].encode(), 1)


def blank(width: int, height: int) -> bytes:
    """A white PNG."""
    rows = (b"\x00" + b"\xff" * 3 * width) * height
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
