"""Jobs: one run's work list, staged whole before the first cent is spent.

Plain functions of a connection; the caller decides in which transaction they run.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from imagegen.domain.money import Nano


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A planned picture on its way into the work list. `state` is `todo` or already final.
    `request`, `finish` and `about` are JSON text; `file` is the output's path without its extension. Lines of equal
    priority are done bucket by bucket."""

    seq: int
    row: str
    sample: int
    state: str
    priority: int
    file: str
    fold: str
    about: str
    provider: str | None = None
    model: str | None = None
    key: str | None = None
    fingerprint: str | None = None
    estimate: Nano | None = None
    most: Nano | None = None
    premium: Nano | None = None
    request: str | None = None
    finish: str | None = None
    digest: str | None = None
    reason: str | None = None
    role: str | None = None
    link: int | None = None
    bucket: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A picture to make: a line of the work list that is ready."""

    id: int
    seq: int
    row: str
    sample: int
    priority: int
    provider: str
    model: str
    key: str
    fingerprint: str
    estimate: Nano
    most: Nano
    request: str
    finish: str
    file: str
    about: str
    role: str | None = None
    link: int | None = None
    run: str = ""
    bucket: str = ""

    @property
    def redo(self) -> bool:
        """Whether it is to be made anew, whatever is there."""
        return '"redo":true' in self.about

    @property
    def tags(self) -> tuple[str, ...]:
        """Its row's tags."""
        return tuple(json.loads(self.about).get("tags", ())) if '"tags":' in self.about else ()


_STAGE = (
    "INSERT INTO jobs (run, seq, row, sample, state, priority, provider, model, key, fingerprint, estimate, most,"
    " premium, cost, request, finish, file, fold, digest, about, reason, role, link,"
    " bucket) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

#: What is told of a draft.
DRAFT_LINE = "id, sample, state, key, digest, model, cost, reason, file, about"

_READY = (
    "SELECT id, seq, row, sample, priority, provider, model, key, fingerprint, estimate, most, request, finish,"
    " file, about, role, link, run, bucket FROM jobs WHERE run = ? AND state = 'todo' AND provider = ?"
    " AND (priority, bucket, seq) > (?, ?, ?) ORDER BY priority, bucket, seq LIMIT ?"
)


def stage(connection: sqlite3.Connection, run: str, lines: Sequence[Staged]) -> None:
    """Add lines to a run's work list. Raises sqlite3.IntegrityError when two would share a file."""
    connection.executemany(
        _STAGE,
        [
            (
                run, line.seq, line.row, line.sample, line.state, line.priority, line.provider, line.model,
                line.key, line.fingerprint, line.estimate, line.most, line.premium, line.request, line.finish,
                line.file, line.fold, line.digest, line.about, line.reason, line.role, line.link,
                line.bucket,
            )
            for line in lines
        ],
    )  # fmt: skip


def same_file(connection: sqlite3.Connection, run: str, folds: Sequence[str]) -> tuple[str, str] | None:
    """The (fold, about) of a staged line that already has one of `folds`."""
    marks = ",".join("?" * len(folds))
    found = connection.execute(
        f"SELECT fold, about FROM jobs WHERE run = ? AND fold IN ({marks}) LIMIT 1",
        (run, *folds),
    ).fetchone()
    return (found[0], found[1]) if found else None


def discard(connection: sqlite3.Connection, run: str, most: int = 5000) -> int:
    """Delete up to `most` lines of a run's work list; how many went."""
    return connection.execute(
        "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE run = ? LIMIT ?)", (run, most)
    ).rowcount


def ready(connection: sqlite3.Connection, run: str, provider: str, after: tuple[int, str, int], most: int) -> list[Job]:
    """The next jobs of `provider` by priority, then bucket, then manifest order, beyond `after`, which is such a
    triple."""
    return [Job(*found) for found in connection.execute(_READY, (run, provider, *after, most))]


def providers(connection: sqlite3.Connection, run: str) -> list[str]:
    """Which providers still have something to do in `run`."""
    return [
        found[0]
        for found in connection.execute("SELECT DISTINCT provider FROM jobs WHERE run = ? AND state = 'todo'", (run,))
    ]


def end(
    connection: sqlite3.Connection,
    job: int,
    state: str,
    *,
    cost: Nano | None = 0,
    digest: str | None = None,
    reason: str | None = None,
    file: str | None = None,
    about: str | None = None,
) -> None:
    """Write what became of a job; `cost` comes on top of what it took before. `file` is the finished file with its
    extension."""
    connection.execute(
        "UPDATE jobs SET state = ?, cost = cost + ?, digest = COALESCE(?, digest), reason = ?,"
        " file = COALESCE(?, file), about = COALESCE(?, about) WHERE id = ?",
        (state, cost, digest, reason, file, about, job),
    )


def skip_rest(connection: sqlite3.Connection, run: str, reason: str, provider: str | None = None) -> int:
    """Mark everything still to do (of one provider; else what waits for its drafts too) as skipped; how many."""
    where, more = (
        ("AND provider = ? AND state = 'todo'", (provider,)) if provider else ("AND state IN ('todo', 'held')", ())
    )
    return connection.execute(
        f"UPDATE jobs SET state = 'skipped', reason = ? WHERE run = ? {where}",
        (reason, run, *more),
    ).rowcount


def lines(
    connection: sqlite3.Connection, run: str, states: Iterable[str] = (), fold: str | None = None
) -> Iterator[dict[str, Any]]:
    """A run's work list in manifest order as mappings of column to value, `about` parsed; `fold`: the line of one
    file."""
    chosen = tuple(states)
    marks = f"AND state IN ({','.join('?' * len(chosen))})" if chosen else ""
    chosen, marks = (chosen, marks) if fold is None else ((*chosen, fold), f"{marks} AND fold = ?")
    cursor = connection.execute(
        "SELECT id, seq, row, sample, state, provider, model, key, estimate, premium, cost, finish, file, digest,"
        f" about, reason, role FROM jobs WHERE run = ? {marks} ORDER BY seq",
        (run, *chosen),
    )
    names = [column[0] for column in cursor.description]
    for found in cursor:
        line = dict(zip(names, found, strict=True))
        line["about"] = json.loads(line["about"])
        yield line


def chosen_from(connection: sqlite3.Connection, run: str, link: int) -> list[tuple[Any, ...]]:
    """The drafts of the line `link`, of each what `DRAFT_LINE` names, in their order."""
    return connection.execute(
        f"SELECT {DRAFT_LINE} FROM jobs WHERE run = ? AND link = ? AND role = 'draft' ORDER BY seq",
        (run, link),
    ).fetchall()


def release_held(connection: sqlite3.Connection, run: str, provider: str, link: int | None = None) -> int:
    """Put lines whose drafts have all come to their end on the list of `provider`: one (`link`) or all; how many."""
    which, more = ("AND link = ? AND role = 'refine'", (link,)) if link is not None else ("", ())
    return connection.execute(
        f"UPDATE jobs SET state = 'todo', provider = ? WHERE run = ? AND state = 'held' {which} AND NOT EXISTS"
        " (SELECT 1 FROM jobs d WHERE d.run = jobs.run AND d.link = jobs.link AND d.role = 'draft'"
        " AND d.state IN ('todo', 'held'))",
        (provider, run, *more),
    ).rowcount


def become(
    connection: sqlite3.Connection, job: int, *, provider: str, key: str, request: str, about: str, cost: Nano = 0,
    model: str | None = None, most: Nano | None = None,
) -> None:  # fmt: skip
    """A line has something else to do from now on; `cost` is what it took so far. Without `model` and `most` they
    stay."""
    connection.execute(
        "UPDATE jobs SET state = 'todo', provider = ?, key = ?, request = ?, about = ?, cost = cost + ?,"
        " model = COALESCE(?, model), most = COALESCE(?, most) WHERE id = ?",
        (provider, key, request, about, cost, model, most, job),
    )


def take_over(connection: sqlite3.Connection, job: int, line: Staged) -> None:
    """Let `line` have the place of a line that ended. Raises sqlite3.IntegrityError when its file is another's."""
    connection.execute(
        "UPDATE jobs SET state = ?, provider = ?, model = ?, key = ?, estimate = ?, most = ?, premium = ?, request = ?,"
        " finish = ?, file = ?, fold = ?, digest = ?, about = ?, reason = ?, bucket = ? WHERE id = ?",
        (
            line.state, line.provider, line.model, line.key, line.estimate, line.most, line.premium, line.request,
            line.finish, line.file, line.fold, line.digest, line.about, line.reason, line.bucket, job,
        ),
    )  # fmt: skip


def forget_files(connection: sqlite3.Connection, run: str, folds: Sequence[str]) -> None:
    """Delete what the work list says of files whose lines came to their end, so that their row may come again."""
    marks = ",".join("?" * len(folds))
    connection.execute(
        f"DELETE FROM jobs WHERE run = ? AND fold IN ({marks}) AND state NOT IN ('todo', 'held')", (run, *folds)
    )


def any_about(connection: sqlite3.Connection, run: str, states: Iterable[str], part: str) -> bool:
    """Whether the `about` of any line in one of `states` holds the text `part`."""
    found = connection.execute(
        "SELECT 1 FROM jobs WHERE run = ? AND state IN (SELECT value FROM json_each(?)) AND instr(about, ?) LIMIT 1",
        (run, json.dumps(list(states)), part),
    )
    return found.fetchone() is not None
