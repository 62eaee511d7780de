"""OpenAI's files and batches: strict about every line, half the price, and what may go wrong with a batch.

A batch is over with the first look at it, unless the test says otherwise by the attributes of `Batches`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.cloud import openai, openai_edits, openai_rules
from tests.cloud.book import Asked, Book, Charged
from tests.cloud.faults import Faults
from tests.cloud.http import Answer
from tests.cloud.multipart import Part, parts

PATHS = ("/v1/files", "/v1/batches")
PURPOSES = {"assistants", "batch", "fine-tune", "vision", "user_data", "evals"}
ENDPOINTS = {openai.PATH, openai_edits.PATH}


@dataclass
class File:
    """A file, and whose it is."""

    id: str
    owner: str
    name: str
    purpose: str
    data: bytes
    created: float = field(default_factory=time.time)

    def said(self) -> dict[str, Any]:
        """As the service shows it."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.data),
            "created_at": int(self.created),
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        }


@dataclass
class Batch:
    """A batch, and whose it is. `looks` counts how often somebody asked."""

    id: str
    number: int
    owner: str
    body: dict[str, Any]
    status: str = "in_progress"
    created: float = field(default_factory=time.time)
    output: str | None = None
    errors: str | None = None
    problems: list[dict[str, Any]] = field(default_factory=list)
    counts: tuple[int, int, int] = (0, 0, 0)
    looks: int = 0

    def said(self) -> dict[str, Any]:
        """As the service shows it."""
        total, completed, failed = self.counts
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.body["endpoint"],
            "input_file_id": self.body["input_file_id"],
            "completion_window": "24h",
            "status": self.status,
            "created_at": int(self.created),
            "metadata": self.body.get("metadata"),
            "output_file_id": self.output,
            "error_file_id": self.errors,
            "errors": {"object": "list", "data": self.problems} if self.problems else None,
            "request_counts": {"total": total, "completed": completed, "failed": failed},
        }


class Batches:
    """The service. What a test may set: `hold`: no batch is over · `expire`, `refuse`, `breaks`, `drop`: pieces of
    prompts whose lines expire, are refused by the policy, are answered 500, or are not spoken of · `invalid`: the
    next batch fails before it begins · `lag`: seconds until a batch stands in the list · `broken`: so many looks are
    answered 500 · `cut`: so many downloads break off."""

    def __init__(self, book: Book, faults: Faults) -> None:
        self.book, self.faults = book, faults
        self.files: dict[str, File] = {}
        self.made: dict[str, Batch] = {}
        self.hold = False
        self.expire: set[str] = set()
        self.refuse: set[str] = set()
        self.breaks: set[str] = set()
        self.drop: set[str] = set()
        self.invalid = ""
        self.lag = 0.0
        self.broken = self.cut = 0

    def handle(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        """Answer whatever begins with one of PATHS."""
        owner = headers.get("authorization", "").removeprefix("Bearer ")
        if len(owner) < 2:
            return _error(401, "You didn't provide an API key.")
        where = urlsplit(path)
        _, _, kind, *rest = where.path.split("/")
        query = {name: values[-1] for name, values in parse_qs(where.query).items()}
        routes: dict[tuple[str, str, int], Callable[[], Answer]] = {
            ("POST", "files", 0): lambda: self._upload(owner, headers, raw),
            ("GET", "files", 0): lambda: _page(self._own(self.files, owner, query), query),
            ("GET", "files", 2): lambda: self._content(owner, rest),
            ("POST", "batches", 0): lambda: self._create(owner, headers, raw),
            ("GET", "batches", 0): lambda: _page(self._own(self._shown(), owner, query), query),
            ("GET", "batches", 1): lambda: self._look(owner, rest[0]),
        }
        route = routes.get((method, kind, len(rest)))
        return route() if route else _error(404, "No such path.")

    def _own(self, kept: Mapping[str, Any], owner: str, query: Mapping[str, str]) -> list[Any]:
        purpose = query.get("purpose")
        mine = [each for each in kept.values() if each.owner == owner]
        return [each for each in reversed(mine) if purpose is None or each.purpose == purpose]

    def _shown(self) -> dict[str, Batch]:
        return {name: each for name, each in self.made.items() if time.time() - each.created >= self.lag}

    def _upload(self, owner: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        found = parts(headers.get("content-type", ""), raw)
        if found is None:
            return _error(400, "We could not parse the form.")
        fields = {part.name: part.data.decode() for part in found if part.file is None}
        given = [part for part in found if part.name == "file" and part.file]
        life = fields.pop("expires_after[seconds]", "3600")
        anchor = fields.pop("expires_after[anchor]", "created_at")
        purpose = fields.pop("purpose", "")
        if len(given) != 1 or fields or purpose not in PURPOSES:
            return _error(400, f"Invalid upload: {sorted(fields)} {purpose!r}")
        if anchor != "created_at" or not 3600 <= int(life) <= 2_592_000:
            return _error(400, "Invalid expires_after.")
        return _json(self._keep(owner, str(given[0].file), purpose, given[0].data).said())

    def _keep(self, owner: str, name: str, purpose: str, data: bytes) -> File:
        file = File(f"file-{len(self.files) + 1:06d}", owner, name, purpose, data)
        self.files[file.id] = file
        return file

    def _content(self, owner: str, rest: Sequence[str]) -> Answer:
        file = self.files.get(rest[0])
        if rest[1] != "content" or file is None or file.owner != owner:
            return _error(404, "No such file.")
        if self.cut:
            self.cut -= 1
            return Answer(200, file.data, cut="half")
        return Answer(200, file.data, media_type="application/octet-stream")

    def _create(self, owner: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        number = self.book.next()
        body = json.loads(raw)
        fault = self.faults.strike(number, "")
        answer = self._created(number, owner, body, headers, fault)
        self.book.requests.append(Asked(number, "/v1/batches", body, answer.status, fault.kind if fault else None))
        return answer

    def _created(self, number: int, owner: str, body: Any, headers: Mapping[str, str], fault: Any) -> Answer:
        if fault and fault.kind in openai.REFUSED:
            return openai.REFUSED[fault.kind](number, headers, fault)
        flaw = self._flaw(owner, body)
        if flaw:
            return _error(400, flaw)
        batch = Batch(f"batch_{number:06d}", number, owner, body)
        batch.counts = (self.files[body["input_file_id"]].data.count(b"\n"), 0, 0)
        self.made[batch.id] = batch
        return Answer(200, json.dumps(batch.said()).encode(), **openai.WIRE.get(fault.kind if fault else "", {}))

    def _flaw(self, owner: str, body: Any) -> str:
        if not isinstance(body, dict) or set(body) - {
            "completion_window", "endpoint", "input_file_id", "metadata", "output_expires_after",
        }:  # fmt: skip
            return "Unknown parameter."
        file, metadata = self.files.get(body.get("input_file_id", "")), body.get("metadata") or {}
        if body.get("completion_window") != "24h" or body.get("endpoint") not in ENDPOINTS:
            return "Invalid completion_window or endpoint."
        if file is None or file.owner != owner or file.purpose != "batch" or len(file.data) > 200 * 10**6:
            return "Invalid input_file_id."
        if len(metadata) > 16 or any(len(name) > 64 or len(value) > 512 for name, value in metadata.items()):
            return "Invalid metadata."
        return ""

    def _look(self, owner: str, name: str) -> Answer:
        batch = self.made.get(name)
        if batch is None or batch.owner != owner:
            return _error(404, f"No batch found with id '{name}'.")
        batch.looks += 1
        if self.broken:
            self.broken -= 1
            return _error(500, "The server had an error.")
        if batch.status == "in_progress" and not self.hold:
            self._finish(batch)
        return _json(batch.said())

    def _finish(self, batch: Batch) -> None:
        """Make what can be made, charge it, write the files; the lines come back in another order."""
        lines = self._lines(batch)
        if batch.problems:
            batch.status = "failed"
            return
        ended = [(line, self._ended(batch, line)) for line in reversed(lines)]
        good = [found for _, found in ended if found and found["error"] is None]
        good = [found for found in good if found["response"]["status_code"] == 200]
        bad = [found for _, found in ended if found and found not in good]
        expired = any(_any(self.expire, line["body"].get("prompt", "")) for line in lines)
        batch.status = "expired" if expired else "completed"
        batch.counts = (len(lines), len(good) + sum(found is None for _, found in ended), len(bad))
        for name, found in (("output", good), ("errors", bad)):
            if found:
                data = b"".join(json.dumps(each).encode() + b"\n" for each in found)
                setattr(batch, name, self._keep(batch.owner, f"{batch.id}_{name}.jsonl", "batch_output", data).id)

    def _lines(self, batch: Batch) -> list[dict[str, Any]]:
        """The lines of the input; what is wrong with them goes into the batch's problems."""
        found, names, models = [], set(), set()
        for number, text in enumerate(self.files[batch.body["input_file_id"]].data.splitlines(), 1):
            line = json.loads(text)
            right = set(line) == {"custom_id", "method", "url", "body"} and line["method"] == "POST"
            if not right or line["url"] != batch.body["endpoint"] or line["custom_id"] in names:
                batch.problems.append({"code": "invalid_json_line", "message": "Invalid line.", "line": number})
                continue
            names.add(line["custom_id"])
            models.add(line["body"].get("model"))
            found.append(line)
        if len(models) > 1:
            batch.problems.append({"code": "mismatched_model", "message": "More than one model.", "line": 2})
        if self.invalid:
            batch.problems.append({"code": self.invalid, "message": "The batch was not begun.", "line": None})
            self.invalid = ""
        return found

    def _ended(self, batch: Batch, line: dict[str, Any]) -> dict[str, Any] | None:
        """The line that comes back; None: nothing is said."""
        body, prompt = line["body"], str(line["body"].get("prompt", ""))
        said = {"id": f"batch_req_{line['custom_id'][:8]}", "custom_id": line["custom_id"]}
        if _any(self.expire, prompt):
            message = "This request could not be executed before the completion window expired."
            return said | {"response": None, "error": {"code": "batch_expired", "message": message}}
        form = self._form(batch, body) if line["url"] == openai_edits.PATH else None
        flaw = form.flaw() if form else openai_rules.flaw(body)
        if line["url"] == openai_edits.PATH and form is None:
            flaw = openai_rules.Flaw(400, "invalid_value", "images", "Invalid images.")
        if _any(self.refuse, prompt):
            flaw = openai_rules.Flaw(400, "moderation_blocked", None, "Rejected by the safety system.", "user_error")
        if _any(self.breaks, prompt):
            flaw = openai_rules.Flaw(500, None, None, "The server had an error.", "server_error")
        if flaw:
            error = {"error": {"message": flaw.message, "type": flaw.type, "param": flaw.param, "code": flaw.code}}
            return said | {"response": _response(batch, flaw.status, error), "error": None}
        made = self._made(batch, body, form)
        return None if _any(self.drop, prompt) else said | {"response": _response(batch, 200, made), "error": None}

    def _made(self, batch: Batch, body: dict[str, Any], form: Form | None) -> Any:
        """The picture, at half the price."""
        width, height, quality = openai._settled(body)
        usage, amount = openai._cost(body, 1, width, height, quality, form.tokens() if form else 0)
        size = f"{width}x{height}"
        self.book.charge(Charged(batch.number, body["prompt"], body["model"], size, quality, 1, -(-amount // 2)))
        look = body | {"prompt": json.dumps(form.noted())} if form else body
        picture = openai._encoded(look, 0, width, height, "")
        return json.loads(openai._content(body, [picture], size, quality, usage))

    def _form(self, batch: Batch, body: dict[str, Any]) -> Form | None:
        """An edit as JSON, its pictures by the numbers of files; None when one is not there."""
        given = [*body.get("images", ()), *([body["mask"]] if "mask" in body else [])]
        files = [self.files.get(each.get("file_id", "")) for each in given if set(each) == {"file_id"}]
        known = [file for file in files if file and file.owner == batch.owner and file.purpose == "vision"]
        if not given or len(known) != len(given):
            return None
        pictures = known[: len(body["images"])]
        fields = {name: value for name, value in body.items() if name not in ("images", "mask")}
        return Form(fields, [file.data for file in pictures], [file.data for file in known[len(pictures) :]])


class Form(openai_edits.Form):
    """An edit that came as JSON: the same rules."""

    def __init__(self, fields: dict[str, Any], pictures: list[bytes], masks: list[bytes]) -> None:
        name = "image[]" if len(pictures) > 1 else "image"
        self.whole, self.fields = True, fields
        self.pictures = [Part(name, "picture", _media(data), data) for data in pictures]
        self.masks = [Part("mask", "mask", _media(data), data) for data in masks]
        self.parts = [*self.pictures, *self.masks]


def _media(data: bytes) -> str:
    return "image/jpeg" if data[:2] == b"\xff\xd8" else "image/webp" if data[:4] == b"RIFF" else "image/png"


def _any(pieces: set[str], prompt: str) -> bool:
    return any(piece in prompt for piece in pieces)


def _response(batch: Batch, status: int, body: Any) -> dict[str, Any]:
    return {"status_code": status, "request_id": f"req_{batch.number}", "body": body}


def _page(found: Sequence[Any], query: Mapping[str, str]) -> Answer:
    """A page of what is listed, newest first."""
    names = [each.id for each in found]
    start = names.index(query["after"]) + 1 if query.get("after") in names else 0
    end = start + int(query.get("limit", "20"))
    data = [each.said() for each in found[start:end]]
    return _json({"object": "list", "data": data, "has_more": end < len(found)})


def _json(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode())


def _error(status: int, message: str) -> Answer:
    body = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return Answer(status, json.dumps({"error": body}).encode())
