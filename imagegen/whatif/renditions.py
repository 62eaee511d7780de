"""Renditions: pictures that are bought twice only because they are wanted in two sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from imagegen.blueprint import Blueprint
from imagegen.domain.model import Size
from imagegen.domain.money import Nano
from imagegen.domain.request import canonical, canonical_json
from imagegen.estimate import Counted
from imagegen.planned import Planned
from imagegen.sizing import reaches

#: So many pictures are remembered; later ones are compared with these only.
REMEMBERED = 100_000
#: Kinds of rows remembered at once.
KINDS = 4_000
#: What a Request says of its size.
_SIZE: dict[str, Any] = {"width": None, "height": None, "aspect_ratio": None, "resolution": None}


@dataclass(frozen=True, slots=True)
class Shape:
    """The size that is made, the size it is finished to, and how."""

    made: Size
    wanted: tuple[int, int]
    fit: str


@dataclass(frozen=True, slots=True)
class Spare:
    """`pictures` that would not have to be bought, and what they `cost`."""

    pictures: int = 0
    cost: Nano = 0


#: A picture of a group: its shape and its cost; None: it is there already.
_Member = tuple[Shape, Nano | None]


@dataclass(slots=True)
class Renditions:
    """Which purchases a rendition of another row's picture would save. `full`: there were more pictures than are
    remembered."""

    full: bool = False
    remembered: int = REMEMBERED
    _first: dict[int, _Member] = field(default_factory=dict)
    _groups: dict[int, list[_Member]] = field(default_factory=dict)
    _kinds: dict[int, tuple[Blueprint, int, Shape | None]] = field(default_factory=dict)

    def add(self, planned: Planned, state: Counted) -> None:
        """Look at a picture, counted as `state`."""
        if state not in ("buy", "cached", "kept"):
            return
        draft = planned.draft
        look, shape = self._kind(draft.blueprint, draft.row.fit)
        if shape is None or (planned.cost is None and state == "buy"):
            return
        if state == "kept" and planned.seen and planned.seen.evidence.model != draft.blueprint.model:
            return
        row = draft.row
        mark = hash((look, row.prompt, row.text, draft.sample, row.seed))
        member = (shape, planned.cost if state == "buy" else None)
        first = self._first.get(mark)
        if first is not None:
            self._groups.setdefault(mark, [first]).append(member)
        elif len(self._first) < self.remembered:
            self._first[mark] = member
        else:
            self.full = True

    def spare(self) -> Spare:
        """What could be saved among all that was added."""
        found = [each for group in self._groups.values() for each in _spare(group)]
        return Spare(len(found), sum(found))

    def _kind(self, blueprint: Blueprint, fit: str) -> tuple[int, Shape | None]:
        """What all pictures of a blueprint have in common: how they look but for the size, and the size."""
        known = self._kinds.get(id(blueprint))
        if known is None:
            if len(self._kinds) >= KINDS:
                self._kinds.clear()
            # The blueprint is kept beside them: while it lives, no other has its id.
            known = self._kinds[id(blueprint)] = (blueprint, _look(blueprint), _shape(blueprint, fit))
        return known[1], known[2]


def _look(blueprint: Blueprint) -> int:
    if blueprint.base is None:
        return 0
    return hash(canonical_json(canonical(replace(blueprint.base, **_SIZE))))


def _shape(blueprint: Blueprint, fit: str) -> Shape | None:
    if blueprint.choice is None or blueprint.base is None:
        return None
    plan = blueprint.choice.size_plan
    made = plan.size
    return Shape(made, (plan.width or made.width, plan.height or made.height), fit)


def _spare(group: Sequence[_Member]) -> list[Nano]:
    """The costs of those that could be finished from another of the group; the largest are looked at first."""
    masters: list[Shape] = []
    found: list[Nano] = []
    for shape, cost in sorted(group, key=lambda member: (-member[0].made.pixels, member[1] is not None)):
        if cost and any(reaches(master.made, shape.wanted, shape.fit) for master in masters):
            found.append(cost)
        else:
            masters.append(shape)
    return found
