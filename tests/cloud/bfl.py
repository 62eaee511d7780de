"""Black Forest Labs' API at the local server: endpoints as their document of 2026-05-01 has them, strictly, and their
price list. Tasks end with what they cost, as their answers say it: in credits."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.cloud.faults import Rule
from tests.cloud.http import Answer
from tests.cloud.service import Flaw, Job, JobService

Check = Callable[[Any], bool]


def whole(low: int, high: int, step: int = 1) -> Check:
    """A whole number within bounds."""
    return lambda value: type(value) is int and low <= value <= high and value % step == 0


def number(low: float, high: float) -> Check:
    """A number within bounds."""
    return lambda value: type(value) in (int, float) and low <= value <= high


def text(value: Any) -> bool:
    """A text."""
    return isinstance(value, str)


def flag(value: Any) -> bool:
    """True or false."""
    return isinstance(value, bool)


def ratio(value: Any) -> bool:
    """From 9:21 to 21:9."""
    if not isinstance(value, str) or value.count(":") != 1 or not value.replace(":", "").isdigit():
        return False
    wide, high = map(int, value.split(":"))
    return high * 9 <= wide * 21 and wide * 9 <= high * 21


def opened(value: Any) -> Any:
    """The picture in base64; None when it is none."""
    from PIL import Image

    try:
        return Image.open(io.BytesIO(base64.b64decode(value, validate=True)))
    except (ValueError, TypeError, OSError):
        return None


def shown(value: Any) -> bool:
    """A picture in base64 that they can read, without the head of a data URL."""
    found = opened(value)
    return found is not None and found.format in ("PNG", "JPEG", "WEBP")


def inputs(most: int) -> dict[str, Check]:
    """The fields for so many input pictures."""
    return {f"input_image{'' if n == 1 else f'_{n}'}": shown for n in range(1, most + 1)}


_ANY = {"prompt": text, "seed": lambda value: type(value) is int, "output_format": ("jpeg", "png", "webp").__contains__}
_NEW = {**_ANY, "width": whole(64, 8192, 16), "height": whole(64, 8192, 16), "safety_tolerance": whole(0, 5)}
_OLD = {**_ANY, "safety_tolerance": whole(0, 6), "prompt_upsampling": flag}
_EDGES = {"width": whole(256, 1440, 32), "height": whole(256, 1440, 32)}
_DEV = {**_OLD, **_EDGES, "steps": whole(1, 50), "guidance": number(1.5, 5)}
_EXTRA = {"prompt_upsampling": flag, "steps": whole(1, 50), "guidance": number(1.5, 10)}
ENDPOINTS: dict[str, dict[str, Check]] = {
    "flux-2-pro": {**_NEW, **inputs(8)},
    "flux-2-max": {**_NEW, **inputs(8)},
    "flux-2-flex": {**_NEW, **inputs(8), **_EXTRA},
    "flux-2-klein-4b": {**_NEW, **inputs(4)},
    "flux-2-klein-9b": {**_NEW, **inputs(4)},
    "flux-pro-1.1": {**_OLD, **_EDGES},
    "flux-pro-1.1-ultra": {**_OLD, "aspect_ratio": ratio, "raw": flag},
    "flux-pro": _DEV,
    "flux-dev": _DEV,
    "flux-kontext-pro": {**_OLD, "aspect_ratio": ratio, **inputs(4)},
    "flux-kontext-max": {**_OLD, "aspect_ratio": ratio, **inputs(4)},
    "flux-pro-1.0-fill": {
        **_OLD, "image": shown, "mask": shown, "steps": whole(15, 50), "guidance": number(1.5, 100),
    },
}  # fmt: skip
#: Credits for a picture; for FLUX.2 for the first megapixel and each further one.
FLAT = {
    "flux-pro-1.1": "4", "flux-pro-1.1-ultra": "6", "flux-kontext-pro": "4", "flux-kontext-max": "8",
    "flux-pro-1.0-fill": "5", "flux-dev": "2.5", "flux-pro": "5",
}  # fmt: skip
BY_MEGAPIXEL = {
    "flux-2-pro": ("3", "1.5"), "flux-2-max": ("7", "3"), "flux-2-flex": ("5", "5"),
    "flux-2-klein-4b": ("1.4", "0.1"), "flux-2-klein-9b": ("1.5", "0.2"),
}  # fmt: skip
ULTRA = {"16:9": (2752, 1536), "9:16": (1536, 2752), "1:1": (2048, 2048)}
KONTEXT = {
    "1:1": (1024, 1024), "16:9": (1392, 752), "9:16": (752, 1392), "4:3": (1184, 880), "3:4": (880, 1184),
    "3:2": (1248, 832), "2:3": (832, 1248), "21:9": (1568, 672), "9:21": (672, 1568),
}  # fmt: skip


def megapixels(pixels: int) -> Decimal:
    """As they say them: with two decimals."""
    return (Decimal(pixels) / 2**20).quantize(Decimal("0.01"))


class BflService(JobService):
    """Mounted at /bfl. A task's fault `moderation` is their refusal of the request, `job_moderated` that of the
    picture."""

    name = "bfl"
    refusals = {kind: flaw for kind, flaw in JobService.refusals.items() if kind != "moderation"} | {
        "model_gone": Flaw(404, "", "Not Found"),
        "bad_key": Flaw(403, "", "Not authenticated - Invalid Authentication (key {key})"),
    }

    def handle(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer | None:
        where = urlsplit(path)
        if method == "GET" and where.path.startswith("/files/"):
            # The key belongs to the API, not to whoever keeps the pictures.
            return Answer(400, b"", media_type="text/plain") if self.key(headers) else self.file(where.path)
        if not where.path.startswith("/v1/"):
            return None
        if method == "GET" and where.path == "/v1/credits":
            return Answer(200, b'{"credits": 99.5}') if self.key(headers) else self.error(Flaw(403, "", "No key"))
        if method == "GET" and where.path == "/v1/get_result":
            return self._result(parse_qs(where.query).get("id", [""])[0], self.key(headers))
        if method != "POST":
            return None
        body = json.loads(raw)
        return self.paid(where.path, headers, body, str(body.get("prompt", "")))

    def key(self, headers: Mapping[str, str]) -> str:
        return headers.get("x-key", "")

    def error(self, flaw: Flaw) -> Answer:
        """As FastAPI writes it."""
        wrong = {"loc": ["body", flaw.code], "msg": flaw.message, "type": "value_error"}
        return Answer(flaw.status, json.dumps({"detail": [wrong] if flaw.status == 422 else flaw.message}).encode())

    def flaw(self, path: str, body: dict[str, Any]) -> Flaw | None:
        model = path.removeprefix("/v1/")
        fields = ENDPOINTS.get(model)
        if fields is None:
            return Flaw(404, "", "Not Found")
        for name, value in body.items():
            if name not in fields:
                return Flaw(422, name, "Extra inputs are not permitted")
            if not fields[name](value):
                return Flaw(422, name, "Input is not valid")
        if not body.get("prompt"):
            return Flaw(422, "prompt", "Field required")
        if body.get("width", 0) * body.get("height", 0) > 2**22:
            return Flaw(422, "width", "More than 4 megapixels")
        return self._fill(body) if model == "flux-pro-1.0-fill" else None

    def _fill(self, body: dict[str, Any]) -> Flaw | None:
        picture, mask = opened(body.get("image")), opened(body.get("mask"))
        if picture is None:
            return Flaw(422, "image", "Field required")
        if mask is None and "A" not in picture.getbands():
            return Flaw(422, "mask", "Field required")
        if mask is not None and (mask.size != picture.size or "A" in mask.getbands()):
            return Flaw(422, "mask", "Must be black and white, of the picture's size")
        return None

    def accept(self, number: int, path: str, body: dict[str, Any], fault: Rule | None) -> Answer:
        model = path.removeprefix("/v1/")
        size = self._size(model, body)
        given = [opened(value) for name, value in body.items() if name.startswith("input_image")]
        made, came = megapixels(size[0] * size[1]), megapixels(sum(each.width * each.height for each in given))
        credits = self._credits(model, made, came)
        form = body.get("output_format", "png" if "kontext" in model else "jpeg")
        early = fault is not None and fault.kind == "moderation"
        struck = replace(fault, kind="job_moderated") if fault and early else fault
        amount = int(credits * 10**7)
        job = self.new_job(number, f"task-{number:06}", body["prompt"], model, body, size, form, amount, struck)
        job.facts = {"early": early, "credits": float(credits)}
        said: dict[str, Any] = {"id": job.id, "polling_url": f"{self.desk.base}/bfl/v1/get_result?id={job.id}"}
        if job.kind != "no_usage":
            said |= {"cost": float(credits), "input_mp": float(came), "output_mp": float(made)}
        return self.sent(json.dumps(said).encode(), fault)

    def _size(self, model: str, body: dict[str, Any]) -> tuple[int, int]:
        if model == "flux-pro-1.0-fill":
            return tuple(opened(body["image"]).size)
        if model.startswith("flux-2"):
            return body.get("width", 1024), body.get("height", 1024)
        if "kontext" in model or "ultra" in model:
            table, usual = (KONTEXT, "1:1") if "kontext" in model else (ULTRA, "16:9")
            return table[body.get("aspect_ratio", usual)]
        return body.get("width", 1024), body.get("height", 768)

    def _credits(self, model: str, made: Decimal, came: Decimal) -> Decimal:
        if model in FLAT:
            return Decimal(FLAT[model])
        first, more = map(Decimal, BY_MEGAPIXEL[model])
        credits = first + max(made - 1, Decimal()) * more + came * more
        return credits.quantize(Decimal("0.0001"))

    def _result(self, job_id: str, key: str) -> Answer:
        if not key:
            return self.error(Flaw(403, "", "Not authenticated"))
        job = self.looked(job_id)
        if isinstance(job, Answer):
            if job.status == 404:
                return Answer(404, json.dumps({"id": job_id, "status": "Task not found", "result": None}).encode())
            return job
        return Answer(200, json.dumps({"id": job.id, **self._state(job)}).encode())

    def _state(self, job: Job) -> dict[str, Any]:
        if not job.done:
            return {"status": ("Pending", "Reasoning", "Generating")[min(job.looks, 3) - 1], "result": None}
        if job.kind == "job_failed":
            return {"status": "Error", "result": None, "details": {"error": "no luck"}, "cost": 0}
        if job.kind in ("job_moderated", "filtered"):
            word = "Request Moderated" if job.facts["early"] else "Content Moderated"
            cost = job.facts["credits"] if job.kind == "filtered" else 0
            return {"status": word, "result": None, "details": {"Moderation Reasons": ["Violence"]}, "cost": cost}
        result = {"sample": self.link(job), "prompt": job.body["prompt"], "seed": job.body.get("seed", 42)}
        said: dict[str, Any] = {"status": "Ready", "result": {} if job.kind == "empty" else result}
        return said if job.kind == "no_usage" else {**said, "cost": job.facts["credits"]}
