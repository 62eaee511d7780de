"""OpenAI's batches as a provider: submitted once, found again, read line by line."""

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
from imagegen.domain.request import key
from imagegen.errors import StorageError
from imagegen.providers.hosted.queue import Queue
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.providers.batches import collected, queue, submitted
from tests.providers.openais import ask
from tests.providers.slips import MemorySlip

MUG, CUP, BOWL = (ask(f"A {thing} on linen", width=1024, height=640) for thing in ("mug", "cup", "bowl"))
ALL = [MUG, CUP, BOWL]


@pytest.fixture
def at(cloud: Cloud) -> Iterator[Callable[..., Queue]]:
    """Opens queues there, see `tests.providers.batches.queue`."""
    with ExitStack() as stack:
        yield lambda **said: stack.enter_context(closing(queue(cloud, **said)))


@pytest.fixture
def openai(at: Callable[..., Queue]) -> Queue:
    """A queue there."""
    return at()


def by_key(outcomes: list[Outcome]) -> dict[str, Outcome]:
    """Each under its key, once."""
    found = {each.key: each for each in outcomes}
    assert len(found) == len(outcomes)
    return found


def test_a_batch_is_submitted_once_and_collected_at_half_the_price(cloud: Cloud, openai: Queue) -> None:
    """Tagged with the slip's id before it costs anything; every picture under its Key, whatever the order of the
    lines; together they are the bill to the nanodollar."""
    cloud.batches.hold = True
    slip = submitted(openai, ALL)
    (batch,) = cloud.batches.made.values()
    assert batch.body["metadata"] == {"imagegen": slip.id}
    assert [type(each) for each in collected(openai, ALL, slip)] == [Pending] * 3
    assert cloud.bill == 0
    cloud.batches.hold = False
    made = by_key(collected(openai, ALL, slip))
    (dear,) = openai._live.generate([MUG], {}, MemorySlip())
    assert set(made) == {key(each) for each in ALL}
    assert all(isinstance(each, Made) for each in made.values())
    assert isinstance(dear, Made)
    cheap = made[key(MUG)]
    assert isinstance(cheap, Made)
    assert (cheap.artifact.data, cheap.charge.amount) == (dear.artifact.data, (dear.charge.amount or 0) // 2)
    assert cheap.charge.basis == "usage"
    assert sum(each.charge.amount for each in made.values()) + dear.charge.amount == cloud.bill  # type: ignore[union-attr,operator]
    assert [asked.path for asked in cloud.requests] == ["/v1/batches", "/v1/images/generations"]


def test_the_intent_is_on_disk_before_the_batch_and_after_the_files(cloud: Cloud, openai: Queue) -> None:
    """Uploading is free; without the intent no batch is created."""
    seen: list[tuple[int, int]] = []
    slip = MemorySlip(at_sending=lambda: seen.append((len(cloud.batches.files), len(cloud.batches.made))))
    list(openai.generate([MUG], {}, slip))
    assert seen == [(1, 0)]
    with pytest.raises(StorageError):
        list(openai.generate([CUP], {}, MemorySlip(broken=True)))
    assert len(cloud.batches.made) == 1


def test_edits_ride_with_their_pictures_uploaded_once(cloud: Cloud, openai: Queue) -> None:
    """By number, as JSON; to another endpoint than generations, and not together with them."""
    photo, mask = picture("mug", 64, 48, "jpeg"), picture("mask", 64, 48, alpha=True)
    names = [hashlib.sha256(data).hexdigest() for data in (photo, mask)]
    edits = [replace(each, images=(names[0],), mask=names[1]) for each in (MUG, CUP)]
    assert openai.shares(edits[0]) == openai.shares(edits[1]) != openai.shares(MUG)
    assert openai.shares(MUG) != openai.shares(replace(MUG, model="gpt-image-2"))
    slip = submitted(openai, edits, dict(zip(names, (photo, mask), strict=True)))
    assert sorted(file.purpose for file in cloud.batches.files.values()) == ["batch", "vision", "vision"]
    made = collected(openai, edits, slip)
    assert [type(each) for each in made] == [Made, Made], made
    assert sum(each.charge.amount or 0 for each in made if isinstance(each, Made)) == cloud.bill > 0


def test_what_is_refused_while_planning_does_not_go_along(cloud: Cloud, openai: Queue) -> None:
    """The others do; an input picture that is not at hand keeps only its own row back."""
    wrong, lost = replace(CUP, width=1000), replace(BOWL, images=("0" * 64,))
    slip = MemorySlip()
    outcomes = list(openai.generate([MUG, wrong], {}, slip))
    assert [type(each) for each in outcomes] == [Pending, Failed]
    (only,) = openai.generate([lost], {}, MemorySlip())
    assert isinstance(only, Failed)
    assert "not at hand" in only.reason
    found = by_key(collected(openai, [MUG, wrong], slip))
    assert isinstance(found[key(MUG)], Made)
    left = found[key(wrong)]
    assert isinstance(left, Failed)
    assert left.charge.amount == 0


def test_row_by_row(cloud: Cloud, openai: Queue) -> None:
    """Made, refused by the policy, not run in time: each for itself, and free but for what was made."""
    cloud.batches.refuse, cloud.batches.expire = {"cup"}, {"bowl"}
    found = by_key(collected(openai, ALL, submitted(openai, ALL)))
    made, refused, expired = (found[key(each)] for each in ALL)
    assert isinstance(made, Made)
    assert isinstance(refused, Refused)
    assert "moderation_blocked" in refused.reason
    assert isinstance(expired, Failed)
    assert (expired.retryable, expired.charge.amount, refused.charge.amount) == (True, 0, 0)
    assert made.charge.amount == cloud.bill


@pytest.mark.parametrize("fault", ["breaks", "drop"])
def test_what_nobody_can_say_is_unknown(cloud: Cloud, openai: Queue, fault: str) -> None:
    """A server error in a line, and a line that is missing although the batch counts it as made."""
    setattr(cloud.batches, fault, {"cup"})
    found = by_key(collected(openai, ALL, submitted(openai, ALL)))
    assert [type(found[key(each)]) for each in ALL] == [Made, Unknown, Made]


@pytest.mark.parametrize(("code", "again"), [("token_limit_exceeded", True), ("invalid_request", False)])
def test_a_batch_that_was_not_begun_cost_nothing(cloud: Cloud, openai: Queue, code: str, again: bool) -> None:
    """Worth another try where it was only too much at once."""
    cloud.batches.invalid = code
    found = collected(openai, ALL, submitted(openai, ALL))
    assert all(isinstance(each, Failed) for each in found)
    assert {(each.retryable, each.charge.amount) for each in found if isinstance(each, Failed)} == {(again, 0)}
    assert code in found[0].reason  # type: ignore[union-attr]
    assert cloud.bill == 0


@pytest.mark.parametrize("fault", ["cut_accepted", "cut_headers", "cut_body", "hang"])
def test_cut_off_after_sending_it_is_found_by_its_tag(cloud: Cloud, openai: Queue, fault: str) -> None:
    """It waits, nobody calls it unknown; `find` gives its number, and it is not created again."""
    cloud.faults.add(fault, times=1)
    slip, sent = MemorySlip(), time.time()
    assert [type(each) for each in openai.generate(ALL, {}, slip)] == [Pending] * 3
    assert slip.remote_id is None
    assert openai.find(slip, sent) is True
    assert slip.remote_id in cloud.batches.made
    assert all(isinstance(each, Made) for each in collected(openai, ALL, slip))
    assert len(cloud.batches.made) == 1


@pytest.mark.parametrize(
    ("fault", "again", "stops"),
    [("rate_limit", True, False), ("bad_key", False, True), ("quota", False, True), ("overloaded", True, False)],
)
def test_a_creation_that_was_refused_is_free(cloud: Cloud, openai: Queue, fault: str, again: bool, stops: bool) -> None:
    """Nothing waits for it."""
    cloud.faults.add(fault)
    slip = MemorySlip()
    (outcome,) = openai.generate([MUG], {}, slip)
    assert isinstance(outcome, Failed)
    assert (outcome.retryable, outcome.stops_provider, outcome.charge.amount) == (again, stops, 0)
    assert slip.remote_id is None


def test_find_is_sure_only_where_it_can_be(cloud: Cloud, at: Callable[..., Queue]) -> None:
    """A batch that is not in the list never arrived where its file is in the account and the list had its time;
    with another key nobody can say, nor while the server does not answer."""
    slip, sent = MemorySlip(), time.time()
    cloud.faults.add("cut_before", times=1)
    here = at()
    assert [type(each) for each in here.generate([MUG], {}, slip)] == [Pending]
    assert at(grace=600).find(slip, sent) is None
    assert at(key="sk-other-account").find(slip, sent) is None
    assert here.find(slip, sent) is False
    assert here.find(MemorySlip(), sent) is None  # no file of that name: it was another account's
    cloud.stop()
    assert here.find(slip, sent) is None


def test_find_looks_past_a_page_and_waits_for_a_list_that_lags(cloud: Cloud, at: Callable[..., Queue]) -> None:
    """The tag stands in the batch, however many others there are."""
    here, sent = at(grace=600), time.time()
    cloud.faults.add("cut_accepted", times=1)
    slip = MemorySlip()
    list(here.generate([MUG], {}, slip))
    (batch,) = list(cloud.batches.made.values())
    for number in range(230):
        cloud.batches.made[f"other-{number}"] = replace(
            batch, id=f"other-{number}", body={**batch.body, "metadata": None}
        )
    cloud.batches.lag = 60.0
    assert here.find(slip, sent) is None
    cloud.batches.lag = 0.0
    assert here.find(slip, sent) is True
    assert slip.remote_id == batch.id


def test_looking_may_fail_as_often_as_it_likes(cloud: Cloud, openai: Queue, at: Callable[..., Queue]) -> None:
    """A server error, a download that breaks off, a key of another account: it waits, and says why."""
    slip = submitted(openai, ALL)
    cloud.batches.broken = 1
    assert {type(each) for each in collected(openai, ALL, slip)} == {Pending}
    cloud.batches.cut = 1
    (waits, *_) = collected(openai, ALL, slip)
    assert isinstance(waits, Pending)
    assert "could not be fetched" in waits.reason
    (other, *_) = collected(at(key="sk-other-account"), ALL, slip)
    assert isinstance(other, Pending)
    assert "no such batch with this key" in other.reason
    assert not at(key="sk-other-account").over(slip.remote_id or "")
    assert openai.over(slip.remote_id or "")
    assert all(isinstance(each, Made) for each in collected(openai, ALL, slip))


def test_a_batch_that_is_long_gone_is_unknown(cloud: Cloud, openai: Queue) -> None:
    """After as long as the provider keeps them; what was fetched before and is still in the spool is taken."""
    gone = MemorySlip(remote_id="batch_gone")
    (old,) = collected(openai, [MUG], gone, told={"at": time.time() - 2000})
    assert isinstance(old, Unknown)
    slip = MemorySlip(remote_id=submitted(openai, [MUG]).remote_id)
    list(openai.generate([MUG], {}, slip))
    (kept,) = collected(openai, [MUG], gone, answer=slip.received)
    assert isinstance(kept, Made)


@pytest.mark.parametrize("answer", [b"", b"{", b"[]\n", b'{"custom_id": 7}\n', b"[" * 100_000, b"\xff\n"])
def test_a_broken_spool_is_no_exception(openai: Queue, cloud: Cloud, answer: bytes) -> None:
    """What is not whole says nothing; nothing is bought."""
    (outcome,) = openai.generate([MUG], {}, MemorySlip(answer=answer))
    assert isinstance(outcome, Unknown)
    assert cloud.requests == []


def _line(**said: Any) -> bytes:
    return json.dumps({"custom_id": key(MUG), "error": None, "response": None} | said).encode() + b"\n"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (_line(response={"status_code": 200, "body": {"data": [], "usage": None}}), Failed),
        (_line(response={"status_code": 200, "body": None}), Failed),
        (_line(response={"status_code": 200, "body": "<html>"}), Failed),
        (_line(response={"status_code": "200"}), Unknown),
        (_line(response=[], error="?"), Unknown),
        (_line(error={"code": "batch_cancelled"}), Failed),
        (
            b"not json\n" + _line(response={"status_code": 400, "body": {"error": {"code": "x", "message": "no"}}}),
            Failed,
        ),
    ],
)
def test_lines_of_any_shape_become_outcomes(openai: Queue, line: bytes, kind: type) -> None:
    """Whatever a line holds: one outcome, never charged for more than is known."""
    closing = json.dumps({"imagegen_batch": {"id": "b", "status": "completed", "counts": [1, 1, 0], "errors": []}})
    (outcome,) = openai.generate([MUG], {}, MemorySlip(answer=line + closing.encode()))
    assert isinstance(outcome, kind)
    assert outcome.key == key(MUG)  # type: ignore[attr-defined]


def test_no_server_is_not_charged(cloud: Cloud, openai: Queue) -> None:
    """Nothing was sent: free, and worth another try."""
    cloud.stop()
    (outcome,) = openai.generate([MUG], {}, MemorySlip())
    assert isinstance(outcome, Failed)
    assert (outcome.retryable, outcome.charge.amount) == (True, 0)
