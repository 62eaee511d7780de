"""The person against the contract of every provider; and what a kill leaves is taken, not asked for again."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from imagegen import catalog as catalogue
from imagegen.domain.handoff import Brought
from imagegen.domain.outcome import Failed, Made, Pending
from imagegen.domain.request import Request, key
from imagegen.errors import StorageError
from imagegen.providers.handoff import Handoff
from tests.cloud.pictures import picture
from tests.providers.contract import Contract, outcomes
from tests.providers.slips import MemorySlip

MIDJOURNEY = catalogue.load().models["midjourney"].offer("handoff")
OFFERS = {"midjourney": MIDJOURNEY} if MIDJOURNEY else {}
ASK = Request(provider="handoff", model="midjourney", prompt="A mug", width=1024, height=1024, aspect_ratio="1:1")
SHARE = 33_300_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mug.png"
    path.write_bytes(picture("mug", 64, 48))
    return path


@pytest.fixture
def provider(file: Path) -> Handoff:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return Handoff(OFFERS, {key(ASK): Brought(file, digest, SHARE, {"file": "mug.png"})})


class TestHandoff(Contract):
    """A person who brought one picture."""

    @pytest.fixture
    def provider(self, file: Path) -> Handoff:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        return Handoff(OFFERS, {key(ASK): Brought(file, digest, SHARE)})

    @pytest.fixture
    def request_(self) -> Request:
        return ASK

    @pytest.fixture
    def refused(self) -> Request:
        return replace(ASK, prompt="A mug --ar 3:2")


def test_the_bytes_are_spooled_before_the_books_know(provider: Handoff, file: Path) -> None:
    """So there is no moment in which nobody could say whether it was booked."""
    slip = MemorySlip()
    (made,) = outcomes(provider, [ASK], slip)
    assert isinstance(made, Made)
    assert slip.calls == ["receive", "sending"]
    assert slip.length == len(slip.received)
    assert (made.artifact.data, made.artifact.media_type) == (file.read_bytes(), "image/png")
    assert (made.charge.amount, made.charge.basis) == (SHARE, "share")


def test_what_a_kill_left_is_read(provider: Handoff, file: Path) -> None:
    """The same picture at the same share, though the file and what was brought are gone."""
    slip = MemorySlip()
    (made,) = outcomes(provider, [ASK], slip)
    file.unlink()
    left = MemorySlip(answer=slip.received)
    assert outcomes(Handoff(OFFERS), [ASK], left) == [made]
    assert left.calls == []


@pytest.mark.parametrize(
    "answer",
    [b"", b"{", b"[]\nx", b"null\n", b'{"share": 1, "facts": {}}\n<html>', b'{"share": "1", "facts": {}}\n',
     b'{"share": -1, "facts": {}}\n', b'{"share": true, "facts": {}}\n', b"[" * 100_000],
)  # fmt: skip
def test_a_broken_spool_costs_nothing(answer: bytes) -> None:
    """Whatever lies in it: a sentence, and no charge."""
    (failed,) = outcomes(Handoff(OFFERS), [ASK], MemorySlip(answer=answer))
    assert isinstance(failed, Failed)
    assert (failed.key, failed.charge.amount) == (key(ASK), 0)


def test_nobody_brought_it(provider: Handoff) -> None:
    """Then it waits, and nothing was sent."""
    slip = MemorySlip()
    other = replace(ASK, prompt="A cup")
    (waiting,) = outcomes(provider, [other], slip)
    assert isinstance(waiting, Pending)
    assert (waiting.key, slip.calls) == (key(other), [])


@pytest.mark.parametrize("change", ["changed", "gone"])
def test_the_file_changed_after_it_was_looked_at(provider: Handoff, file: Path, change: str) -> None:
    """Another picture than the one that was shown is not booked."""
    if change == "gone":
        file.unlink()
    else:
        file.write_bytes(picture("cup", 64, 48))
    slip = MemorySlip()
    (failed,) = outcomes(provider, [ASK], slip)
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("mug.png ")
    assert slip.calls == []


def test_without_intent_nothing_is_booked(provider: Handoff) -> None:
    """A full disk passes through."""
    with pytest.raises(StorageError):
        outcomes(provider, [ASK], MemorySlip(broken=True))
