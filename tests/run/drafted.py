"""Manifests of rows with drafts, and what runs of them say. Drafts and pictures both come from the local server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.run.cloudrun import Ended, Place

DRAFTS_ON, REFINED_ON = "gpt-image-2.5-flare", "gpt-image-2.5-sunburst"


def manifest(place: Place, rows: Sequence[Mapping[str, Any]], *, name: str = "rows.yaml", **said: Any) -> Path:
    """A manifest whose rows have three drafts each; `said` are fields of all rows."""
    strategy = {"models": [{"model": DRAFTS_ON, "quality": "low"}], "drafts": 3, "choose": "first"}
    whole = {
        "imagegen": 1,
        "routes": {"strategies": {"draft_refine": strategy}},
        "defaults": {"strategy": "draft_refine", "model": REFINED_ON, "quality": "low", "size": "1024x640"} | said,
        "rows": list(rows),
    }
    path = place.folder / name
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


def told(ended: Ended) -> dict[tuple[str, int], dict[str, Any]]:
    """The last event of each picture, by row and sample: drafts have samples from 1000."""
    return {(event["id"], event["sample"]): event for event in ended.events if event["event"] == "row"}


def states(ended: Ended) -> dict[tuple[str, int], str]:
    """The last state of each picture."""
    return {name: event["state"] for name, event in told(ended).items()}


def results(out: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """The lines of results.jsonl, by row and sample."""
    lines = map(json.loads, (out / "results.jsonl").read_text(encoding="utf-8").splitlines())
    return {(line["id"], line["sample"]): line for line in lines}
