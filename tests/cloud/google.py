"""Google's services: the Gemini API, and Vertex with Imagen and the server that hands out tokens.

A prompt that holds [SOME_REASON] is answered with that finish reason and without a picture, [block SOME_REASON] is
blocked before any work, [words] is answered in words.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.cloud import judges
from tests.cloud.faults import Rule
from tests.cloud.google_rules import (
    IMAGEN,
    IMAGEN_PRICES,
    MODELS,
    SCALE,
    TOTAL,
    bad,
    content_flaw,
    judge_flaw,
    predict_flaw,
)
from tests.cloud.http import Answer
from tests.cloud.judges import RATES
from tests.cloud.pictures import MEDIA
from tests.cloud.service import Flaw, Service

_WORDS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
_WORDS |= {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}
_RPC = "type.googleapis.com/google.rpc."
_FREE = {name: flaw for name, flaw in Service.refusals.items() if name != "moderation"}
#: What a token is that this server hands out.
TOKEN = "ya29.local-token"


class GoogleService(Service):
    """The Gemini API, mounted at /google."""

    name = "google"
    path = re.compile(r"/v1/models/([\w.-]+):(generateContent)")
    vertex = False
    refusals: ClassVar[dict[str, Flaw]] = _FREE | {
        "bad_key": Flaw(400, "API_KEY_INVALID", "API key not valid. Please pass a valid API key. ({key})"),
        "quota": Flaw(429, "GenerateRequestsPerDayPerProjectPerModel", "You exceeded your current quota."),
        "rate_limit": Flaw(429, "GenerateRequestsPerMinutePerProjectPerModel", "You exceeded your current quota."),
    }

    def handle(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer | None:
        found = self.path.fullmatch(path)
        if method != "POST" or found is None:
            return None
        try:
            body = json.loads(raw)
        except ValueError:
            return self.error(bad("no JSON"))
        self.wants_json(headers)
        return self.paid(path, headers, body, _prompt(body))

    def wants_json(self, headers: Mapping[str, str]) -> None:
        """How the SDK introduces itself."""
        assert headers["content-type"] == "application/json"
        assert "google-genai-sdk" in headers["x-goog-api-client"]

    def key(self, headers: Mapping[str, str]) -> str:
        return headers.get("x-goog-api-key", "")

    def flaw(self, path: str, body: dict[str, Any]) -> Flaw | None:
        model, way = self.asked(path)
        if model in RATES:
            return judge_flaw(body)
        if model not in MODELS and model not in IMAGEN_PRICES:
            return Flaw(404, "", f"models/{model} is not found for API version v1")
        if (model in IMAGEN_PRICES) != (way == "predict"):
            return bad(f"{model} is not supported for {way}")
        if len(json.dumps(body)) > TOTAL:
            return bad(f"Request payload size exceeds the limit: {TOTAL} bytes.")
        return predict_flaw(model, body) if way == "predict" else content_flaw(model, body, self.vertex)

    def asked(self, path: str) -> tuple[str, str]:
        """The model, and what it is asked to do."""
        found = self.path.fullmatch(path)
        assert found is not None
        return found[1], found[2]

    def error(self, flaw: Flaw, more: list[dict[str, Any]] | None = None) -> Answer:
        details = list(more or [])
        if flaw.code == "API_KEY_INVALID":
            details.append({"@type": f"{_RPC}ErrorInfo", "reason": flaw.code, "domain": "googleapis.com"})
        if "Per" in flaw.code:
            details.append({"@type": f"{_RPC}QuotaFailure", "violations": [{"quotaId": flaw.code}]})
        said = {"code": flaw.status, "message": flaw.message, "status": _WORDS.get(flaw.status, "UNKNOWN")}
        return Answer(flaw.status, json.dumps({"error": said | ({"details": details} if details else {})}).encode())

    def _struck(self, fault: Rule, key: str) -> Answer | None:
        if fault.kind == "rate_limit":  # how long to wait stands in the body
            delay = {"@type": f"{_RPC}RetryInfo", "retryDelay": f"{fault.seconds:g}s"}
            return self.error(self.refusals["rate_limit"], [delay])
        return super()._struck(fault, key)

    def sent(self, content: bytes, fault: Rule | None, media_type: str = "application/json", **headers: str) -> Answer:
        if fault and fault.kind == "server_error_charged":  # 400 and 500 are not charged; of others nothing is said
            return self.error(Flaw(504, "", "Deadline expired before operation could complete."))
        return super().sent(content, fault, media_type, **headers)

    def accept(self, number: int, path: str, body: dict[str, Any], fault: Rule | None) -> Answer:
        model, way = self.asked(path)
        kind = fault.kind if fault else ""
        if model in RATES:
            return self._judged(number, model, body, fault)
        if way == "predict":
            return self._predicted(number, model, body, fault)
        return self.sent(json.dumps(self.written(number, model, body, kind)).encode(), fault)

    def _judged(self, number: int, model: str, body: dict[str, Any], fault: Rule | None) -> Answer:
        """A vision model's answer about pictures."""
        kind, prompt = fault.kind if fault else "", _prompt(body)
        shown = [judges.decoded(part["inlineData"]["data"]) or b"" for part in body["contents"][0]["parts"][1:]]
        text = judges.verdict(body["generationConfig"]["responseJsonSchema"], shown, kind)
        given, came = judges.tokens(prompt, shown, text, 0)
        usage = {"promptTokenCount": given, "candidatesTokenCount": came, "thoughtsTokenCount": 7}
        said: dict[str, Any] = _candidate([{"text": "Hm.", "thought": True}, {"text": text}])
        said["candidates"][0]["finishReason"] = "MAX_TOKENS" if kind == "truncated" else "STOP"
        if kind == "unwilling":
            said = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
            usage = {"promptTokenCount": given}
        if kind == "filtered":
            said = {"candidates": [{"finishReason": "SAFETY", "index": 0}]}
            usage = {"promptTokenCount": given}
        if kind == "empty":
            said = {}
        rates = RATES[model]
        came = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
        self.charge(number, prompt, model, "", given * rates[0] + came * rates[1])
        more = {} if kind == "no_usage" else {"usageMetadata": usage}
        return self.sent(json.dumps(said | more | {"modelVersion": model, "responseId": f"r{number}"}).encode(), fault)

    def written(self, number: int, model: str, body: dict[str, Any], kind: str = "", share: int = 1) -> dict[str, Any]:
        """What a Gemini model answers, charged: one `share`th of the price."""
        said, usage, size = self._said(model, body, kind)
        self.charge(number, _prompt(body), model, size, -(-_cost(model, usage) // share))
        if kind != "no_usage":
            said["usageMetadata"] = usage
        return {**said, "modelVersion": model, "responseId": f"r{number}"}

    def _said(self, model: str, body: dict[str, Any], kind: str) -> tuple[dict[str, Any], dict[str, Any], str]:
        """The answer without its usage; the usage; the picture's size."""
        of, prompt = MODELS[model], _prompt(body)
        shape = body["generationConfig"].get("imageConfig", {})
        word = shape.get("imageSize", "1K")
        width, height = (round(edge * SCALE[word]) for edge in of.ratios[shape.get("aspectRatio", "1:1")])
        pictures = sum("inlineData" in part for part in body["contents"][0]["parts"])
        thought = 40 + len(prompt) % 97 if of.thinks else 0
        ended = re.search(r"\[([A-Z_]+)\]", prompt)
        blocked = re.search(r"\[block ([A-Z_]+)\]", prompt)
        if blocked or kind == "moderation":
            said = {"promptFeedback": {"blockReason": blocked[1] if blocked else "SAFETY"}}
            return said, _usage(prompt, pictures, of.given, 0, 0, 0), ""
        if ended or kind == "unsafe":
            said = {"candidates": [{"finishReason": ended[1] if ended else "IMAGE_SAFETY", "index": 0}]}
            return said, _usage(prompt, pictures, of.given, 0, 0, thought), ""
        if "[words]" in prompt or kind == "fewer":
            parts = [{"text": "I can tell you about mugs."}]
            return _candidate(parts), _usage(prompt, pictures, of.given, 0, 9, thought), ""
        count = 2 if kind == "more" else 1
        usage = _usage(prompt, pictures, of.given, count * of.tokens[word], 0, thought)
        if kind == "empty":
            return {"candidates": []}, usage, f"{width}x{height}"
        look = json.dumps([body, model], sort_keys=True)
        drawn = [self._part(f"{look}{each}", width, height, of.form, kind) for each in range(count)]
        ideas = [
            {"text": "A mug, I think.", "thought": True},
            self._part("idea", 64, 64, "png", "") | {"thought": True},
        ]
        return _candidate([*(ideas if of.thinks else []), *drawn]), usage, f"{width}x{height}"

    def _part(self, look: str, width: int, height: int, form: str, kind: str) -> dict[str, Any]:
        data = b64encode(self.drawn(look, width, height, form, kind)).decode()
        return {"inlineData": {"mimeType": MEDIA[form], "data": "?" + data if kind == "bad_base64" else data}}

    def _predicted(self, number: int, model: str, body: dict[str, Any], fault: Rule | None) -> Answer:
        given, kind, prompt = body["parameters"], fault.kind if fault else "", _prompt(body)
        form = given.get("outputOptions", {}).get("mimeType", "image/png").removeprefix("image/")
        scale = SCALE[given.get("sampleImageSize", "1K")]
        width, height = (round(edge * scale) for edge in IMAGEN[given.get("aspectRatio", "1:1")])
        if kind in ("moderation", "unsafe") or "[filtered]" in prompt:
            reason = {"raiFilteredReason": "Unable to show generated images."}
            return self.sent(json.dumps({"predictions": [] if kind == "moderation" else [reason]}).encode(), fault)
        self.charge(number, prompt, model, f"{width}x{height}", IMAGEN_PRICES[model])
        inline = self._part(json.dumps([body, model], sort_keys=True), width, height, form, kind)["inlineData"]
        made = [{"mimeType": inline["mimeType"], "bytesBase64Encoded": inline["data"]}]
        return self.sent(json.dumps({"predictions": [] if kind in ("empty", "fewer") else made}).encode(), fault)


class VertexService(GoogleService):
    """Vertex, mounted at /vertex; /vertex/token hands out tokens."""

    name = "vertex"
    path = re.compile(
        r"/v1beta1/projects/[a-z0-9-]+/locations/[a-z0-9-]+/publishers/google/models/([\w.-]+):(generateContent|predict)"
    )
    vertex = True
    refusals: ClassVar[dict[str, Flaw]] = GoogleService.refusals | {
        "bad_key": Flaw(401, "", "Request had invalid authentication credentials: {key}"),
    }

    def handle(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer | None:
        if path == "/token":
            token = {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
            return Answer(200, json.dumps(token).encode())
        return super().handle(method, path, headers, raw)

    def key(self, headers: Mapping[str, str]) -> str:
        return headers.get("authorization", "").removeprefix("Bearer ")


def _prompt(body: Mapping[str, Any]) -> str:
    if "instances" in body:
        return str(body["instances"][0]["prompt"])
    return "".join(part.get("text", "") for part in body["contents"][0]["parts"])


def _candidate(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}]}


def _usage(prompt: str, pictures: int, given: int, drawn: int, words: int, thought: int) -> dict[str, Any]:
    text, seen = -(-len(prompt.encode()) // 4), pictures * given
    asked = [{"modality": "TEXT", "tokenCount": text}]
    asked += [{"modality": "IMAGE", "tokenCount": seen}] if seen else []
    usage: dict[str, Any] = {"promptTokenCount": text + seen, "promptTokensDetails": asked}
    if drawn + words:
        usage["candidatesTokenCount"] = drawn + words
        came = [{"modality": "IMAGE", "tokenCount": drawn}] if drawn else [{"modality": "TEXT", "tokenCount": words}]
        usage["candidatesTokensDetails"] = came
    if thought:
        usage["thoughtsTokenCount"] = thought
    return usage | {"totalTokenCount": text + seen + drawn + words + thought}


def _cost(model: str, usage: Mapping[str, Any]) -> int:
    """Nanodollars, by the price list."""
    prompt, picture, text = MODELS[model].rates
    came = usage.get("candidatesTokensDetails", [])
    drawn = sum(each["tokenCount"] for each in came if each["modality"] == "IMAGE")
    words = usage.get("candidatesTokenCount", 0) - drawn + usage.get("thoughtsTokenCount", 0)
    return usage["promptTokenCount"] * prompt + drawn * picture + words * text
