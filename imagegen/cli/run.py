"""`imagegen run MANIFEST`."""

from __future__ import annotations

import gc
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from imagegen.cli.watch import Watcher as Watching
    from imagegen.wiring import Project

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Manifest = Annotated[
    Path,
    typer.Argument(
        help="A YAML, CSV, TSV, JSONL or Parquet file of prompts, or a plan of `plan -o`.", show_default=False
    ),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Where the pictures go [out/<manifest name>].")]
Routes = Annotated[str | None, typer.Option(help="Routing preset: current or guide.")]
Model = Annotated[str | None, typer.Option(help="Make every row with this model.")]
Provider = Annotated[str | None, typer.Option(help="Ask this provider for every row; placeholder costs nothing.")]
Budget = Annotated[str | None, typer.Option(metavar="USD", help="The most this run may spend, in USD.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Calls at once, per provider.")]
Optimize = Annotated[
    Literal["route", "cost"] | None, typer.Option(help="route: first of the list; cost: the cheapest.")
]
Lane = Annotated[
    Literal["live", "batch", "local", "auto"] | None,
    typer.Option(help="Buy live, in half-price batches, make on this machine, or as is cheapest."),
]
Catalog = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="A catalogue file of your own (models, prices, routes).")
]


@app.command(help="Make the pictures of a manifest; run it again after any accident.")
def run(
    manifest: Manifest,
    output: Output = None,
    routes: Routes = None,
    model: Model = None,
    provider: Provider = None,
    n: Annotated[int | None, typer.Option("--n", min=1, max=100, help="Make so many pictures of every row.")] = None,
    budget: Budget = None,
    workers: Workers = None,
    optimize: Optimize = None,
    lane: Lane = None,
    catalog: Catalog = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Make the same bytes again, on this machine's own GPU.")
    ] = False,
    redo: Annotated[list[str] | None, typer.Option(metavar="ID", help="Make this row anew, whatever is there.")] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="ID|TAG", help="Make only rows of this id or tag.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Make only the first N of these rows.")] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Make only the I-th of N parts, for N machines.")
    ] = None,
    reroute: Annotated[
        bool, typer.Option("--reroute", help="Make rows anew that would go to another model now.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be done, as `plan` does.")] = False,
    refetch: Annotated[
        bool, typer.Option("--refetch", help="Ask for input pictures by URL again: have they changed?")
    ] = False,
    skip_refused: Annotated[
        bool, typer.Option("--skip-refused", help="Make the rest when planning refuses rows.")
    ] = False,
    allow_retired: Annotated[
        bool, typer.Option("--allow-retired", help="Ask for models that were shut down all the same.")
    ] = False,
    max_failures: Annotated[int | None, typer.Option(min=1, help="Stop after so many failures.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask above $5 without a budget.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")] = False,
) -> int:
    """Parse, run, say."""
    from imagegen.planfile import plan_output

    folder = output or plan_output(manifest) or Path("out") / manifest.stem
    flags: dict[str, Any] = {
        "routes": routes,
        "budget": {"run": budget} if budget is not None else None,
        "workers": workers,
        "optimize": optimize,
        "catalog": [str(path.absolute()) for path in catalog] if catalog else None,
        "local": {"deterministic": True} if deterministic else None,
    }
    said = {
        "flags": flags,
        "set_fields": {
            name: value for name, value in (("model", model), ("provider", provider), ("lane", lane), ("n", n)) if value
        },
        "output": str(folder.absolute()),
        "allow_retired": allow_retired,
        "skip_refused": skip_refused,
        "refetch": refetch,
        "only": only or [],
        "limit": limit,
        "shard": shard,
        "max_failures": max_failures,
        "yes": yes,
    }
    if dry_run:
        from imagegen.cli.dry_run import dry_run as print_plan

        return print_plan(manifest, said, folder, redo or [], reroute, as_json)
    return carry_out(opened(manifest, said), said, folder, redo or [], reroute, False, as_json)


def opened(manifest: Path, said: dict[str, Any]) -> Project:
    """The project of `manifest` with what was said on the command line."""
    from imagegen.wiring import open_project

    return open_project(manifest, said["flags"], set_fields=said["set_fields"], allow_retired=said["allow_retired"])


def carry_out(
    project: Project,
    said: dict[str, Any],
    output: Path,
    redo: list[str],
    reroute: bool,
    retry_unknown: bool,
    as_json: bool,
    watcher: Watching | None = None,
) -> int:
    """Run `project` and tell of it, `watcher` where one is given; the exit code."""
    from imagegen.cli.signals import heeded, listen
    from imagegen.cli.watch import Bar, Json, Watcher
    from imagegen.order import Order
    from imagegen.selection import shard_of
    from imagegen.session import execute, parts_of
    from imagegen.settings import step_summary

    # The ledger's thread lets go of the interpreter at every statement and must soon have it back: everybody
    # waits for its commits. With the usual 5 ms a run of 64 workers makes a third fewer pictures (bench.throughput).
    sys.setswitchinterval(0.001)
    gc.freeze()  # what was imported stays: no need to look through it again and again
    stop, asked = threading.Event(), listen()
    parts = parts_of(project, stop, lambda: heeded(asked, stop))
    order = Order(
        output=output,
        yes=said["yes"],
        skip_refused=said["skip_refused"],
        reroute=reroute,
        refetch=said.get("refetch", False),
        retry_unknown=retry_unknown,
        redo=frozenset(redo),
        only=frozenset(said.get("only") or ()),
        shard=shard_of(said["shard"]) if said.get("shard") else None,
        limit=said.get("limit"),
        max_failures=said["max_failures"],
        step_summary=step_summary(),
        flags=said,
    )
    watcher = watcher or (Json(interval=10) if as_json else Bar() if sys.stderr.isatty() else Watcher())
    try:
        summary = execute(project, order, parts, watcher)
    finally:
        watcher.close()
    watcher.summary(summary)
    if watcher.bugs:
        from imagegen.cli.bug import report_bug

        report_bug(watcher.bugs[0])
    return summary.exit_code
