"""Peak memory of `imagegen run` on many rows against few.

    python -m bench.memory [--rows 100000] [--few 1000]

Every row is a placeholder of 64x64. Both the run that makes them and the one that finds them all there are measured.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench import tiny


def main() -> None:
    """Run both sizes twice and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--few", type=int, default=1_000)
    asked = parser.parse_args()
    peaks: dict[int, list[float]] = {}
    for rows in (asked.few, asked.rows):
        with tempfile.TemporaryDirectory() as folder:
            manifest = tiny.write(Path(folder), rows)
            ran = [tiny.run(manifest) for _ in ("making them", "finding them there")]
            assert [ran[0].summary["made"], ran[1].summary["kept"]] == [rows, rows]
            peaks[rows] = [each.peak for each in ran]
    print("peak memory of `imagegen run`, placeholders of 64x64")
    print(f"{'':20}{asked.few:>12,}{asked.rows:>12,}{'ratio':>8}")
    for n, what in enumerate(("making them", "finding them there")):
        few, many = peaks[asked.few][n], peaks[asked.rows][n]
        print(f"{what:20}{few:>9.1f} MB{many:>9.1f} MB{many / few:>8.2f}")


if __name__ == "__main__":
    main()
