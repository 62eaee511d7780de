"""Judging: a picture's line of the work list asks a vision model to choose among its drafts, and goes on with that.

While it asks, the line has the judge's Request, Key, lane and reserve; what it had before stands in its `about`. The
answer lies in the cache under its Key like a picture, so it is bought once. Buys nothing itself.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from imagegen import record
from imagegen.acceptance import PAID
from imagegen.choose import Asks, Model
from imagegen.domain.outcome import Failed, Made, Outcome, Pending, Refused
from imagegen.domain.queue import judges_of
from imagegen.domain.request import canonical, canonical_json, key
from imagegen.keep import Desk, Paid, keep
from imagegen.ledger import attempts, jobs
from imagegen.ledger.jobs import Job
from imagegen.providers.wrap.base import INTERRUPTED
from imagegen.record import Kept
from imagegen.staging import CHOOSING

_MARK = '"kind":"judge"'
_CHOOSING = "choosing among its drafts: "


def is_judge(job: Job) -> bool:
    """Whether `job` asks a judge at present."""
    return _MARK in job.request


def model_of(refine: Mapping[str, Any]) -> Model | None:
    """The judge that a line was planned with, by the `refine` of its `about`."""
    asks = refine.get("judge")
    return Model(asks["provider"], asks["model"], asks["address"]) if asks else None


def asked(job: Job, about: dict[str, Any], wanted: Asks, files: Mapping[str, str]) -> Kept:
    """Let the line of `job` ask the judge what is `wanted`; `files` hold the drafts, by digest."""
    before = {"model": job.model, "key": job.key, "request": job.request, "most": job.most}
    told = {**about, "inputs": {digest: files[digest] for digest in wanted.pictures}, "before": before}

    def write(connection: sqlite3.Connection) -> None:
        jobs.become(
            connection,
            job.id,
            provider=judges_of(wanted.request.provider),
            model=wanted.request.model,
            key=key(wanted.request),
            request=canonical_json(canonical(wanted.request)),
            about=canonical_json(told),
            most=about["refine"]["judge"]["most"],
        )

    return Kept(job, None, write)


def put_away(desk: Desk, job: Job, outcome: Outcome) -> Kept:
    """What came of a job: of a picture as `record.put_away`, an answer of a judge's leads back to the choice. So does
    a judge that will not answer, or that was paid for nothing. Raises StorageError when the disk will not have it."""
    if not is_judge(job) or isinstance(outcome, Pending):
        return record.put_away(desk, job, outcome)
    useless = isinstance(outcome, Failed) and outcome.evidence is not None and outcome.charge.amount is not None
    if not (isinstance(outcome, (Made, Refused)) or useless):
        if outcome.reason != INTERRUPTED:
            outcome = replace(outcome, reason=_CHOOSING + outcome.reason)
        return record.put_away(desk, job, outcome)
    paid = keep(desk, job.key, job.row, job.request, job.most, outcome)
    charge = paid.charge if paid else outcome.charge.amount
    back = _back(desk, job, paid, "" if isinstance(outcome, Made) else outcome.reason)
    return replace(back, charge=charge, basis=paid.basis if paid else outcome.charge.basis, outcome=outcome)


def from_cache(desk: Desk, job: Job) -> Kept:
    """As `record.from_cache`; of a judge's answer that is there: back to the choice."""
    return _back(desk, job) if is_judge(job) else record.from_cache(desk, job)


def useless(desk: Desk, job: Job, flaw: str) -> Kept:
    """What becomes of a job that was paid for before for nothing; a judge is not asked again."""
    if is_judge(job):
        return _back(desk, job, None, flaw)
    return record.without_picture(job, "failed", attempts.useless(flaw))


def _back(desk: Desk, job: Job, paid: Paid | None = None, no_answer: str = "") -> Kept:
    """The line chooses once more; `no_answer` says why no judge will help it."""
    about = json.loads(job.about)
    before, cost = about.pop("before"), (paid.charge or 0) if paid else 0
    about.pop("inputs")
    if cost:
        about[PAID] = about.get(PAID, 0) + cost
    if no_answer:
        about["refine"]["no_answer"] = no_answer

    def write(connection: sqlite3.Connection) -> None:
        if paid:
            paid.write(connection, job.model, desk.now())
        jobs.become(connection, job.id, provider=CHOOSING, about=canonical_json(about), cost=cost, **before)

    return Kept(job, None, write)
