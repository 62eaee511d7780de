"""Postbox: what became of a picture goes into the outbox, in the transaction that writes it into the books.

So a process that is killed at any moment has either decided and told, or neither. Only rows with a `callback_url` are
told. Sends nothing.
"""

from __future__ import annotations

import json
import sqlite3
import uuid

from imagegen.callbacks.body import FINAL, body_of
from imagegen.domain.result import Result
from imagegen.ledger import jobs, outbox
from imagegen.ledger.jobs import Job
from imagegen.results import as_result

#: Where a line of the work list keeps its row's callback_url, in its `about`.
CALLBACK = "callback"
#: The role of lines that are made only to choose from.
DRAFT = "draft"
_MARK = f'"{CALLBACK}":'

#: States that planning decides: the picture ends where it begins.
_PLANNED = ("refused", "failed", "unknown")


def post(connection: sqlite3.Connection, job: Job, result: Result, clock: float) -> bool:
    """Put what became of `job` into the outbox, if it is to be told; whether it was. A picture that merely stayed in
    the folder is not: nothing became of it."""
    if _MARK not in job.about or result.state not in FINAL:
        return False
    if result.state == "kept" and result.digest is None:
        return False
    run, role = connection.execute("SELECT run, role FROM jobs WHERE id = ?", (job.id,)).fetchone()
    if role == DRAFT:  # the picture that comes of it is told
        return False
    _put(connection, run, result, _url(job.about), clock)
    return True


def post_planned(connection: sqlite3.Connection, run: str, collection: str, clock: float) -> int:
    """Put what planning decided about the pictures of `run` into the outbox; how many. What was told last of a
    picture, by this run or an earlier one, is not told again."""
    if not jobs.any_about(connection, run, _PLANNED, _MARK):
        return 0
    told, posted = outbox.told(connection, collection), 0
    for line in jobs.lines(connection, run, _PLANNED):
        result, url = as_result(line, line["about"]), line["about"].get(CALLBACK)
        if url and line["role"] != DRAFT and told.get((result.id, result.sample, url)) != (result.state, result.key):
            _put(connection, run, result, url, clock)
            posted += 1
    return posted


def _put(connection: sqlite3.Connection, run: str, result: Result, url: str, clock: float) -> None:
    body = body_of(result, run, clock)
    outbox.put(connection, f"msg_{uuid.uuid4().hex}", run, result.id, result.sample, url, body, clock)


def _url(about: str) -> str:
    url: str = json.loads(about)[CALLBACK]
    return url
