"""Plans: what a run would do and what it would cost, as objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, get_args

from imagegen.api.projects import Project, Source, loaded, several
from imagegen.api.words import in_words, python_words
from imagegen.domain.money import nano, show, usd
from imagegen.errors import UsageError
from imagegen.estimate import Counted, Grouping, Line, Totals, asked

if TYPE_CHECKING:
    from imagegen import wiring
    from imagegen.pace import Duration
    from imagegen.planned import Planned


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """What would be done for one picture of a row (a row of n=3 has three, told apart by `sample`).

    `state` is buy, shared (bought with an equal row), cached, kept (it lies in the folder), refused, unknown (may have
    been paid for) or flawed (was paid for, for nothing). `size` is what the model is asked for, `final_size` what the
    file will have. `cost` is expected and `at_most` set aside, in USD; None: nobody knows. `exact` says whether the
    price is one that cannot differ. In a row with drafts `role` is draft or refine. `reason` says why a picture is
    refused or moved, `why` how its model was chosen.
    """

    id: str
    sample: int
    state: Counted
    prompt: str
    use_case: str | None
    model: str | None
    provider: str | None
    quality: str | None
    size: str | None
    final_size: str | None
    cost: Decimal | None
    at_most: Decimal | None
    exact: bool
    reason: str | None
    why: str | None
    notes: tuple[str, ...]
    key: str | None
    place: str
    role: str | None = None

    def __str__(self) -> str:
        cost = "price unknown" if self.cost is None else show(nano(self.cost))
        said = [self.state, self.model, self.size, cost] if self.state != "refused" else [self.state, self.reason]
        return f"{self.id}: {', '.join(part for part in said if part)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The totals of a group. `pictures` are all that will be there afterwards; of them `buy` are bought (placeholders:
    drawn), `there` are there already, and `shared` are bought with an equal row. `unpriced` are not among them."""

    name: str
    provider: str | None
    pictures: int
    buy: int
    there: int
    shared: int
    unpriced: int
    cost: Decimal
    exact: bool


@dataclass(frozen=True, eq=False)
class Plan:
    """What would be done, added up; `plan` makes one. In a notebook it shows itself as a table.

    `notes` say what the figures leave open.
    """

    project: Project
    notes: tuple[str, ...]
    _opened: wiring.Project
    _totals: Totals
    _time: Duration
    _only: frozenset[str] = frozenset()
    _limit: int | None = None

    @property
    def total(self) -> Decimal:
        """What is expected to be spent, in USD."""
        return usd(self._totals.all.cost)

    @property
    def exact(self) -> bool:
        """Whether all of `total` is exact; else some of it is charged by use."""
        return not self._totals.all.guessed

    @property
    def summary(self) -> Group:
        """Everything as one group."""
        return _group(self._totals.all, self.project.name)

    @property
    def rows(self) -> Iterator[PlannedRow]:
        """What would be done for each picture, planned anew and streamed: a million rows fit."""
        totals = Totals()
        with python_words():
            for planned in _planned(self._opened, self.project, self._only, self._limit):
                yield _row(planned, totals.add(planned))

    @property
    def refused(self) -> int:
        """How many pictures planning refuses; `run` needs skip_refused=True then."""
        return self._totals.refused

    @property
    def unknown(self) -> int:
        """How many pictures may have been paid for already; they are not bought again."""
        return self._totals.unknown

    @property
    def flawed(self) -> int:
        """How many pictures were paid for and are of no use; they are not bought again."""
        return self._totals.flawed

    @property
    def stands_for(self) -> Decimal:
        """What the placeholders' own models would cost, in USD."""
        return usd(self._totals.real)

    @property
    def premium(self) -> tuple[str, Decimal] | None:
        """The model that bills are compared with, and what it would take for everything; None where not known."""
        amount = self._totals.premium
        return (self._opened.context.premium[0].name, usd(amount)) if amount else None

    @property
    def budget(self) -> Decimal | None:
        """The most that one run may spend, in USD, if it was said."""
        limit = self._opened.settings.budgets.get("run")
        return None if limit is None else usd(limit)

    @property
    def seconds(self) -> float:
        """How long the run will take; infinite where an hour's or a day's budget is smaller than one picture."""
        return self._time.seconds

    @property
    def time(self) -> str:
        """The same in words, with what sets the pace; "" where nothing is asked of any provider."""
        return self._time.said

    def by(self, grouping: Grouping) -> list[Group]:
        """The totals by "model", "provider" or "use_case", the dearest first."""
        if grouping not in get_args(Grouping):
            raise UsageError(f"a plan is not grouped by {grouping!r}", f"use {', '.join(get_args(Grouping))}")
        return [_group(line, getattr(line, grouping)) for line in self._totals.by(grouping)]

    def __str__(self) -> str:
        from imagegen.api.texts import plan_text

        return plan_text(self)

    def __repr__(self) -> str:
        return f"<imagegen.Plan {self.project.name}: {self.summary.pictures:,} pictures, {show(self._totals.all.cost)}>"

    def _repr_html_(self) -> str:
        from imagegen.api.html import plan_html

        return plan_html(self)


def plan(project: Project | Source, *, only: str | Iterable[str] = (), limit: int | None = None) -> Plan:
    """What a run of `project` would do and cost. Nothing is bought, nothing is written, and no key is needed.

    >>> import imagegen
    >>> plan = imagegen.plan([{"prompt": "A stoneware mug on linen", "model": "dall-e-3"}])
    >>> plan.total
    Decimal('0.04')

    Args:
        project: What `load` gave, or what `load` takes.
        only: Plan only the rows of this id or tag, or of these.
        limit: Plan only the first so many of these rows.

    Raises:
        ManifestError: A row names a model or a use case that is not there.
        StorageError: The ledger cannot be read.
    """
    project, chosen = loaded(project), several(only)
    totals = Totals()
    with python_words():
        from imagegen.pace import duration
        from imagegen.preview import notes

        opened = project.opened(estimating=True)
        for planned in _planned(opened, project, chosen, limit):
            totals.add(planned)
        timed = opened.context.own.timed if opened.context.own else None
        time = duration(totals, opened.catalog, opened.settings, opened.settings.budgets, timed)
        said = tuple(in_words(note) for note in notes(opened, totals))
    return Plan(project, said, opened, totals, time, chosen, limit)


def _planned(opened: wiring.Project, project: Project, only: frozenset[str], limit: int | None) -> Iterator[Planned]:
    from imagegen.preview import planning
    from imagegen.selection import Selection

    rows = Selection(only, limit).rows(opened.manifest.rows())
    with planning(opened, project.output, rows) as planned:
        yield from planned


def _row(planned: Planned, state: Counted) -> PlannedRow:
    draft, blueprint = planned.draft, planned.draft.blueprint
    choice, size = blueprint.choice, blueprint.choice.size_plan if blueprint.choice else None
    model, provider = asked(planned)
    cost = 0 if state == "shared" else planned.cost
    at_most = planned.most if state in ("buy", "cached") or planned.most is None else 0
    return PlannedRow(
        id=draft.row.id,
        sample=draft.sample,
        state=state,
        prompt=draft.row.prompt,
        use_case=draft.row.use_case,
        model=model or None,
        provider=provider or None,
        quality=choice.quality if choice else None,
        size=str(size.size) if size else None,
        final_size=(f"{size.width}x{size.height}" if size.width and size.height else str(size.size)) if size else None,
        cost=None if cost is None else usd(cost),
        at_most=None if at_most is None else usd(at_most),
        exact=state != "buy" or blueprint.unit.basis == "exact",
        reason=in_words(planned.reason) or None,
        why=choice.why if choice else None,
        notes=tuple(in_words(note) for note in planned.notes),
        key=draft.key,
        place=":".join(str(part) for part in draft.place if part),
        role=draft.part.role if draft.part else None,
    )


def _group(line: Line, name: str) -> Group:
    return Group(
        name=name,
        provider=line.provider or None,
        pictures=line.pictures,
        buy=line.paid,
        there=line.there,
        shared=line.shared,
        unpriced=line.unpriced,
        cost=usd(line.cost),
        exact=not line.guessed,
    )
