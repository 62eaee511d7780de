"""The local server's vision models are strict: a request that the real ones would not take costs nothing there."""

from __future__ import annotations

import copy
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from imagegen.providers.google import judging as gemini
from imagegen.providers.openai import judging as gpt
from tests.cloud import google_rules, openai_chat
from tests.providers.judged import DRAFTS, JUDGES, ask

Spoil = Callable[[dict[str, Any]], Any]
PICTURES = list(DRAFTS.values())


def chat() -> dict[str, Any]:
    """A right request to OpenAI's."""
    return gpt.body(ask(), JUDGES["gpt-5.4-mini"], PICTURES, keeps=True)


def parts(body: dict[str, Any]) -> list[dict[str, Any]]:
    """What it shows and says."""
    return body["messages"][0]["content"]  # type: ignore[no-any-return]


CHAT: dict[str, Spoil] = {
    "another field": lambda body: body.update(temperature=0),
    "no limit": lambda body: body.pop("max_completion_tokens"),
    "no schema": lambda body: body.update(response_format={"type": "json_object"}),
    "an open schema": lambda body: body["response_format"]["json_schema"]["schema"].pop("additionalProperties"),
    "a key not required": lambda body: body["response_format"]["json_schema"]["schema"].update(required=[]),
    "one picture": lambda body: parts(body).__delitem__(slice(2, None)),
    "pictures first": lambda body: parts(body).reverse(),
    "low detail": lambda body: parts(body)[1]["image_url"].update(detail="low"),
    "a link": lambda body: parts(body)[1]["image_url"].update(url="https://example.com/a.png"),
    "no base64": lambda body: parts(body)[1]["image_url"].update(url="data:image/png;base64,?"),
    "no such effort": lambda body: body.update(reasoning_effort="much"),
    "to be kept": lambda body: body.update(store=True),
    "no such model": lambda body: body.update(model="gpt-4"),
}


@pytest.mark.parametrize("spoil", CHAT.values(), ids=CHAT)
def test_a_wrong_chat_is_not_taken(spoil: Spoil) -> None:
    """And the same without the flaw is."""
    body = chat()
    assert openai_chat.flaw(copy.deepcopy(body)) is None
    spoil(body)
    flaw = openai_chat.flaw(body)
    assert flaw
    assert flaw.status in (400, 404)
    assert flaw.message


def content() -> dict[str, Any]:
    """A right request to Gemini, as the SDK writes it."""
    said, config = gemini.asked(ask("google", "gemini-3.1-flash-lite"), JUDGES["gemini-3.1-flash-lite"], PICTURES)
    shown = [{"inlineData": {"mimeType": "image/png", "data": b64encode(data).decode()}} for data in PICTURES]
    return {
        "contents": [{"role": "user", "parts": [said[0]["parts"][0], *shown]}],
        "generationConfig": {
            "candidateCount": 1,
            "maxOutputTokens": config["max_output_tokens"],
            "mediaResolution": config["media_resolution"],
            "responseMimeType": config["response_mime_type"],
            "responseJsonSchema": config["response_json_schema"],
            "thinkingConfig": {"thinking_level": config["thinking_config"]["thinking_level"]},
        },
    }


CONTENT: dict[str, Spoil] = {
    "another field": lambda body: body.update(safetySettings=[]),
    "another setting": lambda body: body["generationConfig"].update(temperature=0),
    "no limit": lambda body: body["generationConfig"].pop("maxOutputTokens"),
    "no schema": lambda body: body["generationConfig"].pop("responseJsonSchema"),
    "a coarse look": lambda body: body["generationConfig"].update(mediaResolution="MEDIA_RESOLUTION_LOW"),
    "two answers": lambda body: body["generationConfig"].update(candidateCount=2),
    "one picture": lambda body: body["contents"][0]["parts"].__delitem__(slice(2, None)),
    "pictures first": lambda body: body["contents"][0]["parts"].reverse(),
    "no base64": lambda body: body["contents"][0]["parts"][1]["inlineData"].update(data="?"),
}


@pytest.mark.parametrize("spoil", CONTENT.values(), ids=CONTENT)
def test_a_wrong_question_to_gemini_is_not_taken(spoil: Spoil) -> None:
    """And the same without the flaw is."""
    body = content()
    assert google_rules.judge_flaw(copy.deepcopy(body)) is None
    spoil(body)
    flaw = google_rules.judge_flaw(body)
    assert flaw
    assert (flaw.status, bool(flaw.message)) == (400, True)
