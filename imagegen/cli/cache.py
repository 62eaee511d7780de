"""`imagegen cache stats|prune|verify|rebuild`: the pictures that are kept so that nothing is bought twice."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imagegen.cli import say
from imagegen.domain.words import pictures

if TYPE_CHECKING:
    from imagegen.cli.pruning import Prune
    from imagegen.stores import Problem, Stats, Store

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="The cache on disk: every picture that was made, kept so that nothing is bought twice.",
)

AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")]


@app.command(help="How much the cache holds, by model.")
def stats(as_json: AsJson = False) -> int:
    """Count, print."""
    store = _store()
    held = store.stats() if store else None
    if as_json:
        _print_stats_json(held)
    elif held is None or not held.keys:
        _say_empty()
    else:
        _print_stats(held)
    return 0


@app.command(help="Remove pictures from the cache. What a picture in an output folder still needs stays.")
def prune(
    older_than: Annotated[str | None, typer.Option(metavar="AGE", help="Unused for so long: 12h, 90d, 4w.")] = None,
    max_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="The longest unused, until no more than this stays: 500MB, 20GB.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Made by this model.")] = None,
    unused: Annotated[bool, typer.Option(help="All that no output folder needs.")] = False,
    even_needed: Annotated[bool, typer.Option(help="Also what output folders need to be finished anew.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Choose, say, ask, remove."""
    from imagegen.cli.pruning import Wish, prepare, remove

    wish = Wish.of(older_than, max_size, model, unused, even_needed)
    store = _store()
    if store is None:
        return _say_empty()
    found = prepare(store, _home(), wish)
    _print_prune(found, dry_run)
    if dry_run or not found.keys or not _agreed(yes):
        return 0
    freed = remove(store, _home(), wish, found)
    print(f"{size_words(freed)} freed.")  # noqa: T201
    return 0


@app.command(help="Look for damage: missing, altered or stray files. Ends with 7 when there is any.")
def verify(
    read_data: Annotated[bool, typer.Option(help="Read every picture and check its hash; slow.")] = False,
    as_json: AsJson = False,
) -> int:
    """Look, print what is wrong."""
    from imagegen.errors import Exit

    store = _store()
    if store is None:
        return 0 if as_json else _say_empty()
    count = 0
    for count, problem in enumerate(store.verify(read_data), 1):  # noqa: B007  the count is used below
        _print_problem(problem, as_json)
    if not as_json:
        good = f"No problems: every picture is there{' and is what it was' if read_data else ''}."
        print(f"{count:,} problem{'' if count == 1 else 's'}." if count else good)  # noqa: T201
    return Exit.STORAGE if count else Exit.OK


@app.command(help="Make the index of the cache anew from what lies there.")
def rebuild() -> int:
    """Rebuild, say how much there is."""
    from contextlib import closing

    store = _store()
    if store is None:
        return _say_empty()
    with closing(store):
        keys = store.rebuild()
    print(f"The index is made anew: {keys:,} picture{'' if keys == 1 else 's'} found.")  # noqa: T201
    return 0


def _home() -> Path:
    from imagegen.settings import home_folder

    return home_folder()


def _store() -> Store | None:
    """The cache of this home; None where there is none yet."""
    from imagegen.wiring import open_store

    return open_store(_home()) if (_home() / "cache").is_dir() else None


def _say_empty() -> int:
    print("The cache is empty.")  # noqa: T201
    return 0


def _print_stats(held: Stats) -> None:
    from imagegen.cli.sheet import cell, put, sheet

    table = sheet("Model", "Pictures", "Size", right=("Pictures", "Size"))
    for model, share in held.by_model.items():
        table.add_row(cell(model), f"{share.keys:,}", size_words(share.bytes))
    table.add_row()
    table.add_row("All", f"{held.keys:,}", size_words(held.bytes))
    put(cell(f"In {_home() / 'cache'}"), table)
    if held.pictures < held.keys:
        put(f"{held.keys - held.pictures:,} of them share a file with another.")


def _print_stats_json(held: Stats | None) -> None:
    for model, share in held.by_model.items() if held else ():
        print(json.dumps({"model": model, "pictures": share.keys, "bytes": share.bytes}))  # noqa: T201
    total = {"pictures": held.keys, "files": held.pictures, "bytes": held.bytes} if held else {}
    print(json.dumps({"model": None, "pictures": 0, "files": 0, "bytes": 0} | total))  # noqa: T201


def _print_prune(found: Prune, dry_run: bool) -> None:
    from imagegen.cli.sheet import cell, put, sheet

    if found.pictures:
        table = sheet("Model", "Pictures", "Size", right=("Pictures", "Size"))
        for model, share in found.going.items():
            table.add_row(cell(model), f"{share.keys:,}", size_words(share.bytes))
        put(table, "")
    verb = "would go" if dry_run else "to go"
    what = f"{pictures(found.pictures)} {verb}, {size_words(found.bytes)}" if found.keys else "Nothing to remove"
    put(
        f"{what}; {pictures(found.staying)} stay{'s' if found.staying == 1 else ''}, {size_words(found.staying_bytes)}."
    )
    if found.needed:
        put(f"{pictures(found.needed)} match but are needed by output folders; --even-needed takes them too.")
    if found.awaited:
        put(f"{pictures(found.awaited)} match but are needed by a run that is not finished.")


def _agreed(yes: bool) -> bool:
    """Whether the person said yes, beforehand or now. Raises UsageError where nobody can be asked."""
    from imagegen.errors import UsageError

    if yes:
        return True
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("nothing was removed", "add --yes, or --dry-run only to look")
    return typer.confirm("Remove them?", default=False, err=True)


def _print_problem(problem: Problem, as_json: bool) -> None:
    if as_json:
        line = {"kind": problem.kind, "where": str(problem.where), "what": problem.what, "todo": problem.todo}
        say.event(line | {"key": problem.key})
    else:
        print(say.visible(str(problem)))  # noqa: T201


def size_words(size: int) -> str:
    """Bytes for people, in powers of 1000: "3.2 MB"."""
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"
