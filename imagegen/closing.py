"""Closing a run: the files in the output folder, the summary, and the one exit code."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from imagegen import report
from imagegen.domain.money import plain
from imagegen.domain.result import Result, Summary
from imagegen.domain.words import pictures
from imagegen.errors import Exit, ManifestError, StorageError, worst
from imagegen.ledger import jobs, queued, runs, tally, unknowns
from imagegen.output import OURS
from imagegen.results import as_result

if TYPE_CHECKING:
    from imagegen.loop import Kit, Loop
    from imagegen.wiring import Project

T = TypeVar("T")


def close(
    project: Project, kit: Kit, loop: Loop, seconds: float, *, output: Path, step_summary: Path | None = None
) -> Summary:
    """Write the results and the books' last line for this run."""
    if kit.ledger.failed:
        raise kit.ledger.failed
    collection = kit.desk.collection
    with kit.ledger.reading() as reader:
        counts = tally.counts(reader, loop.run)
        estimated, premium = tally.sums(reader, loop.run)
        open_pictures, at_most = unknowns.total(reader, collection)
        spent = runs.charged(reader, loop.run)
        stand_ins = tally.stand_ins(reader, loop.run)
        drafts, deciding = tally.counts(reader, loop.run, role="draft"), tally.deciding(reader, loop.run)
        in_queue, held_up = queued.pictures(reader, loop.run), queued.reasons(reader, loop.run)
    codes = set(loop.stops)
    if any(counts.get(state, 0) > drafts.get(state, 0) for state in ("failed", "refused")):
        codes.add(Exit.SOME_FAILED)  # of drafts it only matters whether their picture came
    if counts.get("waiting"):
        codes.add(Exit.WAITING)
    if open_pictures or counts.get("unknown"):
        codes.add(Exit.UNKNOWN)
    summary = Summary(
        exit_code=int(worst(codes)),
        rows=sum(counts.values()),
        counts=counts,
        estimated=estimated,
        spent=spent,
        unknown_at_most=at_most,
        premium=premium or None,
        premium_model=project.context.premium[0].title,
        stand_ins=stand_ins,
        seconds=seconds,
        run=loop.run,
        manifest=project.manifest.path.name,
        output=str(output),
        stopped_by=loop.why or None,
        notes=_to_decide(project, output, deciding),
        drafts=drafts,
        deciding=deciding,
    )
    try:
        _write_files(kit, loop.run, summary, step_summary)
        more = (*held_up, *_waits(in_queue), *_import_table(project, kit, loop.run, output))
        summary = replace(summary, notes=(*summary.notes, *more))
    except OSError as problem:
        raise StorageError(f"the results cannot be written: {problem}", "free space, then run again") from problem
    said: dict[str, Any] = {**counts, "spent_usd": plain(spent), "estimated_usd": plain(estimated)}
    said |= {"stopped_by": summary.stopped_by} if summary.stopped_by else {}
    kit.ledger.write(lambda c: runs.end(c, loop.run, summary.exit_code, said, kit.clock.now()))
    while kit.ledger.write(lambda connection: runs.tidy(connection, loop.run, collection)):
        pass
    return summary


def _waits(count: int) -> Iterator[str]:
    """What is said of pictures in a queue."""
    if count:
        wait, them = ("waits", "it") if count == 1 else ("wait", "them")
        home = f"`imagegen collect --wait` brings {them} home"
        yield f"{pictures(count)} {wait} in the provider's queue, up to a day: {home}"


def _to_decide(project: Project, output: Path, deciding: int) -> tuple[str, ...]:
    """What a person is to do, who chooses among drafts."""
    if not deciding:
        return ()
    beside = "" if output == project.output else f" -o {output}"
    waits = f"{pictures(deciding)} {'waits' if deciding == 1 else 'wait'} for a person's choice"
    return (f"{waits}: imagegen review {project.manifest.path}{beside}, then run again",)


def _results(kit: Kit, run: str, states: tuple[str, ...] = ()) -> Generator[Result, None, None]:
    with kit.ledger.reading() as reader:
        for line in jobs.lines(reader, run, states):
            yield as_result(line, line["about"])


def _write_files(kit: Kit, run: str, summary: Summary, step_summary: Path | None) -> None:
    folder = kit.desk.folder.path

    def results(*states: str) -> Iterator[Result]:
        return _results(kit, run, states)

    def lines(out: TextIO) -> None:
        for result in results():
            out.write(report.jsonl_line(result) + "\n")

    when = datetime.fromtimestamp(kit.clock.now(), UTC)
    _whole(folder / "results.jsonl", lines)
    _whole(folder / "results.csv", lambda out: report.write_csv(results(), out))
    _whole(folder / "report.html", lambda out: report.write_html(results, summary, out, when=when))
    if summary.pictures("refused"):
        _whole(folder / "refused.csv", lambda out: report.write_refused(results, out))
    else:
        (folder / "refused.csv").unlink(missing_ok=True)
    if step_summary:
        with open(step_summary, "a", encoding="utf-8") as out:
            out.write(report.markdown_summary(summary, results("refused", "failed", "unknown")))


def _import_table(project: Project, kit: Kit, run: str, output: Path) -> Iterator[str]:
    """Write the source table with the pictures in it, if the manifest asks for it; what to tell about it. What is
    wrong with the table does not undo a run that was paid for."""
    header = project.manifest.header
    table, folder = header.output.table, kit.desk.folder.path
    if table is None:
        return
    if header.source is None:
        yield "output.table: a plan does not hold the source; run the manifest itself to get the table, for nothing"
        return
    from imagegen.importtable import Giver

    target = folder / table.file
    if target.resolve() == (project.manifest.path.parent / header.source.file).resolve():
        yield f"output.table: {output / table.file} is the source itself and was not written; name another file"
        return
    given = None
    try:
        giver = Giver(project.manifest.path, header)
        with closing(_results(kit, run)) as results:
            finished = (result for result in results if result.role != "draft")
            given = _whole(target, lambda out: giver.write(finished, out), giver.encoding)
    except ManifestError as problem:
        yield f"output.table was not written: {problem}"
        return
    yield f"the source with its pictures: {output / table.file} ({given.pictures:,} pictures, {given.lines:,} lines)"
    if given.unfilled:
        yield f"output.table: {given.unfilled:,} pictures could not be filled in; the first: {given.problem}"
    if given.unencoded:
        yield (
            f"output.table: {given.unencoded:,} addresses hold spaces or other signs that an address may not hold;"
            " write {{ file | urlencode }}"
        )
    if given.lost:
        yield f"output.table: {given.lost:,} pictures belong to no line of the source any more; run again"


def _whole(path: Path, write: Callable[[TextIO], T], encoding: str = "utf-8") -> T:
    """Write a file whole or not at all."""
    passing = path.parent / OURS / f"{path.name}.part"
    with ExitStack() as stack:
        stack.callback(passing.unlink, missing_ok=True)
        with open(passing, "w", encoding=encoding, newline="") as out:
            done = write(out)
        os.replace(passing, path)
    return done
