"""Seven providers in one run: what befalls one is no concern of the others."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.run.cloudrun import Bill, Driver, server
from tests.run.test_mixed_kill import HOSTED, Shop

WORKERS, ROWS = 4, 8


def test_one_revoked_key_among_seven(tmp_path: Path, driver: Driver) -> None:
    """At most one call more than workers finds it out; every other row is made, charged once, and the exit code says
    that a provider stopped."""
    flare = {"model": "gpt-image-2.5-flare", "quality": "low", "size": "1024x640"}
    rows = [
        {"id": f"{name}{n}", "prompt": f"{name}{n} a mug", "provider": name, **more}
        for n in range(ROWS)
        for name, more in {"openai": flare, **HOSTED}.items()
    ]
    with server(0.02) as address:
        place, bill = Shop(tmp_path, address, driver), Bill(address)
        bill.faults({"kind": "bad_key", "prompt": "fal"})
        manifest = tmp_path / "seven.yaml"
        manifest.write_text(json.dumps({"imagegen": 1, "rows": rows}))
        ended = place.run(manifest, workers=WORKERS)
        asked, charged = bill.requests(), [charge["prompt"].split()[0] for charge in bill.charges()]
    states = Counter((name.rstrip("0123456789"), state) for name, state in ended.states.items())
    others = {row["id"] for row in rows if row["provider"] != "fal"}
    assert ended.code == 5, ended.err
    assert {name for name, state in ended.states.items() if state == "made"} == others
    assert sorted(charged) == sorted(others)
    assert states["fal", "failed"] + states["fal", "skipped"] == ROWS
    assert asked - len(charged) <= WORKERS + 1
    assert place.books.total > 0
