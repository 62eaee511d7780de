"""Changes of a plan in words, for text and Markdown alike: what was and what is, short enough for a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from imagegen.domain.money import Nano, show

if TYPE_CHECKING:
    from imagegen.plandiff import Change

#: Texts longer than this are cut to where they differ.
LONGEST = 60
#: What comes before the first difference of two texts, at most.
_BEFORE = 20


def details(change: Change) -> list[str]:
    """Everything about `change`, a clause each."""
    if change.kind in ("added", "gone"):
        return [", ".join(filter(None, (change.target or "refused", _each(change)))), *filter(None, [_refusal(change)])]
    found = [f"{name}: {pair(*values)}" for name, values in change.fields.items()]
    found += _route(change)
    if change.price and not (change.state and "refused" in change.state):
        prices = [amount(each) for each in change.price]
        found += [f"{prices[0]} → {prices[1]} each"] if prices[0] != prices[1] or change.kind == "repriced" else []
    if change.state:
        found.append(f"{change.state[0]} → {change.state[1]}")
    if change.pictures[0] != change.pictures[1]:
        found.append(f"{change.pictures[0]} → {change.pictures[1]} pictures")
    if change.kind == "rerouted" and "model" in change.route:
        found.append(
            change.why.removeprefix(f"{change.target.partition('@')[0]} on {change.target.partition(' on ')[2]}: ")
        )
    return [*found, *filter(None, [_refusal(change)])]


def told(changes: Iterable[Change]) -> Iterator[tuple[Change, list[str]]]:
    """Changes with their details; what takes several lines is not said twice in a row."""
    last: list[str] = []
    for change in changes:
        said = details(change)
        yield change, ["likewise"] if said == last and len(said) > 1 else said
        last = said


def label(change: Change) -> str:
    """What rows have in common that changed in the same way; "" where they share no more than the kind."""
    if change.kind in ("added", "gone"):
        return change.target or "refused"
    if change.kind == "changed":
        return ", ".join(change.fields)
    if change.kind == "state":
        return " → ".join(change.state or ())
    if change.kind == "repriced" and change.price:
        return f"{change.target}: {amount(change.price[0])} → {amount(change.price[1])} each"
    return "; ".join(_route(change))


def amount(value: Nano | None) -> str:
    """A price; nobody knows every one."""
    return "price unknown" if value is None else show(value)


def delta(value: Nano) -> str:
    """What is more or less: "+$0.04", "-$0.04", "$0.00"."""
    return f"+{show(value)}" if value > 0 else show(value)


def pair(old: Any, new: Any) -> str:
    """ "red → blue", long texts cut to where they differ."""
    then, now = _text(old), _text(new)
    start = next((n for n, (a, b) in enumerate(zip(then, now, strict=False)) if a != b), min(len(then), len(now)))
    start = 0 if max(len(then), len(now)) <= LONGEST else then.rfind(" ", 0, max(1, start - _BEFORE)) + 1
    return f"{_cut(then, start)} → {_cut(now, start)}"


def _text(value: Any) -> str:
    if value is None or value in ("", []):
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def _cut(text: str, start: int) -> str:
    end = start + LONGEST
    return f"{'…' if start else ''}{text[start:end]}{'…' if len(text) > end else ''}"


def _each(change: Change) -> str:
    price = next((price for price in change.price or () if price is not None), None)
    count = max(change.pictures)
    return "" if price is None else f"{show(price)}{f' each, {count} pictures' if count > 1 else ''}"


def _refusal(change: Change) -> str:
    return change.why if change.state and change.state[1] == "refused" else ""


_WHERE = ("model", "provider", "quality")


def _route(change: Change) -> list[str]:
    """Where it goes instead, and what else is asked for differently."""
    return [
        *_target(change),
        *(f"{name} {pair(*values)}" for name, values in change.route.items() if name not in _WHERE),
    ]


def _target(change: Change) -> Iterator[str]:
    if any(name in change.route for name in _WHERE):
        yield f"{change.before} → {change.target}"
