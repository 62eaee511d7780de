"""Uses: which offers of which models are counted on, and by whom. Streams: a million rows fit."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from imagegen.blueprint import Blueprint
from imagegen.domain.row import Place, Row
from imagegen.planned import Planned
from imagegen.routing import Routes

#: So many rows of a use are named.
FIRST = 3
#: So many kinds of rows are remembered for each use.
KINDS = 4_000
#: Planned states in which no model is asked any more.
_THERE = frozenset({"kept", "cached", "unknown", "flawed"})
#: Keys of a routing table that name no model to be asked.
_NO_MODELS = frozenset({"preset", "prices", "premium"})
_LINE = 2**32


class Kind(NamedTuple):
    """Rows that are decided alike: one of them, where it stands, and how many there are."""

    row: Row
    place: Place
    blueprint: Blueprint
    rows: int = 1


@dataclass
class Use:
    """One offer that is counted on. `rows` are to be made, `named` of them name the model themselves; `made` are made
    already, so they ask nobody, and `made_named` of these name it. `lists` are the lists of models that hold it;
    `alone`: one of them names the provider too. `kinds` has the rows by whether they name the model, and by their
    blueprint."""

    model: str
    provider: str
    rows: int = 0
    named: int = 0
    made: int = 0
    made_named: int = 0
    lists: list[str] = field(default_factory=list)
    alone: bool = False
    first: list[tuple[str, Place]] = field(default_factory=list)
    kinds: dict[tuple[bool, int], Kind] = field(default_factory=dict)
    _places: dict[str, array[int]] = field(default_factory=dict)

    def add(self, row: Row, place: Place, blueprint: Blueprint) -> None:
        """Count a row to be made in."""
        named = row.model is not None
        if named:
            self._places.setdefault(place.file, array("Q")).append(_packed(place.line, place.column))
        self.count(Kind(row, place, blueprint), (named, id(blueprint)))

    def count(self, kind: Kind, mark: tuple[bool, int]) -> None:
        """Count the rows of `kind` in, which is known by `mark`: whether they name the model, and a number."""
        self.rows += kind.rows
        self.named += kind.rows if mark[0] else 0
        if len(self.first) < FIRST:
            self.first.append((kind.row.id, kind.place))
        known = self.kinds.get(mark)
        if known:
            self.kinds[mark] = known._replace(rows=known.rows + kind.rows)
        elif len(self.kinds) < KINDS:
            self.kinds[mark] = kind

    def merge(self, other: Use) -> None:
        """Count all of `other` in."""
        self.rows += other.rows
        self.named += other.named
        self.made += other.made
        self.made_named += other.made_named
        self.lists += other.lists
        self.alone = self.alone or other.alone
        self.first = [*self.first, *other.first][:FIRST]
        self.kinds = {**self.kinds, **other.kinds}
        self._places = {**self._places, **other._places}

    def wants(self, file: str, line: int, column: int) -> bool:
        """Whether the row that stands there names this model and is to be made."""
        places, mark = self._places.get(file, array("Q")), _packed(line, column)
        found = bisect_left(places, mark)  # rows come in the order of their file
        return found < len(places) and places[found] == mark


@dataclass
class Uses:
    """Every use found so far. `refused` rows have no model; `reason` is the first one's."""

    by_offer: dict[tuple[str, str], Use] = field(default_factory=dict)
    rows: int = 0
    refused: int = 0
    reason: str = ""

    def take(self, pictures: Iterable[Planned]) -> None:
        """Count the planned pictures in, all samples of a row as one."""
        for _, samples in groupby(pictures, key=lambda planned: planned.draft.row.id):
            self._take_row(list(samples))

    def of(self, model: str, provider: str) -> Use:
        """The use of this offer."""
        return self.by_offer.setdefault((model, provider), Use(model, provider))

    def _take_row(self, samples: list[Planned]) -> None:
        draft, choice = samples[0].draft, samples[0].draft.blueprint.choice
        there = all(planned.state in _THERE for planned in samples)
        self.rows += 1
        if choice is None:
            if not there:
                self.refused += 1
                self.reason = self.reason or f"{draft.row.id}: {samples[0].reason}"
                lost = draft.blueprint.losers[:1] if draft.row.model is not None else ()
                for loser in lost:  # it names a model all the same
                    self.of(loser.model, loser.provider).add(draft.row, draft.place, draft.blueprint)
        elif not there:
            self.of(choice.model.name, choice.offer.provider).add(draft.row, draft.place, draft.blueprint)
        else:
            use = self.of(choice.model.name, choice.offer.provider)
            use.made += 1
            use.made_named += draft.row.model is not None


def route_names(routes: Routes) -> Iterator[tuple[str, str]]:
    """(model as it is named, list) for every place in the lists of `routes`."""
    lists = {"default": routes.default, "text": routes.text, "edit": routes.edit, "lora": routes.lora}
    lists |= {f"subject {name}": target for name, target in routes.subjects.items()}
    for name, target in (lists | dict(routes.use_cases)).items():
        for entry in target.models:
            yield entry.model, name


def spec_names(spec: Any) -> Iterator[tuple[str, str]]:
    """The same for a mapping as it stands under `routes:` in a manifest or in settings."""
    for key, value in spec.items() if isinstance(spec, Mapping) else ():
        if key in ("subjects", "use_cases"):
            yield from ((model, f"{key}.{name}") for model, name in spec_names(value))
        elif key not in _NO_MODELS:
            yield from ((model, key) for model in _models(value))


def _models(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _models(item)
    elif isinstance(value, Mapping):
        for key in ("model", "models"):
            yield from _models(value.get(key, ()))


def _packed(line: int, column: int) -> int:
    return line * _LINE + column
