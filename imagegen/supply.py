"""Supply: the bytes of the input pictures that a batch needs, read right before the money is set aside."""

from __future__ import annotations

import json
from collections.abc import Sequence

from imagegen import inputs, record
from imagegen.ledger.jobs import Job
from imagegen.record import Kept


def supplied(batch: Sequence[Job]) -> tuple[dict[str, bytes], list[Kept]]:
    """The bytes by digest; and the jobs that cannot be made because a file is gone or was changed since it was
    planned, each with its end."""
    found: dict[str, bytes] = {}
    failed = []
    for job in batch:
        if '"inputs":' not in job.about and '"loras":' not in job.about:  # few rows have any
            continue
        about = json.loads(job.about)
        found |= {digest: path.encode() for digest, path in about.get("loras", {}).items()}
        try:
            found |= inputs.gather(about.get("inputs", {}))
        except inputs.BadInput as problem:
            failed.append(record.without_picture(job, "failed", problem.what))
    return found, failed
