"""`imagegen review MANIFEST`: a local page on which a person chooses among the drafts that wait."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagegen.cli import look, say
from imagegen.cli.choose import Output, afterwards, opened

if TYPE_CHECKING:
    from imagegen.review.server import Review, Server

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="The page's port [a free one].")]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Only print the page's address.")]


@app.command(help="A local page to choose among drafts that wait for a person.")
def review(manifest: look.Manifest, output: Output = None, port: Port = 0, no_browser: NoBrowser = False) -> int:
    """Find what waits, show it, say what to do next."""
    from imagegen.review.server import Review

    project, folder = opened(manifest, output)
    pending = folder.pending()
    if not pending:
        say.info(f"no picture in {folder.path} waits for a choice")
        return 0
    folder.decided()  # a file that cannot be read is said before the page opens
    command = f"imagegen run {manifest}{'' if output is None else f' -o {output}'}"
    stop = threading.Event()
    found = Review(project.name, folder, pending, command, finished=stop.set)
    _serve(found, port, stop, browser=not no_browser and sys.stdout.isatty())
    say.info(afterwards(pending, folder, command))
    return 0


def _serve(review: Review, port: int, stop: threading.Event, *, browser: bool) -> None:
    with _started(review, port) as server, _signals(stop):
        print(server.url, flush=True)  # noqa: T201
        say.info("choose there; Done or Ctrl-C ends this")
        if browser:
            import webbrowser

            with suppress(webbrowser.Error):
                webbrowser.open(server.url)
        while not stop.wait(0.2):
            pass


@contextmanager
def _started(review: Review, port: int) -> Iterator[Server]:
    from imagegen.errors import UsageError
    from imagegen.review.server import Server

    try:
        server = Server(review, port)
    except OSError as problem:
        raise UsageError(f"--port {port}: {problem.strerror}", "leave it out: a free one is taken") from problem
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the page; what was decided stays."""

    def heard(number: int, frame: Any) -> None:
        stop.set()

    before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
