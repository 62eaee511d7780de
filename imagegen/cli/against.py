"""`imagegen plan MANIFEST --against FILE`: what has changed since a plan, as text, JSON Lines or Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imagegen.cli import say
from imagegen.cli.change_words import delta, label, pair, told
from imagegen.domain.money import Nano, nano, plain, show
from imagegen.domain.words import counted, plural

if TYPE_CHECKING:
    from imagegen.estimate import Totals
    from imagegen.plandiff import Change, Pair, Unlisted
    from imagegen.planfile import PlanFile
    from imagegen.planindex import Picture

#: So many rows of a kind are shown one by one; JSON has them all.
SHOWN = 20
#: So many groups are told apart; what else there is counts as one more.
GROUPS = 200
#: So many groups of a kind are shown.
LABELS = 8


@dataclass(slots=True)
class Group:
    """Rows that changed in the same way: how many, and by how much they change the bill."""

    rows: int = 0
    cost: Nano = 0


@dataclass(slots=True)
class Comparison:
    """A plan, today's, and all that differs, gathered for printing. `first` has the first rows of each kind."""

    old: PlanFile
    settings: Mapping[str, Pair]
    totals: Totals
    unlisted: Unlisted
    groups: dict[tuple[str, str], Group] = field(default_factory=dict)
    first: dict[str, list[Change]] = field(default_factory=dict)
    renamed: int = 0

    def add(self, change: Change) -> None:
        """Count a change in."""
        name = (change.kind, label(change))
        if name not in self.groups and len(self.groups) >= GROUPS:
            name = (change.kind, "other")
        group = self.groups.setdefault(name, Group())
        group.rows += 1
        group.cost += change.cost[1] - change.cost[0]
        self.renamed += change.was is not None
        some = self.first.setdefault(change.kind, [])
        if len(some) < SHOWN:
            some.append(change)

    def count(self, kind: str) -> int:
        """How many rows changed in this way."""
        return sum(group.rows for (each, _), group in self.groups.items() if each == kind)

    def listed(self) -> Iterator[tuple[str, list[Change]]]:
        """The first rows of each kind."""
        from imagegen.plandiff import KINDS

        return ((kind, self.first[kind]) for kind in KINDS if kind in self.first)

    @property
    def cost(self) -> tuple[Nano, Nano]:
        """The bill of the earlier plan and of today's."""
        return nano(self.old.totals["cost_usd"]), self.totals.all.cost

    def grouped(self) -> Iterator[tuple[str, str, Group]]:
        """The groups of each kind, the largest first; what is above LABELS as one."""
        from imagegen.plandiff import KINDS

        for kind in KINDS:
            found = [(text, group) for (each, text), group in self.groups.items() if each == kind]
            found.sort(key=lambda item: (-item[1].rows, item[0]))
            yield from ((kind, text, group) for text, group in found[:LABELS])
            rest = [group for _, group in found[LABELS:]]
            if rest:
                rows, cost = sum(group.rows for group in rest), sum(group.cost for group in rest)
                yield kind, "in other ways", Group(rows, cost)


def compare(
    old: PlanFile, heading: Mapping[str, Any], pictures: Iterable[Picture], totals: Totals, form: str
) -> Comparison:
    """Compare `pictures` (a plan of `heading`, added to `totals` as they come) to the plan `old`, and print it."""
    from imagegen.plandiff import Unlisted, differences, settings_changed

    unlisted = Unlisted()
    found = Comparison(old, settings_changed(old.head, heading), totals, unlisted)
    for change in differences(old, pictures, unlisted):
        found.add(change)
        if form == "json":
            say.event(as_event(change))
    if form == "json":
        say.event(_summary(found))
    elif form == "markdown":
        from imagegen.cli.change_markdown import markdown

        print(markdown(found), end="")  # noqa: T201
    else:
        _show(found)
    return found


def headline(found: Comparison) -> str:
    """ "$0.04 → $0.08 (+$0.04); to buy: 1 → 2 pictures"."""
    before, after = found.cost
    same = show(before) == show(after)
    money = f"{show(after)} as before" if same else f"{show(before)} → {show(after)} ({delta(after - before)})"
    then, now = found.old.totals["buy"], found.totals.all.paid
    pictures = f"{then:,} → {now:,}" if then != now else f"{now:,}"
    return f"{money}; to buy: {pictures} {plural(now, 'picture')}"


def remarks(found: Comparison) -> Iterator[str]:
    """What moved the bill besides, and what a reader should know."""
    unlisted = found.unlisted
    if unlisted.made:
        yield f"{delta(unlisted.made)}: pictures that are there now."
    if unlisted.moved:
        yield f"{delta(unlisted.moved)}: equal pictures that are bought for another row now."
    if unlisted.untouched:
        yield f"{counted(unlisted.untouched, 'row')} kept as made, whatever routes and prices say now."
    if found.renamed:
        rows = counted(found.renamed, "row")
        yield f"{rows} without an id of their own, told by their neighbours to be the changed ones."


def settings_lines(found: Comparison) -> Iterator[str]:
    """What was set differently for all rows, a clause each."""
    for name, (old, new) in found.settings.items():
        if name == "catalogue":
            yield f"catalogue: {old[:8]} of {found.old.head['planned_on']} → {new[:8]}"
        else:
            yield f"{name}: {pair(_plainly(old), _plainly(new))}"


def _plainly(value: Any) -> Any:
    import json

    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


def _show(found: Comparison) -> None:
    from imagegen.cli.sheet import cell, put, sheet

    since = f"since {found.old.path} of {found.old.head['planned_on']}"
    if not found.groups:
        put(cell(f"No row has changed {since}.", style="bold"))
    put(cell(f"{headline(found)}{f', {since}' if found.groups else ''}", style="bold"))
    if found.groups:
        table = sheet("Change", "Rows", "Cost", "What", right=["Rows", "Cost"], keep=["Change", "Rows", "Cost"])
        for kind, text, group in found.grouped():
            table.add_row(*map(cell, [kind, f"{group.rows:,}", delta(group.cost), text]))
        put("", table, "")
        put(_listing(found))
    said = [*settings_lines(found), *remarks(found)]
    if said:
        put("", *map(cell, said))


def _listing(found: Comparison) -> Any:
    from imagegen.cli.sheet import cell, sheet

    table = sheet("", "", "", keep=[""])
    table.columns[0].no_wrap, table.columns[2].no_wrap = True, False
    for kind, changes in found.listed():
        for change, said in told(changes):
            table.add_row(cell(change.kind), cell(name(change)), cell(*said))
        more = found.count(kind) - len(changes)
        if more:
            table.add_row(cell(kind), cell("…"), cell(f"and {more:,} more; --json lists all"))
    return table


def name(change: Change) -> str:
    """The row's id, and its earlier one where it has none of its own."""
    return change.id if change.was is None else f"{change.was} → {change.id}"


def as_event(change: Change) -> dict[str, Any]:
    """A change for machines. Money in USD as text; null: nobody knows, or there is nothing on that side."""

    def both(values: tuple[Any, Any]) -> dict[str, Any]:
        return {"old": values[0], "new": values[1]}

    price = change.price and both(tuple(None if each is None else plain(each) for each in change.price))  # type: ignore[arg-type]
    return {
        "event": "change",
        "kind": change.kind,
        "id": change.id,
        "was": change.was,
        "place": change.place,
        "pictures": both(change.pictures),
        "fields": {name: both(values) for name, values in change.fields.items()},
        "route": {name: both(values) for name, values in change.route.items()},
        "price_usd": price,
        "cost_usd": both((plain(change.cost[0]), plain(change.cost[1]))),
        "state": both(change.state) if change.state else None,
        "why": change.why or None,
    }


def _summary(found: Comparison) -> dict[str, Any]:
    from imagegen.plandiff import KINDS

    before, after = found.cost
    totals = found.totals.all
    return {
        "event": "comparison",
        "against": str(found.old.path),
        **{kind: found.count(kind) for kind in KINDS},
        "settings": {name: {"old": old, "new": new} for name, (old, new) in found.settings.items()},
        "cost_usd": {"old": plain(before), "new": plain(after)},
        "buy": {"old": found.old.totals["buy"], "new": totals.paid},
        "there": {"old": found.old.totals["there"], "new": totals.there},
        "refused": {"old": found.old.totals["refused"], "new": found.totals.refused},
        "made_usd": plain(found.unlisted.made),
        "moved_usd": plain(found.unlisted.moved),
    }
