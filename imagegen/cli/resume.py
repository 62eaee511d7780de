"""`imagegen resume [RUN]`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(help="Repeat a run with its manifest and flags.")
def resume(
    run: Annotated[str | None, typer.Argument(help="A run's id, or how it begins [the latest].")] = None,
    retry_unknown: Annotated[
        bool,
        typer.Option(
            "--retry-unknown", help="Buy pictures again whose first purchase is unknown; its money stays counted."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask above $5 without a budget.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")] = False,
) -> int:
    """Look the run up, then do what it did."""
    from imagegen.cli.run import carry_out, opened
    from imagegen.errors import UsageError
    from imagegen.ledger import runs, schema
    from imagegen.settings import home_folder

    with schema.looking(home_folder() / "ledger.db") as connection:
        if connection is None:
            raise UsageError("there is no run to resume in this home", "imagegen run MANIFEST starts one")
        found = runs.of(connection, run) if run else runs.latest(connection)
    if found is None:
        raise UsageError(f"no run is called {run!r}, or several begin so", "give its whole id")
    if found.flags.get("in_memory"):
        raise UsageError(f"run {found.id} had its rows from a Python program", "start that program again: it goes on")
    said = {**found.flags, "yes": yes or found.flags["yes"]}
    return carry_out(opened(Path(found.manifest), said), said, Path(said["output"]), [], False, retry_unknown, as_json)
