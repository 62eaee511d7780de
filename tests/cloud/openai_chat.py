"""OpenAI's chat completions, as far as they judge pictures. Strict: no wrong request passes a test."""

from __future__ import annotations

import json
from typing import Any

from tests.cloud.judges import RATES, REFUSAL, decoded, strict, tokens, verdict
from tests.cloud.openai_rules import Flaw

PATH = "/v1/chat/completions"
FIELDS = {"model", "messages", "response_format", "max_completion_tokens"}
MORE = {"reasoning_effort", "store"}


def prompt(body: dict[str, Any]) -> str:
    """The text of a request."""
    parts = body.get("messages", [{}])[0].get("content", [])
    return "".join(part.get("text", "") for part in parts if isinstance(part, dict))


def pictures(body: dict[str, Any]) -> list[bytes]:
    """The pictures of a request, in order."""
    links = [part["image_url"]["url"] for part in body["messages"][0]["content"] if part["type"] == "image_url"]
    return [decoded(link.partition(",")[2]) or b"" for link in links]


def flaw(body: Any) -> Flaw | None:
    """The first thing wrong with a request, None when it is right."""
    if not isinstance(body, dict) or set(body) - MORE != FIELDS:
        return Flaw(400, "unknown_parameter", None, f"Wrong fields: {sorted(body)}")
    if body["model"] not in RATES:
        return Flaw(404, "model_not_found", "model", f"The model '{body['model']}' does not exist.")
    if [message.get("role") for message in body["messages"]] != ["user"]:
        return Flaw(400, "invalid_value", "messages", "one message of the user's is expected here")
    kinds = [part.get("type") for part in body["messages"][0]["content"]]
    if kinds != ["text"] + ["image_url"] * (len(kinds) - 1) or len(kinds) < 3:
        return Flaw(400, "invalid_value", "messages", f"a text and two pictures at least, not {kinds}")
    for part in body["messages"][0]["content"][1:]:
        link = part["image_url"]
        if set(link) != {"url", "detail"} or link["detail"] != "high" or not link["url"].startswith("data:image/"):
            return Flaw(400, "invalid_image_url", "messages", "no picture")
        if not decoded(link["url"].partition(",")[2]):
            return Flaw(400, "invalid_image_url", "messages", "no base64")
    asked = body["response_format"]
    if asked.get("type") != "json_schema" or set(asked["json_schema"]) != {"name", "strict", "schema"}:
        return Flaw(400, "invalid_value", "response_format", "a JSON schema is expected here")
    wrong = strict(asked["json_schema"]["schema"])
    if wrong:
        return Flaw(400, "invalid_json_schema", "response_format", wrong)
    if type(body["max_completion_tokens"]) is not int or not 1 <= body["max_completion_tokens"] <= 128_000:
        return Flaw(400, "invalid_value", "max_completion_tokens", "out of range")
    if body.get("store", False) is not False:
        return Flaw(400, "invalid_value", "store", "pictures of somebody's are not to be kept")
    if body.get("reasoning_effort", "none") not in ("none", "low", "medium", "high", "xhigh"):
        return Flaw(400, "invalid_value", "reasoning_effort", "unknown effort")
    return None


def answer(number: int, body: dict[str, Any], kind: str) -> tuple[bytes, int]:
    """The answer's JSON and what it costs in nanodollars."""
    text = verdict(body["response_format"]["json_schema"]["schema"], pictures(body), kind)
    ended = {"truncated": "length", "filtered": "content_filter"}.get(kind, "stop")
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if kind == "unwilling":
        message |= {"content": None, "refusal": REFUSAL}
    given, came = tokens(prompt(body), pictures(body), text, 1.2)
    rate_in, rate_out = RATES[body["model"]]
    said = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [] if kind == "empty" else [{"index": 0, "message": message, "finish_reason": ended}],
        "usage": {"prompt_tokens": given, "completion_tokens": came, "total_tokens": given + came},
    }
    if kind == "no_usage":
        said["usage"] = None
    return json.dumps(said).encode(), given * rate_in + came * rate_out
