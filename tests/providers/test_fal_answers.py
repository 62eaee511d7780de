"""What fal's answers mean: who pays for a job without a picture, and what is asked again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from imagegen.domain.outcome import Failed, Pending, Refused, Unknown
from imagegen.providers.fal import answers
from imagegen.providers.hosted.remote import Ended, Running
from imagegen.providers.hosted.rest import Reply
from imagegen.providers.hosted.server import Server
from tests.providers.contract import KEY
from tests.providers.fals import ask, offers

SERVER = Server("fal", KEY, None, home="https://queue.fal.run", variable="FAL_KEY")

#: What the queue tells of a finished job -> the outcome, its charge, and a word of its reason.
ENDS: list[tuple[int, dict[str, Any], dict[str, Any], type, int | None, str]] = [
    (422, {"detail": [{"loc": ["body"], "msg": "no", "type": "content_policy_violation"}]}, {}, Refused, None, "no"),
    (422, {"detail": [{"loc": ["body", "seed"], "msg": "wrong", "type": "int_parsing"}]}, {}, Failed, None, "wrong"),
    (500, {"detail": "broke"}, {}, Failed, 0, "does not bill"),
    (504, {"detail": "late"}, {"error": "late", "error_type": "request_timeout"}, Failed, 0, "late"),
    (200, {"detail": "gone"}, {"error": "gone", "error_type": "runner_disconnected"}, Failed, 0, "gone"),
    (200, {}, {"error": "blocked", "error_type": "content_policy_violation"}, Refused, None, "blocked"),
    (200, {}, {"error": "out of memory"}, Failed, None, "out of memory"),
    (200, {"images": []}, {}, Failed, None, "no picture"),
    (200, {"images": [{"url": ""}]}, {}, Failed, None, "no picture"),
    (404, {"detail": "Not found"}, {}, Unknown, None, "does not know the job"),
    (401, {"detail": "no"}, {}, Pending, None, ""),
]


@pytest.mark.parametrize(("status", "said", "told", "kind", "amount", "word"), ENDS)
def test_how_a_job_ends_without_a_picture(
    status: int, said: dict[str, Any], told: dict[str, Any], kind: type, amount: int | None, word: str
) -> None:
    """A policy refusal is one in every shape, a 5xx costs nothing, and what may be billed is not called free."""
    reply = Reply(status, {}, answers_json(said))
    found = answers.result(reply, told, "job", ask(), offers("fal")["flux-schnell"], SERVER)
    assert isinstance(found, Ended)
    outcome = found.outcome
    assert isinstance(outcome, kind)
    assert word in getattr(outcome, "reason", "")
    if not isinstance(outcome, Pending):
        assert outcome.charge.amount == amount
    assert getattr(outcome, "retryable", False) == (amount == 0)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_trouble_at_the_gateway_is_asked_again(status: int) -> None:
    """A page in place of an answer says nothing about the job."""
    reply = Reply(status, {"retry-after": "3"}, b"<html>nginx</html>")
    found = answers.result(reply, {"status": "COMPLETED"}, "job", ask(), offers("fal")["flux-schnell"], SERVER)
    assert found == Running(3.0)
    assert answers.standing(reply, SERVER) == Running(3.0)


def test_fal_may_say_that_a_failure_is_no_use_to_repeat() -> None:
    """X-Fal-Retryable: false is heeded."""
    reply = Reply(500, {"x-fal-retryable": "false"}, answers_json({"detail": "broke"}))
    found = answers.result(reply, {}, "job", ask(), offers("fal")["flux-schnell"], SERVER)
    assert isinstance(found, Ended)
    assert isinstance(found.outcome, Failed)
    assert (found.outcome.retryable, found.outcome.charge.amount) == (False, 0)


def answers_json(said: dict[str, Any]) -> bytes:
    """As it comes over the wire."""
    return json.dumps(said).encode()
