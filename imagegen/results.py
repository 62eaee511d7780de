"""Results: work-list lines as the lines that people and their files get."""

from __future__ import annotations

import json
from typing import Any

from imagegen.domain.queue import provider_of
from imagegen.domain.result import PRESENT, Result, State
from imagegen.ledger.jobs import Job


def result_of(
    job: Job,
    state: State,
    *,
    reason: str | None = None,
    cost: int | None = 0,
    digest: str | None = None,
    file: str | None = None,
    about: dict[str, Any] | None = None,
) -> Result:
    """The line for people about `job`; `cost` comes on top of what earlier attempts at the picture took."""
    about = about if about is not None else json.loads(job.about)
    cost = None if cost is None else cost + about.get("paid", 0)
    return as_result(
        {
            "row": job.row, "sample": job.sample, "state": state, "provider": (about.get("held") or [job.provider])[0],
            "model": job.model, "key": job.key, "estimate": job.estimate, "premium": None, "cost": cost,
            "file": file or (job.file if state in PRESENT else None),
            "digest": digest, "reason": reason, "role": job.role,
        },
        about,
    )  # fmt: skip


def as_result(line: dict[str, Any], about: dict[str, Any]) -> Result:
    """A Result from a work-list line and its `about`."""
    made = about.get("made") or {}
    return Result(
        id=line["row"],
        sample=line["sample"],
        state=line["state"],
        prompt=about.get("prompt", ""),
        file=line["file"] if line["state"] in PRESENT else None,
        use_case=about.get("use_case"),
        model=line["model"],
        provider=provider_of((about.get("held") or [line["provider"]])[0] or "") or None,
        stands_for=about.get("stands_for"),
        why=about.get("why"),
        reason=line["reason"],
        width=made.get("width"),
        height=made.get("height"),
        format=made.get("format"),
        seed=made.get("seed"),
        key=line["key"],
        digest=line["digest"],
        cost=line["cost"],
        estimate=line["estimate"],
        premium=line["premium"],
        original=about.get("original"),
        renditions={name: entry[0] for name, entry in (about.get("renditions") or {}).items()},
        place=about.get("place"),
        fields=about.get("fields") or {},
        role=line.get("role"),
        score=about.get("score"),
        chosen=about.get("chosen"),
    )
