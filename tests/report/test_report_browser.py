"""In a real browser a page full of hostile texts runs our script, nothing else, and asks nobody for anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from imagegen.domain.result import Result, Summary
from imagegen.report import write_html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: Each would give itself away: by a request, by another title, or by a violation of the page's policy.
TEMPLATES = (
    "<script>document.title='taken'</script>",
    "</script><script>document.title='taken'</script>",
    "</title><script>document.title='taken'</script>",
    "</style></head><body onload=document.title='taken'>",
    "\"><img src=URL onerror=document.title='taken'>",
    "'><img src=URL onerror=document.title='taken'>",
    "\"><svg onload=document.title='taken'>",
    "<iframe src=URL></iframe>",
    "<link rel=stylesheet href=URL>",
    "<style>@import 'URL';</style>",
    "<object data=URL></object>",
    "<video src=URL autoplay></video>",
    "<meta http-equiv=refresh content=0;url=URL>",
    "<base href=URL>",
    "<form action=URL><input autofocus onfocus=document.title='taken'>",
    "<details open ontoggle=document.title='taken'>",
    "URL",
    "//HOST/x.png",
    "\\\\HOST\\x.png",
    "javascript:document.title='taken'",
    "data:text/html,<script>document.title='taken'</script>",
    "<math><mtext><table><mglyph><style><!--</style><img src=URL onerror=document.title='taken'>",
)


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    """A server on loopback that remembers in `asked` what it was asked for."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.server.asked.append(self.path)  # type: ignore[attr-defined]
            self.send_error(404)

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as found:
        found.asked = []  # type: ignore[attr-defined]
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def open_page(page: Path, folder: Path) -> tuple[str, str]:
    """The page as the browser has it after its script ran, and what it wrote to its console."""
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=3000 --dump-dom"
    command = [str(CHROMIUM), *flags.split(), f"--user-data-dir={folder}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env={**os.environ})
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.skipif(CHROMIUM is None, reason="needs the package chromium")
def test_a_browser_runs_our_script_and_nothing_else(server: HTTPServer, tmp_path: Path) -> None:
    """With a hostile text in every field the title stays, the policy is never violated, no request is made,
    and the filters, which only the script shows, are there."""
    host = f"127.0.0.1:{server.server_address[1]}"
    payloads = [text.replace("URL", f"http://{host}/x").replace("HOST", host) for text in TEMPLATES]
    fields = ("id", "prompt", "file", "use_case", "model", "provider", "stands_for", "why", "reason", "format", "place")
    states = ("made", "cached", "failed", "unknown")
    results = [Result(state=state, **dict.fromkeys(fields, text)) for text in payloads for state in states]
    counts = dict.fromkeys(states, len(payloads))
    summary = Summary(
        exit_code=6,
        rows=len(results),
        counts=counts,
        estimated=0,
        spent=0,
        premium=1,
        premium_model=payloads[0],
        manifest="catalog.yaml",
        stopped_by=payloads[4],
        notes=tuple(payloads),
    )
    page = tmp_path / "report.html"
    with page.open("w", encoding="utf-8") as out:
        write_html(lambda: results, summary, out)
    text, console = open_page(page, tmp_path / "browser")
    assert "<title>catalog · imagegen</title>" in text
    assert 'id="filters">' in text
    assert text.count("<figure ") == 2 * len(payloads)
    assert "Content Security Policy" not in console
    assert server.asked == []  # type: ignore[attr-defined]
