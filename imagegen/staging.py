"""Staging: planned pictures become lines of the work list, each with the file it will have.

Decides, does not do: the caller writes the lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from imagegen import filing, names
from imagegen.domain.drafts import numbers
from imagegen.domain.handoff import HANDED, HANDOFF
from imagegen.domain.model import Finish, Rendition
from imagegen.domain.request import Key, canonical, canonical_json
from imagegen.domain.row import Row
from imagegen.errors import ManifestError
from imagegen.ledger.holdings import Holding
from imagegen.ledger.jobs import Staged
from imagegen.output import OutputFolder
from imagegen.ownrequest import order_of
from imagegen.planned import Draft, Planned

#: The provider column of work that only takes what is there already out of the cache.
SHELF = "shelf"

#: The folder of the drafts, in the output folder.
DRAFTS = "drafts"
EXTENSIONS = {"png": "png", "jpeg": "jpg", "webp": "webp", "avif": "avif"}

#: Why a run that only collects leaves a picture.
COLLECTS = "not bought yet: `imagegen run` does that"
NOTHING: Mapping[Key, tuple[str, str]] = {}

#: The provider column of a line whose drafts are all there.
CHOOSING = "choosing"

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


def stage(
    planned: Planned,
    seq: int,
    folder: OutputFolder,
    redo: frozenset[str] = frozenset(),
    brought: frozenset[Key] | None = None,
    told: Mapping[Key, tuple[str, str]] = NOTHING,
    *,
    collects: bool = False,
) -> Staged:
    """The line of the work list for `planned`. `brought` are pictures that a person brings, `collects`:
    nothing is bought: see `Order`. `told`: see `Ledger`."""
    row, blueprint = planned.row, planned.draft.blueprint
    there = planned.seen.evidence if planned.seen else None
    finish = finish_text(blueprint.finish)
    stem, extension = output_stem(planned.draft), EXTENSIONS[blueprint.finish.format]
    state, provider, digest = _begins(planned, brought), blueprint.buyer, None
    reason = HANDED if state == "waiting" else planned.reason or None
    if state == "todo" and (planned.state == "buy" or (collects and row.accept)):
        state, reason = _known(planned, told, row.id in redo, collects) or (state, reason)
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
        about |= {name: facts[name] for name in ("draft", "chosen", "score") if name in facts}
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
    part = planned.draft.part
    if row.id in redo:
        about["redo"] = True
    if part and part.won:
        about |= {"draft": part.number + 1, "chosen": part.reason}
    if planned.held and state == "todo":
        assert part is not None
        state = "held"
        about["refine"] = {"slot": part.slot, "scorer": part.scorer, "edits": part.edits}
        about["refine"] |= {"seed": row.seed, "via": provider, "text": row.text}
        if asks := planned.asks:
            named = {"provider": asks.judge.provider, "model": asks.judge.name, "address": asks.address}
            about["refine"]["judge"] = named | {"most": asks.price.most}
    buying = state in ("todo", "held") and provider != SHELF
    request = planned.request if state in ("todo", "held") and not isinstance(there, Holding) else None
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
        most=planned.most_each if buying or planned.state == "cached" else 0,
        premium=blueprint.premium,
        request=canonical_json(canonical(request)) if request else None,
        finish=finish,
        digest=digest,
        reason=reason,
        role=part.role if part else None,
        bucket=order_of(request) if request else "",
        link=None if part is None else seq - 1 - part.number if part.role == "draft" else seq,
    )


def by_hand(planned: Planned) -> bool:
    """Whether a person makes it, or would if planning did not refuse it."""
    blueprint = planned.draft.blueprint
    losers = {loser.provider for loser in blueprint.losers}
    return blueprint.provider == HANDOFF or (blueprint.choice is None and losers == {HANDOFF})


def _begins(planned: Planned, brought: frozenset[Key] | None) -> str:
    """The state that a line begins with. What is made by hand waits for the picture; a run about such pictures
    leaves everything else that would be bought."""
    if planned.state != "buy":
        return _BEGINS[planned.state]
    if planned.draft.blueprint.provider == HANDOFF:
        return "todo" if planned.draft.key in (brought or ()) else "waiting"
    return "todo" if brought is None else "skipped"


def _known(planned: Planned, told: Mapping[Key, tuple[str, str]], anew: bool, collects: bool) -> tuple[str, str] | None:
    """The end of a picture of which more is known than the plan says, or that is not to be bought."""
    known = told.get(planned.draft.key or "")
    if known and (known[0] == "waiting" or not anew):
        return known
    return ("skipped", COLLECTS) if collects else None


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
    picture, number = numbers(draft.sample)
    stem = f"{stem}-{picture + 1}" if draft.row.n > 1 else stem
    return stem if number is None else f"{DRAFTS}/{stem}-{number + 1}"


def _about(planned: Planned) -> dict[str, Any]:
    """What results and report say of a picture beyond the columns."""
    row, blueprint = planned.row, planned.draft.blueprint
    base = blueprint.base
    about: dict[str, Any] = {"prompt": row.prompt, "place": _place(planned), "use_case": row.use_case}
    if blueprint.choice:
        about["why"] = f"a draft on {blueprint.model}" if planned.draft.is_draft else blueprint.choice.why
    if base and base.stands_for:
        about["stands_for"] = base.stands_for
        about["real"] = blueprint.real(row)
    # Of what is there already, a rule may want another attempt.
    asks = planned.state == "buy" or (planned.state == "cached" and row.accept is not None)
    if asks and planned.draft.inputs and not planned.draft.inputs.unknown:
        about["inputs"] = dict(planned.draft.inputs.files)
    if asks and blueprint.loras:
        about["loras"] = dict(blueprint.loras)
    if base and base.width:
        about["size"] = [base.width, base.height]
    if row.tags:
        about["tags"] = list(row.tags)
    if row.accept and not planned.draft.is_draft:
        about |= {"tries": planned.draft.tries + 1} if planned.draft.tries else {}
        about["accept"] = row.accept.model_dump() | {"wording": row.text, "seed": row.seed, "via": blueprint.provider}
    if row.callback_url:
        about["callback"] = row.callback_url
    if planned.state == "refused":
        about["fields"] = _fields(row)
    return about


def _fields(row: Row) -> dict[str, Any]:
    said = row.model_dump(mode="json", exclude_defaults=True, exclude={"id", "prompt"})
    if row.callback_url:  # a query may hold a secret, and results are passed on
        said["callback_url"] = row.callback_url.partition("#")[0].partition("?")[0]
    return {name: value for name, value in said.items() if value is not None}


def _place(planned: Planned) -> str:
    file, line, _ = planned.draft.place
    return f"{file}:{line}" if line else file
