"""`imagegen handoff export` and `imagegen handoff import`: models without an API, asked by a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagegen.cli import look, say

if TYPE_CHECKING:
    from imagegen.handoff.memory import Asked
    from imagegen.handoff.work import Prepared

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Models without an API, such as Midjourney: a person takes the prompts there and brings the pictures back.",
)

Catalog = Annotated[list[Path] | None, typer.Option(metavar="FILE", help="A catalogue file of your own.")]
Model = Annotated[str | None, typer.Option(help="Plan every row for this model: midjourney.")]
Provider = Annotated[str | None, typer.Option(help="Plan every row for this provider: handoff.")]


@app.command("export", help="Write the prompts of the rows that a person makes: a page, a text and a table.")
def export_prompts(
    manifest: look.Manifest,
    write: Annotated[
        Path | None, typer.Option("--write", "-o", metavar="FOLDER", help="Where to [handoff in the output folder].")
    ] = None,
    output: look.Output = None,
    routes: look.Routes = None,
    model: Model = None,
    provider: Provider = None,
    catalog: Catalog = None,
    as_json: look.AsJson = False,
) -> int:
    """Plan, write, say where."""
    from datetime import UTC, datetime

    from imagegen.cli import handoff_words as words
    from imagegen.handoff import work

    asked = _asked(manifest, output, routes, model, provider, catalog)
    folder = write or (output or Path("out") / manifest.stem) / "handoff"
    done = work.export(work.opened(asked), asked, folder, words.command(folder), datetime.now(UTC))
    words.refusals(done.slots)
    if as_json:
        words.export_events(done)
    else:
        words.exported(done, manifest)
    return 3 if done.slots.refused else 0


@app.command("import", help="Take downloaded pictures back: match, finish, keep and book them.")
def import_pictures(
    folder: Annotated[Path, typer.Argument(help="The folder of the downloaded pictures.", show_default=False)],
    manifest: Annotated[Path | None, typer.Option(help="Whose pictures they are [the last export's].")] = None,
    plan: Annotated[
        str | None, typer.Option(metavar="PLAN", help="Your subscription: basic, standard, pro or mega.")
    ] = None,
    by_order: Annotated[
        bool, typer.Option("--by-order", help="The first by name is the first row's that waits, and so on.")
    ] = False,
    by_time: Annotated[bool, typer.Option("--by-time", help="The same, the oldest file first.")] = False,
    redo: Annotated[list[str] | None, typer.Option(metavar="ID", help="Take this row's anew.")] = None,
    output: look.Output = None,
    routes: look.Routes = None,
    model: Model = None,
    provider: Provider = None,
    catalog: Catalog = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go where.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: look.AsJson = False,
) -> int:
    """Look, show, ask, take."""
    from imagegen.cli import handoff_words as words
    from imagegen.errors import UsageError
    from imagegen.handoff import work

    if by_order and by_time:
        raise UsageError("--by-order and --by-time are two orders", "give one of them")
    asked = _recalled(folder, manifest, output, routes, model, provider, catalog)
    order: Any = "name" if by_order else "time" if by_time else None
    project = work.opened(asked)
    found = work.prepare(project, asked, folder, plan=plan, order=order, redo=frozenset(redo or ()))
    if as_json:
        words.match_events(found)
    else:
        words.matches(found)
    if dry_run or found.idle:
        return words.nothing_taken(found, dry_run)
    return _take(found, plan, yes, as_json)


def _take(found: Prepared, plan: str | None, yes: bool, as_json: bool) -> int:
    """Ask, take, say what became of it."""
    import threading

    from imagegen.cli import handoff_words as words
    from imagegen.cli.bug import report_bug
    from imagegen.cli.signals import heeded, listen
    from imagegen.cli.watch import Json, Watcher
    from imagegen.errors import Exit, GuardError, worst
    from imagegen.handoff import work
    from imagegen.session import parts_of

    watcher = Json(interval=10) if as_json else Watcher()
    if found.taken and not yes:
        answer = watcher.confirm(f"{words.question(found)}. Go on?")
        if answer is None:
            raise GuardError(words.question(found), "add --yes to go on without being asked")
        if not answer:
            raise GuardError("nothing was taken")
    stop, heard = threading.Event(), listen()
    parts = parts_of(found.project, stop, lambda: heeded(heard, stop))
    try:
        summary = work.take(found, parts, watcher, _flags(found.asked), plan)
    finally:
        watcher.close()
    watcher.summary(summary)
    if watcher.bugs:
        report_bug(watcher.bugs[0])
    return worst({Exit(summary.exit_code), *([Exit.SOME_FAILED] if words.bad(found) else [])})


def _asked(
    manifest: Path,
    output: Path | None,
    routes: str | None,
    model: str | None,
    provider: str | None,
    catalog: list[Path] | None,
) -> Asked:
    from imagegen.handoff.memory import Asked

    folder = output or Path("out") / manifest.stem
    flags = {"routes": routes, "catalog": [str(path.absolute()) for path in catalog] if catalog else None}
    set_fields = {name: value for name, value in (("model", model), ("provider", provider)) if value}
    return Asked(str(manifest.absolute()), str(folder.absolute()), flags, set_fields)


def _recalled(folder: Path, manifest: Path | None, output: Path | None, *said: Any) -> Asked:
    """What was exported, as it was exported, unless the command line says otherwise. Raises UsageError."""
    from dataclasses import replace

    from imagegen.errors import UsageError
    from imagegen.handoff.memory import recalled
    from imagegen.handoff.work import short
    from imagegen.settings import home_folder

    last = recalled(folder, home_folder())
    same = last is not None and (manifest is None or str(manifest.absolute()) == last.manifest)
    if manifest is None and last is None:
        raise UsageError("no manifest was exported from this home", "say --manifest MANIFEST")
    if last is None or not same or any(each is not None for each in said):
        where = manifest or Path(last.manifest if last else "")
        there = Path(last.output) if last and same and output is None else output
        return _asked(where, there, *said)
    if manifest is None:
        say.note(f"for {short(last.manifest)}, as it was exported last")
    return replace(last, output=str(output.absolute())) if output else last


def _flags(asked: Asked) -> dict[str, Any]:
    """What `resume` repeats: a run of the manifest."""
    return {
        "flags": dict(asked.flags),
        "set_fields": dict(asked.set_fields),
        "output": asked.output,
        "allow_retired": False,
        "skip_refused": False,
        "max_failures": None,
        "yes": False,
        "handoff": True,
    }
