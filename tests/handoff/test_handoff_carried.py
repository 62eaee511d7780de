"""Prompts are read out of pictures' own bytes, and no bytes do harm."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import zlib

import pytest
from PIL import Image

from imagegen.handoff.carried import LONGEST, prompts
from tests.cloud.pictures import picture
from tests.handoff.conftest import JOB, described

PNG = picture("mug", 64, 48)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_chunk(name: bytes, body: bytes) -> bytes:
    """PNG with a further chunk behind its head."""
    return PNG[:33] + chunk(name, body) + PNG[33:]


def with_exif(form: str, tag: int, value: str) -> bytes:
    out, exif = io.BytesIO(), Image.Exif()
    exif[tag] = value
    Image.open(io.BytesIO(PNG)).convert("RGB").save(out, form, exif=exif)
    return out.getvalue()


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description><dc:description><rdf:Alt>'
    b'<rdf:li xml:lang="x-default">A mug &amp; a cup</rdf:li></rdf:Alt></dc:description></rdf:Description></rdf:RDF>'
)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (described("a", f"A mug --ar 1:1 --v 6.1 Job ID: {JOB}"), ["A mug --ar 1:1 --v 6.1"]),
        (described("a", "A mug\nNegative prompt: hands\nSteps: 20, Seed: 7", keyword="parameters"), ["A mug"]),
        (described("a", "Somebody", keyword="Author"), []),
        (with_chunk(b"zTXt", b"Description\0\0" + zlib.compress(b"A mug")), ["A mug"]),
        (with_chunk(b"iTXt", b"Description\0\0\0en\0\0" + "Ein Krug, schön".encode()), ["Ein Krug, schön"]),
        (with_chunk(b"iTXt", b"Description\0\1\0\0\0" + zlib.compress(b"A mug")), ["A mug"]),
        (with_chunk(b"tEXt", b"Description\0caf\xe9"), ["caf\xe9"]),
        (with_exif("JPEG", 0x010E, "A mug"), ["A mug"]),
        (with_exif("WEBP", 0x010E, "A mug"), ["A mug"]),
        (with_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP), ["A mug & a cup"]),
        (PNG, []),
        (b"", []),
    ],
)
def test_prompts_are_found(data: bytes, said: list[str]) -> None:
    """Where tools write them; a job's id and parameters are not part of them."""
    assert prompts(data) == said


def test_a_packed_bomb_is_unpacked_to_a_limit() -> None:
    """A quarter of a gigabyte of nothing in a text chunk is nothing here."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"a" * 2**20) for _ in range(256)) + packer.flush()
    data = with_chunk(b"zTXt", b"Description\0\0" + packed)
    tracemalloc.start()
    (said,) = prompts(data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(said) <= LONGEST
    assert most < 8 * 2**20


def test_damaged_bytes_hold_nothing_and_raise_nothing() -> None:
    """Cut off or altered anywhere, a file gives texts or none."""
    dice = random.Random(7)
    whole = with_chunk(b"zTXt", b"Description\0\0" + zlib.compress(b"A mug")) + with_exif("JPEG", 0x010E, "A mug")
    for _ in range(300):
        data = bytearray(whole[: dice.randrange(len(whole))])
        for _ in range(dice.randrange(4)):
            if data:
                data[dice.randrange(len(data))] = dice.randrange(256)
        assert all(isinstance(each, str) for each in prompts(bytes(data)))
