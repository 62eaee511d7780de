"""A Wish: what a row asks for before any model is looked at. Which list of models, which size, which quality.

Precedence: the row's model; readable text; an input picture (an edit); a LoRA; a stated subject; the tier;
the use case; the default. A use case's size holds whatever list is taken, but softly where that list
is another's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from imagegen.catalog.fields import suggestion
from imagegen.domain.row import Row, pixels
from imagegen.errors import UsageError
from imagegen.routing.route import Entry, Routes, Target

#: The use cases whose lists stand for a tier in rows that ask for a tier; the default stands for "standard".
TIER_LISTS = {"budget": "thumbnail", "premium": "hero_image"}


@dataclass(frozen=True, slots=True)
class Wish:
    """`target` ranks the models, `what` names it in a sentence. `size` or `ratio` is wanted; with `soft` it
    is only a use case's habit, and a model that cannot make it comes as near as it can. `qualities` are
    asked for in this order where a model has them. `explicit`: the row named its model."""

    target: Target
    what: str
    size: tuple[int, int] | None = None
    ratio: str | None = None
    soft: bool = False
    qualities: tuple[str, ...] = ()
    strategy: str = "plain"
    explicit: bool = False
    notes: tuple[str, ...] = ()


def wish_of(row: Row, routes: Routes) -> Wish:
    """What `row` asks for. Raises UsageError for a use case that `routes` do not know."""
    case = use_case(row, routes)
    wish = replace(_listed(row, routes, case), strategy=_strategy(row, case))
    qualities = [wish.target.quality, case.quality if case else None]
    wish = replace(wish, qualities=tuple(quality for quality in qualities if quality))
    wish = replace(wish, notes=tuple(_notes(row, wish)))
    return _sized(row, wish, case)


def use_case(row: Row, routes: Routes) -> Target | None:
    """The row's use case. Raises UsageError with a suggestion for one that is not known."""
    if row.use_case is None:
        return None
    if row.use_case not in routes.use_cases:
        what = f"unknown use case {row.use_case!r}"
        raise UsageError(what, suggestion(row.use_case, frozenset(routes.use_cases)))
    return routes.use_cases[row.use_case]


def needs_text(row: Row) -> bool:
    """Whether wording must be readable in the picture."""
    return row.needs_text or bool(row.text)


def _listed(row: Row, routes: Routes, case: Target | None) -> Wish:
    if row.model is not None:
        tier = row.tier or (case or routes.default).tier
        return Wish(Target(tier, (Entry(row.model),)), row.model, explicit=True)
    if needs_text(row):
        return Wish(routes.text, "readable text")
    if row.image is not None:
        return Wish(routes.edit, "editing a picture")
    if row.lora:
        return Wish(routes.lora, "LoRAs")
    if row.subject is not None and row.subject in routes.subjects:
        return Wish(routes.subjects[row.subject], f"the subject {row.subject}")
    if row.tier is not None and (case is None or case.tier != row.tier):
        return Wish(_tier(row.tier, routes), f"the {row.tier} tier")
    if case is not None and row.use_case is not None:
        return Wish(case, row.use_case)
    return Wish(routes.default, "rows without a use case")


def _tier(tier: str, routes: Routes) -> Target:
    """The models of a tier. Their size is no habit of the tier's, and the default's is none of theirs."""
    target = routes.use_cases.get(TIER_LISTS.get(tier, ""), routes.default)
    return replace(target, tier=tier, size=None)


def _sized(row: Row, wish: Wish, case: Target | None) -> Wish:
    if row.size is not None:
        return replace(wish, size=pixels(row.size))
    if row.aspect_ratio is not None:
        return replace(wish, ratio=row.aspect_ratio)
    if wish.target.size is not None:
        return replace(wish, size=wish.target.size)
    return replace(wish, size=case.size, soft=wish.target != case) if case else wish


def _strategy(row: Row, case: Target | None) -> str:
    if "strategy" in row.model_fields_set or case is None:
        return row.strategy
    return case.strategy


def _notes(row: Row, wish: Wish) -> list[str]:
    notes = []
    if not wish.explicit and row.tier is not None and row.tier != wish.target.tier:
        notes.append(f"tier {row.tier} does not choose among the models for {wish.what}")
    if row.aspect_ratio and row.size:
        notes.append(f"size {row.size} counts, aspect_ratio {row.aspect_ratio} does not")
    return notes
