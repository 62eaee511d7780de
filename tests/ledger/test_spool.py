"""The spool: an answer is whole or it is none, whatever was killed, and a full disk loses no bytes."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagegen.errors import StorageError
from imagegen.ledger import Ledger, spool
from imagegen.ledger.spool import Slot, whole_answer
from ledger.bookkeeping import granted, state_of


@pytest.fixture
def slot(tmp_path: Path) -> Iterator[Slot]:
    slot = Slot(tmp_path, "a", 1000)
    yield slot
    slot.drop()


def test_an_answer_is_returned_and_kept(slot: Slot, tmp_path: Path) -> None:
    """receive joins the pieces, and the same bytes lie in the spool."""
    assert slot.receive([b"ab", b"", b"cd"], 4) == b"abcd"
    assert whole_answer(tmp_path, "a") == b"abcd"


@pytest.mark.parametrize("data", [b"", b"\0" * 5000, bytes(range(256)) * 10])
def test_any_bytes_come_back(slot: Slot, tmp_path: Path, data: bytes) -> None:
    """Empty answers, and ones longer than the room that was set aside, come back as they were."""
    slot.receive([data], len(data))
    assert whole_answer(tmp_path, "a") == data


def test_room_is_set_aside_before_the_call(slot: Slot) -> None:
    """The file has the room from the start, only for its owner."""
    facts = slot.path.stat()
    assert facts.st_size >= 1000
    assert facts.st_mode & 0o777 == 0o600


def test_a_short_answer_is_none(slot: Slot, tmp_path: Path) -> None:
    """Fewer bytes than promised are a ConnectionError, and nothing that counts as an answer."""
    with pytest.raises(ConnectionError, match="2 of 4 bytes"):
        slot.receive([b"ab"], 4)
    assert whole_answer(tmp_path, "a") is None


def test_a_cut_connection_passes_through(slot: Slot, tmp_path: Path) -> None:
    """What the pieces raise is raised, and what came before is no answer."""

    def cut() -> Iterator[bytes]:
        yield b"half"
        raise TimeoutError("silence")

    with pytest.raises(TimeoutError, match="silence"):
        slot.receive(cut())
    assert whole_answer(tmp_path, "a") is None


def test_an_answer_replaces_the_one_before(slot: Slot, tmp_path: Path) -> None:
    """While a second answer arrives, and if it is cut off, the first one does not pass for it."""
    slot.receive([b"the first answer"])

    def cut() -> Iterator[bytes]:
        yield b"se"
        assert whole_answer(tmp_path, "a") is None
        raise TimeoutError

    with pytest.raises(TimeoutError):
        slot.receive(cut())
    assert whole_answer(tmp_path, "a") is None
    slot.receive([b"third"])
    assert whole_answer(tmp_path, "a") == b"third"


def test_another_attempt_begins_without_an_answer(slot: Slot, tmp_path: Path) -> None:
    """A slot that goes to the next attempt holds no answer for it, and none for the old one."""
    slot.receive([b"too busy"])
    slot.renamed("b")
    assert [whole_answer(tmp_path, name) for name in ("a", "b")] == [None, None]
    assert [path.name for path in tmp_path.glob("*.part")] == ["b.part"]


@pytest.mark.parametrize(
    "data", [b"", b"short", b"x" * 40, b"IGSPOOL1" + (100).to_bytes(8, "big") + b"too few", b"IGSPOOL2" + bytes(8)]
)
def test_rubbish_is_no_answer(tmp_path: Path, data: bytes) -> None:
    """A file that does not prove that it is whole is no answer."""
    (tmp_path / "a.part").write_bytes(data)
    assert whole_answer(tmp_path, "a") is None


def test_no_file_is_no_answer(tmp_path: Path) -> None:
    """An attempt that left nothing has no answer, and dropping it again is no error."""
    assert whole_answer(tmp_path, "a") is None
    spool.drop(tmp_path, "a")


def test_drop_deletes(slot: Slot, tmp_path: Path) -> None:
    """After drop nothing is left."""
    slot.receive([b"answer"])
    slot.drop()
    assert list(tmp_path.glob("*.part")) == []


def test_no_room_means_no_call(tmp_path: Path) -> None:
    """Where the room cannot be set aside a StorageError comes before anything is sent, and no file stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        with pytest.raises(StorageError, match="no room for an answer"):
            Slot(tmp_path, "a", 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.glob("*.part")) == []


def test_a_disk_that_fills_meanwhile_loses_nothing(slot: Slot, tmp_path: Path) -> None:
    """A paid answer that does not fit is returned all the same, with the trouble told; on disk it is no answer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        assert slot.receive([b"x" * 1500, b"y" * 1500], 3000) == b"x" * 1500 + b"y" * 1500
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(slot.trouble, OSError)
    assert whole_answer(tmp_path, "a") is None


def test_a_slip_writes_before_it_sends(ledger: Ledger) -> None:
    """When sending returns the intent is on disk, with the room; a second sending is refused."""
    attempt = ledger.write(lambda connection: granted(connection, "mug"))
    slip = ledger.slip(attempt, room=100)
    slip.sending()

    with ledger.reading() as connection:
        assert state_of(connection, attempt)[0] == "sent"
    assert (ledger.spool / f"{attempt}.part").stat().st_size >= 100
    with pytest.raises(ValueError, match="not waiting"):
        slip.sending()
    slip.drop()


def test_a_slip_that_was_not_sent_leaves_nothing(ledger: Ledger) -> None:
    """drop_unsent takes the room back from a call that never went out, and leaves a sent one's answer."""
    waiting, gone = (ledger.write(lambda connection, n=n: granted(connection, n)) for n in ("mug", "cup"))
    first, second = ledger.slip(waiting), ledger.slip(gone)
    second.sending()
    second.receive([b"answer"])
    for slip in (first, second):
        slip.drop_unsent()
    assert os.listdir(ledger.spool) == [f"{gone}.part"]
    second.drop()


def test_what_cannot_be_booked_stays_in_the_spool(ledger: Ledger) -> None:
    """When closing the books fails, the answer waits in the spool for the next run."""
    attempt = ledger.write(lambda connection: granted(connection, "mug"))
    slip = ledger.slip(attempt)
    slip.sending()
    slip.receive([b"answer"])
    with pytest.raises(OSError, match="disk"), slip.kept_on_error():
        raise OSError("disk")
    assert whole_answer(ledger.spool, attempt) == b"answer"
