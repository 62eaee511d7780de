"""How long the program takes to start, against importing what it prints with.

    python -m bench.startup [--turns 7]

`imagegen --help` against `python -c "import typer, rich"`, medians of runs that take turns; and `imagegen validate`
of the quick start, which reads a manifest, the catalogue and the routes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAM = Path(sys.executable).with_name("imagegen")
COMMANDS: dict[str, list[str | Path]] = {
    "python -c 'import typer, rich'": [sys.executable, "-c", "import typer, rich"],
    "imagegen --help": [PROGRAM, "--help"],
    "imagegen validate quickstart": [PROGRAM, "validate", ROOT / "manifests" / "quickstart.yaml"],
    "imagegen cost-estimate quickstart": [PROGRAM, "cost-estimate", ROOT / "manifests" / "quickstart.yaml"],
}


def seconds(command: list[str | Path], home: str) -> float:
    """Wall time of one run, from nothing to its end."""
    env = {"PATH": os.environ["PATH"], "IMAGEGEN_HOME": home}
    began = time.perf_counter()
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Run them in turns, print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=7)
    asked = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as home:
        for turn in range(asked.turns + 1):
            for name, command in COMMANDS.items():
                taken = seconds(command, home)
                if turn:  # the first turn only warms the disk's cache
                    times[name].append(taken)
    middle = {name: statistics.median(each) for name, each in times.items()}
    reference = next(iter(middle.values()))
    print(f"median of {asked.turns}, {os.cpu_count()} cores; `--help` is to stay within 3x")
    for name, taken in middle.items():
        print(f"  {name:36} {taken * 1000:7.0f} ms  {taken / reference:5.2f}x")


if __name__ == "__main__":
    main()
