"""A provider that takes the job and is not ready: the attempt stays open, and a later run collects it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import imagegen.crew
import imagegen.pool
from imagegen.cli import run as command
from imagegen.domain.outcome import Outcome, Pending
from imagegen.domain.request import Request, key
from imagegen.providers import Slip
from tests.run.cloudrun import Books
from tests.run.tiny import COST, Tiny, made

MANIFEST = (
    "imagegen: 1\nrows:\n  - {id: mug, prompt: A mug, model: gpt-image-2.5-flare, size: 1024x640, quality: low}\n"
)
#: run(make) -> exit code and the row's last event.
Run = Callable[[Callable[[Request, Slip], Outcome]], tuple[int, dict[str, Any]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_it_was: None) -> Run:
    """Runs the manifest in this process with a provider of the test's own."""
    monkeypatch.setattr(imagegen.pool, "Threads", lambda size, name: imagegen.pool.Inline())
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    manifest = tmp_path / "one.yaml"
    manifest.write_text(MANIFEST)

    def run(make: Callable[[Request, Slip], Outcome]) -> tuple[int, dict[str, Any]]:
        monkeypatch.setattr(imagegen.crew, "providers", lambda *given: {"openai": Tiny(make)})
        code = command.run(manifest, output=tmp_path / "out", yes=True, as_json=True)
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return code, next(event for event in reversed(events) if event["event"] == "row")

    return run


def _queue(request: Request, slip: Slip) -> Outcome:
    """Takes the job, or says that the one it took is not ready."""
    if slip.remote_id is None:
        slip.sending()
        slip.accepted("job-1")
    return Pending(key(request), 60.0)


def test_what_is_in_a_queue_is_collected_later(home: Path, run: Run) -> None:
    """Accepted and not ready: the row waits (exit 9) with its money set aside, however often one looks; when the job
    is ready it is collected by its id, submitted once and paid for once."""
    asked: list[str | None] = []

    def ready(request: Request, slip: Slip) -> Outcome:
        asked.append(slip.remote_id)
        return made(request)

    for _ in range(2):
        code, row = run(_queue)
        assert (code, row["state"], row["cost_usd"]) == (9, "waiting", "0")
        (attempt,) = Books(home).attempts()
        assert (attempt.state, attempt.charged) == ("accepted", None)
        assert Books(home).buckets["day"] == attempt.reserved
    code, row = run(ready)
    assert (code, row["state"], asked) == (0, "cached", ["job-1"])
    assert Books(home).total == Books(home).buckets["day"] == COST


def test_what_returns_nothing_is_not_taken_for_free(home: Path, run: Run) -> None:
    """A provider that sends and then says nothing about a request leaves it unknown, its money counted."""

    def mute(request: Request, slip: Slip) -> Outcome:
        slip.sending()
        return Pending("another key", 0.0)

    code, row = run(mute)
    assert (code, row["state"]) == (6, "unknown")
    assert [attempt.state for attempt in Books(home).attempts()] == ["unknown"]
