"""Slots: the pictures of a plan that a person makes. Rows that are equal in everything share one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from imagegen import pasting, staging
from imagegen.blueprint import PLACEHOLDER
from imagegen.domain.handoff import HANDOFF
from imagegen.domain.model import Finish
from imagegen.domain.money import Nano
from imagegen.domain.request import Key
from imagegen.ledger.holdings import Holding
from imagegen.planned import Planned
from imagegen.stores import Held

#: open: to be made · there: the folder has it · cached: the cache has it, and it is still to be finished into the
#: folder · stuck: an earlier picture was no use, or is not settled.
State = Literal["open", "there", "cached", "stuck"]
#: When a picture is different things to its rows, the first of these holds.
_FIRST: tuple[State, ...] = ("open", "stuck", "cached", "there")
_STATES: dict[str, State] = {"buy": "open", "unknown": "stuck", "flawed": "stuck", "cached": "cached"}


@dataclass(frozen=True, slots=True)
class Place:
    """One picture of one row: its id, its number among the row's (from 0), the stem of its file, where it stands."""

    row: str
    sample: int
    stem: str
    at: str


@dataclass(slots=True)
class Slot:
    """A picture that a person makes. `words` and `flags` are what is pasted; `cost` in nanodollars;
    `width` and `height` as planned; `strict`: the row says in which shape. `digest`: SHA-256 of the picture there."""

    number: int
    key: Key
    code: str
    state: State
    places: list[Place]
    of: int
    words: str
    flags: tuple[str, ...]
    ratio: str
    seed: int | None
    width: int
    height: int
    strict: bool
    model: str
    title: str
    cost: Nano
    finish: Finish
    reason: str = ""
    digest: str | None = None

    @property
    def row(self) -> str:
        """The id of its first row."""
        return self.places[0].row

    @property
    def sample(self) -> int:
        """Its number within that row."""
        return self.places[0].sample

    @property
    def name(self) -> str:
        """The row's id, and which of its pictures where it has several: "mug #2"."""
        return f"{self.row} #{self.sample + 1}" if self.of > 1 else self.row

    @property
    def made(self) -> bool:
        """Whether its picture was brought before."""
        return self.state in ("there", "cached")

    @property
    def line(self) -> str:
        """What is pasted."""
        return " ".join([self.words, *self.flags])

    @property
    def save_as(self) -> str:
        """A file name by which the picture is surely found again, without its ending."""
        return f"{self.places[0].stem.rpartition('/')[2]}-{self.code}"

    @property
    def also(self) -> list[str]:
        """The other rows that get the same picture."""
        return list(dict.fromkeys(place.row for place in self.places[1:] if place.row != self.row))


@dataclass(slots=True)
class Slots:
    """All of a manifest's, in its order; and what planning refuses among them: (where, id, why)."""

    all: list[Slot] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def open(self) -> list[Slot]:
        """Those that a person has still to make."""
        return [slot for slot in self.all if slot.state == "open"]

    @property
    def made(self) -> list[Slot]:
        """Those whose picture was brought before."""
        return [slot for slot in self.all if slot.made]


def slots(planned: Iterable[Planned]) -> Slots:
    """The slots of a plan."""
    found, by_key = Slots(), dict[Key, Slot]()
    for item in planned:
        if item.row.provider == PLACEHOLDER:
            continue
        if item.state == "refused":
            if staging.by_hand(item):
                found.refused.append((_where(item), item.row.id, item.reason))
            continue
        key = _key(item)
        if key is None:
            continue
        known = by_key.get(key)
        if known is None:
            by_key[key] = known = _slot(item, key, len(found.all) + 1)
            found.all.append(known)
        else:
            known.places.append(_place(item))
        _stand(known, item)
    return found


def _key(item: Planned) -> Key | None:
    """The Key of a picture that a person makes or made; None for all others."""
    evidence = item.seen.evidence if item.seen else None
    if isinstance(evidence, Holding):
        return evidence.key if evidence.provider == HANDOFF and item.draft.blueprint.provider == HANDOFF else None
    return item.draft.key if item.draft.blueprint.provider == HANDOFF else None


def _stand(slot: Slot, item: Planned) -> None:
    """A picture that any of its rows lacks is open; what is there is known by its digest."""
    evidence = item.seen.evidence if item.seen else None
    state = _STATES.get(item.state, "there")
    slot.state = min(state, slot.state, key=_FIRST.index)
    slot.reason = item.reason if state == "stuck" else slot.reason
    if isinstance(evidence, Holding | Held):
        slot.digest = evidence.digest


def _slot(item: Planned, key: Key, number: int) -> Slot:
    chosen, request = item.draft.blueprint.choice, item.request
    assert chosen is not None, "only what is chosen has a key"
    assert request is not None
    finish = item.draft.blueprint.finish
    return Slot(
        number=number,
        key=key,
        code=pasting.code(key),
        state="there",
        places=[_place(item)],
        of=item.row.n,
        words=pasting.words(request, chosen.offer),
        flags=tuple(pasting.flags(request, chosen.offer)),
        ratio=pasting.ratio(request),
        seed=request.seed,
        width=request.width or 1,
        height=request.height or 1,
        strict=bool(finish.width or item.row.size or item.row.aspect_ratio),
        model=chosen.model.name,
        title=chosen.model.title,
        cost=item.draft.blueprint.price(item.row).expected or 0,
        finish=finish,
    )


def _place(item: Planned) -> Place:
    return Place(item.row.id, item.draft.sample, staging.output_stem(item.draft), _where(item))


def _where(item: Planned) -> str:
    return ":".join(str(part) for part in item.draft.place if part)
