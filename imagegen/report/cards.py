"""One result as the report shows it: a card under its picture, or an entry among what needs attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagegen.domain.drafts import called
from imagegen.domain.money import show
from imagegen.domain.result import PRESENT, Result
from imagegen.report.drafts import Mini, mini
from imagegen.report.tables import href
from imagegen.report.tally import model_label

#: Prompts longer than this, or on several lines, are folded to three lines.
_FOLDED = 110


@dataclass(frozen=True, slots=True)
class Card:
    """A picture with what stands under it. `href` is safe in an attribute and relative to the report; "" for a
    picture that is not there, though its drafts are. `chosen` says why one of `drafts` won, `drafted` what they
    took."""

    name: str
    prompt: str
    long: bool
    href: str
    width: int | None
    height: int | None
    state: str
    model: str
    group: str
    stands_for: str | None
    why: str
    price: str
    size: str
    renditions: tuple[tuple[str, str], ...] = ()
    drafts: tuple[Mini, ...] = ()
    chosen: str = ""
    drafted: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row without a picture: what happened, where the row stands and what it may have cost."""

    name: str
    prompt: str
    reason: str
    where: str
    price: str


def card(result: Result, drafts: Sequence[Result] = ()) -> Card:
    """`result`, whose picture or one of whose `drafts` is present, as a card."""
    there = result.state in PRESENT
    size = f"{result.width} × {result.height}" if result.width and result.height else ""
    return Card(
        name=_name(result),
        prompt=result.prompt,
        long=len(result.prompt) > _FOLDED or "\n" in result.prompt,
        href=href(result.file or "") if there else "",
        width=result.width,
        height=result.height,
        state=result.state,
        model=result.model or result.provider or "",
        group=model_label(result),
        stands_for=result.stands_for,
        why=result.why or "",
        price=_price(result),
        size=" ".join(part for part in (size, result.format) if part),
        renditions=tuple((name, href(file)) for name, file in result.renditions.items()),
        drafts=tuple(map(mini, drafts)),
        drafted=show(sum(each.cost or 0 for each in drafts)) if any(each.cost for each in drafts) else "",
        chosen=result.chosen if isinstance(result.chosen, str) else "" if there else result.reason or "",
    )


def entry(result: Result) -> Entry:
    """`result`, which has no picture, as an entry."""
    return Entry(
        name=_name(result),
        prompt=result.prompt,
        reason=result.reason or "",
        where=" · ".join(part for part in (result.place, result.model) if part),
        price=_open_price(result),
    )


def _name(result: Result) -> str:
    return called(result.id, result.sample, sign="· ")


def _price(result: Result) -> str:
    if result.state != "made":
        return result.state
    if result.stands_for and not result.cost:
        return "free"
    return "cost not known" if result.cost is None else show(result.cost)


def _open_price(result: Result) -> str:
    if result.cost is None:
        return "cost not known" if result.estimate is None else f"expected {show(result.estimate)}"
    return f"charged {show(result.cost)}" if result.cost else ""
