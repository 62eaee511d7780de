"""Drafts in the report: each picture with the drafts that led to it, small, with score, reason and cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from imagegen.domain.drafts import numbers
from imagegen.domain.money import show
from imagegen.domain.result import PRESENT, Result
from imagegen.report.tables import href


@dataclass(frozen=True, slots=True)
class Mini:
    """A draft below its picture. `href` is "" where it did not come; `score` where none was given."""

    name: str
    href: str
    score: str
    price: str
    model: str
    why: str
    won: bool


def grouped(results: Iterable[Result]) -> Iterator[tuple[Result, list[Result]]]:
    """Each picture with its drafts, which follow it."""
    picture: Result | None = None
    drafts: list[Result] = []
    for result in results:
        if result.role == "draft" and picture is not None:
            drafts.append(result)
            continue
        if picture is not None:
            yield picture, drafts
        picture, drafts = result, []
    if picture is not None:
        yield picture, drafts


def mini(result: Result) -> Mini:
    """`result`, which is a draft, as it stands below its picture."""
    there, score = result.state in PRESENT, result.score or {}
    reasons = [each for each in score.get("reasons", ()) if not each.startswith("left out: ")]  # the choice says it
    price = result.state if result.state in ("cached", "kept") else "" if result.cost is None else show(result.cost)
    return Mini(
        name=f"Draft {(numbers(result.sample)[1] or 0) + 1}",
        href=href(result.file or "") if there else "",
        score=f"{score['value']:.2f}" if score else "",
        price=price if there else result.state,
        model=result.model or "",
        why=("; ".join(reasons) if there else result.reason) or "",
        won=result.chosen is True,
    )
