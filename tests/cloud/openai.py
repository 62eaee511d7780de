"""OpenAI's dialect: POST /v1/images/generations and /edits, and chat/completions for judges; and its bill."""

from __future__ import annotations

import base64
import email.utils
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tests.cloud import openai_chat as chat
from tests.cloud import openai_edits as edits
from tests.cloud import openai_prices as prices
from tests.cloud import openai_rules as rules
from tests.cloud.book import Asked, Book, Charged
from tests.cloud.faults import Faults, Rule
from tests.cloud.http import Answer
from tests.cloud.pictures import blank, picture

PATH = "/v1/images/generations"
PATHS = (PATH, edits.PATH, chat.PATH)
#: Faults that change the answer's way over the wire, not its content.
WIRE: dict[str, dict[str, Any]] = {
    "cut_accepted": {"cut": "now"},
    "cut_headers": {"cut": "headers"},
    "cut_body": {"cut": "half"},
    "hang": {"cut": "never"},
}


class Dialect:
    """One service: its rules, its books, its faults. `latency` in seconds for every picture."""

    def __init__(self, book: Book, faults: Faults, latency: float) -> None:
        self.book, self.faults, self.latency = book, faults, latency

    def handle(self, path: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        """One request, answered and noted."""
        number, form = self.book.next(), None
        if path == edits.PATH:
            form = edits.Form(headers.get("content-type", ""), raw)
            body, noted = form.fields, form.noted()
        else:
            body = _json(raw)
            noted = body if isinstance(body, dict) else {}
        if path == chat.PATH:
            noted = {**noted, "prompt": chat.prompt(noted)}
        fault = self.faults.strike(number, str(noted.get("prompt", "")))
        check = (lambda: chat.flaw(body)) if path == chat.PATH else lambda: form.flaw() if form else rules.flaw(body)
        accept = partial(self._judge, number, body) if path == chat.PATH else partial(self._accept, number, body, form)
        answer = self._answer(number, headers, check, accept, fault)
        self.book.requests.append(Asked(number, path, noted, answer.status, fault.kind if fault else None))
        return answer

    def _answer(
        self,
        number: int,
        headers: Mapping[str, str],
        check: Callable[[], rules.Flaw | None],
        accept: Callable[[Rule | None], Answer],
        fault: Rule | None,
    ) -> Answer:
        if not headers.get("authorization", "").startswith("Bearer ") or len(headers["authorization"]) < 8:
            return _error(number, rules.Flaw(401, None, None, "You didn't provide an API key."))
        if fault and fault.kind in REFUSED:
            return REFUSED[fault.kind](number, headers, fault)
        flaw = check()
        return _error(number, flaw) if flaw else accept(fault)

    def _judge(self, number: int, body: dict[str, Any], fault: Rule | None) -> Answer:
        """A vision model's answer about pictures."""
        kind = fault.kind if fault else ""
        content, amount = chat.answer(number, body, kind)
        self.book.charge(Charged(number, chat.prompt(body), body["model"], "", "", 1, amount))
        if kind == "server_error_charged":
            return _error(number, rules.Flaw(500, None, None, "The server had an error.", "server_error"))
        if kind == "html":
            return _page(200)(number, {}, fault)
        return Answer(200, content, _headers(number), delay=self.latency, **WIRE.get(kind, {}))

    def _accept(self, number: int, body: dict[str, Any], form: edits.Form | None, fault: Rule | None) -> Answer:
        """From here on it costs money."""
        kind = fault.kind if fault else ""
        n = body.get("n", 1) + {"fewer": -1, "more": 1}.get(kind, 0)
        width, height, quality = _settled(body)
        usage, amount = _cost(body, n, width, height, quality, form.tokens() if form else 0)
        self.book.charge(
            Charged(number, body["prompt"], body["model"], f"{width}x{height}", quality, n, amount),
        )
        if kind == "server_error_charged":
            return _error(number, rules.Flaw(500, None, None, "The server had an error.", "server_error"))
        if kind == "html":
            return _page(200)(number, {}, fault)
        usage = None if kind == "no_usage" else usage
        shown = 0 if kind == "empty" else n
        look = body | {"prompt": json.dumps(form.noted())} if form else body
        pictures = [_encoded(look, index, width, height, kind) for index in range(shown)]
        content = _content(body, pictures, f"{width}x{height}", quality, usage)
        drip = fault.seconds if fault and kind == "slow_body" else 0.0
        return Answer(200, content, _headers(number), delay=self.latency, drip=drip, **WIRE.get(kind, {}))


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _settled(body: dict[str, Any]) -> tuple[int, int, str]:
    """Width, height and quality where the request left them to the service."""
    size = body.get("size", "auto")
    width, height = (int(part) for part in ("1024x1024" if size == "auto" else size).split("x"))
    quality = body.get("quality", "auto")
    if body["model"].startswith("dall-e"):
        return width, height, "standard" if quality == "auto" else quality
    return width, height, "high" if quality == "auto" else quality


def _cost(
    body: dict[str, Any], n: int, width: int, height: int, quality: str, given: int
) -> tuple[dict[str, Any] | None, int]:
    """The `usage` object (DALL-E has none) and the amount in nanodollars, `given` tokens of input pictures among it."""
    if body["model"].startswith("dall-e"):
        return None, n * prices.dalle_price(body["model"], quality, width, height)
    text = prices.text_tokens(body["prompt"])
    image = n * prices.image_tokens(body["model"], quality, width, height)
    text_price, image_price = prices.token_prices(body["model"])
    usage = {
        "input_tokens": text + given,
        "output_tokens": image,
        "total_tokens": text + given + image,
        "input_tokens_details": {"text_tokens": text, "image_tokens": given},
        "output_tokens_details": {"text_tokens": 0, "image_tokens": image},
    }
    return usage, text * text_price + given * prices.given_price(body["model"]) + image * image_price


def _encoded(body: dict[str, Any], index: int, width: int, height: int, kind: str) -> bytes:
    """One picture in base64, spoilt as the fault says."""
    if kind == "bad_base64":
        return b"%%" + base64.b64encode(picture(body["prompt"], width, height))
    if kind == "not_a_picture":
        return base64.b64encode(b"I am no picture.")
    if kind == "blank":
        return base64.b64encode(blank(width, height))
    alpha = body.get("background") == "transparent"
    wide = width // 2 if kind == "wrong_size" else width
    data = picture(f"{body['prompt']}\0{index}", wide, height, body.get("output_format", "png"), alpha)
    return base64.b64encode(data[: len(data) // 2] if kind == "truncated" else data)


def _content(
    body: dict[str, Any], pictures: list[bytes], size: str, quality: str, usage: dict[str, Any] | None
) -> bytes:
    """The answer's JSON, joined by hand: the pictures are long."""
    rest: dict[str, Any] = {"created": int(time.time())}
    extra = ""
    if body["model"].startswith("dall-e"):
        extra = ',"revised_prompt":' + json.dumps(f"Revised: {body['prompt']}")
    else:
        rest |= {
            "background": "transparent" if body.get("background") == "transparent" else "opaque",
            "output_format": body.get("output_format", "png"),
            "quality": quality,
            "size": size,
            "usage": usage,
        }
    items = b",".join(b'{"b64_json":"' + data + b'"' + extra.encode() + b"}" for data in pictures)
    return json.dumps(rest).encode()[:-1] + b',"data":[' + items + b"]}"


def _headers(number: int, **more: str) -> dict[str, str]:
    return {
        "x-request-id": f"req_{number:08d}",
        "openai-processing-ms": "50",
        "x-ratelimit-limit-requests": "100000",
        "x-ratelimit-remaining-requests": "99999",
        "x-ratelimit-reset-requests": "1ms",
        "date": email.utils.formatdate(usegmt=True),
        **more,
    }


def _error(number: int, flaw: rules.Flaw, **headers: str) -> Answer:
    body = {"message": flaw.message, "type": flaw.type, "param": flaw.param, "code": flaw.code}
    return Answer(flaw.status, json.dumps({"error": body}).encode(), _headers(number, **headers))


def _rate(number: int, headers: Mapping[str, str], fault: Rule) -> Answer:
    slow = fault.kind == "slow_down"
    code, kind = ("slow_down", "rate_limit_error") if slow else ("rate_limit_exceeded", "requests")
    after = {
        "rate_limit": f"{fault.seconds:g}",
        "rate_limit_date": email.utils.formatdate(time.time() + fault.seconds, usegmt=True),
    }.get(fault.kind)
    told = {"retry-after": after} if after else {}
    message = "Rate limit reached for images per minute."
    return _error(number, rules.Flaw(429, code, None, message, kind), **told)


def _moderation(number: int, headers: Mapping[str, str], fault: Rule) -> Answer:
    message = "Your request was rejected by the safety system. safety_violations=[violence]."
    return _error(number, rules.Flaw(400, "moderation_blocked", None, message, "image_generation_user_error"))


def _plain(status: int, code: str | None, message: str, kind: str = "invalid_request_error") -> Callable[..., Answer]:
    def answer(number: int, headers: Mapping[str, str], fault: Rule) -> Answer:
        key = headers.get("authorization", "").removeprefix("Bearer ")
        return _error(number, rules.Flaw(status, code, None, message.format(key=key), kind))

    return answer


def _page(status: int, **more: str) -> Callable[..., Answer]:
    def answer(number: int, headers: Mapping[str, str], fault: Rule | None) -> Answer:
        return Answer(status, b"<html><body>nginx</body></html>", _headers(number) | more, "text/html")

    return answer


def _echo(number: int, headers: Mapping[str, str], fault: Rule) -> Answer:
    return Answer(200, f"<p>{headers.get('authorization')}</p>".encode(), _headers(number), "text/html")


#: Faults that come before acceptance: nothing is charged.
REFUSED: dict[str, Callable[[int, Mapping[str, str], Rule], Answer]] = {
    "rate_limit": _rate,
    "rate_limit_date": _rate,
    "rate_limit_bare": _rate,
    "slow_down": _rate,
    "moderation": _moderation,
    "quota": _plain(429, "insufficient_quota", "You exceeded your current quota.", "insufficient_quota"),
    "bad_key": _plain(401, "invalid_api_key", "Incorrect API key provided: {key}."),
    "unverified": _plain(403, None, "Your organization must be verified to use this model."),
    "model_gone": _plain(404, "model_not_found", "The model does not exist."),
    "no_route": _page(404),
    "echo": _echo,
    "moved": _page(302, location="https://elsewhere.invalid/v1/images/generations"),
    "server_error": _plain(500, None, "The server had an error.", "server_error"),
    "overloaded": _plain(503, "server_is_overloaded", "Overloaded.", "service_unavailable_error"),
    "cut_before": lambda number, headers, fault: Answer(0, b"", cut="now"),
}
