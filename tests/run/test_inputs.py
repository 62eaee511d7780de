"""The bytes of input pictures reach the provider; a file that changed meanwhile buys nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import imagegen.crew
import imagegen.pool
from imagegen.cli import run as command
from imagegen.domain.outcome import Outcome
from imagegen.domain.request import Request
from imagegen.providers import Limits, Slip
from tests.cloud.pictures import picture
from tests.run.cloudrun import Books
from tests.run.tiny import COST, Tiny, made

MUG, CUP = picture("mug", 64, 48), picture("cup", 64, 48)
FIELDS = "model: gpt-image-2.5-flare, size: 1024x640, quality: low"


class Editor(Tiny):
    """Takes input pictures, in batches of `most`; writes down what it is given. `before`: called at each batch."""

    def __init__(self, most: int, before: Callable[[], Any]) -> None:
        super().__init__(lambda request, slip: made(request))
        self._limits = Limits(max_batch=most, concurrency=1)
        self.before = before
        self.given: list[tuple[Request, Mapping[str, bytes]]] = []

    def shares(self, request: Request) -> str:
        return "all"

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        slip.sending()
        self.given += [(request, inputs) for request in batch]
        self.before()
        return super().generate(batch, inputs, slip)


#: run(provider, rows) -> exit code and state by id.
Run = Callable[..., tuple[int, dict[str, str]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_it_was: None) -> Run:
    """Runs rows in this process with a provider of the test's own."""
    monkeypatch.setattr(imagegen.pool, "Threads", lambda size, name: imagegen.pool.Inline())
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")

    def run(provider: Editor, *rows: str) -> tuple[int, dict[str, str]]:
        lines = "".join(f"  - {{{row}, {FIELDS}}}\n" for row in rows)
        (tmp_path / "m.yaml").write_text(f"imagegen: 1\nrows:\n{lines}")
        monkeypatch.setattr(imagegen.crew, "providers", lambda *given: {"openai": provider})
        code = command.run(tmp_path / "m.yaml", output=tmp_path / "out", yes=True, as_json=True)
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return code, {event["id"]: event["state"] for event in events if event["event"] == "row"}

    return run


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_bytes_come_by_their_digest(tmp_path: Path, run: Run) -> None:
    """The request names digests, the mapping has their bytes and no others; a row without pictures gets none."""
    (tmp_path / "mug.png").write_bytes(MUG)
    (tmp_path / "cup.png").write_bytes(CUP)
    editor = Editor(1, lambda: None)
    assert run(editor, "id: a, prompt: A, image: [mug.png, cup.png], mask: mug.png", "id: b, prompt: B") == (
        0,
        {"a": "made", "b": "made"},
    )
    (one, its), (other, none) = editor.given
    assert (one.images, one.mask) == ((digest(MUG), digest(CUP)), digest(MUG))
    assert its == {digest(MUG): MUG, digest(CUP): CUP}
    assert (other.images, none) == ((), {})
    assert run(editor, "id: a, prompt: A, image: [mug.png, cup.png], mask: mug.png", "id: b, prompt: B")[1] == {
        "a": "kept",
        "b": "kept",
    }
    assert len(editor.given) == 2


@pytest.mark.parametrize("most", [1, 2])
@pytest.mark.parametrize("change", ["gone", "changed"])
def test_a_file_that_changed_since_the_plan_buys_nothing(
    tmp_path: Path, home: Path, run: Run, most: int, change: str
) -> None:
    """Its row fails before any money is set aside; its neighbours in the batch are made; the next run makes it."""
    for name in ("a", "b", "c", "d", "e"):
        (tmp_path / f"{name}.png").write_bytes(picture(name, 64, 48))

    def spoil() -> None:
        if change == "gone":
            (tmp_path / "d.png").unlink(missing_ok=True)
        else:
            (tmp_path / "d.png").write_bytes(CUP)

    rows = [f"id: {name}, prompt: {name}, image: {name}.png" for name in ("a", "b", "c", "d", "e")]
    editor = Editor(most, spoil)
    code, states = run(editor, *rows)
    assert (code, states.pop("d")) == (3, "failed")
    assert set(states.values()) == {"made"}
    assert len(editor.given) == 4
    assert Books(home).total == 4 * COST
    assert set(Books(home).buckets.values()) <= {4 * COST, 0}
    (tmp_path / "d.png").write_bytes(CUP)
    assert run(Editor(most, lambda: None), *rows)[1]["d"] == "made"
    assert Books(home).total == 5 * COST
