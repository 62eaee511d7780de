"""Many rows: the memory of a run does not grow with their number."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import PROGRAM, Books, Write, environment

#: A model that makes 64x64 pictures, so that drawing them takes no time worth mentioning.
TINY = "sizes: {tiny: {list: [64x64]}}\nmodels: {sdxl: {sizes: tiny}}\n"


def peak(command: list[str | Path], home: Path, folder: Path) -> int:
    """The most memory a command took, in kilobytes; it must end well."""
    running = subprocess.Popen(command, env=environment(home), cwd=folder, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0
    return usage.ru_maxrss


@pytest.mark.skipif(sys.platform == "win32", reason="measured with wait4, which Windows lacks")
def test_memory_does_not_grow_with_rows(write: Write, tmp_path: Path, home: Path, books: Books) -> None:
    """Ten times the rows take at most one and a half times the memory, making them and finding them there."""
    catalog = write("tiny.yaml", TINY)
    peaks = {}
    for count in (300, 3000):
        rows = "".join(f"r{n},Prompt {n},placeholder,sdxl\n" for n in range(count))
        manifest = write(f"rows{count}.csv", f"id,prompt,provider,model\n{rows}")
        command = [PROGRAM, "run", manifest, "--catalog", catalog]
        peaks[count] = [peak(command, home, tmp_path) for _ in ("made", "kept")]
    assert books.ask("SELECT COUNT(*) FROM artifacts") == 3000
    assert books.ask("SELECT COUNT(*) FROM jobs WHERE state = 'kept'") == 3300
    for few, many in zip(peaks[300], peaks[3000], strict=True):
        assert many < 1.5 * few, peaks
