"""Staging: planned pictures become lines of the work list, each with the file it will have.

Decides, does not do: the caller writes the lines.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from imagegen import filing, names
from imagegen.domain.model import Finish, Rendition
from imagegen.domain.request import canonical, canonical_json
from imagegen.domain.row import Row
from imagegen.errors import ManifestError
from imagegen.ledger.holdings import Holding
from imagegen.ledger.jobs import Staged
from imagegen.output import OutputFolder
from imagegen.planner import Draft, Planned

#: The provider column of work that only takes what is there already out of the cache.
SHELF = "shelf"

EXTENSIONS = {"png": "png", "jpeg": "jpg", "webp": "webp", "avif": "avif"}

#: A planned state -> the state a line begins with.
_BEGINS = {
    "buy": "todo",
    "cached": "todo",
    "kept": "kept",
    "refused": "refused",
    "unknown": "unknown",
    "flawed": "failed",
    "lacking": "failed",
}


def stage(planned: Planned, seq: int, folder: OutputFolder, redo: frozenset[str] = frozenset()) -> Staged:
    """The line of the work list for `planned`."""
    row, blueprint = planned.row, planned.draft.blueprint
    there = planned.seen.evidence if planned.seen else None
    finish = finish_text(blueprint.finish)
    stem, extension = output_stem(planned.draft), EXTENSIONS[blueprint.finish.format]
    state, provider, digest = _BEGINS[planned.state], blueprint.provider, None
    model, key, file, about = blueprint.model, planned.draft.key, f"{stem}.{extension}", _about(planned)
    among = filing.collides(stem, blueprint.finish)
    if among:
        raise ManifestError(
            *planned.draft.place,
            f"row {row.id!r} would be saved as {file!r}, among the renditions {among!r}",
            "change output.name, or the rendition's name",
        )
    if isinstance(there, Holding):
        model, key, digest = there.model, there.key, there.digest
        facts = there.facts()
        had = facts.get("renditions") or {}
        about |= {"there": "kept", "held": [there.provider, there.address], "made": facts.get("made")}
        if blueprint.refusal:  # nothing can make it today: the picture stays as it was finished
            finish, file = there.finish, there.file
        intact = there.finish == finish and there.file == file
        mine = [there.file, there.bytes, there.mtime_ns]
        if not intact or not filing.as_left(folder, [mine, *had.values()]):
            state, provider = "todo", SHELF
            about |= {"was": mine, "had": had}
        else:
            provider = there.provider
            about |= {"renditions": had} if had else {}
    elif planned.state == "cached":
        provider = SHELF
        about |= {"there": "cached", "held": [blueprint.provider, blueprint.base.address if blueprint.base else None]}
    if row.id in redo:
        about["redo"] = True
    buying = state == "todo" and provider != SHELF
    request = planned.request if state == "todo" and not isinstance(there, Holding) else None
    return Staged(
        seq=seq,
        row=row.id,
        sample=planned.draft.sample,
        state=state,
        priority=row.priority,
        file=file,
        fold=names.fold(file),
        about=canonical_json(about),
        provider=provider,
        model=model or None,
        key=key,
        fingerprint=planned.draft.fingerprint,
        estimate=planned.cost if buying else 0 if planned.state != "refused" else None,
        most=planned.most if buying else 0,
        premium=blueprint.premium,
        request=canonical_json(canonical(request)) if request else None,
        finish=finish,
        digest=digest,
        reason=planned.reason or None,
    )


def finish_text(finish: Finish) -> str:
    """A Finish as canonical JSON, to compare and to keep."""
    said = _given(asdict(finish)) | {"renditions": [_given(asdict(each)) for each in finish.renditions]}
    return canonical_json({name: value for name, value in said.items() if value != []})


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def finish_of(text: str) -> Finish:
    """The Finish that `finish_text` wrote."""
    import json

    said = json.loads(text)
    return Finish(**said | {"renditions": tuple(Rendition(**each) for each in said.get("renditions", ()))})


def output_stem(draft: Draft) -> str:
    """The output file's path without its extension: from the manifest's `output.name`, or the row's id."""
    stem = names.relative_path(draft.name) if draft.name else names.file_stem(draft.row.id)
    return f"{stem}-{draft.sample + 1}" if draft.row.n > 1 else stem


def _about(planned: Planned) -> dict[str, Any]:
    """What results and report say of a picture beyond the columns."""
    row, blueprint = planned.row, planned.draft.blueprint
    base = blueprint.base
    about: dict[str, Any] = {"prompt": row.prompt, "place": _place(planned), "use_case": row.use_case}
    if blueprint.choice:
        about["why"] = blueprint.choice.why
    if base and base.stands_for:
        about["stands_for"] = base.stands_for
        about["real"] = blueprint.real(row)
    if planned.state == "buy" and planned.draft.inputs:
        about["inputs"] = dict(planned.draft.inputs.files)
    if base and base.width:
        about["size"] = [base.width, base.height]
    if row.tags:
        about["tags"] = list(row.tags)
    if planned.state == "refused":
        about["fields"] = _fields(row)
    return about


def _fields(row: Row) -> dict[str, Any]:
    said = row.model_dump(mode="json", exclude_defaults=True, exclude={"id", "prompt"})
    return {name: value for name, value in said.items() if value is not None}


def _place(planned: Planned) -> str:
    file, line, _ = planned.draft.place
    return f"{file}:{line}" if line else file
