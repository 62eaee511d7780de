"""Pictures per second of `imagegen run` against a bare loop over the same SDK.

    python -m bench.throughput [--rows 1632] [--latency 0.05] [--workers 64]

Both ask the local OpenAI-dialect server of the tests (a process of its own) for the same prompts at the
same size. The bare loop (`bench.bare`) is a thread pool that calls the SDK, fully decodes each picture and
writes it to a file: no ledger, no cache, no budget, nothing synced to disk. `imagegen run` does all of that;
its seconds go from taking the folder's lock to the finished report. Both import the SDK within their time.
The two take turns, `--turns` times; the ratio is of the medians.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.bare import MODEL, QUALITY, SIZE


def prompts(rows: int) -> list[str]:
    """The Parti prompts where they are to be had, else made-up ones of the same length."""
    shared = Path(__file__).parents[2] / "shared" / "data" / "PartiPrompts.tsv"
    found: list[str] = []
    if shared.exists():
        found = [line.split("\t")[0] for line in shared.read_text(encoding="utf-8").splitlines()[1:]]
    found = [text.strip() for text in found if text.strip()] or ["a lighthouse on a cliff at dusk, oil on canvas"]
    return [f"{found[n % len(found)]} ({n})" for n in range(rows)]


def bare(texts: list[str], address: str, workers: int, folder: Path) -> float:
    """Seconds of the bare loop, in a process of its own."""
    prompts = folder / "prompts.txt"
    prompts.write_text("\n".join(texts), encoding="utf-8")
    command = [sys.executable, "-m", "bench.bare", address, str(prompts), str(folder), str(workers)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def ours(manifest: Path, address: str, workers: int, folder: Path) -> tuple[float, dict[str, object]]:
    """Seconds of `imagegen run` as it counts them (from the lock to the report), and its summary."""
    command = [sys.executable, "-m", "imagegen", "run", str(manifest), "-o", str(folder / "out"), "--json", "--yes"]
    environment = {**os.environ, "IMAGEGEN_HOME": str(folder / "home"), "OPENAI_BASE_URL": address}
    environment |= {"OPENAI_API_KEY": "sk-bench"}
    done = subprocess.run(
        [*command, "--workers", str(workers)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"imagegen run ended with {done.returncode}: {done.stderr[-600:]}")
    summary = json.loads(done.stdout.splitlines()[-1])
    return float(summary["seconds"]), summary


def turn(number: int, texts: list[str], address: str, workers: int, folder: Path) -> dict[str, float]:
    """Seconds of each, run one after the other; every other turn begins with imagegen."""
    (folder / "bare").mkdir(parents=True)
    manifest = folder / "rows.csv"
    with open(manifest, "w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(["id", "prompt", "model", "quality", "size"])
        table.writerows([f"r{n}", text, MODEL, QUALITY, SIZE] for n, text in enumerate(texts))
    contenders = {
        "bare": lambda: bare(texts, address, workers, folder / "bare"),
        "imagegen": lambda: ours(manifest, address, workers, folder)[0],
    }
    names = list(contenders) if number % 2 == 0 else list(reversed(contenders))
    return {name: contenders[name]() for name in names}


def main() -> None:
    """Run both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1632)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.cloud", "--port", "0", "--latency", str(asked.latency)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    address = server.stdout.readline().strip()
    texts = prompts(asked.rows)
    try:
        # Nothing is deleted between turns: some file systems are slow to create where much was just deleted.
        with tempfile.TemporaryDirectory() as place:
            turns = [turn(n, texts, address, asked.workers, Path(place) / str(n)) for n in range(asked.turns)]
    finally:
        server.terminate()
    middle = {name: statistics.median(each[name] for each in turns) for name in turns[0]}
    print(f"{asked.rows} pictures, {asked.workers} at a time, {asked.latency * 1000:g} ms, {os.cpu_count()} cores")
    for name, seconds in sorted(middle.items()):
        each = ", ".join(f"{took[name]:.2f}" for took in turns)
        print(f"  {name:10} {asked.rows / seconds:8.1f} images/s   {seconds:7.2f} s   ({each})")
    print(f"  ratio      {middle['bare'] / middle['imagegen']:8.3f}")


if __name__ == "__main__":
    main()
