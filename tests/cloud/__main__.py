"""The server as a process of its own: for benches, and for tests that kill its client."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tests.cloud import Cloud


def main() -> None:
    """Serve until killed. The first line of output is the address."""
    parser = argparse.ArgumentParser(prog="python -m tests.cloud", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds for every picture")
    parser.add_argument("--bill-file", type=Path, help="charges as JSON Lines")
    parser.add_argument("--faults", type=json.loads, default=[], help="JSON list as for POST /_faults")
    options = parser.parse_args()
    with Cloud(options.latency, options.port, options.bill_file) as cloud:
        cloud.faults.script(options.faults)
        print(cloud.base_url, flush=True)
        cloud.join()


if __name__ == "__main__":
    main()
