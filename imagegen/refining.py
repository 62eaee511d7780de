"""Refining: when all drafts of a picture are there, one is chosen and the picture gets its Request.

The choice is kept in the books by the picture's slot, so it is made once: a run that is killed right after it goes on
from there. Buys nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from imagegen import choose
from imagegen.choose import Candidate, Chosen, Decision, Given, Waits, Wish
from imagegen.choose.person import read as decisions
from imagegen.domain.request import Request, canonical, canonical_json, derived_seed, key, request_of
from imagegen.domain.result import PRESENT, State
from imagegen.errors import SettingsError, StorageError
from imagegen.keep import Desk
from imagegen.ledger import Ledger, jobs
from imagegen.ledger.jobs import Job
from imagegen.record import Kept, from_cache, without_picture
from imagegen.staging import CHOOSING, SHELF

#: A person's decisions, in the output folder.
DECISIONS = "decisions.json"


@dataclass(frozen=True, slots=True)
class Line:
    """A draft's line of the work list."""

    id: int
    sample: int
    state: State
    key: str
    digest: str | None
    model: str
    cost: int | None
    reason: str | None
    file: str
    about: dict[str, Any]


class Scored(NamedTuple):
    """A choice, and which of the drafts it was made among, in the order of its scores."""

    chosen: Chosen
    among: tuple[int, ...]


def without_provider(ledger: Ledger, desk: Desk, column: str, batch: Sequence[Job]) -> list[Kept]:
    """What becomes of jobs that ask no provider: a choice among drafts, or a picture out of the cache."""
    return [settled(ledger, desk, job) if column == CHOOSING else from_cache(desk, job) for job in batch]


def settled(ledger: Ledger, desk: Desk, job: Job) -> Kept:
    """Choose among the drafts of `job`: afterwards it asks for the picture itself; or it ends here, or waits."""
    with ledger.reading() as reader:
        found = [Line(*(*line[:-1], json.loads(line[-1]))) for line in jobs.chosen_from(reader, job.run, job.link or 0)]
    late = next((line for line in found if line.state in ("waiting", "skipped")), None)
    if late:  # it may come yet
        return without_picture(job, late.state, f"its drafts: {late.reason or late.state}")
    if not any(line.state in PRESENT and line.digest for line in found):
        return _none(job, found)
    about = json.loads(job.about)
    try:
        answer = _asked(desk, job, about, found)
    except SettingsError as problem:
        return without_picture(job, "failed", str(problem))
    if isinstance(answer, Waits):
        return without_picture(job, "waiting", answer.reason)
    if answer.chosen.index is None:
        return _rejected(desk, job, found, answer)
    return _won(desk, job, about, found, answer)


def _none(job: Job, found: Sequence[Line]) -> Kept:
    """No draft came."""
    states = {line.state for line in found}
    state: State = "unknown" if "unknown" in states else "refused" if states == {"refused"} else "failed"
    said = next((line.reason for line in found if line.reason and line.state == state), "none was made")
    return without_picture(job, state, f"no draft to choose from: {said}")


def _asked(desk: Desk, job: Job, about: Mapping[str, Any], found: Sequence[Line]) -> Scored | Waits:
    """What the scorer says of the drafts that are there."""
    scorer = choose.scorer(about["refine"]["scorer"])
    candidates = []
    for index, line in enumerate(found):
        held = desk.store.get(line.key) if line.state in PRESENT else None
        if held is not None:
            facts = {"model": line.model, "cost": line.cost, "file": line.file}
            candidates.append(Candidate(index, desk.store.read(held), facts))
    if not candidates:
        raise SettingsError("the drafts are gone from the cache (pruned?)", "--redo makes them anew")
    answer = choose.choose(candidates, Wish(about["prompt"], about["refine"]["text"]), scorer, _given(desk, job))
    if isinstance(answer, choose.Asks):
        raise SettingsError(f"the scorer {scorer.name} asks a model, which this version cannot buy", "choose: auto")
    return answer if isinstance(answer, Waits) else Scored(answer, tuple(each.index for each in candidates))


def _given(desk: Desk, job: Job) -> Given:
    decided: Decision | None = decisions(desk.folder.path / DECISIONS).get(decision_name(job.row, job.sample))
    return Given(decision=decided)


def decision_name(row: str, sample: int) -> str:
    """What a picture is called in the file of decisions."""
    return row if sample == 0 else f"{row} #{sample + 1}"


def _rejected(desk: Desk, job: Job, found: Sequence[Line], answer: Scored) -> Kept:
    kept = without_picture(job, "failed", f"no draft is good enough: {answer.chosen.reason}; --redo makes new ones")

    def write(connection: sqlite3.Connection) -> None:
        _note(connection, desk, job.row, found, answer)
        kept.write(connection)

    return replace(kept, write=write)


def _won(desk: Desk, job: Job, about: dict[str, Any], found: Sequence[Line], answer: Scored) -> Kept:
    """The line of the picture asks for it from now on."""
    index = answer.chosen.index
    assert index is not None
    winner, refine = found[index], about["refine"]
    held = desk.store.get(winner.key)
    if held is None:
        raise StorageError(f"the draft {winner.key[:12]} is gone from the cache", "run again")
    request = _request(job.request, held.digest if refine["edits"] else None, refine["seed"])
    name, there = key(request), desk.store.get(key(request))
    told = {**about, "draft": index + 1, "chosen": answer.chosen.reason}
    if refine["edits"]:
        told["inputs"] = {held.digest: str(desk.store.path(held))}
    provider = refine["via"]
    if there is not None and not job.redo:
        told |= {"there": "cached", "held": [request.provider, request.address]}
        provider = SHELF
    facts = {**answer.chosen.facts(), "digest": held.digest, "row": job.row}

    def write(connection: sqlite3.Connection) -> None:
        _note(connection, desk, job.row, found, answer)
        connection.execute(
            "INSERT OR REPLACE INTO choices VALUES (?, ?, ?, ?)",
            (refine["slot"], winner.key, json.dumps(facts), desk.now()),
        )
        text = canonical_json(canonical(request))
        jobs.become(connection, job.id, provider=provider, key=name, request=text, about=canonical_json(told))

    return Kept(job, None, write)


def _request(template: str, digest: str | None, seed: int | None) -> Request:
    """The picture's Request, with its draft where it is made from one."""
    request = request_of(template)
    if digest is None:
        return request
    request = replace(request, images=(digest,))
    if request.seed is None or seed is not None:
        return request
    return replace(request, seed=derived_seed(canonical(request)))


def _note(connection: sqlite3.Connection, desk: Desk, row: str, found: Sequence[Line], answer: Scored) -> None:
    """Write each draft's score into its line, and to its picture in the folder."""
    for at, score in zip(answer.among, answer.chosen.scores, strict=True):
        line = found[at]
        about = canonical_json({**line.about, "score": score.facts(), "chosen": at == answer.chosen.index})
        connection.execute("UPDATE jobs SET about = ? WHERE id = ?", (about, line.id))
        connection.execute(
            "UPDATE holdings SET about = ? WHERE collection = ? AND row = ? AND sample = ?",
            (about, desk.collection, row, line.sample),
        )
