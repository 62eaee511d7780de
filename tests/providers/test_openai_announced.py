"""OpenAI's list of models, asked through the real SDK at the local server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from imagegen.providers.openai.announced import PATIENCE, listed
from imagegen.providers.openai.call import Timeouts
from tests.cloud import Cloud
from tests.cloud.http import Answer

HASTY = Timeouts(connect=1.0, first_byte=1.0, progress=1.0, total=0.4)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """The local server."""
    with Cloud() as cloud:
        yield cloud


def test_days_come_as_they_are_listed(cloud: Cloud) -> None:
    """A day, a time of a day, and none at all; models that nobody knows are listed too."""
    cloud.shutdowns |= {"gpt-image-2": "2027-01-12", "gpt-image-1.5": "2026-12-01T00:00:00Z", "o9": "soon"}
    found = listed("sk-test", cloud.base_url)
    assert (found.trouble, found.host) == ("", "127.0.0.1")
    assert found.dates["gpt-image-2"] == date(2027, 1, 12)
    assert found.dates["gpt-image-1.5"] == date(2026, 12, 1)
    assert found.dates["o9"] is found.dates["gpt-image-2.5-flare"] is None


def body(value: Any, status: int = 200, **more: Any) -> Answer:
    return Answer(status, json.dumps(value).encode(), **more)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (body({"error": {"message": "Incorrect key sk-test-secret"}}, 401), "it refuses the key (HTTP 401)"),
        (body({}, 503), "it answered HTTP 503"),
        (body({}, 302, headers={"location": "http://127.0.0.1:9/v1/models"}), "it answered HTTP 302"),
        (body({"data": None}), "the answer holds no list of models"),
        (body([1]), "the answer holds no list of models"),
        (Answer(200, b"<html>sk-test-secret</html>", media_type="text/html"), "the answer is not JSON"),
        (Answer(200, b"\xff\xfe{"), "the answer is not JSON"),
        (Answer(200, b"[" * 100_000), "the answer is not JSON"),
        (body({}, cut="never"), "no answer in time"),
        (body({"data": []}, cut="half"), "the answer broke off"),
        (body({}, cut="now"), "it cannot be reached"),
        (body({"data": []}, drip=3.0), "the list was not whole after 0.4 s"),
        (Answer(200, b" " * (9 * 2**20)), "the list is too long to be one of models"),
    ],
)
def test_whatever_goes_wrong_is_a_sentence(cloud: Cloud, answer: Answer, said: str) -> None:
    """Never an error, never a second try, and never a word of the answer, which may repeat the key."""
    cloud.models = answer
    found = listed("sk-test-secret", cloud.base_url, HASTY if answer.drip or answer.cut == "never" else PATIENCE)
    assert (found.dates, found.trouble) == ({}, said)


def test_odd_entries_are_passed_over(cloud: Cloud) -> None:
    """One entry that is none does not hide the others."""
    cloud.models = body(
        {"data": [1, {"id": 2}, {"id": "a", "shutdown_date": 5}, {"id": "b", "shutdown_date": "2027-01-01"}]}
    )
    assert listed("k", cloud.base_url).dates == {"a": None, "b": date(2027, 1, 1)}


@pytest.mark.parametrize(
    ("key", "address", "said"),
    [
        ("sk test", None, "holds a space or a sign no key has"),
        ("sk-test", "http://127.0.0.1:9/v1", "it cannot be reached"),
    ],
)
def test_nothing_to_ask_or_nobody_there(key: str, address: str | None, said: str) -> None:
    """A key that cannot be one goes nowhere; where nobody listens, that is all there is to say."""
    assert said in listed(key, address, HASTY).trouble
