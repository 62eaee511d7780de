"""Manifests of many placeholder rows at 64x64, and the program run on them: for benches about all but the pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: A model whose pictures are so small that drawing them is not what takes the time.
CATALOG = "sizes: {tiny: {list: [64x64]}}\nmodels: {sdxl: {sizes: tiny}}\n"


@dataclass(frozen=True)
class Ran:
    """One run: its summary, the seconds that the process took, and its peak memory in megabytes."""

    summary: dict[str, Any]
    seconds: float
    peak: float


def write(folder: Path, rows: int) -> Path:
    """A CSV of `rows` rows in `folder`, all different, and the catalogue beside it."""
    (folder / "tiny.yaml").write_text(CATALOG, encoding="utf-8")
    manifest = folder / f"rows{rows}.csv"
    with open(manifest, "w", encoding="utf-8") as out:
        out.write("id,prompt,provider,model\n")
        out.writelines(f"r{n},A stoneware mug number {n} on rough linen,placeholder,sdxl\n" for n in range(rows))
    return manifest


def run(manifest: Path) -> Ran:
    """`imagegen run` on `manifest`, with a home and an output folder beside it. Ends the bench when it fails."""
    folder = manifest.parent
    command = [sys.executable, "-m", "imagegen", "run", str(manifest), "--json"]
    command += ["--catalog", str(folder / "tiny.yaml"), "-o", str(folder / f"out-{manifest.stem}")]
    environment = {**os.environ, "IMAGEGEN_HOME": str(folder / f"home-{manifest.stem}")}
    said = folder / "said.jsonl"
    began = time.perf_counter()
    with open(said, "w", encoding="utf-8") as out:
        running = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.PIPE)
        assert running.stderr is not None
        words = running.stderr.read().decode()
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        sys.exit(f"imagegen run ended with {running.returncode}: {words[-600:]}")
    summary: dict[str, Any] = {}
    with open(said, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith('{"event": "summary"'):
                summary = json.loads(line)
    # ru_maxrss counts kilobytes, on macOS bytes.
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Ran(summary, time.perf_counter() - began, usage.ru_maxrss / unit)
