"""Headers of safetensors files are believed only where the file's own length bears them out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen.errors import SettingsError
from imagegen.providers.local import header
from tests.local.folders import framed, safetensors

GOOD = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}


def one(**changes: Any) -> bytes:
    return framed(json.dumps({"a": {**GOOD, **changes}}).encode(), bytes(16))


def two(*places: tuple[int, int], data: int = 32) -> bytes:
    said = {name: {**GOOD, "data_offsets": list(place)} for name, place in zip("ab", places, strict=True)}
    return framed(json.dumps(said).encode(), bytes(data))


def test_says_what_a_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors({"a.weight": (3, 4), "b": ()}, "F16", format="pt"))
    found = header.read(path)
    assert found.tensors["a.weight"] == header.Tensor("F16", (3, 4), 0, 24)
    assert found.tensors["b"] == header.Tensor("F16", (), 24, 26)
    assert dict(found.metadata) == {"format": "pt"}
    assert found.size == path.stat().st_size


LIES = "what its header says of 'a' cannot be true; download it again"
NO_JSON = "its header is not the JSON it should be; download it again"
HOSTILE = {
    "empty": (b"", "is no safetensors file: it is 0 bytes long; download it again"),
    "a header longer than the file": (framed(b"{}", length=5000), "its header alone is longer than its 10 bytes"),
    "a gigabyte of header": (framed(b"{}", length=10**9), "its header would be 1,000,000,000 bytes long"),
    "a zip": (b"PK\x03\x04" + bytes(range(200)), "is no safetensors file: it does not begin with a header"),
    "no JSON": (framed(b"{,,,,,}"), NO_JSON),
    "a list": (framed(b"[1, 2, 3]"), NO_JSON),
    "not UTF-8": (framed(b'{"\xff": 1}'), NO_JSON),
    "NaN": (framed(b'{"a": NaN}'), NO_JSON),
    "a name twice": (framed(b'{"a": {}, "a": {}}'), NO_JSON),
    "nested without end": (framed(b'{"a":' + b"[" * 200_000), NO_JSON),
    "a number of a million digits": (framed(b'{"a": 1' + b"0" * 1_000_000 + b"}"), NO_JSON),
    "no tensors": (framed(b'{"__metadata__": {"format": "pt"}}'), "holds no tensors"),
    "metadata that is no text": (framed(b'{"__metadata__": {"a": 1}}'), "says of '__metadata__' cannot be true"),
    "a tensor that is no mapping": (framed(b'{"a": [1, 2]}'), LIES),
    "an unknown type": (one(dtype="F99"), LIES),
    "a type that is a list": (one(dtype=["F32"]), LIES),
    "a negative edge": (one(shape=[-2, -2]), LIES),
    "an edge that is true": (one(shape=[True, 4]), LIES),
    "a shape larger than its bytes": (one(shape=[2**40, 2**40]), LIES),
    "twenty edges": (one(shape=[1] * 20, data_offsets=[0, 4]), LIES),
    "offsets the wrong way round": (one(data_offsets=[16, 0]), LIES),
    "three offsets": (one(data_offsets=[0, 8, 16]), LIES),
    "overlapping tensors": (two((0, 16), (8, 24), data=24), "what its header says of 'b' cannot be true"),
    "the same bytes twice": (two((0, 16), (0, 16), data=16), "what its header says of 'b' cannot be true"),
    "a gap": (two((0, 16), (20, 36), data=36), "what its header says of 'b' cannot be true"),
    "cut short": (two((0, 16), (16, 32), data=20), "is cut short: 12 bytes of its tensors are missing; download"),
    "a rest": (two((0, 16), (16, 32), data=40), "has 8 bytes that belong to no tensor; download it again"),
}


@pytest.mark.parametrize(("data", "message"), HOSTILE.values(), ids=HOSTILE)
def test_refuses_what_cannot_be(tmp_path: Path, data: bytes, message: str) -> None:
    """One line each, with the file's name, and never another exception."""
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data)
    with pytest.raises(SettingsError) as caught:
        header.read(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_accepts_nothing_that_the_library_refuses(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever bytes are changed: a file that passes here opens in safetensors itself."""
    from safetensors import safe_open

    whole = bytearray(safetensors({"a.weight": (3, 4), "b": (5,), "c": ()}, "F16"))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("fuzz") / "model.safetensors"
    path.write_bytes(whole)
    try:
        names = set(header.read(path).tensors)
    except SettingsError:
        return
    with safe_open(path, framework="numpy") as opened:
        assert set(opened.keys()) == names
