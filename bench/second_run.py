"""What a second run of a finished manifest costs: nothing, and how long it takes for each row.

    python -m bench.second_run [--rows 100000]

The first run makes placeholders of 64x64; only the second one is what this is about.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from bench import tiny


def attempts(home: Path) -> int:
    """How many calls the books of `home` know of."""
    with closing(sqlite3.connect(home / "ledger.db")) as books:
        found: int = books.execute("SELECT COUNT(*) FROM attempts").fetchone()[0]
    return found


def main() -> None:
    """Run twice and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        manifest = tiny.write(Path(folder), asked.rows)
        home = Path(folder) / f"home-{manifest.stem}"
        first = tiny.run(manifest)
        before = attempts(home)
        second = tiny.run(manifest)
        calls = attempts(home) - before
    summary = second.summary
    print(f"second run of a finished manifest of {asked.rows:,} rows (the first took {first.seconds:.0f} s)")
    print(f"  requests         {calls:>12,}   ({summary['kept']:,} kept, {summary['made']:,} made)")
    print(f"  spent            {'$' + summary['spent_usd']:>12}")
    print(f"  seconds          {second.seconds:>12.2f}")
    print(f"  µs for each row  {second.seconds / asked.rows * 1e6:>12.1f}")
    print(f"  ratio to the first run {second.seconds / first.seconds:>6.3f}")


if __name__ == "__main__":
    main()
