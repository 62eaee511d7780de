"""Versions: Python, imagegen, the packages it needs, and what a GPU engine would find. Imports none of them."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata

from imagegen import __version__
from imagegen.doctor.finding import Finding, note, ok, problem

DISTRIBUTION = "imagegen-batch"
#: Seconds that nvidia-smi may take.
PATIENCE = 10
_NEED = re.compile(r"^\s*([\w.-]+)\s*(?:\[[^\]]*\])?\s*([^;]*)(?:;(.*))?$")


def look() -> Iterator[Finding]:
    """Python, imagegen, its packages, the GPU."""
    said = f"{platform.python_version()} ({sys.executable}), {platform.system()} {platform.machine()}"
    yield ok("python", said)
    yield ok("imagegen", __version__)
    yield from packages()
    yield from gpu()


def packages() -> Iterator[Finding]:
    """The packages that imagegen says it needs, by their own metadata."""
    try:
        needs = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        yield note("packages", "imagegen is not installed but run from its folder: what it needs is not known here")
        return
    there: list[str] = []
    lacking: list[str] = []
    for need in needs:
        match = _NEED.match(need)
        if match is None or "extra" in (match[3] or ""):
            continue
        version = _version(match[1])
        (there if version else lacking).append(f"{match[1]} {version or match[2].strip()}".strip())
    if lacking:
        names = " ".join(name.split()[0] for name in lacking)
        yield problem("packages", f"missing: {', '.join(lacking)}", f"{sys.executable} -m pip install {names}")
    if there:
        yield ok("packages", ", ".join(there))


def gpu() -> Iterator[Finding]:
    """What nvidia-smi lists, and whether the packages of a GPU engine are there."""
    cards = _cards()
    engine = ", ".join(f"{name} {version}" for name in ("torch", "diffusers") if (version := _version(name)))
    said = "; ".join(cards) if cards else "none found (nvidia-smi lists none)"
    yield note("gpu", f"{said}; {engine or 'torch is not installed'}; hosted models need neither")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _cards() -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    asked = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(asked, capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()] if done.returncode == 0 else []
