"""Drafting: how a row's picture is made by way of drafts. Several on a cheap model, a choice, one refined. Pure.

The refined picture is asked for with the chosen draft as its input where its model can edit; else by the prompt
alone, and the plan says so. Before the choice it has no Key: a slot stands for it, the hash of all that decides it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd
from typing import Any, Literal, NamedTuple

from imagegen.blueprint import PLACEHOLDER, Blueprint, blueprint_of, said
from imagegen.context import Context, Drafts, Scoring
from imagegen.domain.given import Given
from imagegen.domain.inputs import Inputs
from imagegen.domain.judge import Judging
from imagegen.domain.model import Finish
from imagegen.domain.queue import LOCAL
from imagegen.domain.request import canonical, digest
from imagegen.domain.row import Place, Row
from imagegen.errors import UsageError
from imagegen.routing.route import Strategy, Target

#: What the chosen draft is called until it is known.
DRAFT = "draft"
BY_PROMPT = "{model} takes no input picture: the chosen draft is shown, the picture is made from the prompt alone"


class Part(NamedTuple):
    """What a picture is in a row with drafts. `number` counts a picture's drafts from 0, `asked` is the sample number
    in its Request. Of a refined one: the `slot`, the `scorer` and the judge that it asks, whether it is made from the
    draft (`edits`), and whether one has `won` already: then `number` says which, `reason` why."""

    role: Literal["draft", "refine"]
    number: int = 0
    asked: int = 0
    slot: str = ""
    scorer: str = ""
    edits: bool = False
    won: bool = False
    reason: str = ""
    judging: Judging | None = None


@dataclass(frozen=True)
class Drafting:
    """How the pictures of a kind of row are drafted and refined."""

    drafts: Blueprint
    refine: Blueprint
    count: int
    scorer: str
    edits: bool

    @property
    def made(self) -> Drafts:
        """What is to be chosen among."""
        assert self.drafts.choice is not None
        size = self.drafts.choice.size_plan.size
        return Drafts(self.count, size.width, size.height)

    def parts(self, row: Row, sample: int, by: Scoring) -> tuple[Part, tuple[Part, ...]]:
        """The refined picture of one sample, and its drafts."""
        asked = [sample * self.count + number for number in range(self.count)]
        keys = [self.drafts.key(row, each) for each in asked]
        template = self.refine.request(row, sample, self.unknown)
        said = canonical(template) if template else {}
        slot = digest({"refine": said, "drafts": keys, "scorer": [by.name, by.version]})
        drafts = tuple(Part("draft", number, each) for number, each in enumerate(asked))
        return Part("refine", 0, sample, slot, by.name, self.edits, judging=by.judging), drafts

    @property
    def unknown(self) -> Inputs | None:
        """The input of a refined picture whose draft is not chosen yet."""
        if not self.edits:
            return None
        chosen, base = self.drafts.choice, self.drafts.base
        assert chosen is not None
        assert base is not None
        form: Any = base.wire_format or "png"
        given = Given(form, chosen.size_plan.size.width, chosen.size_plan.size.height, 0)
        return Inputs((DRAFT,), unknown=True, given={DRAFT: given})


def drafting_of(row: Row, place: Place, context: Context, plain: Blueprint) -> Drafting | None:
    """How `row`, planned as `plain`, comes by way of drafts; None where it does not."""
    if plain.choice is None or plain.choice.strategy == "plain":
        return None
    strategy = context.routes.strategies.get(plain.choice.strategy, Strategy())
    refusal = _refusal(row, strategy)
    if refusal:
        return _refused(refusal)
    drafts = _drafts(row, place, context, plain, strategy)
    if drafts.refusal:
        return _refused(f"its drafts cannot be made: {drafts.refusal}")
    refine, edits = _refine(row, place, context, plain)
    if refine.refusal:
        return _refused(refine.refusal)
    count, scorer = row.drafts or strategy.drafts, row.choose or strategy.choose
    return Drafting(drafts, refine, count, scorer, edits)


def _refused(refusal: str) -> Drafting:
    return Drafting(Blueprint(refusal=refusal), Blueprint(refusal=refusal), 0, "", edits=False)


def _refusal(row: Row, strategy: Strategy) -> str:
    given = next((name for name in ("image", "control") if getattr(row, name) is not None), None)
    if given:
        return f"draft_refine begins with a prompt alone; take `{given}` out, or use strategy: plain"
    if not strategy.models:
        return "these routes name no models for drafts; give them strategies: {draft_refine: {models: [...]}}"
    return ""


def _drafts(row: Row, place: Place, context: Context, plain: Blueprint, strategy: Strategy) -> Blueprint:
    """The drafts' blueprint: the shape of the picture, on the cheap model. What only the good model knows is left
    out of it. Where the model's own size of that shape costs more than the picture's size, it is the latter."""
    assert plain.choice is not None
    size = plain.choice.size_plan
    width, height = size.width or size.size.width, size.height or size.size.height
    shared = gcd(width, height)
    target = Target("budget", strategy.models)
    routes = replace(context.routes, default=target, subjects={}, use_cases={})
    inner = replace(context, routes=routes, renditions=())
    shapes = ({"aspect_ratio": f"{width // shared}:{height // shared}"}, {"size": f"{width}x{height}"})
    found = [_planned(_draft_row(row, shape), place, inner) for shape in shapes]
    best = min(found, key=_dearness)
    finish = Finish(fit="none", format=best.finish.format)
    return replace(best, finish=finish, premium=0, notes=())


def _draft_row(row: Row, shape: dict[str, Any]) -> Row:
    """What a draft of `row` is asked for by."""
    asked: dict[str, Any] = {name: None for name in _NOT_DRAFTED if name != "needs_text"}
    asked |= {"prompt": said(row), "needs_text": False, "fit": "cover", "strategy": "plain"}
    asked |= {"provider": PLACEHOLDER if row.provider == PLACEHOLDER else None, "aspect_ratio": None}
    asked["lane"] = LOCAL if row.lane == LOCAL else None  # what must not leave this machine is not drafted elsewhere
    return row.model_copy(update=asked | shape)


def _dearness(drafts: Blueprint) -> tuple[bool, int]:
    """Sorts refused ones last, then by price."""
    price = drafts.choice.unit.expected if drafts.choice else None
    return bool(drafts.refusal) or price is None, price or 0


#: Fields of a row that say nothing about its drafts.
_NOT_DRAFTED = (
    "use_case", "subject", "needs_text", "text", "model", "quality", "tier", "size", "accept", "lane", "format",
    "encode_quality", "max_price", "steps", "guidance", "scheduler", "refiner", "lora", "safety", "background",
    "options", "strength", "drafts", "choose", "callback_url",
)  # fmt: skip


def _refine(row: Row, place: Place, context: Context, plain: Blueprint) -> tuple[Blueprint, bool]:
    """The refined picture's blueprint, and whether it is made from the draft."""
    chosen = plain.choice
    assert chosen is not None
    if "edit" not in chosen.offer.can or not chosen.offer.max_inputs:
        note = BY_PROMPT.format(model=chosen.model.name)
        return replace(plain, notes=(*plain.notes, note)), False
    named = chosen.model.name if row.provider == PLACEHOLDER else f"{chosen.offer.provider}/{chosen.model.name}"
    # What is made of a draft is made as any picture is, and waited for.
    plainly = {"strategy": "plain", "lane": LOCAL if chosen.offer.provider == LOCAL else "live"}
    copy = row.model_copy(update={"model": named, "quality": chosen.quality, "image": DRAFT} | plainly)
    found = _planned(copy, place, context)
    if found.refusal or found.choice is None:
        return found, True
    return replace(found, choice=replace(found.choice, why=chosen.why), losers=plain.losers), True


def _planned(row: Row, place: Place, context: Context) -> Blueprint:
    try:
        return blueprint_of(row, place, replace(context, lane=None))  # one after the other: each is waited for
    except UsageError as problem:
        return Blueprint(refusal=str(problem))
