"""fal's queue as the real service answers it: jobs under addresses of its own, strict about fields, its price list."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from tests.cloud.faults import Rule
from tests.cloud.http import Answer
from tests.cloud.service import WIRE, Flaw, Job, JobService

#: App -> the fields it takes beside its prompt, and how it is sized.
_ALL = {"seed": int, "num_images": int, "output_format": str, "sync_mode": bool}
_FLUX = {"num_inference_steps": int, "guidance_scale": float, "acceleration": str, "enable_safety_checker": bool}
_NANO = _ALL | {"safety_tolerance": str, "aspect_ratio": str, "resolution": str, "limit_generations": bool}
_BANANA_2 = _NANO | {"enable_web_search": bool, "thinking_level": str}
_FLUX_3 = {"resolution": str, "aspect_ratio": str, "output_format": str, "safety_tolerance": int, "sync_mode": bool}
APPS: dict[str, dict[str, type]] = {
    "fal-ai/flux/schnell": _ALL | _FLUX | {"image_size": dict},
    "fal-ai/flux/dev": _ALL | _FLUX | {"image_size": dict},
    "fal-ai/flux-pro/v1.1": _ALL | {"image_size": dict, "safety_tolerance": str, "enhance_prompt": bool},
    "fal-ai/flux-pro/v1.1-ultra": _ALL
    | {"aspect_ratio": str, "safety_tolerance": str, "enhance_prompt": bool, "raw": bool},
    "fal-ai/nano-banana-pro": _NANO,
    "fal-ai/nano-banana-pro/edit": _NANO | {"image_urls": list},
    "fal-ai/nano-banana-2": _BANANA_2,
    "fal-ai/nano-banana-2/edit": _BANANA_2 | {"image_urls": list},
    "blackforestlabs/flux-3/text-to-image": _FLUX_3 | {"enable_prompt_expansion": bool},
}
_STEPS = {"fal-ai/flux/schnell": 12, "fal-ai/flux/dev": 50}
_RATIOS = {
    "21:9": (1584, 672),
    "16:9": (1376, 768),
    "3:2": (1264, 848),
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "9:16": (768, 1376),
}
_ULTRA = {"16:9": (2752, 1536), "9:16": (1536, 2752), "1:1": (2048, 2048)}
_TIMES = {"0.5K": 0.5, "1K": 1.0, "2K": 2.0, "4K": 4.0}
_FLUX_3_SIDES = {"768sq": 768, "1k": 1024, "2k": 2048, "4k": 4096}
#: Nanodollars a megapixel (1,048,576 pixels, begun ones count), and a picture by its resolution.
_BY_AREA = {"fal-ai/flux/schnell": 3_000_000, "fal-ai/flux/dev": 25_000_000}
_BY_WORD = {
    "fal-ai/flux-pro/v1.1": {"": 40_000_000},
    "fal-ai/flux-pro/v1.1-ultra": {"": 60_000_000},
    "fal-ai/nano-banana-pro": {"1K": 150_000_000, "2K": 150_000_000, "4K": 300_000_000},
    "fal-ai/nano-banana-2": {"0.5K": 60_000_000, "1K": 80_000_000, "2K": 120_000_000, "4K": 160_000_000},
    "blackforestlabs/flux-3/text-to-image": {
        "768sq": 41_000_000,
        "1k": 48_000_000,
        "2k": 100_000_000,
        "4k": 607_000_000,
    },
}


class FalService(JobService):
    """POST /fal/APP, then GET /fal/OWNER/NAME/requests/ID[/status]. A wrong request is found out by the runner, so it
    is taken and ends in a 422, as at fal; here nothing is charged for it."""

    name = "fal"
    refusals = JobService.refusals | {
        "quota": Flaw(402, "insufficient_balance", "Exhausted balance. Top up your balance."),
        "moderation": Flaw(422, "content_policy_violation", "The content could not be processed."),
    }

    def handle(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer | None:
        app = path.strip("/")
        if method == "POST" and app in APPS:
            body = json.loads(raw)
            return self.paid(path, headers, {**body, "app": app}, str(body.get("prompt", "")))
        if method == "GET" and path.startswith("/files/"):
            return self.file(path)
        if method == "GET" and "/requests/" in path:
            if not self.key(headers):
                return self.error(Flaw(401, "unauthorized", "No key."))
            job, _, rest = path.partition("/requests/")[2].partition("/")
            return self._status(job) if rest == "status" else self._result(job)
        return None

    def key(self, headers: Mapping[str, str]) -> str:
        """fal's word before a key is Key."""
        said = headers.get("authorization", "")
        return said.removeprefix("Key ") if said.startswith("Key ") else ""

    def flaw(self, path: str, body: dict[str, Any]) -> Flaw | None:
        """Only the gateway's: what is wrong with the input, the runner says later."""
        return None

    def error(self, flaw: Flaw) -> Answer:
        """A model's error is a list, the platform's a sentence."""
        detail: Any = flaw.message
        if flaw.status == 422:
            detail = [{"loc": ["body"], "msg": flaw.message, "type": flaw.code, "input": {}}]
        return Answer(flaw.status, json.dumps({"detail": detail}).encode())

    def accept(self, number: int, path: str, body: dict[str, Any], fault: Rule | None) -> Answer:
        """Put a job into the queue."""
        if fault and fault.kind == "server_error_charged":
            return self.error(Flaw(500, "internal_server_error", "Not billed."))
        app, wrong = body["app"], _wrong(body)
        width, height, amount = (8, 8, 0) if wrong else _made(body)
        form = body.get("output_format", "png" if "banana" in app else "jpeg")
        number_of = f"fal-{number:08d}"
        if wrong:
            job = Job(number_of, number, body, width, height, form, 0, fault, 0.0, app)
            self.jobs[number_of] = job
        else:
            job = self.new_job(number, number_of, body["prompt"], app, body, (width, height), form, amount, fault)
        job.facts["wrong"] = wrong
        base = f"{self.desk.base}/fal/{'/'.join(app.split('/')[:2])}/requests/{job.id}"
        said = {
            "status": "IN_QUEUE",
            "request_id": job.id,
            "response_url": base,
            "status_url": f"{base}/status",
            "cancel_url": f"{base}/cancel",
            "queue_position": 0,
        }
        return self._told(said, fault)

    def _told(self, said: dict[str, Any], fault: Rule | None) -> Answer:
        """The job's number, on its way as the fault says; the latency is the job's."""
        if fault and fault.kind == "html":
            return Answer(200, b"<html>nginx</html>", media_type="text/html")
        drip = fault.seconds if fault and fault.kind == "slow_body" else 0.0
        return Answer(200, json.dumps(said).encode(), drip=drip, **(WIRE.get(fault.kind, {}) if fault else {}))

    def _status(self, number: str) -> Answer:
        job = self.looked(number)
        if isinstance(job, Answer):
            return job
        if not job.done:
            state = "IN_QUEUE" if job.looks == 1 else "IN_PROGRESS"
            return Answer(202, json.dumps({"status": state, "queue_position": 0}).encode())
        said: dict[str, Any] = {"status": "COMPLETED", "request_id": job.id, "metrics": {"inference_time": 0.1}}
        if job.kind == "job_failed":
            said |= {"error": "Runner disconnected", "error_type": "runner_disconnected"}
        return Answer(200, json.dumps(said).encode())

    def _result(self, number: str) -> Answer:
        job = self.jobs[number]
        if job.kind == "job_failed":
            said = {"detail": "Runner disconnected", "error_type": "runner_disconnected"}
            return Answer(503, json.dumps(said).encode(), {"x-fal-error-type": "runner_disconnected"})
        if job.kind == "job_moderated":
            return self.error(self.refusals["moderation"])
        if job.facts["wrong"]:
            return self.error(Flaw(422, "value_error", job.facts["wrong"]))
        if job.kind == "empty":
            return Answer(200, json.dumps({"images": [], "seed": 1, "prompt": job.body["prompt"]}).encode())
        image = {"url": self.link(job), "width": job.width, "height": job.height, "content_type": f"image/{job.form}"}
        if job.kind == "bad_base64":
            image["url"] = "data:image/png;base64,%%%"
        said = {
            "images": [image],
            "seed": job.body.get("seed", 42),
            "has_nsfw_concepts": [job.kind == "unsafe"],
            "prompt": job.body["prompt"],
            "timings": {"inference": 0.1},
        }
        return Answer(200, json.dumps(said).encode())


def _wrong(body: dict[str, Any]) -> str:
    """The first thing wrong with an input, "" when it is right."""
    app, fields = body["app"], {"prompt": str, **APPS[body["app"]]}
    for name, value in body.items():
        if name == "app":
            continue
        if name not in fields:
            return f"{name}: extra fields not permitted"
        wanted = (int, float) if fields[name] is float else fields[name]
        if not isinstance(value, wanted) or (isinstance(value, bool) and fields[name] is not bool):
            return f"{name}: wrong type"
    if not body.get("prompt"):
        return "prompt: field required"
    if not 1 <= body.get("num_inference_steps", 1) <= _STEPS.get(app, 1):
        return "num_inference_steps: out of range"
    if not 1 <= body.get("guidance_scale", 1) <= 20:
        return "guidance_scale: out of range"
    if body.get("safety_tolerance", 1) not in (*"123456", *((0, 1, 2, 3, 4) if "flux-3" in app else (1,))):
        return "safety_tolerance: unknown level"
    if body.get("acceleration", "none") not in ("none", "regular", "high"):
        return "acceleration: unknown"
    if body.get("output_format", "png") not in ("png", "jpeg", *(("webp",) if "banana" in app else ())):
        return "output_format: unknown"
    return _wrong_size(body) or _wrong_pictures(body)


def _wrong_size(body: dict[str, Any]) -> str:
    try:
        width, height, amount = _made(body)
    except (KeyError, TypeError, ValueError):
        return "size: not one of those permitted"
    return "" if min(width, height) >= 64 and amount > 0 else "size: too small"


def _wrong_pictures(body: dict[str, Any]) -> str:
    if not body["app"].endswith("/edit"):
        return ""
    given = body.get("image_urls")
    if not given:
        return "image_urls: field required"
    for each in given:
        head, _, data = each.partition(",")
        if not head.startswith("data:image/") or not base64.b64decode(data, validate=True):
            return "image_urls: cannot be read"
    return ""


def _made(body: dict[str, Any]) -> tuple[int, int, int]:
    """Width, height and price of what is asked for. KeyError and its kin when there is no such size."""
    app = body["app"].removesuffix("/edit")
    if app in _BY_AREA or app == "fal-ai/flux-pro/v1.1":
        width, height = body["image_size"]["width"], body["image_size"]["height"]
        if max(width, height) > 2048 or width % 8 or height % 8 or len(body["image_size"]) != 2:
            raise ValueError
        by_area = _BY_AREA.get(app, 0) * -(-width * height // (1024 * 1024))
        return width, height, by_area or _BY_WORD[app][""]
    if app.endswith("ultra"):
        return *_ULTRA[body["aspect_ratio"]], _BY_WORD[app][""]
    word = body["resolution"]
    if "flux-3" in app:
        if body["aspect_ratio"] != "1:1":
            raise ValueError
        return _FLUX_3_SIDES[word], _FLUX_3_SIDES[word], _BY_WORD[app][word]
    width, height = (int(edge * _TIMES[word]) for edge in _RATIOS[body["aspect_ratio"]])
    return width, height, _BY_WORD[app][word]
