"""Plan: rows in, what would be done out. Pure: no files, clock, network or environment.

What is stored, alive, enabled and refused comes in through `Context` and `look`. What a plan
shows is what a run executes: there is no second estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from imagegen.blueprint import Blueprint, blueprint_of, said
from imagegen.context import Context
from imagegen.domain.drafts import DRAFT_SAMPLES
from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.inputs import Inputs, has_inputs, named
from imagegen.domain.model import Estimate
from imagegen.domain.request import Request
from imagegen.domain.row import Place, Placed, Row
from imagegen.drafting import Drafting, drafting_of
from imagegen.errors import ManifestError
from imagegen.kinds import kind_of
from imagegen.planned import Draft, Planned, Seen
from imagegen.queueing import waits

#: Rows looked up at once.
CHUNK = 500
#: Kinds of rows remembered: rows that are all different must not fill the memory.
MEMO = 4_000

#: What is said of a picture whose input picture is not here.
UNFETCHED = "made from a picture that `run` fetches first: counted as not there yet"


Look = Callable[[Sequence[Draft]], Sequence[Seen | None]]
Refuses = Callable[[Request, Mapping[str, Given]], str | None]


def plan(
    rows: Iterable[Placed],
    context: Context,
    *,
    look: Look | None = None,
    refuses: Refuses | None = None,
    asked: frozenset[str] | None = None,
    redo: frozenset[str] = frozenset(),
) -> Iterator[Planned]:
    """What would be done for every picture of `rows`, in their order, streamed.

    `look` says of a chunk of drafts what is there already, `refuses` asks the provider if it is one of
    `asked` (None: all are).
    Rows whose id is in `redo` are made anew whatever is there. Raises UsageError for a row that
    names a model or use case that does not exist.
    """
    memo: _Memo = {}
    drafts, wanted = _drafts(rows, context, memo, redo), False
    while chunk := list(islice(drafts, CHUNK)):
        seen: Sequence[Seen | None] = look(chunk) if look else (None,) * len(chunk)
        for draft, known in _usable(chunk, seen, look, redo):
            if draft.is_draft and not wanted and (known is None or known.state != "kept"):
                continue  # it has served, or serves no more; what lies in the folder is told of
            asks = refuses if asked is None or draft.blueprint.provider in asked else None
            planned = _checked(_planned(draft, known, asks), context)
            wanted = wanted if draft.is_draft else planned.held
            yield planned


def doomed(context: Context, refuses: Refuses) -> Callable[[Row], bool]:
    """Whether planning refuses a row whatever its input pictures hold: then nobody need fetch them."""
    memo: _Memo = {}
    by_name = replace(context, inputs=named)

    def told(row: Row) -> bool:
        if not has_inputs(row):
            return False
        try:
            draft = next(_drafts([Placed(row, Place("", 0))], by_name, memo))
        except ManifestError:  # told at its place when the row is planned
            return False
        return _planned(draft, None, refuses).state == "refused"

    return told


#: What is known of a kind of row: its blueprint, and how it is drafted.
_Memo = dict[Any, tuple[Blueprint, Drafting | None]]


def _drafts(
    rows: Iterable[Placed], context: Context, memo: _Memo, redo: frozenset[str] = frozenset()
) -> Iterator[Draft]:
    anew = replace(context, chosen=lambda slot: None)
    for row, place, name in rows:
        inputs = context.inputs(row, place) if has_inputs(row) else None
        native = inputs.native if inputs and row.size is None and row.aspect_ratio is None else None
        shape = (kind_of(row), native, waits(row, place, context))
        found = memo.get(shape)
        if found is None:
            if len(memo) >= MEMO:
                memo.clear()
            plain = blueprint_of(row, place, context, native)
            found = memo[shape] = plain, drafting_of(row, place, context, plain)
        blueprint, drafting = found
        for sample in range(row.n):
            if drafting is None:
                yield Draft(row, place, name, sample, blueprint, inputs)
            else:
                whole = Draft(row, place, name, sample, drafting.refine)
                yield from _drafted(whole, drafting, anew if row.id in redo else context)


def _drafted(draft: Draft, drafting: Drafting, context: Context) -> Iterator[Draft]:
    """The refined picture, then the drafts that lead to it: those only count while none is chosen."""
    if drafting.refine.refusal:
        yield draft
        return
    scoring = context.scorers(drafting.scorer, draft.row, drafting.made)
    if scoring.refusal:
        yield draft._replace(blueprint=Blueprint(refusal=scoring.refusal))
        return
    if scoring.note:
        draft = draft._replace(blueprint=replace(draft.blueprint, notes=(*draft.blueprint.notes, scoring.note)))
    refine, drafts = drafting.parts(draft.row, draft.sample, scoring)
    winner = context.chosen(refine.slot)
    inputs = drafting.unknown
    if winner and drafting.edits:
        given = {winner.digest: winner.given} if winner.given else {}
        inputs = Inputs((winner.digest,), files=((winner.digest, winner.file),), given=given)
    if winner:
        refine = refine._replace(won=True, number=winner.number, reason=winner.reason)
    yield draft._replace(inputs=inputs, part=refine)
    for part in drafts:
        sample = DRAFT_SAMPLES * (draft.sample + 1) + part.number
        yield draft._replace(sample=sample, blueprint=drafting.drafts, part=part)


def _planned(draft: Draft, seen: Seen | None, refuses: Refuses | None) -> Planned:
    blueprint = draft.blueprint
    if seen is not None and seen.state == "kept":
        return Planned(draft, "kept", _moved(draft, seen), seen=seen, notes=blueprint.notes)
    if blueprint.refusal:
        return Planned(draft, "refused", blueprint.refusal, None, None)
    price = blueprint.price(draft.row, draft.inputs)
    if seen is not None:
        more = draft.attempts - 1 if seen.state == "cached" else 0  # a rule may not accept what is there
        most = None if price.most is None and more else more * (price.most or 0)
        return Planned(draft, seen.state, seen.reason, most=most, seen=seen, notes=blueprint.notes)
    refusal = _refusal(draft, price, refuses)
    if refusal:
        return Planned(draft, "refused", refusal, None, None)
    if draft.inputs and draft.inputs.trouble:
        return Planned(draft, "lacking", draft.inputs.trouble, notes=blueprint.notes)
    unfetched = draft.part is None and draft.inputs is not None and draft.inputs.unknown
    notes = (*blueprint.notes, UNFETCHED) if unfetched else blueprint.notes
    most = None if price.most is None else price.most * draft.attempts
    return Planned(draft, "buy", "", price.expected, most, notes=notes).judged()


def _usable(
    chunk: Sequence[Draft], seen: Sequence[Seen | None], look: Look | None, redo: frozenset[str]
) -> Iterator[tuple[Draft, Seen | None]]:
    """Each draft and what is known of it: the first attempt at it that is not known to be no use; else the last."""
    for draft, known in zip(chunk, seen, strict=True):
        at, there = draft, None if draft.row.id in redo else known
        while look and there and there.state == "flawed" and at.attempts > 1:
            at = at._replace(tries=at.tries + 1)
            there = look([at])[0]
        yield at, there


def _checked(planned: Planned, context: Context) -> Planned:
    """`planned`, refused where its row's callback_url cannot be called, since nobody would hear of it, or its rules
    of acceptance cannot be followed."""
    row = planned.row
    if (row.callback_url is None and row.accept is None) or planned.state in ("kept", "refused"):
        return planned
    no = (context.calls(row) if row.callback_url else "") or (context.accepts(row) if row.accept else "")
    return Planned(planned.draft, "refused", no, None, None) if no else planned


def _refusal(draft: Draft, price: Estimate, refuses: Refuses | None) -> str:
    row, blueprint = draft.row, draft.blueprint
    longest = blueprint.max_prompt
    if longest is not None and len(said(row)) > longest:
        return f"the prompt has {len(said(row)):,} characters and {blueprint.model} takes {longest:,}; shorten it"
    if refuses is None:
        return ""
    if price.most is None:
        return f"nobody knows the price of {blueprint.model} here; state one in a catalogue file, or name another model"
    request = blueprint.request(row, draft.asked, draft.inputs)
    given = draft.inputs.given if draft.inputs else NOT_LOOKED_AT
    return (refuses(request, given) or "") if request else ""


def _moved(draft: Draft, seen: Seen) -> str:
    """A sentence when a kept picture's row would go to another model today."""
    now, then = draft.blueprint.model, getattr(seen.evidence, "model", None)
    if draft.blueprint.refusal or now == then or not now:
        return ""
    return f"kept; would now go to {now} (--reroute makes it anew)"
