"""Records: what became of a job, from the bytes to the books.

Verifies what came back, puts it into the store, finishes it into the folder, and makes the one
transaction that settles the money and the job together. Calls no provider.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from imagegen import finish as finishing
from imagegen.domain.money import plain, show
from imagegen.domain.outcome import Artifact, Failed, Made, Outcome, Pending, Refused, Unknown
from imagegen.domain.request import digest
from imagegen.domain.result import Result, State
from imagegen.ledger import attempts, holdings, jobs
from imagegen.ledger.budgets import Denied
from imagegen.ledger.holdings import Holding
from imagegen.ledger.jobs import Job
from imagegen.output import OutputFolder, Written
from imagegen.picture import BadPicture, Picture
from imagegen.results import result_of
from imagegen.staging import finish_of
from imagegen.stores import Held, Store

if TYPE_CHECKING:
    from imagegen.domain.model import Finish
    from imagegen.ledger import Ledger
    from imagegen.ledger.slip import LedgerSlip

#: Bytes up to which writing is quicker than asking the file system to share blocks.
SMALL = 1 << 18

Write = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where pictures are put and whose they are."""

    store: Store
    folder: OutputFolder
    collection: str
    now: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of one job: the line for people, and the writes that make it so. `charge` is in
    nanodollars, None when not known."""

    job: Job
    result: Result
    write: Write
    charge: int | None = 0
    basis: str = "nothing"
    outcome: Outcome | None = None


def put_away(desk: Desk, job: Job, outcome: Outcome) -> Kept:
    """Store, verify and finish what a provider made of `job`; anything else becomes its state.
    Raises StorageError when the disk will not have it."""
    if isinstance(outcome, Made):
        return _made(desk, job, outcome)
    state, reason, charge = _state_of(outcome)
    cost = getattr(outcome, "charge", None)
    write = _job_ends(job, state, charge if state != "waiting" else 0, reason)
    basis = cost.basis if cost else "nothing"
    return Kept(job, result_of(job, state, reason=reason, cost=charge), write, charge, basis, outcome)


def _state_of(outcome: Refused | Failed | Pending | Unknown) -> tuple[State, str, int | None]:
    if isinstance(outcome, Pending):
        return "waiting", "in the provider's queue", 0
    charge = outcome.charge.amount
    if isinstance(outcome, Refused):
        return "refused", outcome.reason, charge
    if isinstance(outcome, Unknown) or charge is None:
        return "unknown", outcome.reason, None
    if outcome.reason == "interrupted":
        return "skipped", "interrupted", charge
    return "failed", outcome.reason, charge


def _made(desk: Desk, job: Job, outcome: Made) -> Kept:
    charge = job.most if outcome.charge.amount is None else outcome.charge.amount
    basis = "reserved" if outcome.charge.amount is None else outcome.charge.basis
    artifact = outcome.artifact
    try:
        picture = finishing.inspect(artifact.data)
        flaw = _flaw(job, picture)
    except BadPicture as problem:
        picture, flaw = None, problem.reason
    held = _put(desk, job, artifact, picture, charge, flaw)
    if flaw is None and picture is not None:
        try:
            return _finished(desk, job, held, artifact.data, picture, charge, basis, outcome)
        except BadPicture as problem:
            flaw = problem.reason
    reason = f"paid for, and no use: {flaw}; the original is kept in the cache as {held.digest[:12]}"

    def write(connection: sqlite3.Connection) -> None:
        _buy(connection, desk, job, held, charge, flaw)
        jobs.end(connection, job.id, "failed", cost=charge, digest=held.digest, reason=reason)

    return Kept(job, result_of(job, "failed", reason=reason, cost=charge), write, charge, basis, outcome)


def _flaw(job: Job, picture: Picture) -> str | None:
    request = json.loads(job.request)
    return finishing.verify(
        picture,
        width=request.get("width"),
        height=request.get("height"),
        formats=(request["wire_format"],) if request.get("wire_format") else (),
        alpha_wanted=request.get("background") == "transparent",
    )


def _put(desk: Desk, job: Job, artifact: Artifact, picture: Picture | None, charge: int, flaw: str | None) -> Held:
    request = json.loads(job.request)
    facts = {
        "row": job.row,
        "prompt": request["prompt"],
        "provider": job.provider,
        "model": job.model,
        "cost_usd": plain(charge),
        "made_at": datetime.fromtimestamp(desk.now(), UTC).isoformat(timespec="seconds"),
        "request": request,
        **artifact.facts,
    }
    facts.setdefault("seed", request.get("seed"))
    size = (picture.width, picture.height) if picture else (0, 0)
    # A picture that is no use is kept, but not under its key: the cache must never serve it.
    key = digest(["flawed", job.key]) if flaw else job.key
    return desk.store.put(key, artifact.data, artifact.media_type, facts | ({"flaw": flaw} if flaw else {}), *size)


def _finished(
    desk: Desk,
    job: Job,
    held: Held,
    data: bytes,
    picture: Picture,
    charge: int,
    basis: str,
    outcome: Outcome,
) -> Kept:
    finished, written, original = into_folder(desk, job, held, data, picture)
    about = json.loads(job.about) | {"made": _making(held, finished.width, finished.height, finished.format)}
    if original:
        about["original"] = original
    text = json.dumps(about)
    request = json.loads(job.request)
    holding = _holding(job, held.digest, request["provider"], request.get("address"), written, text)

    def write(connection: sqlite3.Connection) -> None:
        _buy(connection, desk, job, held, charge, None)
        jobs.end(connection, job.id, "made", cost=charge, digest=held.digest, file=written.file, about=text)
        holdings.hold(connection, desk.collection, holding)

    result = result_of(job, "made", cost=charge, digest=held.digest, file=written.file, about=about)
    return Kept(job, result, write, charge, basis, outcome)


def from_cache(desk: Desk, job: Job) -> Kept:
    """Finish what the store has into the folder. Raises StorageError when it is damaged or the disk is full."""
    about = json.loads(job.about)
    state: State = "kept" if about.get("there") == "kept" else "cached"
    held = desk.store.get(job.key)
    if held is None:
        reason = "its original is gone from the cache (pruned?); --redo makes it anew"
        return Kept(job, result_of(job, "failed", reason=reason), _job_ends(job, "failed", 0, reason))
    data = desk.store.read(held)
    picture = finishing.inspect(data)
    note = _edited(desk, job, about, data, picture)
    if note:
        return Kept(job, result_of(job, "kept", reason=note, digest=held.digest), _job_ends(job, "kept", 0, note))
    finished, written, original = into_folder(desk, job, held, data, picture)
    was = about.get("was")
    if was and was[0] != written.file:
        desk.folder.remove_ours(*was)
    about["made"] = _making(held, finished.width, finished.height, finished.format)
    if original:
        about["original"] = original
    provider, address = about.get("held") or _origin(held)
    text = json.dumps(about)
    holding = _holding(job, held.digest, provider, address, written, text)

    def write(connection: sqlite3.Connection) -> None:
        jobs.end(connection, job.id, state, digest=held.digest, file=written.file, about=text)
        holdings.hold(connection, desk.collection, holding)

    result = result_of(job, state, digest=held.digest, file=written.file, about=about)
    return Kept(job, result, write)


def _edited(desk: Desk, job: Job, about: dict[str, Any], data: bytes, picture: Picture) -> str:
    """A sentence when a person changed the output file: it is a picture, and not what we would write."""
    was = about.get("was")
    if not was or was[0] != job.file or desk.folder.state(*was) != "touched":
        return ""
    try:
        found = desk.folder.read(job.file)
        finishing.inspect(found)
    except (OSError, BadPicture):
        return ""
    if found == finishing.finish(data, finish_of(job.finish), picture).data:
        return ""
    return "edited since it was made; left as it is (delete the file to get the original back)"


def into_folder(
    desk: Desk, job: Job, held: Held, data: bytes, picture: Picture
) -> tuple[finishing.Finished, Written, str | None]:
    """Finish the picture and put it under its name; the untouched original beside it when the original
    carries content credentials that finishing breaks."""
    plan: Finish = finish_of(job.finish)
    finished = finishing.finish(data, plan, picture)
    if finished.same and len(data) > SMALL:
        written = desk.folder.copy(job.file, desk.store.path(held))
    else:
        written = desk.folder.write(job.file, finished.data)
    original = None
    if finished.original_kept:
        stem = job.file.rpartition(".")[0]
        original = f"{stem}.original.{finishing.EXTENSION[picture.format]}"
        desk.folder.copy(original, desk.store.path(held))
    return finished, written, original


def _buy(connection: sqlite3.Connection, desk: Desk, job: Job, held: Held, charge: int, flaw: str | None) -> None:
    attempts.bought(connection, job.key, held.digest, job.model, cost=charge, clock=desk.now(), flaw=flaw)


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
        if attempt is not None:
            charged, basis = _total(kept)
            reason = next((item.result.reason for item in kept if item.result.reason), None)
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


def budget_sentence(no: Denied) -> str:
    """Why nothing more is bought, and what to do."""
    left = f"{show(no.limit)} for this {no.scope}" if no.scope != "run" else f"{show(no.limit)} for this run"
    used = f"{show(no.spent)} spent" + (f", {show(no.reserved)} reserved" if no.reserved else "")
    return f"the budget of {left} does not cover the next picture ({used}); raise --budget to go on"
