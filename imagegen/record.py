"""Records: what became of a job, from the bytes to the books.

Finishes what `keep` put into the store into the folder, and makes the one transaction that settles
the money and the job together. Calls no provider.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagegen import finish as finishing
from imagegen.acceptance import Objection, further, objection
from imagegen.domain.money import show
from imagegen.domain.outcome import Made, Outcome, Pending, Refused, Unknown
from imagegen.domain.queue import QUEUED
from imagegen.domain.request import canonical, canonical_json, key
from imagegen.domain.result import Result, State
from imagegen.filing import Filed, file_away, is_picture
from imagegen.keep import Desk, Paid, keep
from imagegen.ledger import attempts, holdings, jobs, unknowns
from imagegen.ledger.budgets import Denied
from imagegen.ledger.holdings import Holding
from imagegen.ledger.jobs import Job
from imagegen.output import Written
from imagegen.picture import BadPicture, Picture
from imagegen.postbox import post
from imagegen.providers.wrap.base import INTERRUPTED
from imagegen.results import result_of
from imagegen.staging import CHOOSING, SHELF, finish_of
from imagegen.stores import Held

if TYPE_CHECKING:
    from imagegen.ledger import Ledger
    from imagegen.ledger.slip import LedgerSlip

#: How a sentence begins that says of a budget that it is used up.
OVER_BUDGET = "the budget of"

Write = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of one job: the line for people (None: it goes on as something else), and the writes that make it
    so. `charge` is in nanodollars, None when not known."""

    job: Job
    result: Result | None
    write: Write
    charge: int | None = 0
    basis: str = "nothing"
    outcome: Outcome | None = None


def put_away(desk: Desk, job: Job, outcome: Outcome) -> Kept:
    """Store, verify and finish what a provider made of `job`; anything else becomes its state.
    Raises StorageError when the disk will not have it."""
    paid = keep(desk, job.key, job.row, job.request, job.most, outcome)
    if isinstance(outcome, Made) and paid:
        return _made(desk, job, outcome, paid)
    state, reason, charge = _state_of(outcome)
    if paid and paid.held:
        reason += f"; what came is kept in the cache as {paid.held.digest[:12]}"

    def write(connection: sqlite3.Connection) -> None:
        if paid:
            paid.write(connection, job.model, desk.now())
        jobs.end(connection, job.id, state, cost=charge, reason=reason)

    basis = "nothing" if isinstance(outcome, Pending) else outcome.charge.basis
    return Kept(job, result_of(job, state, reason=reason, cost=charge), write, charge, basis, outcome)


def _state_of(outcome: Outcome) -> tuple[State, str, int | None]:
    if isinstance(outcome, Pending):
        return "waiting", outcome.reason or QUEUED, 0
    charge = outcome.charge.amount
    if isinstance(outcome, Made):
        return "made", "", charge
    if isinstance(outcome, Refused):
        return "refused", outcome.reason, charge
    if isinstance(outcome, Unknown) or charge is None:
        return "unknown", outcome.reason, None
    if outcome.reason == INTERRUPTED:
        return "skipped", "interrupted", charge
    return "failed", outcome.reason, charge


def _made(desk: Desk, job: Job, outcome: Made, paid: Paid) -> Kept:
    assert paid.held is not None
    reason = f"paid for, and no use: {paid.flaw}"
    against = objection(job, outcome.artifact.data, paid.charge, paid.flaw)
    if against and (paid.picture or against.request):
        return _not_accepted(desk, job, against, paid, outcome)
    if paid.picture:
        try:
            return _finished(desk, job, outcome, paid, paid.held, paid.picture)
        except BadPicture as problem:  # sound, but not for this size: another finish may do
            reason = f"paid for, but {problem.reason}"
    reason += f"; the original is kept in the cache as {paid.held.digest[:12]}"
    digest = paid.held.digest

    def write(connection: sqlite3.Connection) -> None:
        paid.write(connection, job.model, desk.now())
        jobs.end(connection, job.id, "failed", cost=paid.charge, digest=digest, reason=reason)

    result = result_of(job, "failed", reason=reason, cost=paid.charge)
    return Kept(job, result, write, paid.charge, paid.basis, outcome)


def _not_accepted(
    desk: Desk, job: Job, against: Objection, paid: Paid | None = None, outcome: Outcome | None = None
) -> Kept:
    """The picture stays in the cache; the line goes on with the next attempt, or ends without a picture."""
    charge = paid.charge if paid else 0

    def write(connection: sqlite3.Connection) -> None:
        if paid:
            paid.write(connection, job.model, desk.now())
        asked = against if job.redo else _usable(connection, against)
        request, about = asked.request, asked.about
        if request is None:
            jobs.end(connection, job.id, "failed", cost=charge, reason=against.reason)
            return
        there = not job.redo and desk.store.get(key(request)) is not None
        if there:
            about = about | {"there": "cached", "held": [request.provider, request.address]}
        jobs.become(
            connection,
            job.id,
            provider=SHELF if there else about["accept"]["via"],
            key=key(request),
            request=canonical_json(canonical(request)),
            about=canonical_json(about),
            cost=charge or 0,
        )

    result = None if against.request else result_of(job, "failed", reason=against.reason, cost=charge)
    return Kept(job, result, write, charge, paid.basis if paid else "nothing", outcome)


def _usable(connection: sqlite3.Connection, asked: Objection) -> Objection:
    """The next attempt that is not known to be no use; the last where all are."""
    while asked.request and attempts.flaw(connection, key(asked.request)) and (following := further(asked)):
        asked = following
    return asked


def _finished(desk: Desk, job: Job, outcome: Made, paid: Paid, held: Held, picture: Picture) -> Kept:
    filed = file_away(desk, job.file, finish_of(job.finish), held, outcome.artifact.data, picture)
    about = _told(json.loads(job.about), held, filed)
    text = json.dumps(about)
    request = json.loads(job.request)
    holding = _holding(job, held.digest, request["provider"], request.get("address"), filed.written, text)

    def write(connection: sqlite3.Connection) -> None:
        paid.write(connection, job.model, desk.now())
        jobs.end(connection, job.id, "made", cost=paid.charge, digest=held.digest, file=filed.written.file, about=text)
        holdings.hold(connection, desk.collection, holding)

    result = result_of(job, "made", cost=paid.charge, digest=held.digest, file=filed.written.file, about=about)
    return Kept(job, result, write, paid.charge, paid.basis, outcome)


def from_cache(desk: Desk, job: Job) -> Kept:
    """Finish what the store has into the folder. Raises StorageError when it is damaged or the disk is full."""
    try:
        return _from_cache(desk, job)
    except BadPicture as problem:
        return without_picture(job, "failed", f"what the cache has is no use: {problem.reason}; --redo makes it anew")


def _from_cache(desk: Desk, job: Job) -> Kept:
    about = json.loads(job.about)
    state: State = "kept" if about.get("there") == "kept" else "cached"
    held = desk.store.get(job.key)
    if held is None:
        reason = "its original is gone from the cache (pruned?)"
        if state == "kept" and is_picture(desk.folder, job.file):
            return without_picture(job, "kept", f"{reason}; the file in the folder is left as it is")
        return without_picture(job, "failed", f"{reason}; --redo makes it anew")
    data = desk.store.read(held)
    against = objection(job, data) if state == "cached" else None
    if against:
        return _not_accepted(desk, job, against)
    was = tuple(about["was"]) if about.get("was") else None
    filed = file_away(
        desk, job.file, finish_of(job.finish), held, data, finishing.inspect(data), was=was, had=about.get("had")
    )
    about = _told(about, held, filed)
    reason = "; ".join(filed.notes)
    provider, address = about.get("held") or _origin(held)
    text = json.dumps(about)
    holding = _holding(job, held.digest, provider, address, filed.written, text)

    def write(connection: sqlite3.Connection) -> None:
        file = filed.written.file
        jobs.end(connection, job.id, state, digest=held.digest, file=file, about=text, reason=reason or None)
        holdings.hold(connection, desk.collection, holding)

    result = result_of(job, state, reason=reason or None, digest=held.digest, file=filed.written.file, about=about)
    return Kept(job, result, write)


def _told(about: dict[str, Any], held: Held, filed: Filed) -> dict[str, Any]:
    """`about`, with what now lies in the folder."""
    told = {name: value for name, value in about.items() if name not in ("had", "renditions")}
    if filed.finished:
        told["made"] = _making(held, filed.finished.width, filed.finished.height, filed.finished.format)
    if filed.original:
        told["original"] = filed.original
    return told | ({"renditions": filed.renditions} if filed.renditions else {})


def without_picture(job: Job, state: State, reason: str) -> Kept:
    """A job that ends without anybody being asked."""
    return Kept(job, result_of(job, state, reason=reason), _job_ends(job, state, 0, reason))


def _job_ends(job: Job, state: State, cost: int | None, reason: str) -> Write:
    return lambda connection: jobs.end(connection, job.id, state, cost=cost, reason=reason)


def _making(held: Held, width: int, height: int, form: str) -> dict[str, Any]:
    made = {"width": width, "height": height, "format": form, "seed": held.facts.get("seed")}
    return made | {"made_from": f"{held.width}x{held.height}"}


def _origin(held: Held) -> tuple[str, str | None]:
    request = held.facts.get("request") or {}
    return request.get("provider", held.facts.get("provider", "")), request.get("address")


def _holding(job: Job, digest: str, provider: str, address: str | None, written: Written, about: str) -> Holding:
    return Holding(
        row=job.row,
        sample=job.sample,
        fingerprint=job.fingerprint,
        key=job.key,
        digest=digest,
        provider=provider,
        model=job.model,
        address=address,
        finish=job.finish,
        file=written.file,
        bytes=written.bytes,
        mtime_ns=written.mtime_ns,
        about=about,
    )


def books(desk: Desk, kept: Sequence[Kept], attempt: str | None) -> Write:
    """The one transaction that ends jobs and settles their attempt together."""

    def write(connection: sqlite3.Connection) -> None:
        for item in kept:
            item.write(connection)
            if item.result and post(connection, item.job, item.result, desk.now()):
                desk.posted()
            if item.job.role == "draft" and item.job.link is not None:
                jobs.release_held(connection, item.job.run, CHOOSING, item.job.link)
        if attempt is not None and not any(isinstance(item.outcome, Pending) for item in kept):
            charged, basis = _total(kept)
            reason = next((item.result.reason for item in kept if item.result and item.result.reason), None)
            attempts.close(connection, attempt, charged, basis, desk.now(), reason)

    return write


def _total(kept: Sequence[Kept]) -> tuple[int | None, str]:
    """What an attempt cost in all and where the figure comes from; None when any part is not known."""
    if any(item.charge is None for item in kept):
        return None, "unknown"
    bases = [item.basis for item in kept if item.basis != "nothing"]
    return sum(item.charge or 0 for item in kept), bases[0] if bases else "nothing"


def never_sent(ledger: Ledger, slip: LedgerSlip, reason: str) -> None:
    """Release a reservation whose call never went out; one that did is settled when the run ends."""
    if not ledger.failed:
        ledger.write(lambda connection: attempts.release(connection, slip.id, ledger.clock(), reason))
    slip.drop_unsent()


def doubt(attempt: str) -> str:
    """Why a picture is not bought: `attempt` may have paid for it."""
    return f"attempt {unknowns.short(attempt)} may have paid for it"


def budget_sentence(no: Denied) -> str:
    """Why nothing more is bought, and what to do."""
    used = f"{show(no.spent)} spent" + (f", {show(no.reserved)} reserved" if no.reserved else "")
    on = "raise --budget to go on" if no.scope == "run" else f"run it again next {no.scope}, or raise budget.{no.scope}"
    return f"{OVER_BUDGET} {show(no.limit)} for this {no.scope} does not cover the next picture ({used}); {on}"
