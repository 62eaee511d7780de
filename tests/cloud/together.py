"""Together's images as the real service answers them: one JSON call, the picture in its answer, its price list."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from typing import Any

from tests.cloud.faults import Rule
from tests.cloud.http import Answer
from tests.cloud.service import Flaw, Service

PATH = "/v1/images/generations"
FIELDS: dict[str, type | tuple[type, ...]] = {
    "model": str,
    "prompt": str,
    "steps": int,
    "seed": int,
    "n": int,
    "width": int,
    "height": int,
    "aspect_ratio": str,
    "negative_prompt": str,
    "guidance_scale": (int, float),
    "response_format": str,
    "output_format": str,
    "disable_safety_checker": bool,
}
#: Nanodollars a megapixel of 1,048,576 pixels; FLUX.1.1-pro has no published price, here it is what a contract says.
PRICES = {
    "black-forest-labs/FLUX.1-schnell": 2_700_000,
    "black-forest-labs/FLUX.1-dev": 15_400_000,
    "black-forest-labs/FLUX.1.1-pro": 40_000_000,
}
BY_RATIO = ("black-forest-labs/FLUX.1-schnell",)


class TogetherService(Service):
    """POST /together/v1/images/generations."""

    name = "together"
    refusals = Service.refusals | {
        "moderation": Flaw(422, "nsfw", "NSFW content detected in the prompt."),
        "model_gone": Flaw(404, "model_not_available", "Unable to access model."),
    }

    def handle(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer | None:
        if (method, path) != ("POST", PATH):
            return None
        body = json.loads(raw)
        return self.paid(path, headers, body, str(body.get("prompt", "")))

    def flaw(self, path: str, body: dict[str, Any]) -> Flaw | None:
        for name, value in body.items():
            if name not in FIELDS:
                return Flaw(400, "invalid_request_error", f"Unknown field {name}.")
            if not isinstance(value, FIELDS[name]) or (isinstance(value, bool) and FIELDS[name] is not bool):
                return Flaw(400, "invalid_request_error", f"{name} has the wrong type.")
        if body.get("model") not in PRICES:
            return Flaw(404, "model_not_available", "Unable to access model.")
        if not body.get("prompt") or body.get("n", 1) != 1:
            return Flaw(400, "invalid_request_error", "prompt is missing, or n is not 1.")
        if not 1 <= body.get("steps", 1) <= 50:
            return Flaw(400, "invalid_request_error", "steps must be 1 to 50.")
        if body.get("response_format", "url") != "base64" or body.get("output_format", "jpeg") not in ("jpeg", "png"):
            return Flaw(400, "invalid_request_error", "Unknown format.")
        return _sized(body)

    def error(self, flaw: Flaw) -> Answer:
        """A refusal as Together writes it."""
        body = {"message": flaw.message, "type": "invalid_request_error", "param": None, "code": flaw.code}
        return Answer(flaw.status, json.dumps({"id": "x", "error": body}).encode())

    def accept(self, number: int, path: str, body: dict[str, Any], fault: Rule | None) -> Answer:
        width, height = _size(body)
        amount = ceil(PRICES[body["model"]] * max(Fraction(width * height, 1024 * 1024), 1))
        self.charge(number, body["prompt"], body["model"], f"{width}x{height}", amount)
        kind, form = fault.kind if fault else "", body.get("output_format", "jpeg")
        data = base64.b64encode(self.drawn(json.dumps(body, sort_keys=True), width, height, form, kind)).decode()
        items = [] if kind == "empty" else [{"index": 0, "type": "b64_json", "b64_json": data}]
        if kind == "bad_base64":
            items[0]["b64_json"] = f"%%{data}"
        said = {"id": f"tog-{number:06d}", "model": body["model"], "object": "list", "data": items}
        return self.sent(json.dumps(said).encode(), fault)


def _size(body: Mapping[str, Any]) -> tuple[int, int]:
    return (1024, 1024) if "aspect_ratio" in body else (body.get("width", 1024), body.get("height", 1024))


def _sized(body: Mapping[str, Any]) -> Flaw | None:
    if body["model"] in BY_RATIO:
        right = body.get("aspect_ratio") == "1:1" and "width" not in body and "height" not in body
        return None if right else Flaw(400, "invalid_request_error", "Ask this model by aspect_ratio.")
    width, height = _size(body)
    right = "aspect_ratio" not in body and not width % 8 and not height % 8 and min(width, height) >= 64
    return None if right and max(width, height) <= 1792 else Flaw(400, "invalid_request_error", "No such size.")
