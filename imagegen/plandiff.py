"""Plan differences: an earlier plan file and today's pictures in, what changed for each row out. Pure but for reading.

Rows are matched by id, whatever their order. A row whose id was made from its content gets another id when its
prompt changes: such a row is taken for the changed one when it stands alone between the same neighbours as before.
Of the earlier plan only a number a row is kept in memory; the rest is read again from the file.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from imagegen.domain.money import Nano, nano
from imagegen.domain.row import Row
from imagegen.planfile import PlanFile
from imagegen.planindex import Picture, PlanIndex

#: added, gone · changed: its own fields · rerouted: the same row, asked for differently · repriced: the same
#: request at another price · state: the same request, but (no longer) refused, unknown or to be bought again.
Kind = Literal["added", "changed", "rerouted", "repriced", "state", "gone"]
KINDS: tuple[Kind, ...] = ("added", "changed", "rerouted", "repriced", "state", "gone")

#: What a picture's state means for the bill.
_MEANS = {"buy": "buy", "shared": "buy", "cached": "there", "kept": "there"}
#: Parameters that name what is in a row's input pictures.
_INPUTS = ("images", "mask", "control_image")
#: Parameters that follow from the row's own fields or from all the others.
_DERIVED = frozenset(
    {"v", "prompt", "sample", "seed", "width", "height", "provider", "model", "quality", "stands_for", *_INPUTS}
)
_MADE = re.compile(r"(?:^|-)[0-9a-f]{12}(?:-\d+)?$")
_DEFAULTS = {name: item.default for name, item in Row.model_fields.items()}

Pair = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What changed for one row. `fields`, `route` and `state` hold what was and what is; `price` is that of one
    picture and `cost` that of the whole row, both in nanodollars. `pictures` counts both sides; `was` is the earlier
    id of a row that has no id of its own; `why` says what chose the model, or what refuses the row; `before` and
    `target` are where it went and where it goes."""

    kind: Kind
    id: str
    place: str
    pictures: tuple[int, int]
    cost: tuple[Nano, Nano]
    fields: Mapping[str, Pair] = field(default_factory=dict)
    route: Mapping[str, Pair] = field(default_factory=dict)
    price: tuple[Nano | None, Nano | None] | None = None
    state: tuple[str, str] | None = None
    was: str | None = None
    why: str = ""
    before: str = ""
    target: str = ""


@dataclass(slots=True)
class Unlisted:
    """What moved the bill without being a change: costs of pictures that are there meanwhile (`made`), or that are
    now bought for another row than before (`moved`); and kept rows that routes or prices no longer touch."""

    made: Nano = 0
    moved: Nano = 0
    untouched: int = 0


def differences(old: PlanFile, new: Iterable[Picture], unlisted: Unlisted) -> Iterator[Change]:
    """What changed from the plan `old` to the pictures `new`: first what is there still, then what is gone. What
    moves the bill besides is counted in `unlisted`."""
    before = PlanIndex(old)
    waiting: dict[int, list[bytes]] = {}
    last = -1
    with before:
        for _, group in groupby(new, key=lambda picture: picture["id"]):
            row = list(group)
            at = before.find(row[0]["id"])
            if at is not None:
                last = at
                yield from _compared(before.row(at), row, unlisted)
            elif _MADE.search(row[0]["id"]):
                waiting.setdefault(last, []).append(_packed(row))
            else:
                yield _added(row)
        yield from _paired(before, waiting, unlisted)


def _paired(before: PlanIndex, waiting: Mapping[int, list[bytes]], unlisted: Unlisted) -> Iterator[Change]:
    """Rows without ids of their own that stand where as many have gone are those, changed; others are new or gone."""
    lost = before.gone()
    for last, packed in waiting.items():
        there = lost.get(last, [])
        same = len(there) == len(packed) and all(_MADE.search(before.row(at)[0]["id"]) for at in there)
        if same:
            del lost[last]
        for n, row in enumerate(packed):
            now = _unpacked(row)
            yield from _compared(before.row(there[n]), now, unlisted) if same else [_added(now)]
    for every in lost.values():
        for at in every:
            yield _gone(before.row(at))


def _compared(old: Sequence[Picture], new: Sequence[Picture], unlisted: Unlisted) -> Iterator[Change]:
    """The change of a row that is in both plans, if there is one."""
    there = {picture["sample"]: picture for picture in new}
    both = [(picture, there[picture["sample"]]) for picture in old if picture["sample"] in there]
    then, now = min(both, key=_telling)
    fields, route, price = _fields(then, now), _route(then, now), (_nano(then, "price_usd"), _nano(now, "price_usd"))
    state = (then["state"], now["state"]) if _matters(_means(then), _means(now)) else None
    kind = _kind(fields, route, price[0] != price[1], now["state"], state)
    cost = _cost(old), _cost(new)
    if kind is None:
        unlisted.untouched += now["state"] == "kept" and bool(route or price[0] != price[1])
        moved = _means(then) == _means(now)
        unlisted.moved += cost[1] - cost[0] if moved else 0
        unlisted.made += 0 if moved else cost[1] - cost[0]
        return
    yield Change(
        kind,
        now["id"],
        _place(now),
        (len(old), len(new)),
        cost,
        fields,
        route,
        price if price[0] != price[1] else None,
        state,
        then["id"] if then["id"] != now["id"] else None,
        now.get("reason") or now.get("why") or "",
        target(then),
        target(now),
    )


def _telling(pair: tuple[Picture, Picture]) -> int:
    """Sorts the pictures of a row by how much they say about it: first what changed its state, then what is bought."""
    then, now = _means(pair[0]), _means(pair[1])
    return 0 if _matters(then, now) else 1 if now == "buy" else 2


def _kind(
    fields: Mapping[str, Pair], route: Mapping[str, Pair], repriced: bool, now: str, state: tuple[str, str] | None
) -> Kind | None:
    if fields:
        return "changed"
    if state and "refused" in state:
        return "state"
    if route and now != "kept":
        return "rerouted"
    if repriced and _MEANS.get(now) == "buy":
        return "repriced"
    return "state" if state else None


def _matters(then: str, now: str) -> bool:
    """Whether going from one meaning to the other is worth a line: that a picture was made meanwhile is not."""
    return now not in (then, "there")


def _means(picture: Picture) -> str:
    state: str = picture["state"]
    return _MEANS.get(state, state)


def _fields(then: Picture, now: Picture) -> dict[str, Pair]:
    """The row's own fields that say something else, and the file's name where the manifest gives it."""
    old, new = then["row"], now["row"]
    names = [name for name in _DEFAULTS if name in old or name in new]
    found = {name: (_said(old, name), _said(new, name)) for name in names if _said(old, name) != _said(new, name)}
    if not (found.keys() & {"image", "mask", "control"} or then.get("unfetched") or now.get("unfetched")):
        found |= _contents(then.get("parameters") or {}, now.get("parameters") or {})
    if then.get("name") != now.get("name"):
        found["file name"] = (then.get("name"), now.get("name"))
    return found


def _contents(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Pair]:
    """Input pictures that hold something else under the same name."""
    if not (then and now):
        return {}
    pairs = {f"content of {name}": (then.get(name), now.get(name)) for name in _INPUTS}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _said(row: Mapping[str, Any], name: str) -> Any:
    if name in row:
        return row[name]
    default = _DEFAULTS[name]
    return list(default) if isinstance(default, tuple) else default


def _route(then: Picture, now: Picture) -> dict[str, Pair]:
    """What is asked for differently, apart from what the row says itself; empty where one is refused."""
    old, new = then.get("parameters"), now.get("parameters")
    if old is None or new is None:
        return {}
    names = [name for name in (*old, *(set(new) - set(old))) if name not in _DERIVED]
    pairs = {name: (then.get(name), now.get(name)) for name in ("model", "provider", "quality")}
    pairs["size"] = (_size(old), _size(new))
    pairs |= {name: (old.get(name), new.get(name)) for name in names}
    sides = then.get("finish", {}), now.get("finish", {})
    pairs |= {f"finish.{name}": (sides[0].get(name), sides[1].get(name)) for name in ("width", "height", "fit")}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _added(row: Sequence[Picture]) -> Change:
    first = row[0]
    price, why = (None, _nano(first, "price_usd")), first.get("reason") or first.get("why") or ""
    state = ("", first["state"])
    cost = (0, _cost(row))
    return Change(
        "added",
        first["id"],
        _place(first),
        (0, len(row)),
        cost,
        price=price,
        state=state,
        why=why,
        target=target(first),
    )


def _gone(row: Sequence[Picture]) -> Change:
    first = row[0]
    price, state = (_nano(first, "price_usd"), None), (first["state"], "")
    cost = (_cost(row), 0)
    return Change(
        "gone", first["id"], _place(first), (len(row), 0), cost, price=price, state=state, target=target(first)
    )


def settings_changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Pair]:
    """What two headings say differently of all rows: what was and what is, by name."""
    names = ("catalogue", "routes", "optimize", "allow_retired", "enabled", "elsewhere", "output")
    found = {name: (then.get(name), now.get(name)) for name in names if then.get(name) != now.get(name)}
    old, new = then["header"], now["header"]
    return found | {name: (old.get(name), new.get(name)) for name in (*old, *new) if old.get(name) != new.get(name)}


def target(picture: Picture) -> str:
    """Where a picture goes: "gpt-image-2.5-flare@medium on openai"; "" for a refused one."""
    if not picture.get("model"):
        return ""
    quality = f"@{picture['quality']}" if picture.get("quality") else ""
    return f"{picture['model']}{quality} on {picture['provider']}"


def _size(parameters: Mapping[str, Any]) -> str | None:
    if "width" not in parameters:
        return parameters.get("aspect_ratio")
    return f"{parameters['width']}x{parameters['height']}"


def _place(picture: Picture) -> str:
    return ":".join(str(part) for part in picture["place"] if part)


def _nano(picture: Picture, name: str) -> Nano | None:
    return nano(picture[name]) if name in picture else None


def _cost(row: Sequence[Picture]) -> Nano:
    return sum(_nano(picture, "cost_usd") or 0 for picture in row)


def _packed(row: Sequence[Picture]) -> bytes:
    return zlib.compress(json.dumps(row).encode(), 1)


def _unpacked(packed: bytes) -> list[Picture]:
    found: list[Picture] = json.loads(zlib.decompress(packed))
    return found
