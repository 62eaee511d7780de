"""The real program in a process of its own, as a shell would start it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("imagegen")

#: imagegen("models", "list", COLUMNS="120") -> what came of it: returncode, stdout, stderr.
Imagegen = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def imagegen(home: Path, tmp_path: Path) -> Imagegen:
    """`imagegen(*args, **env)` runs the program with the test's own home and nothing else in its
    environment than `env`. Its folder is `tmp_path`, its stdin is empty or the text `stdin`."""

    def run(*args: str | Path, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *args],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "IMAGEGEN_HOME": str(home)} | env,
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return run
