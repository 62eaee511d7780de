"""What a webhook says of a picture: everything a shop needs, nothing secret, and never too long."""

from __future__ import annotations

import json

import pytest

from imagegen.callbacks.body import FINAL, LONGEST_ID, MOST, body_of
from imagegen.domain.result import Result, State

NOON = 1_795_348_800.0
MUG = Result(
    id="mug",
    sample=1,
    state="made",
    prompt="A prompt that is nobody's business",
    file="mugs/mug-2.webp",
    model="dall-e-3",
    provider="openai",
    width=1024,
    height=640,
    format="webp",
    key="ab" * 32,
    digest="cd" * 32,
    cost=40_000_000,
    renditions={"card": "card/mug-2.webp"},
    place="rows.csv:2",
)


def test_a_made_picture() -> None:
    """Type, time and data; money is text; the prompt is not in it."""
    assert json.loads(body_of(MUG, "0123456789", NOON)) == {
        "type": "image.made",
        "timestamp": "2026-11-22T12:00:00Z",
        "data": {
            "row": "mug",
            "sample": 1,
            "state": "made",
            "file": "mugs/mug-2.webp",
            "model": "dall-e-3",
            "provider": "openai",
            "cost_usd": "0.04",
            "key": "ab" * 32,
            "sha256": "cd" * 32,
            "width": 1024,
            "height": 640,
            "format": "webp",
            "renditions": {"card": "card/mug-2.webp"},
            "reason": None,
            "run": "0123456789",
        },
    }


@pytest.mark.parametrize("state", sorted(FINAL))
def test_every_fate_has_its_type(state: State) -> None:
    """The type is the state; a charge that nobody knows is null, not zero."""
    told = json.loads(body_of(Result(id="a", state=state, prompt="p", cost=None, reason="because"), "run", NOON))
    assert told["type"] == f"image.{state}"
    assert (told["data"]["cost_usd"], told["data"]["reason"]) == (None, "because")


@pytest.mark.parametrize("sign", ["x", "ä", "\U0001f600", "\ud800", '"', "\x1b"])
def test_it_is_never_too_long(sign: str) -> None:
    """However long everything is: below 20,000 bytes, ASCII, valid, the row's id whole."""
    result = Result(
        id=sign * LONGEST_ID,
        state="failed",
        prompt="p",
        reason=sign * 50_000,
        file=sign * 4_000,
        renditions={f"r{n}": sign * 4_000 for n in range(9)},
    )
    text = body_of(result, "run", NOON)
    assert len(text.encode("ascii")) < MOST
    assert json.loads(text)["data"]["row"] == result.id
