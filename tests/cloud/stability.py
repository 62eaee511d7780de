"""Stability's API at the local server: v2beta's three ways to generate, as its document has them, strictly, and its
prices in credits."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.cloud.faults import Rule
from tests.cloud.http import Answer
from tests.cloud.multipart import parts
from tests.cloud.service import Flaw, Service

RATIOS = {
    "1:1": (1024, 1024), "16:9": (1344, 768), "21:9": (1536, 640), "3:2": (1216, 832), "2:3": (832, 1216),
    "5:4": (1088, 896), "4:5": (896, 1088), "9:16": (768, 1344), "9:21": (640, 1536),
}  # fmt: skip
STYLES = [
    "enhance", "anime", "photographic", "digital-art", "comic-book", "fantasy-art", "line-art", "analog-film",
    "neon-punk", "isometric", "low-poly", "origami", "modeling-compound", "cinematic", "3d-model", "pixel-art",
    "tile-texture",
]  # fmt: skip
COMMON = {"prompt", "negative_prompt", "aspect_ratio", "seed", "output_format", "style_preset"}
FIELDS = {
    "core": COMMON,
    "ultra": COMMON | {"image", "strength"},
    "sd3": COMMON | {"image", "strength", "mode", "model", "cfg_scale"},
}
CREDITS = {
    "core": "3", "ultra": "8", "sd3.5-large": "6.5", "sd3.5-large-turbo": "4", "sd3.5-medium": "3.5",
    "sd3.5-flash": "2.5",
}  # fmt: skip
MOST_BYTES = 10 * 2**20
ROOT = "/v2beta/stable-image/generate/"


class StabilityService(Service):
    """Mounted at /stability. The fault `filtered` is a picture that is blurred and charged for."""

    name = "stability"
    refusals = Service.refusals | {
        "quota": Flaw(402, "payment_required", "You lack sufficient credits to make this request."),
        "bad_key": Flaw(401, "unauthorized", "invalid or expired key {key}"),
        "unverified": Flaw(403, "permission_denied", "You lack the permission to do this."),
        "model_gone": Flaw(404, "not_found", "there is no such service any more"),
        "moderation": Flaw(403, "content_moderation", "Your request was flagged by our content moderation system."),
        "server_error": Flaw(500, "internal_error", "An unexpected server error has occurred, please try again later."),
    }

    def handle(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer | None:
        if (method, path) == ("GET", "/v1/user/balance"):
            no = self.error(Flaw(401, "unauthorized", "missing authorization header"))
            return Answer(200, b'{"credits": 99.5}') if self.key(headers) else no
        if method != "POST" or not path.startswith(ROOT):
            return None
        if headers.get("accept") != "application/json":
            return self.error(Flaw(400, "bad_request", "accept: must be application/json here"))
        found = parts(headers.get("content-type", ""), raw)
        if found is None:
            return self.error(Flaw(400, "bad_request", "content-type: must be multipart/form-data"))
        body: dict[str, Any] = {}
        for part in found:
            if part.name in body:
                return self.error(Flaw(400, "bad_request", f"{part.name}: given twice"))
            body[part.name] = part.data if part.file is not None else part.data.decode()
        body["bytes"] = len(raw)
        return self.paid(path, headers, body, str(body.get("prompt", "")))

    def error(self, flaw: Flaw) -> Answer:
        body = {"id": "a1b2c3d4", "name": flaw.code, "errors": [flaw.message]}
        return Answer(flaw.status, json.dumps(body).encode())

    def flaw(self, path: str, body: dict[str, Any]) -> Flaw | None:
        service = path.removeprefix(ROOT)
        if service not in FIELDS:
            return Flaw(404, "not_found", "no such service")
        if body["bytes"] > MOST_BYTES:
            return Flaw(413, "payload_too_large", "body: payloads cannot be larger than 10MiB in size")
        wrong = next(iter(sorted(set(body) - FIELDS[service] - {"bytes"})), None)
        if wrong is not None:
            return Flaw(400, "bad_request", f"{wrong}: is not a field of this service")
        problem = _values(body) or _edit(service, body)
        if problem:
            return Flaw(400, "bad_request", problem)
        if not body["prompt"].isascii():
            return Flaw(422, "invalid_language", "English is the only supported language for this service.")
        if "celebrity" in body["prompt"]:
            return Flaw(422, "public_figure", "Our system detected the likeness of a public figure in your image.")
        return None

    def accept(self, number: int, path: str, body: dict[str, Any], fault: Rule | None) -> Answer:
        service, kind = path.removeprefix(ROOT), fault.kind if fault else ""
        model = body.get("model", "sd3.5-large") if service == "sd3" else service
        width, height = self._size(service, body)
        amount = int(Decimal(CREDITS[model]) * 10**7)
        self.charge(number, body["prompt"], model, f"{width}x{height}", amount)
        form = body.get("output_format", "png")
        seed = int(body.get("seed", 0)) or 1_000_000 + number  # 0 is any seed, another one each time
        look = {name: _named(value) for name, value in body.items() if name not in ("seed", "bytes")}
        data = self.drawn(json.dumps([look, model, seed], sort_keys=True), width, height, form, kind)
        text = "no base64!" if kind == "bad_base64" else base64.b64encode(data).decode()
        reason = "CONTENT_FILTERED" if kind == "filtered" else "SUCCESS"
        said = {"image": text, "seed": seed, "finish_reason": reason}
        if kind == "empty":
            del said["image"]
        answer = self.sent(json.dumps(said).encode(), fault, **{"x-request-id": f"req-{number}"})
        if kind == "server_error_charged":  # its own errors are never charged, a gateway's may be
            return Answer(502, b"<html>Bad Gateway</html>", media_type="text/html")
        return answer

    def _size(self, service: str, body: dict[str, Any]) -> tuple[int, int]:
        if service == "sd3" and "image" in body:
            from PIL import Image

            with Image.open(io.BytesIO(body["image"])) as image:
                return _scaled(image.width, image.height, 2**20)
        width, height = RATIOS[body.get("aspect_ratio", "1:1")]
        return _scaled(width, height, 3 * 2**19) if service == "core" else (width, height)


def _values(body: dict[str, Any]) -> str:
    """What is wrong with a value, "" when nothing is."""
    checks = {
        "prompt": 1 <= len(body.get("prompt", "")) <= 10_000,
        "negative_prompt": len(body.get("negative_prompt", "")) <= 10_000,
        "aspect_ratio": body.get("aspect_ratio", "1:1") in RATIOS,
        "seed": _number(body.get("seed", "0"), 0, 4_294_967_294),
        "output_format": body.get("output_format", "png") in ("png", "jpeg", "webp"),
        "style_preset": body.get("style_preset", "enhance") in STYLES,
        "strength": _number(body.get("strength", "0"), 0, 1),
        "cfg_scale": _number(body.get("cfg_scale", "1"), 1, 10),
        "model": body.get("model", "sd3.5-large") in CREDITS and body.get("model") not in ("core", "ultra"),
        "mode": body.get("mode", "text-to-image") in ("text-to-image", "image-to-image"),
    }
    return next((f"{name}: is not valid" for name, right in checks.items() if not right), "")


def _edit(service: str, body: dict[str, Any]) -> str:
    """What is wrong with an input picture or its absence."""
    from PIL import Image

    edit = body.get("mode") == "image-to-image" if service == "sd3" else "image" in body
    if not edit:
        return next((f"{name}: only with a picture" for name in ("image", "strength") if name in body), "")
    if "strength" not in body or not isinstance(body.get("image"), bytes):
        return "strength: is required with image, and image with it"
    if service == "sd3" and "aspect_ratio" in body:
        return "aspect_ratio: only valid for text-to-image requests"
    try:
        with Image.open(io.BytesIO(body["image"])) as image:
            right = image.format in ("PNG", "JPEG", "WEBP") and min(image.size) >= 64 and max(image.size) <= 16_384
    except OSError:
        right = False
    return "" if right else "image: must be a JPEG, PNG or WebP with edges of at least 64 pixels"


def _number(text: str, low: float, high: float) -> bool:
    try:
        return low <= float(text) <= high
    except (ValueError, TypeError):
        return False


def _scaled(width: int, height: int, area: int) -> tuple[int, int]:
    """The shape at about `area` pixels, in steps of 64."""
    scale = math.sqrt(area / (width * height))
    return round(width * scale / 64) * 64, round(height * scale / 64) * 64


def _named(value: Any) -> Any:
    return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value
