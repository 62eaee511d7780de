"""How far it is from the command to the provider, and how large the files on the way are."""

from __future__ import annotations

import inspect
import statistics
from pathlib import Path

import pytest

import imagegen.crew
import imagegen.pool
from imagegen.cli import run as command
from imagegen.domain.outcome import Outcome
from imagegen.domain.request import Request
from imagegen.providers import Slip
from tests.run.tiny import Tiny, made

PACKAGE = Path(command.__file__).parents[1]
MANIFEST = (
    "imagegen: 1\nrows:\n  - {id: mug, prompt: A mug, model: gpt-image-2.5-flare, size: 1024x640, quality: low}\n"
)


@pytest.fixture
def frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_it_was: None) -> list[str]:
    """The package's functions on the stack, the command first, when a provider is asked for a picture: with all
    work done in the command's own thread, and no wrapper around the provider."""
    seen: list[str] = []

    def look(request: Request, slip: Slip) -> Outcome:
        slip.sending()
        ours = [frame for frame in inspect.stack() if frame.frame.f_globals["__name__"].startswith("imagegen.")]
        seen.extend(f"{frame.frame.f_globals['__name__']}.{frame.function}" for frame in reversed(ours))
        return made(request)

    monkeypatch.setattr(imagegen.crew, "providers", lambda *given: {"openai": Tiny(look)})
    monkeypatch.setattr(imagegen.pool, "Threads", lambda size, name: imagegen.pool.Inline())
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    manifest = tmp_path / "one.yaml"
    manifest.write_text(MANIFEST)
    assert command.run(manifest, output=tmp_path / "out", yes=True) == 0
    assert (tmp_path / "out" / "mug.png").exists()
    return seen


def test_from_the_command_to_the_hand(frames: list[str]) -> None:
    """At most four functions lie between the command line and the start of a hand."""
    start = frames.index("imagegen.pool.start")
    assert frames[0] == "imagegen.cli.run.run"
    assert len(frames[:start]) <= 4, frames


def test_from_the_hand_to_the_provider(frames: list[str]) -> None:
    """At most two functions lie between the start of a hand and the provider's `generate`."""
    start = frames.index("imagegen.pool.start")
    assert len(frames[start + 1 :]) <= 2, frames


def test_files_are_short() -> None:
    """No file of the package has 300 lines, and half of them have fewer than 150."""
    lengths = {
        str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }
    assert len(lengths) > 50
    assert {name: length for name, length in lengths.items() if length >= 300} == {}
    assert statistics.median(lengths.values()) < 150
