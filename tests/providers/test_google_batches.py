"""Gemini's batches as a provider: submitted once, found again, read answer by answer."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import pytest

from imagegen.domain.outcome import Failed, Made, Outcome, Pending, Refused, Unknown
from imagegen.domain.request import Request, key
from imagegen.errors import StorageError
from imagegen.providers.hosted.errors import Denied
from imagegen.providers.hosted.queue import Queue
from tests.cloud import Cloud
from tests.cloud.google_batch import GoogleBatchService
from tests.cloud.pictures import picture
from tests.providers.batches import collected, submitted
from tests.providers.googles import LITE, PRO, ask, batches, queue
from tests.providers.slips import MemorySlip

MUG, CUP, BOWL = (ask(f"A {thing} on linen", model=LITE, resolution=None) for thing in ("mug", "cup", "bowl"))
ALL = [MUG, CUP, BOWL]


@pytest.fixture
def theirs(cloud: Cloud) -> GoogleBatchService:
    """What it has of batches."""
    return batches(cloud)


@pytest.fixture
def at(cloud: Cloud) -> Iterator[Callable[..., Queue]]:
    """Opens queues there, see `tests.providers.googles.queue`."""
    with ExitStack() as stack:
        yield lambda **said: stack.enter_context(closing(queue(cloud, **said)))


@pytest.fixture
def google(at: Callable[..., Queue]) -> Queue:
    """A queue there."""
    return at()


def ends(provider: Queue, batch: list[Request]) -> list[Any]:
    """What became of each of `batch`, submitted and collected, in its order."""
    found: dict[str, Outcome] = {each.key: each for each in collected(provider, batch, submitted(provider, batch))}
    assert len(found) == len(batch)
    return [found[key(each)] for each in batch]


@pytest.mark.parametrize("where", ["metadata", "aside", "mute"])
def test_a_batch_is_submitted_once_and_collected_at_half_the_price(
    cloud: Cloud, google: Queue, theirs: GoogleBatchService, where: str
) -> None:
    """Named after the slip before it costs anything; every picture under its Key, wherever the answers lie and even
    where they do not say whose they are; together they are the bill to the nanodollar."""
    theirs.hold, theirs.aside, theirs.mute = True, where == "aside", where == "mute"
    slip = submitted(google, ALL)
    (batch,) = theirs.made.values()
    assert batch.title == slip.id
    assert [type(each) for each in collected(google, ALL, slip)] == [Pending] * 3
    assert cloud.bill == 0
    theirs.hold = False
    made = {each.key: each for each in collected(google, ALL, slip) if isinstance(each, Made)}
    assert set(made) == {key(each) for each in ALL}
    charged = sum(each.charge.amount or 0 for each in made.values())
    assert charged == cloud.bill > 0
    for each in ALL:
        (dear,) = google._live.generate([each], {}, MemorySlip())
        assert isinstance(dear, Made)
        cheap = made[key(each)]
        assert (cheap.artifact.data, cheap.charge.amount) == (
            dear.artifact.data,
            -(-(dear.charge.amount or 0) // 2),
        )
        assert (cheap.charge.basis, cheap.artifact.facts["batch"]) == ("usage", batch.name)
    assert cloud.requests[0].path == f"/google/v1beta/models/{LITE}:batchGenerateContent"
    assert [asked.path for asked in cloud.requests[1:]] == [f"/google/v1/models/{LITE}:generateContent"] * 3


def test_without_the_intent_on_disk_no_batch_is_created(theirs: GoogleBatchService, google: Queue) -> None:
    """And with it, it is there before the batch."""
    seen: list[int] = []
    list(google.generate([MUG], {}, MemorySlip(at_sending=lambda: seen.append(len(theirs.made)))))
    assert seen == [0]
    with pytest.raises(StorageError):
        list(google.generate([CUP], {}, MemorySlip(broken=True)))
    assert len(theirs.made) == 1


def test_what_may_ride_together(google: Queue, theirs: GoogleBatchService, cloud: Cloud) -> None:
    """One model; large ones, and those with pictures inside, alone, so that no batch has more than 20 MB."""
    photo = picture("mug", 64, 48, "jpeg")
    name = hashlib.sha256(photo).hexdigest()
    edits = [replace(each, images=(name,)) for each in (MUG, CUP)]
    assert google.shares(MUG) == google.shares(CUP) != google.shares(replace(MUG, model=PRO))
    assert len({google.shares(each) for each in (*edits, MUG, replace(MUG, prompt="x" * 200_000))}) == 4
    (made,) = collected(google, edits[:1], submitted(google, edits[:1], {name: photo}))
    assert isinstance(made, Made)
    assert made.charge.amount == cloud.bill > 0
    with pytest.raises(ValueError, match="equal"):
        google.generate(edits, {name: photo}, MemorySlip())
    with pytest.raises(Denied, match="takes 20,000,000"):
        google._dialect.prepare(edits[:1], {name: photo + bytes(15_100_000)}, "slip")
    assert len(theirs.made) == 1


def test_blocks_come_as_in_live_answers(cloud: Cloud, google: Queue) -> None:
    """Before work, after it, and as words: refused, at half of what their tokens cost."""
    said = [replace(MUG, prompt=f"A mug {block}") for block in ("[block SAFETY]", "[IMAGE_SAFETY]", "[words]")]
    found = ends(google, [*said, MUG])
    assert [type(each) for each in found] == [Refused, Refused, Refused, Made]
    assert "SAFETY" in found[0].reason
    assert sum(each.charge.amount for each in found) == cloud.bill


def test_row_by_row(cloud: Cloud, google: Queue, theirs: GoogleBatchService) -> None:
    """Made, failed in a way that Google does not bill, failed in one of which nobody can say: each for itself."""
    theirs.clogs, theirs.breaks = {"cup"}, {"bowl"}
    made, failed, unknown = ends(google, ALL)
    assert [type(each) for each in (made, failed, unknown)] == [Made, Failed, Unknown]
    assert (failed.retryable, failed.charge.amount, unknown.charge.amount) == (True, 0, None)
    assert made.charge.amount == cloud.bill


@pytest.mark.parametrize(
    ("state", "kind"), [("PARTIALLY_SUCCEEDED", Failed), ("SUCCEEDED", Unknown)], ids=["not made", "made and lost"]
)
def test_an_answer_that_is_missing(google: Queue, theirs: GoogleBatchService, state: str, kind: type) -> None:
    """Free where the batch counts no more pictures than came; unknown where it counts more, or does not count."""
    theirs.ends, theirs.drop = state, {"cup"}
    made, missing, other = ends(google, ALL)
    assert [type(each) for each in (made, missing, other)] == [Made, kind, Made]
    if kind is Failed:
        assert (missing.retryable, missing.charge.amount) == (True, 0)
    theirs.ends, theirs.bare = "PARTIALLY_SUCCEEDED", True
    assert [type(each) for each in ends(google, ALL)] == [Made, Unknown, Made]
    theirs.mute = True  # one is missing, and no other says whose it is
    assert {type(each) for each in ends(google, ALL)} == {Unknown}


@pytest.mark.parametrize(
    ("state", "code", "bare", "kind", "again"),
    [
        ("EXPIRED", 4, False, Failed, True),
        ("CANCELLED", 1, False, Failed, True),
        ("FAILED", 13, False, Failed, True),
        ("FAILED", 3, False, Failed, False),
        ("FAILED", 3, True, Failed, False),
        ("FAILED", 8, True, Failed, True),
        ("FAILED", 13, True, Unknown, False),
        ("EXPIRED", 4, True, Unknown, False),
    ],
)
def test_a_batch_that_ended_without_pictures(
    cloud: Cloud, google: Queue, theirs: GoogleBatchService, state: str, code: int, bare: bool, kind: type, again: bool
) -> None:
    """Free where it counts none or was not taken; unknown where it may have made some."""
    theirs.ends, theirs.code, theirs.bare = state, code, bare
    found = ends(google, ALL)
    assert {type(each) for each in found} == {kind}
    if kind is Failed:
        assert {(each.retryable, each.charge.amount) for each in found} == {(again, 0)}
        assert state.lower() in found[0].reason
    assert cloud.bill == 0


@pytest.mark.parametrize("fault", ["cut_accepted", "cut_headers", "cut_body", "hang", "server_error_charged"])
def test_cut_off_after_sending_it_is_found_by_its_name(
    cloud: Cloud, google: Queue, theirs: GoogleBatchService, fault: str
) -> None:
    """It waits, nobody calls it unknown; `find` gives its number, and it is not created again."""
    cloud.faults.add(fault, times=1)
    slip, sent = MemorySlip(), time.time()
    assert [type(each) for each in google.generate(ALL, {}, slip)] == [Pending] * 3
    assert slip.remote_id is None
    assert google.find(slip, sent) is True
    assert slip.remote_id in theirs.made
    assert all(isinstance(each, Made) for each in collected(google, ALL, slip))
    assert len(theirs.made) == 1


@pytest.mark.parametrize(
    ("fault", "again", "stops"),
    [
        ("rate_limit", True, False),
        ("bad_key", False, True),
        ("unverified", False, True),
        ("overloaded", True, False),
        ("model_gone", False, False),
    ],
)
def test_a_creation_that_was_refused_is_free(cloud: Cloud, google: Queue, fault: str, again: bool, stops: bool) -> None:
    """Nothing waits for it, and no key is in what is said."""
    cloud.faults.add(fault)
    slip = MemorySlip()
    (outcome,) = google.generate([MUG], {}, slip)
    assert isinstance(outcome, Failed)
    assert (outcome.retryable, outcome.stops_provider, outcome.charge.amount) == (again, stops, 0)
    assert slip.remote_id is None
    assert google._dialect._server.key not in outcome.reason  # type: ignore[attr-defined]


def test_that_there_is_none_is_never_certain(cloud: Cloud, at: Callable[..., Queue]) -> None:
    """A batch that is not in the list may be in another account's: it waits, and after a time nobody can say."""
    slip, sent = MemorySlip(), time.time()
    cloud.faults.add("cut_before", times=1)
    here = at()
    assert [type(each) for each in here.generate([MUG], {}, slip)] == [Pending]
    assert here.find(slip, sent) is None
    assert here.find(slip, sent - 2000) is True
    (lost,) = collected(here, [MUG], slip)
    assert isinstance(lost, Unknown)
    cloud.stop()
    assert here.find(MemorySlip(), sent - 2000) is None


def test_find_looks_past_a_page_and_waits_for_a_list_that_lags(
    cloud: Cloud, theirs: GoogleBatchService, google: Queue
) -> None:
    """The name stands in the batch, however many others there are before it."""
    submitted(google, [CUP])
    (other,) = theirs.made.values()
    for number in range(12):
        theirs.made[f"batches/o{number}"] = replace(other, name=f"batches/o{number}")
    sent, slip = time.time(), MemorySlip()
    cloud.faults.add("cut_accepted", times=1)
    list(google.generate([MUG], {}, slip))
    theirs.lag = 60.0
    assert google.find(slip, sent) is None
    theirs.lag = 0.0
    assert google.find(slip, sent) is True
    assert theirs.made[slip.remote_id or ""].title == slip.id


def test_looking_may_fail_as_often_as_it_likes(
    cloud: Cloud, google: Queue, at: Callable[..., Queue], theirs: GoogleBatchService
) -> None:
    """A server error, an answer that breaks off, a key of another account: it waits, and says why."""
    slip = submitted(google, ALL)
    theirs.broken = 1
    (waits, *_) = collected(google, ALL, slip)
    assert isinstance(waits, Pending)
    assert "could not be looked at" in waits.reason
    theirs.cut = 1
    (waits, *_) = collected(google, ALL, slip)
    assert isinstance(waits, Pending)
    assert "could not be fetched" in waits.reason
    other = at(key="AIza-another-account")
    (waits, *_) = collected(other, ALL, slip)
    assert isinstance(waits, Pending)
    assert "no such batch with this key" in waits.reason
    assert not other.over(slip.remote_id or "")
    assert google.over(slip.remote_id or "")
    assert all(isinstance(each, Made) for each in collected(google, ALL, slip))
    (gone,) = collected(google, [MUG], MemorySlip(remote_id="batches/gone"), told={"at": time.time() - 2000})
    assert isinstance(gone, Unknown)


def _operation(*lines: Any, **more: Any) -> bytes:
    about = {"state": "BATCH_STATE_SUCCEEDED", "output": {"inlinedResponses": {"inlinedResponses": list(lines)}}}
    return json.dumps({"name": "batches/b", "metadata": about, "done": True, **more}).encode()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", Unknown),
        (b"{", Unknown),
        (b"[]", Unknown),
        (b"[" * 100_000, Unknown),
        (b"\xff", Unknown),
        (json.dumps({"name": "batches/b", "metadata": {"state": "BATCH_STATE_RUNNING"}}).encode(), Unknown),
        (_operation(), Unknown),
        (_operation(7), Unknown),
        (_operation({"metadata": {"key": key(MUG)}}), Unknown),
        (_operation({"metadata": {"key": 7}, "response": {}}), Unknown),
        (_operation({"metadata": {"key": "elsewhere"}, "response": {}}), Unknown),
        (_operation({"metadata": {"key": key(MUG)}, "response": []}), Unknown),
        (_operation({"metadata": {"key": key(MUG)}, "response": {"candidates": 7}}), Failed),
        (_operation({"metadata": {"key": key(MUG)}, "error": {"code": "?"}}), Unknown),
        (_operation({"metadata": {"key": key(MUG)}, "error": {"code": 400, "message": "no"}}), Failed),
        (_operation({"error": {"code": 3, "message": "breaches Responsible AI practices"}}), Refused),
    ],
)
def test_answers_of_any_shape_become_outcomes(google: Queue, cloud: Cloud, answer: bytes, kind: type) -> None:
    """Whatever an operation holds: one outcome, nothing bought, never charged for more than is known."""
    (outcome,) = google.generate([MUG], {}, MemorySlip(answer=answer))
    assert (type(outcome), outcome.key) == (kind, key(MUG))
    assert cloud.requests == []


def test_no_server_is_not_charged(cloud: Cloud, google: Queue) -> None:
    """Nothing was sent: free, and worth another try."""
    cloud.stop()
    (outcome,) = google.generate([MUG], {}, MemorySlip())
    assert isinstance(outcome, Failed)
    assert (outcome.retryable, outcome.charge.amount) == (True, 0)
