"""The real program in a process of its own, as a shell would start it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.forked import Forker

PROGRAM = Path(sys.executable).with_name("imagegen")

#: imagegen("models", "list", COLUMNS="120") -> what came of it: returncode, stdout, stderr.
Imagegen = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def imagegen(home: Path, tmp_path: Path, forker: Forker) -> Imagegen:
    """`imagegen(*args, **env)` runs the program with the test's own home and nothing else in its
    environment than `env`. Its folder is `tmp_path`, its stdin is empty or the text `stdin`."""

    def run(*args: str | Path, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        seen = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "IMAGEGEN_HOME": str(home)} | env
        return forker.run(args, env=seen, cwd=tmp_path, input=stdin, timeout=120)

    return run
