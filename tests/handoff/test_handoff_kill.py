"""Killed at any point, an import goes on: each picture is booked once, none is lost, nothing is left in doubt."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Books, Imagegen, Write, environment, files, manifest
from tests.handoff.conftest import download

SHARE = 50_000_000
#: The program, which kills itself right before or after a step.
DRIVER = """
import importlib, os, signal, sys
module, owner, name, when = sys.argv[1:5]
place = importlib.import_module(module)
place = getattr(place, owner) if owner else place
step = getattr(place, name)
def killed(*args, **said):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    step(*args, **said)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(place, name, killed)
sys.argv = ["imagegen", *sys.argv[5:]]
from imagegen.cli import main
main()
"""
STEPS = [
    ("imagegen.ledger.attempts", "", "reserve", "after"),
    ("imagegen.ledger.spool", "Slot", "receive", "before"),
    ("imagegen.ledger.spool", "Slot", "receive", "after"),
    ("imagegen.ledger.slip", "LedgerSlip", "sending", "after"),
    ("imagegen.stores.disk", "DiskStore", "put", "after"),
    ("imagegen.output", "OutputFolder", "write", "after"),
    ("imagegen.ledger.attempts", "", "close", "before"),
    ("imagegen.ledger.spool", "Slots", "give_back", "before"),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: "-".join(step[2:]))
def test_killed_at_a_step(
    imagegen: Imagegen, write: Write, books: Books, home: Path, tmp_path: Path, step: tuple[str, ...]
) -> None:
    """The same command again takes what is left, at the plan that was said, and all is as if nothing had happened."""
    rows = write("m.yaml", manifest("id: mug, prompt: A mug, format: webp", "id: cup, prompt: A cup, format: webp",
                                    head="model: midjourney"))  # fmt: skip
    download(tmp_path / "d", "mug.png")
    download(tmp_path / "d", "cup.png")
    command = ["handoff", "import", "d", "--manifest", str(rows), "--plan", "basic", "--yes"]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *step, *command],
        cwd=tmp_path, env=environment(home), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    again = imagegen(*command, "--json")
    assert again.code == 0, again.err
    assert files(tmp_path / "out/m") == {"mug.webp", "cup.webp"}
    assert (books.spent, books.reserved) == (2 * SHARE, 0)
    assert books.ask("SELECT COUNT(*) FROM attempts WHERE state = 'done'") == 2
    assert books.ask("SELECT COUNT(*) FROM attempts WHERE state NOT IN ('done', 'free')") == 0


def test_a_usual_run_takes_what_a_killed_import_left(
    imagegen: Imagegen, write: Write, books: Books, home: Path, tmp_path: Path
) -> None:
    """The bytes were in the spool: the next command of any kind has them, at the plan that was said."""
    rows = write("m.yaml", manifest("id: mug, prompt: A mug", head="model: midjourney"))
    mug = download(tmp_path / "d", "mug.png")
    command = ["handoff", "import", "d", "--manifest", str(rows), "--plan", "basic", "--yes"]
    step = ["imagegen.ledger.slip", "LedgerSlip", "sending", "before"]
    subprocess.run([sys.executable, "-c", DRIVER, *step, *command], cwd=tmp_path, env=environment(home), check=False)
    mug.unlink()
    done = imagegen("run", rows, "--json")
    assert (done.code, done.states) == (0, {"mug": "cached"})
    assert (books.spent, books.reserved) == (SHARE, 0)
