"""Sidecars and index entries: what is written is read, what was altered is not believed."""

from __future__ import annotations

import json

import pytest

from imagegen.stores import Held
from imagegen.stores.sidecar import from_entry, from_sidecar, to_entry, to_sidecar
from stores.contract import FACTS, PNG, key_of

HELD = Held(key_of("mug"), key_of("bytes"), PNG, 300, 512, 256, FACTS)


def test_sidecar_comes_back_whole() -> None:
    """A sidecar holds everything, as one line of JSON."""
    text = to_sidecar(HELD)

    assert from_sidecar(HELD.key, text) == HELD
    assert json.loads(text)["record"]["key"] == HELD.key
    assert text.count(b"\n") == 1


def test_entry_comes_back_whole() -> None:
    """An index entry holds everything but the key."""
    again = from_entry(HELD.key, to_entry(HELD))

    assert again == HELD
    assert again is not None
    assert dict(again.facts) == FACTS
    assert len(again.facts) == len(FACTS)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (b"", "torn"),
        (b"{}", "torn"),
        (to_sidecar(HELD)[:-5], "torn"),
        (to_sidecar(HELD).replace(b"512", b"513"), "altered"),
        (to_sidecar(HELD).replace(b'"record"', b'"Record"'), "torn"),
        (to_sidecar(Held(key_of("vase"), HELD.digest, PNG, 1)), "another key"),
        (to_sidecar(Held(HELD.key, "../../secret", PNG, 1)), "lacks a hash"),
        (to_sidecar(Held(HELD.key, HELD.digest, PNG, "1")), "lacks a hash"),  # type: ignore[arg-type]
    ],
)
def test_altered_sidecar_is_refused_with_the_reason(changed: bytes, says: str) -> None:
    """A sidecar that is torn, altered, misplaced or nonsense is a ValueError that says which."""
    with pytest.raises(ValueError, match=says):
        from_sidecar(HELD.key, changed)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        b"",
        b"\xff",
        b"[]\n{}",
        b"7",
        b"{}\n{}",
        b'{"digest":"../x","media_type":"image/png","bytes":1,"width":1,"height":1}\n{}',
    ],
)
def test_nonsense_in_the_index_counts_as_absent(entry: bytes | None) -> None:
    """An entry that makes no sense is no entry."""
    assert from_entry(HELD.key, entry) is None


@pytest.mark.parametrize("facts", [b"", b"[1]", b"\xff", b"{"])
def test_nonsense_facts_count_as_none(facts: bytes) -> None:
    """Facts that are no JSON object read as no facts, never as an error."""
    core = to_entry(HELD).partition(b"\n")[0]
    held = from_entry(HELD.key, core + b"\n" + facts)

    assert held is not None
    assert dict(held.facts) == {}
