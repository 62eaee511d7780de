"""`imagegen collect [MANIFEST]`."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from imagegen.collecting import Errand
    from imagegen.errors import Exit
    from imagegen.providers import Provider

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Manifest = Annotated[Path | None, typer.Argument(help="A manifest [all that wait].", show_default=False)]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Its folder [that of its latest run].")]
Wait = Annotated[bool, typer.Option("--wait", help="Stay until everything is there.")]
Every = Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="With --wait: look so often.")]
Most = Annotated[float | None, typer.Option("--for", min=0, metavar="SECONDS", help="With --wait: no longer.")]


@app.command(help="Bring home what waits in providers' queues; buys nothing.")
def collect(
    manifest: Manifest = None,
    output: Output = None,
    wait: Wait = False,
    every: Every = 60.0,
    most: Most = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")] = False,
) -> int:
    """Find the errands, run them, and again when something more is over."""
    from imagegen.cli import say
    from imagegen.cli.signals import heeded, listen
    from imagegen.collecting import errand_of, errands, gather
    from imagegen.errors import Exit, UsageError, worst
    from imagegen.settings import home_folder

    if output is not None and manifest is None:
        raise UsageError("--output says the folder of a manifest", "name the manifest too")
    home, stop, asked = home_folder(), threading.Event(), listen()

    def signal() -> int | None:
        return heeded(asked, stop)

    found = [errand_of(home, manifest, output)] if manifest else errands(home, say.note)
    if not found:
        say.info("nothing waits in a provider's queue")
        return 0
    end = time.monotonic() + (float("inf") if most is None else most) if wait else 0.0
    codes = gather(
        home,
        found,
        lambda errand: _brought(errand, stop, signal, as_json),
        lambda: _paused(min(time.monotonic() + every, end), signal) and time.monotonic() < end,
    )
    if (number := signal()) is not None:
        codes.add(Exit(128 + number))
    return int(worst(codes))


def _brought(
    errand: Errand, stop: threading.Event, signal: Callable[[], int | None], as_json: bool
) -> tuple[Exit, Mapping[str, Provider]]:
    from imagegen.cli.bug import report_bug
    from imagegen.cli.watch import Bar, Json, Watcher
    from imagegen.collecting import bring, opened
    from imagegen.errors import Exit
    from imagegen.session import parts_of

    project = opened(errand)
    parts = parts_of(project, stop, signal)
    watcher = Json(interval=10) if as_json else Bar() if sys.stderr.isatty() else Watcher()
    try:
        summary = bring(project, errand, parts, watcher)
    finally:
        watcher.close()
    watcher.summary(summary)
    if watcher.bugs:
        report_bug(watcher.bugs[0])
    return Exit(summary.exit_code), parts.providers


def _paused(end: float, signal: Callable[[], int | None]) -> bool:
    """Wait until `end`, in monotonic seconds; False when somebody interrupts."""
    while (left := end - time.monotonic()) > 0 and signal() is None:
        time.sleep(min(0.2, left))
    return signal() is None
