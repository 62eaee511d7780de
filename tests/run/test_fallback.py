"""Models that turn out not to be usable: rows that did not name them go to the next of their route, and say so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import imagegen.crew
import imagegen.pool
from imagegen.cli import run as command
from imagegen.domain.outcome import Charge, Failed, Outcome, Refused
from imagegen.domain.request import Request, key
from imagegen.domain.row import Placed
from imagegen.manifest import Manifest
from imagegen.providers import Slip
from tests.run.cloudrun import Books
from tests.run.tiny import COST, Tiny, made

Make = Callable[[Request, Slip], Outcome]
#: run(manifest text, makers by provider, flags) -> exit code, last event by row id, what was said, the summary.
Run = Callable[..., tuple[int, dict[str, dict[str, Any]], str]]


def sent(outcome: Callable[[Request], Outcome]) -> Make:
    """A provider that is asked and answers `outcome`."""

    def make(request: Request, slip: Slip) -> Outcome:
        slip.sending()
        return outcome(request)

    return make


def _no_key(request: Request) -> Outcome:
    return Failed(key(request), "the API key was not accepted (401)", stops_provider=True)


def _no_access(request: Request) -> Outcome:
    return Failed(key(request), "no access to the model (403)", stops_model=True)


def _refuses(request: Request) -> Outcome:
    return Refused(key(request), "refused the prompt")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_it_was: None) -> Run:
    monkeypatch.setattr(imagegen.pool, "Threads", lambda size, name: imagegen.pool.Inline())
    for name in ("OPENAI_API_KEY", "BFL_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(name, "none-0123456789")

    def run(text: str, makers: Mapping[str, Make], **flags: Any) -> tuple[int, dict[str, dict[str, Any]], str]:
        manifest = tmp_path / "m.yaml"
        manifest.write_text(text)
        tiny = {name: Tiny(make) for name, make in makers.items()}
        monkeypatch.setattr(imagegen.crew, "providers", lambda *given: tiny)
        code = command.run(manifest, output=tmp_path / "out", as_json=True, **({"yes": True} | flags))
        said = capsys.readouterr()
        events = [json.loads(line) for line in said.out.splitlines()]
        return code, {event["id"]: event for event in events if event["event"] == "row"}, said.err

    return run


ROWS = "rows:\n  - {id: mug, prompt: A mug}\n  - {id: cup, prompt: A cup}\n"
BFL = {"bfl": sent(made)}


def test_a_revoked_key_sends_the_rows_to_the_next_model(home: Path, run: Run) -> None:
    """Nothing is left undone, so the run is a success; every line says in whose place the model stands."""
    code, rows, said = run(f"imagegen: 1\n{ROWS}", {"openai": sent(_no_key), **BFL})
    assert code == 0
    assert {row["model"] for row in rows.values()} == {"flux-2-pro"}
    assert {row["provider"] for row in rows.values()} == {"bfl"}
    assert "2 pictures go to flux-2-pro on bfl (openai cannot be used now)" in said
    line = json.loads((home.parent / "out" / "results.jsonl").read_text().splitlines()[0])
    assert line["why"].endswith("in the place of gpt-image-2.5-flare: openai cannot be used now")
    books = Books(home)
    assert sum(attempt.charged or 0 for attempt in books.attempts("done")) == 2 * COST


def test_a_row_that_names_its_model_stays_with_it(home: Path, run: Run) -> None:
    """Only the other one goes elsewhere; the exit code says that a provider stopped."""
    named = "rows:\n  - {id: mug, prompt: A mug, model: gpt-image-2.5-flare}\n  - {id: cup, prompt: A cup}\n"
    code, rows, _ = run(f"imagegen: 1\n{named}", {"openai": sent(_no_key), **BFL})
    assert code == 5
    assert (rows["mug"]["state"], rows["cup"]["state"]) == ("failed", "made")


def test_a_model_without_access_is_left_by_its_rows_alone(home: Path, run: Run) -> None:
    """The provider's other models go on: rows for another of its models are made there."""
    text = f"imagegen: 1\n{ROWS}  - {{id: two, prompt: Two, model: gpt-image-2}}\n"

    def openai(request: Request) -> Outcome:
        return _no_access(request) if request.model == "gpt-image-2.5-flare" else made(request)

    code, rows, _ = run(text, {"openai": sent(openai), **BFL})
    assert code == 0
    assert {name: row["model"] for name, row in rows.items()} == {
        "mug": "flux-2-pro",
        "cup": "flux-2-pro",
        "two": "gpt-image-2",
    }


def test_a_second_provider_that_falls_too(home: Path, run: Run) -> None:
    """The row goes on down its route."""
    makers = {"openai": sent(_no_key), "bfl": sent(_no_key), "google": sent(made)}
    code, rows, _ = run(f"imagegen: 1\n{ROWS}", makers)
    assert code == 0
    assert {row["model"] for row in rows.values()} == {"gemini-nano-banana-2.1"}


def test_where_nothing_else_can_the_run_ends_with_the_provider_stop(home: Path, run: Run) -> None:
    """Exit 5, and the books hold no charge."""
    makers = dict.fromkeys(("openai", "bfl", "google"), sent(_no_key))
    code, rows, _ = run(f"imagegen: 1\n{ROWS}", makers)
    assert code == 5
    assert {row["state"] for row in rows.values()} <= {"failed", "skipped"}
    assert Books(home).attempts("done") == []


def test_a_policy_refusal_is_not_dodged(home: Path, run: Run) -> None:
    """Refused is refused: nobody else is asked, and the row is in refused.csv."""
    asked: list[str] = []

    def other(request: Request) -> Outcome:
        asked.append(request.model)
        return made(request)

    code, rows, _ = run(f"imagegen: 1\n{ROWS}", {"openai": sent(_refuses), "bfl": sent(other)})
    assert (code, asked) == (3, [])
    assert {row["state"] for row in rows.values()} == {"refused"}
    assert (home.parent / "out" / "refused.csv").exists()


def test_unless_the_routes_say_so(home: Path, run: Run) -> None:
    """`fallback: [refused]` takes a refusal to the next model; what that charges is booked, once."""
    text = f"imagegen: 1\nroutes: {{fallback: [availability, refused]}}\n{ROWS}"

    def openai(request: Request) -> Outcome:
        return made(request) if request.prompt == "A cup" else _refuses(request)

    code, rows, said = run(text, {"openai": sent(openai), **BFL})
    assert code == 0
    assert {name: row["model"] for name, row in rows.items()} == {"mug": "flux-2-pro", "cup": "gpt-image-2.5-flare"}
    assert "gpt-image-2.5-flare refused the prompt" in said


def test_the_manifest_is_read_once_for_all_reasons(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row is refused, the other's provider fails: each is told of its own reason, and one pass finds both."""
    text = f"imagegen: 1\nroutes: {{fallback: [availability, refused]}}\n{ROWS}"
    passes, read = [], Manifest.rows

    def rows_of(manifest: Manifest) -> Iterator[Placed]:
        passes.append(manifest)
        return read(manifest)

    monkeypatch.setattr(Manifest, "rows", rows_of)

    def openai(request: Request) -> Outcome:
        return _refuses(request) if request.prompt == "A mug" else _no_key(request)

    code, rows, said = run(text, {"openai": sent(openai), **BFL})
    assert (code, {row["model"] for row in rows.values()}) == (0, {"flux-2-pro"})
    assert "gpt-image-2.5-flare refused the prompt" in said
    assert "openai cannot be used now" in said
    assert len(passes) == 2  # one for the work list, one for what went elsewhere


def test_no_fallback_where_the_routes_want_none(home: Path, run: Run) -> None:
    """`fallback: []` leaves the rows undone."""
    code, rows, _ = run(f"imagegen: 1\nroutes: {{fallback: []}}\n{ROWS}", {"openai": sent(_no_key), **BFL})
    assert code == 5
    assert "made" not in {row["state"] for row in rows.values()}


def test_a_dearer_model_does_not_break_the_budget(home: Path, run: Run) -> None:
    """The new price is reserved like any other: the budget stops it with exit 4."""
    text = f"imagegen: 1\nbudget: {{run: 0.02}}\n{ROWS}"
    code, rows, _ = run(text, {"openai": sent(_no_key), **BFL})
    assert code == 4
    assert "made" not in {row["state"] for row in rows.values()}


def test_a_charged_failure_stays_in_the_books(home: Path, run: Run) -> None:
    """What the model took before it fell counts, beside what the other one takes."""

    def charged(request: Request) -> Outcome:
        return Failed(key(request), "no more", stops_provider=True, charge=Charge(5, "returned"))

    code, rows, _ = run("imagegen: 1\nrows: [{id: mug, prompt: A mug}]\n", {"openai": sent(charged), **BFL})
    assert (code, rows["mug"]["state"]) == (0, "made")
    assert sum(attempt.charged or 0 for attempt in Books(home).attempts("done")) == COST + 5
