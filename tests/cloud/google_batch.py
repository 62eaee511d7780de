"""Gemini's batches, beside its live calls: requests and answers inside, half the price, and what may go wrong.

A batch is over with the first look at it, unless the test says otherwise by the attributes of `GoogleBatchService`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.cloud.faults import Rule
from tests.cloud.google import GoogleService
from tests.cloud.google_rules import MODELS, TOTAL, bad, content_flaw
from tests.cloud.http import Answer
from tests.cloud.service import WIRE, Desk, Flaw

_CREATE = re.compile(r"/v1beta/models/([\w.-]+):batchGenerateContent")
_ONE = re.compile(r"/v1beta/(batches/[\w-]+)")
_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1beta."


@dataclass
class Batch:
    """A batch, and whose it is. `looks` counts how often somebody asked."""

    name: str
    number: int
    owner: str
    model: str
    title: str
    lines: list[dict[str, Any]]
    state: str = "PENDING"
    answers: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] | None = None
    made: int = 0
    looks: int = 0
    created: float = field(default_factory=time.time)


class GoogleBatchService(GoogleService):
    """What a test may set: `hold`: no batch is over · `breaks`, `clogs`, `drop`: pieces of prompts that are answered
    with an error that says nothing of a charge, or one that does, or not at all · `ends`: the state that the next batch
    ends in, with nothing made unless it is PARTIALLY_SUCCEEDED · `code`: of its error · `lag`: seconds until a batch
    is listed · `broken`: so many looks are answered 503 · `cut`: so many break off · `mute`: answers bear no metadata ·
    `aside`: answers lie in the operation's response · `bare`: nothing is counted."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.made: dict[str, Batch] = {}
        self.hold = self.mute = self.aside = self.bare = False
        self.breaks: set[str] = set()
        self.clogs: set[str] = set()
        self.drop: set[str] = set()
        self.ends, self.code = "SUCCEEDED", 0
        self.lag = 0.0
        self.broken = self.cut = 0

    def handle(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer | None:
        where = urlsplit(path)
        if method == "POST" and _CREATE.fullmatch(where.path):
            assert headers["content-type"] == "application/json"
            body = json.loads(raw)
            self._sent, self._owner = len(raw), self.key(headers)
            return self.paid(where.path, headers, body, str(body.get("batch", {}).get("displayName")))
        found = _ONE.fullmatch(where.path)
        if method == "GET" and (found or where.path == "/v1beta/batches"):
            if not self.key(headers):
                return self.error(Flaw(403, "", "Method doesn't allow unregistered callers."))
            return self._look(found[1], self.key(headers)) if found else self._list(self.key(headers), where.query)
        return super().handle(method, path, headers, raw)

    def flaw(self, path: str, body: dict[str, Any]) -> Flaw | None:
        found = _CREATE.fullmatch(path)
        if found is None:
            return super().flaw(path, body)
        if found[1] not in MODELS:
            return Flaw(404, "", f"models/{found[1]} is not found for API version v1beta")
        if self._sent > TOTAL:
            return bad(f"Request payload size exceeds the limit: {TOTAL} bytes.")
        batch = body.get("batch")
        if set(body) != {"batch"} or not isinstance(batch, dict) or set(batch) != {"displayName", "inputConfig"}:
            return bad("batch")
        try:
            (lines,) = batch["inputConfig"]["requests"].values()
        except (KeyError, ValueError, AttributeError):
            return bad("inputConfig")
        for line in lines:
            if set(line) != {"request", "metadata"} or not all(isinstance(it, str) for it in line["metadata"].values()):
                return bad("requests")
            flaw = content_flaw(found[1], line["request"], vertex=False)
            if flaw:
                return flaw
        return None if lines else bad("no requests")

    def accept(self, number: int, path: str, body: dict[str, Any], fault: Rule | None) -> Answer:
        found = _CREATE.fullmatch(path)
        if found is None:
            return super().accept(number, path, body, fault)
        lines = body["batch"]["inputConfig"]["requests"]["requests"]
        name = f"batches/local-{number:06d}"
        self.made[name] = Batch(name, number, self._owner, found[1], body["batch"]["displayName"], lines)
        if fault and fault.kind == "server_error_charged":  # the batch is begun all the same
            return self.error(Flaw(500, "", "An internal error has occurred."))
        return Answer(200, self._told(self.made[name]), **WIRE.get(fault.kind if fault else "", {}))

    def _look(self, name: str, owner: str) -> Answer:
        batch = self.made.get(name)
        if batch is None or batch.owner != owner:
            return self.error(Flaw(404, "", "Requested entity was not found."))
        batch.looks += 1
        if self.broken:
            self.broken -= 1
            return self.error(Flaw(503, "", "The service is currently unavailable."))
        if batch.state == "PENDING" and not self.hold:
            self._finish(batch)
        if self.cut:
            self.cut -= 1
            return Answer(200, self._told(batch), cut="half")
        return Answer(200, self._told(batch))

    def _list(self, owner: str, query: str) -> Answer:
        """A page, the oldest first: nobody says in what order they come."""
        asked = parse_qs(query)
        size, start = int(asked.get("pageSize", ["50"])[0]), int(asked.get("pageToken", ["p+0"])[0].removeprefix("p+"))
        found = [each for each in self.made.values() if each.owner == owner and time.time() - each.created >= self.lag]
        page: dict[str, Any] = {"operations": [json.loads(self._told(each)) for each in found[start : start + size]]}
        if not page["operations"]:
            page = {}
        if start + size < len(found):
            page["nextPageToken"] = f"p+{start + size}"
        return Answer(200, json.dumps(page).encode())

    def _finish(self, batch: Batch) -> None:
        batch.state, self.ends = self.ends, "SUCCEEDED"
        if batch.state in ("SUCCEEDED", "PARTIALLY_SUCCEEDED"):
            batch.answers = [found for line in batch.lines if (found := self._ended(batch, line))]
        else:
            batch.error = {"code": self.code, "message": f"The batch is {batch.state.lower()}."}

    def _ended(self, batch: Batch, line: dict[str, Any]) -> dict[str, Any] | None:
        prompt = "".join(part.get("text", "") for part in line["request"]["contents"][0]["parts"])
        told = {} if self.mute else {"metadata": line["metadata"]}
        if _any(self.clogs, prompt):
            return {"error": {"code": 13, "message": "Internal error encountered."}, **told}
        if _any(self.breaks, prompt):
            return {"error": {"code": 2, "message": "Something went wrong."}, **told}
        dropped = _any(self.drop, prompt)
        if dropped and batch.state == "PARTIALLY_SUCCEEDED":
            return None
        batch.made += 1
        said = self.written(batch.number, batch.model, line["request"], share=2)
        return None if dropped else {"response": said, **told}

    def _told(self, batch: Batch) -> bytes:
        """The operation, as JSON leaves out what is empty."""
        over = batch.state != "PENDING"
        stats = {"requestCount": len(batch.lines), "successfulRequestCount": batch.made}
        about: dict[str, Any] = {
            "@type": f"{_TYPE}GenerateContentBatch",
            "model": f"models/{batch.model}",
            "displayName": batch.title,
            "name": batch.name,
            "state": f"BATCH_STATE_{batch.state}",
            "createTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(batch.created)),
        }
        if not self.bare:
            about["batchStats"] = {name: str(count) for name, count in stats.items() if count}
        said: dict[str, Any] = {"name": batch.name, "metadata": about, **({"done": True} if over else {})}
        output = {"inlinedResponses": {"inlinedResponses": batch.answers}}
        if batch.answers and not self.aside:
            about["output"] = output
        if batch.error:
            said["error"] = batch.error
        elif over:
            said["response"] = {"@type": f"{_TYPE}GenerateContentBatchOutput", **(output if batch.answers else {})}
        return json.dumps(said).encode()


def _any(pieces: set[str], prompt: str) -> bool:
    return any(piece in prompt for piece in pieces)
