"""`imagegen choose MANIFEST [ROW NUMBER|none]`: what waits for a person's choice, and a choice, without a browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imagegen.cli import look, say
from imagegen.domain.words import pictures

if TYPE_CHECKING:
    from imagegen.review.pending import Folder, Pending
    from imagegen.wiring import Project

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Output = Annotated[Path | None, typer.Option("--output", "-o", help="Where the pictures are [out/<manifest name>].")]
Row = Annotated[str | None, typer.Argument(help="The picture, as it is listed without this.", show_default=False)]
Number = Annotated[
    str | None,
    typer.Argument(metavar="[NUMBER|none]", help="The draft that wins, from 1; or none.", show_default=False),
]
Note = Annotated[str, typer.Option(metavar="TEXT", help="Why; it stands in the results.")]


@app.command(help="Choose among drafts on the command line; without a row, list what waits.")
def choose(
    manifest: look.Manifest,
    row: Row = None,
    number: Number = None,
    note: Note = "",
    output: Output = None,
    as_json: look.AsJson = False,
) -> int:
    """Find what waits, list it or write the decision, say what to do next."""
    from imagegen.errors import UsageError
    from imagegen.review.pending import index_of, named

    _, folder = opened(manifest, output)
    pending = folder.pending()
    if row is None:
        _list(pending, folder, as_json)
        return 0
    found = named(pending, row, manifest)
    if number is None:
        raise UsageError(f"which draft of {row}?", f"1 to {found.choices[-1].index + 1}, or none")
    folder.decide(found.name, found.decision(index_of(found, number), note))
    said = afterwards(pending, folder, f"imagegen run {manifest}{'' if output is None else f' -o {output}'}")
    if as_json:
        say.event({"event": "choice", "id": found.name, "picture": _number(index_of(found, number)), "note": note})
    say.info(said)
    return 0


def opened(manifest: Path, output: Path | None) -> tuple[Project, Folder]:
    """The project, and its output folder."""
    from imagegen.review.pending import Folder

    project = look.opened(manifest)
    return project, Folder(project.settings.home, output or project.output)


def afterwards(pending: Sequence[Pending], folder: Folder, command: str) -> str:
    """What is decided, and what to do next."""
    decisions = folder.decided()
    done = sum(each.decided(decisions) is not None for each in pending)
    left = f", {len(pending) - done:,} left" if done < len(pending) else ""
    return f"{pictures(done)} decided{left}" + (f"; now: {command}" if done else "")


def _list(pending: Sequence[Pending], folder: Folder, as_json: bool) -> None:
    from imagegen.cli.sheet import cell, put, sheet

    decisions = folder.decided()
    if not pending and not as_json:
        say.info(f"no picture in {folder.path} waits for a choice")
        return
    table = sheet("Row", "Draft", "File", "Decided", right=("Draft",), keep=("Draft",))
    for each in pending:
        decision = each.decided(decisions)
        if as_json:
            index = None if decision is None else decision.index
            files = {str(choice.index + 1): choice.file for choice in each.choices}
            told = {"decided": decision is not None, "picture": _number(index)}
            say.event({"event": "pending", "id": each.name, "prompt": each.prompt, "drafts": files, **told})
            continue
        for at, choice in enumerate(each.choices):
            mine = decision is not None and decision.index == choice.index
            word = "this" if mine else "none" if decision and decision.index is None and not at else ""
            file = str(folder.path / choice.file)
            table.add_row(cell("" if at else each.name), cell(str(choice.index + 1)), cell(file), cell(word))
    if not as_json:
        put(table)


def _number(index: int | None) -> int | None:
    return None if index is None else index + 1
