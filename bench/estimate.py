"""Time and memory of `imagegen cost-estimate` on a large CSV, against reading the file and hashing each prompt once.

    python -m bench.estimate [--rows 1000000] [--routes current] [--turns 1]

The baseline is csv.DictReader and one SHA-256 a row, nothing else, timed inside its process. `cost-estimate` is the
program as a shell starts it, start-up included. The two take turns; the ratio is of the medians. Then the stages of
an estimate are timed one on top of the other, on a tenth of the rows.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

WORDS = ["stoneware", "mug", "linen", "lamp", "chair", "oak", "table", "window", "wool", "studio", "light", "slate"]
BASELINE = """
import csv, hashlib, sys, time
began = time.perf_counter()
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    for row in csv.DictReader(file):
        hashlib.sha256(row["prompt"].encode()).hexdigest()
print(time.perf_counter() - began)
"""


def write(path: Path, rows: int) -> None:
    """A shop's catalogue: 70 % thumbnails, 25 % product shots, 5 % heroes, every prompt another."""
    dice = random.Random(7)
    with path.open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(["id", "prompt", "use_case"])
        for number in range(rows):
            use_case = "thumbnail" if number % 20 < 14 else "product_shot" if number % 20 < 19 else "hero_image"
            prompt = f"Product photo {number} of a {' '.join(dice.choices(WORDS, k=12))}"
            table.writerow([f"sku-{number:07}", prompt, use_case])


def baseline(path: Path) -> float:
    """Seconds of csv.DictReader and a hash a row."""
    done = subprocess.run([sys.executable, "-c", BASELINE, path], capture_output=True, text=True, check=True)
    return float(done.stdout)


def estimate(path: Path, routes: str) -> tuple[float, float]:
    """Seconds and megabytes (peak, resident) of `imagegen cost-estimate` in a home of its own."""
    program = Path(sys.executable).with_name("imagegen")
    env = {"PATH": os.environ["PATH"], "IMAGEGEN_HOME": str(path.parent / "home")}
    began = time.perf_counter()
    child = subprocess.Popen(
        [program, "cost-estimate", path, "--routes", routes],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"imagegen cost-estimate ended with {child.returncode}")
    return seconds, used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def stages(path: Path, routes: str) -> list[tuple[str, float]]:
    """Seconds that each stage adds to those before it."""
    from imagegen.cli import look
    from imagegen.estimate import Totals
    from imagegen.manifest.tables import open_table
    from imagegen.planner import plan
    from imagegen.preview import refusing

    project = look.opened(path, routes=routes)
    refuses, providers = refusing(project)

    def planned() -> Iterable[Any]:
        return plan(project.manifest.rows(), project.context, refuses=refuses, asked=providers)

    steps: list[tuple[str, Callable[[], Iterable[Any]]]] = [
        ("read the table", open_table(path).records),
        ("fields, checks, ids", project.manifest.rows),
        ("route, size, price", lambda: plan(project.manifest.rows(), project.context)),
        ("ask the provider", planned),
        ("key, totals", lambda: map(Totals().add, planned())),
    ]
    found, before = [], 0.0
    for name, step in steps:
        taken = min(_timed(step) for _ in range(2))
        found.append((name, taken - before))
        before = taken
    return found


def _timed(step: Callable[[], Iterable[Any]]) -> float:
    began = time.perf_counter()
    deque(step(), maxlen=0)
    return time.perf_counter() - began


def main() -> None:
    """Measure both, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--routes", default="current")
    parser.add_argument("--turns", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        path, part = Path(place) / "rows.csv", Path(place) / "part.csv"
        write(path, asked.rows)
        bare, ours = [], []
        for _ in range(asked.turns):
            bare.append(baseline(path))
            ours.append(estimate(path, asked.routes))
        few = max(1, asked.rows // 10)
        write(part, few)
        parts = stages(part, asked.routes)
    reference, seconds = statistics.median(bare), statistics.median(each[0] for each in ours)
    print(f"{asked.rows:,} rows, routes {asked.routes}, {os.cpu_count()} cores")
    print(f"  {'DictReader and SHA-256':24} {reference:8.2f} s  {reference / asked.rows * 1e6:6.1f} µs a row")
    print(f"  {'imagegen cost-estimate':24} {seconds:8.2f} s  {seconds / asked.rows * 1e6:6.1f} µs a row")
    print(f"  {'ratio':24} {seconds / reference:8.1f}    (at most 20)")
    print(f"  {'peak memory':24} {max(each[1] for each in ours):8.0f} MB (below 400)")
    print("  where the time goes")
    for name, taken in parts:
        print(f"    {name:22} {'':8}    {taken / few * 1e6:6.1f} µs a row")


if __name__ == "__main__":
    main()
