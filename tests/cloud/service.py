"""What the services of all providers share: numbering, keys, faults, the bill. A dialect subclasses `Service` (it
answers at once) or `JobService` (jobs that are looked for and fetched)."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.cloud.book import Asked, Book, Charged
from tests.cloud.faults import Faults, Rule
from tests.cloud.http import Answer
from tests.cloud.pictures import MEDIA, blank, picture

#: Faults that change the answer's way over the wire, not its content.
WIRE: dict[str, dict[str, Any]] = {
    "cut_accepted": {"cut": "now"},
    "cut_headers": {"cut": "headers"},
    "cut_body": {"cut": "half"},
    "hang": {"cut": "never"},
}


@dataclass
class Desk:
    """What the services of one server share. `base` is its address without a path, known once it listens."""

    book: Book
    faults: Faults
    latency: float
    base: str = ""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a request is refused."""

    status: int
    code: str
    message: str


class Service:
    """One provider's service, mounted at /`name`. Subclasses say what is right, what it costs and how it is said.

    `refusals`: fault -> the refusal it causes, before anything is charged; `{key}` stands for the request's key."""

    name: ClassVar[str]
    refusals: ClassVar[dict[str, Flaw]] = {
        "rate_limit": Flaw(429, "rate_limit_exceeded", "Too many requests."),
        "rate_limit_date": Flaw(429, "rate_limit_exceeded", "Too many requests."),
        "rate_limit_bare": Flaw(429, "rate_limit_exceeded", "Too many requests."),
        "slow_down": Flaw(429, "slow_down", "Too many requests."),
        "quota": Flaw(402, "insufficient_credits", "Insufficient credits."),
        "bad_key": Flaw(401, "unauthorized", "Invalid key {key}."),
        "unverified": Flaw(403, "forbidden", "No access."),
        "model_gone": Flaw(404, "not_found", "The model does not exist."),
        "server_error": Flaw(500, "internal_error", "The server had an error."),
        "overloaded": Flaw(503, "overloaded", "Overloaded."),
        "moderation": Flaw(400, "moderation", "Refused by the content policy."),
    }

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    # What a dialect says.

    def handle(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer | None:
        """Answer `path` (without the mount point); None for one that this service has not."""
        raise NotImplementedError

    def key(self, headers: Mapping[str, str]) -> str:
        """The key that came, "" when none did."""
        return headers.get("authorization", "").removeprefix("Bearer ")

    def flaw(self, path: str, body: dict[str, Any]) -> Flaw | None:
        """What is wrong with a request, strictly."""
        raise NotImplementedError

    def error(self, flaw: Flaw) -> Answer:
        """A refusal in the provider's shape."""
        body = {"error": {"code": flaw.code, "message": flaw.message}}
        return Answer(flaw.status, json.dumps(body).encode())

    def accept(self, number: int, path: str, body: dict[str, Any], fault: Rule | None) -> Answer:
        """From here on it costs money: charge it and answer."""
        raise NotImplementedError

    # What all have in common.

    def paid(self, path: str, headers: Mapping[str, str], body: dict[str, Any], prompt: str) -> Answer:
        """A request on a paid path: numbered, struck by a fault, checked, accepted, noted."""
        number = self.desk.book.next()
        fault = self.desk.faults.strike(number, prompt)
        answer = self._answer(number, path, headers, body, fault)
        noted = {**body, "prompt": prompt}
        self.desk.book.requests.append(
            Asked(number, f"/{self.name}{path}", noted, answer.status, fault.kind if fault else None)
        )
        return answer

    def _answer(
        self, number: int, path: str, headers: Mapping[str, str], body: dict[str, Any], fault: Rule | None
    ) -> Answer:
        key = self.key(headers)
        if not key:
            return self.error(Flaw(401, "unauthorized", "No key."))
        if fault is not None:
            refused = self._struck(fault, key)
            if refused is not None:
                return refused
        flaw = self.flaw(path, body)
        return self.error(flaw) if flaw else self.accept(number, path, body, fault)

    def _struck(self, fault: Rule, key: str) -> Answer | None:
        kind = fault.kind
        if kind in self.refusals:
            flaw = self.refusals[kind]
            answer = self.error(Flaw(flaw.status, flaw.code, flaw.message.format(key=key)))
            after = {
                "rate_limit": f"{fault.seconds:g}",
                "rate_limit_date": email.utils.formatdate(time.time() + fault.seconds, usegmt=True),
                "overloaded": "1",
            }.get(kind)
            more = {"date": email.utils.formatdate(usegmt=True), **({"retry-after": after} if after else {})}
            return Answer(answer.status, answer.body, {**answer.headers, **more}, answer.media_type)
        pages = {
            "no_route": Answer(404, b"<html>nginx</html>", media_type="text/html"),
            "moved": Answer(302, b"", {"location": "https://elsewhere.invalid/"}, "text/html"),
            "echo": Answer(200, f"<p>{key}</p>".encode(), media_type="text/html"),
            "cut_before": Answer(0, b"", cut="now"),
        }
        return pages.get(kind)

    def charge(self, number: int, prompt: str, model: str, size: str, amount: int, quality: str = "") -> None:
        """Put one picture on the bill."""
        self.desk.book.charge(Charged(number, prompt, model, size, quality, 1, amount))

    def drawn(self, look: str, width: int, height: int, form: str, kind: str) -> bytes:
        """A picture's bytes, spoilt as the fault `kind` says."""
        if kind == "not_a_picture":
            return b"I am no picture."
        if kind == "blank":
            return blank(width, height)
        data = picture(look, width // 2 if kind == "wrong_size" else width, height, form)
        return data[: len(data) // 2] if kind == "truncated" else data

    def sent(self, content: bytes, fault: Rule | None, media_type: str = "application/json", **headers: str) -> Answer:
        """A charged answer on its way: late, slow, cut, replaced, as latency and fault say."""
        kind = fault.kind if fault else ""
        if kind == "server_error_charged":
            return self.error(Flaw(500, "internal_error", "The server had an error."))
        if kind == "html":
            return Answer(200, b"<html><body>nginx</body></html>", headers, "text/html")
        drip = fault.seconds if fault and kind == "slow_body" else 0.0
        return Answer(200, content, headers, media_type, delay=self.desk.latency, drip=drip, **WIRE.get(kind, {}))


@dataclass
class Job:
    """A job at the service. `looks` and `fetches` count; `ready` is when it is done, in monotonic seconds."""

    id: str
    number: int
    body: dict[str, Any]
    width: int
    height: int
    form: str
    amount: int
    fault: Rule | None
    ready: float
    model: str = ""
    looks: int = 0
    fetches: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The fault that struck it, "" for none."""
        return self.fault.kind if self.fault else ""

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return time.monotonic() >= self.ready


class JobService(Service):
    """A service of jobs: `accept` makes one with `new_job` and answers; looks and files are asked for by its id.

    Subclasses route looks to `looked` and files (GET /NAME/files/ID...) to `file`."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.jobs: dict[str, Job] = {}

    def new_job(
        self,
        number: int,
        job_id: str,
        prompt: str,
        model: str,
        body: dict[str, Any],
        size: tuple[int, int],
        form: str,
        amount: int,
        fault: Rule | None,
    ) -> Job:
        """Note a job and put it on the bill, unless its fault ends it free of charge."""
        slow = fault.seconds if fault and fault.kind == "job_slow" else 0.0
        job = Job(job_id, number, body, *size, form, amount, fault, time.monotonic() + self.desk.latency + slow, model)
        self.jobs[job_id] = job
        if job.kind not in ("job_failed", "job_moderated"):
            self.charge(number, prompt, model, f"{size[0]}x{size[1]}", amount)
        return job

    def looked(self, job_id: str) -> Job | Answer:
        """The job to tell of, or what its fault answers in its place."""
        job = self.jobs.get(job_id)
        if job is None or job.kind == "job_lost":
            return self.error(Flaw(404, "not_found", "No such job."))
        job.looks += 1
        if job.kind == "look_error" and job.looks <= 2:
            return self.error(Flaw(500, "internal_error", "Try again."))
        if job.kind == "look_limit" and job.looks <= 2:
            return self.error(Flaw(429, "rate_limit_exceeded", "Slower."))
        if job.kind == "look_cut" and job.looks <= 2:
            return Answer(200, b"{}", cut="now")
        return job

    def link(self, job: Job) -> str:
        """Where the picture of `job` lies; another one at each look."""
        if job.kind == "file_inside":
            return "http://169.254.169.254/latest/meta-data"
        return f"{self.desk.base}/{self.name}/files/{job.id}/{job.looks}.{job.form}"

    def file(self, path: str) -> Answer:
        """The picture at /files/ID/LOOK.FORM."""
        _, _, job_id, name = path.split("/")
        job = self.jobs[job_id]
        job.fetches += 1
        if job.kind == "file_gone":
            return Answer(404, b"gone", media_type="text/plain")
        if job.kind == "link_expired" and name.startswith("1."):
            return Answer(403, b"expired", media_type="text/plain")
        if job.kind == "file_error" and job.fetches <= 1:
            return Answer(500, b"", media_type="text/plain")
        look = json.dumps([job.body, job.model], sort_keys=True)
        data = self.drawn(look, job.width, job.height, job.form, job.kind)
        cut = "half" if job.kind == "file_cut" and job.fetches <= 1 else ""
        return Answer(200, data, media_type=MEDIA[job.form], cut=cut)  # type: ignore[arg-type]
