"""Replicate as the real service answers it: predictions, uploads, problem details, its prices by picture and second."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from tests.cloud.faults import Rule
from tests.cloud.http import Answer
from tests.cloud.multipart import parts
from tests.cloud.replicate_rules import INPUTS, LISTS, SDXL, SECOND, order, wrong
from tests.cloud.service import WIRE, Desk, Flaw, Job, JobService

_CREATE = re.compile(r"/v1/models/([^/]+/[^/]+)/predictions")
_AFTER = re.compile(r"(\d+)s")
_STAMP = "2026-11-22T12:00:00.000Z"
#: Models that are named by a version of theirs.
PINNED = {name.partition(":")[2]: name for name in INPUTS if ":" in name}


class ReplicateService(JobService):
    """POST /v1/models/OWNER/NAME/predictions and /v1/predictions, GET /v1/predictions/ID, POST /v1/files.

    `endings`: piece of a prompt -> how such predictions end: `aborted`, `canceled`, `removed` (the hour is over), `kept
    back` (an empty list, and the logs say why). `files`: what was uploaded, by path; `uploads` counts them, and
    `broken_uploads` are answered 500. `sent`: headers and body of every creation; `fetched_with`: the keys that came
    with downloads; `gets`: what else was asked for."""

    name = "replicate"
    refusals = JobService.refusals | {
        "rate_limit_bare": Flaw(429, "", "Request was throttled. Your rate limit resets in ~1s."),
        "quota": Flaw(402, "Insufficient credit", "You have insufficient credit to run this model."),
        "bad_key": Flaw(401, "Unauthenticated", "The token {key} is not valid."),
        "unverified": Flaw(403, "Forbidden", "You may not run this model."),
        "model_gone": Flaw(404, "Not found", "The requested resource could not be found."),
        "moderation": Flaw(422, "Input validation failed", "NSFW content detected in the prompt."),
    }

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.endings: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self.uploads = self.broken_uploads = 0
        self.fetched_with: list[str | None] = []
        self.gets: list[str] = []
        self.sent: list[tuple[Mapping[str, str], dict[str, Any]]] = []

    def handle(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer | None:
        model = _CREATE.fullmatch(path)
        if method == "POST" and (model or path == "/v1/predictions"):
            return self._create(path, model[1] if model else None, headers, json.loads(raw))
        if method == "GET" and path.startswith("/files/"):
            self.fetched_with.append(headers.get("authorization"))
            return self.file(path)
        self.gets += [path] if method == "GET" else []
        if not self.key(headers):
            return self.error(self.refusals["bad_key"])
        if method == "POST" and path == "/v1/files":
            return self._upload(headers, raw)
        if method == "GET" and path.startswith("/v1/predictions/"):
            return self._look(path.rpartition("/")[2])
        return None

    def error(self, flaw: Flaw) -> Answer:
        """Problem details; a throttled request gets the sentence only."""
        body: dict[str, Any] = {"detail": flaw.message, "status": flaw.status}
        if flaw.code:
            body |= {"title": flaw.code, "type": "about:blank"}
        return Answer(flaw.status, json.dumps(body).encode(), media_type="application/problem+json")

    def _create(self, path: str, model: str | None, headers: Mapping[str, str], body: dict[str, Any]) -> Answer:
        self.sent.append((headers, body))
        given = body.get("input")
        prompt = given.get("prompt", "") if isinstance(given, dict) else ""
        return self.paid(path, headers, {**body, "model": model}, str(prompt))

    def flaw(self, path: str, body: dict[str, Any]) -> Flaw | None:
        headers, raw = self.sent[-1]
        if "prefer" in headers:
            return Flaw(400, "Bad request", "nobody waits here")
        after = headers.get("cancel-after")
        if after is not None and (not _AFTER.fullmatch(after) or int(after[:-1]) < 5):
            return Flaw(422, "Invalid header", "Cancel-After")
        extra = set(raw) - ({"input"} if body["model"] else {"input", "version"})
        if extra or not isinstance(raw.get("input"), dict):
            return Flaw(422, "Input validation failed", f"unknown fields {sorted(extra)}")
        name = self._name(body)
        if body["model"] and name not in INPUTS:
            return self.refusals["model_gone"]
        if name not in INPUTS:
            missing = "The specified version does not exist (or perhaps you don't have permission to use it?)"
            return Flaw(422, "Invalid version or not permitted", missing)
        found = wrong(name, raw["input"], self.files)
        return Flaw(422, "Input validation failed", found) if found else None

    def accept(self, number: int, path: str, body: dict[str, Any], fault: Rule | None) -> Answer:
        name, given = self._name(body), body["input"]
        made = order(name, given, self.files)
        facts: dict[str, Any] = {"ending": self._ending(given["prompt"]), "list": name in LISTS}
        amount = made.amount
        if name == SDXL:
            facts["seconds"] = 2 + int(hashlib.sha256(given["prompt"].encode()).hexdigest()[:6], 16) / 10**6
            after = self.sent[-1][0].get("cancel-after")
            if facts["ending"] == "canceled" and after:
                facts["seconds"] = float(after[:-1])
            amount = math.ceil(Fraction(SECOND) * Fraction(str(facts["seconds"])))
        if facts["ending"] == "aborted" or (name != SDXL and facts["ending"] in ("canceled", "kept back")):
            amount = 0
        amount *= 2 if fault and fault.kind == "more" and name != SDXL else 1
        job_id = hashlib.sha256(f"{number}".encode()).hexdigest()[:26]
        size = (made.width, made.height)
        job = self.new_job(number, job_id, given["prompt"], name, body, size, made.form, amount, fault)
        job.facts |= facts
        if fault and fault.kind == "server_error_charged":
            return self.error(Flaw(500, "Internal server error", "Something went wrong."))
        if fault and fault.kind == "html":
            return Answer(200, b"<html>nginx</html>", media_type="text/html")
        drip = fault.seconds if fault and fault.kind == "slow_body" else 0.0
        cut = WIRE.get(fault.kind, {}) if fault else {}
        return Answer(201, json.dumps(self._told(job, "starting")).encode(), drip=drip, **cut)

    def _name(self, body: dict[str, Any]) -> str:
        return str(body["model"] or PINNED.get(body.get("version", ""), ""))

    def _ending(self, prompt: str) -> str:
        return next((ending for piece, ending in self.endings.items() if piece in prompt), "")

    def _upload(self, headers: Mapping[str, str], raw: bytes) -> Answer:
        self.uploads += 1
        if self.uploads <= self.broken_uploads:
            return self.error(Flaw(500, "Internal server error", "Try again."))
        found = parts(headers.get("content-type", ""), raw)
        if not found or [part.name for part in found] != ["content"]:
            return self.error(Flaw(400, "Bad request", "content"))
        digest = hashlib.sha256(found[0].data).hexdigest()
        path = f"/replicate/v1/files/{digest[:26]}"
        self.files[path] = found[0].data
        told = {
            "id": digest[:26],
            "content_type": found[0].media_type,
            "size": len(found[0].data),
            "checksums": {"sha256": digest},
            "metadata": {},
            "created_at": _STAMP,
            "expires_at": None,
            "urls": {"get": f"{self.desk.base}{path}"},
        }
        return Answer(201, json.dumps(told).encode())

    def _look(self, job_id: str) -> Answer:
        job = self.looked(job_id)
        if isinstance(job, Answer):
            return job
        status = self._status(job)
        return Answer(200, json.dumps(self._told(job, status)).encode())

    def _status(self, job: Job) -> str:
        if not job.done:
            return "starting" if job.looks == 1 else "processing"
        if job.kind in ("job_failed", "job_moderated"):
            return "failed"
        return job.facts["ending"] if job.facts["ending"] in ("aborted", "canceled") else "succeeded"

    def _told(self, job: Job, status: str) -> dict[str, Any]:
        """The prediction as it stands."""
        removed = job.facts.get("ending") == "removed" and status == "succeeded"
        url = f"{self.desk.base}/replicate/v1/predictions/{job.id}"
        told: dict[str, Any] = {
            "id": job.id,
            "model": job.model.partition(":")[0],
            "version": job.model.partition(":")[2] or "hidden",
            "input": {} if removed else job.body["input"],
            "output": self._output(job) if status == "succeeded" and not removed else None,
            "data_removed": removed,
            "error": _error(job) if status == "failed" else None,
            "logs": "NSFW content detected in image 0" if job.facts.get("ending") == "kept back" else "",
            "status": status,
            "created_at": _STAMP,
            "urls": {"get": url, "cancel": f"{url}/cancel", "web": "https://replicate.com/p/x"},
        }
        if job.done and "seconds" in job.facts and job.kind != "no_usage" and status in ("succeeded", "canceled"):
            told["metrics"] = {"predict_time": job.facts["seconds"], "total_time": job.facts["seconds"] + 0.5}
        return told

    def _output(self, job: Job) -> Any:
        if job.facts["ending"] == "kept back" or job.kind in ("empty", "fewer"):
            return [] if job.facts["list"] else None
        url = "data:image/png;base64,%%%" if job.kind == "bad_base64" else self.link(job)
        if not job.facts["list"]:
            return [url, url] if job.kind == "more" else url
        return [url] * (2 if job.kind == "more" else 1)


def _error(job: Job) -> str:
    if job.kind == "job_moderated":
        return "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"
    return "CUDA out of memory"
