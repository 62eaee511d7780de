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
from imagegen.choose import Asks, Candidate, Chosen, Decision, Given, Waits, Wish
from imagegen.choose.person import read as decisions
from imagegen.domain.request import Request, canonical, canonical_json, derived_seed, key, request_of
from imagegen.domain.result import PRESENT, State
from imagegen.errors import SettingsError, StorageError
from imagegen.judging import asked, model_of
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
    files: dict[str, str] = {}
    try:
        answer = _scored(desk, job, about, _candidates(desk, found, files))
    except SettingsError as problem:
        return without_picture(job, "failed", str(problem))
    if isinstance(answer, Waits):
        return without_picture(job, "waiting", answer.reason)
    if isinstance(answer, Asks):
        return asked(job, about, answer, files)
    if answer.chosen.index is None:
        return _rejected(desk, job, found, answer)
    return _won(desk, job, about, found, answer)


def _none(job: Job, found: Sequence[Line]) -> Kept:
    """No draft came."""
    states = {line.state for line in found}
    state: State = "unknown" if "unknown" in states else "refused" if states == {"refused"} else "failed"
    said = next((line.reason for line in found if line.reason and line.state == state), "none was made")
    return without_picture(job, state, f"no draft to choose from: {said}")


def _candidates(desk: Desk, found: Sequence[Line], files: dict[str, str]) -> list[Candidate]:
    """The drafts that are there; where their bytes lie goes into `files`, by digest."""
    candidates = []
    for index, line in enumerate(found):
        held = desk.store.get(line.key) if line.state in PRESENT else None
        if held is not None:
            facts = {"model": line.model, "cost": line.cost, "file": line.file}
            candidates.append(Candidate(index, desk.store.read(held), facts))
            files[held.digest] = str(desk.store.path(held))
    if not candidates:
        raise SettingsError("the drafts are gone from the cache (pruned?)", "--redo makes them anew")
    return candidates


def _scored(desk: Desk, job: Job, about: Mapping[str, Any], candidates: Sequence[Candidate]) -> Scored | Waits | Asks:
    """What the scorer says of the drafts; a judge's answer that is in the cache is not asked for."""
    refine, wish = about["refine"], Wish(about["prompt"], about["refine"]["text"])
    model = model_of(refine)
    scorer = choose.scorer(refine["scorer"], model)
    given = Given(_decision(desk, job), no_answer=refine.get("no_answer", ""))
    answer = choose.choose(candidates, wish, scorer, given)
    if isinstance(answer, Asks) and (held := desk.store.get(key(answer.request))):
        answer = choose.choose(candidates, wish, scorer, replace(given, answer=desk.store.read(held)))
    if isinstance(answer, Asks) and model is None:
        raise SettingsError(f"the scorer {scorer.name} asks a model, which only llm can", "choose with another one")
    return answer if isinstance(answer, Waits | Asks) else Scored(answer, tuple(each.index for each in candidates))


def _decision(desk: Desk, job: Job) -> Decision | None:
    return decisions(desk.folder.path / DECISIONS).get(decision_name(job.row, job.sample))


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
