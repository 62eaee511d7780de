"""NoChoice: why nothing can make a row, in one sentence with what to do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imagegen.catalog import Catalog
from imagegen.domain.queue import LOCAL
from imagegen.domain.row import Row
from imagegen.routing.offers import Loser
from imagegen.routing.wish import Wish

_KEY = re.compile(r"\(no ([A-Z][A-Z0-9_]*)\)")
#: So many losers are named in the sentence; `losers` has them all.
NAMED = 3


@dataclass(frozen=True, slots=True)
class NoChoice:
    """Nothing can make the row: `reason` is one sentence with what to do."""

    reason: str
    losers: tuple[Loser, ...] = ()


def no_choice(row: Row, wish: Wish, catalog: Catalog, losers: list[Loser]) -> NoChoice:
    """The one sentence for a row whose every offer lost; `losers` in the order of the list."""
    relevant = [loser for loser in losers if loser.kind != "provider"] or losers
    kinds = {loser.kind for loser in relevant}
    names = list(dict.fromkeys(loser.model for loser in relevant))
    todo = _todo(wish, catalog, relevant)
    if kinds == {"provider"}:
        served = ", ".join(dict.fromkeys(loser.provider for loser in losers))
        what = f"{wish.what} is" if wish.explicit else f"the models for {wish.what} are"
        return NoChoice(f"{what} not served by {row.provider}; served by {served}", tuple(losers))
    if len(names) == 1 and len({loser.reason for loser in relevant}) == 1:
        return NoChoice(f"{names[0]} {relevant[0].reason}; {todo}", tuple(losers))
    named = [f"{loser.model} on {loser.provider} {loser.reason}" for loser in relevant[:NAMED]]
    more = f", and {len(relevant) - NAMED} more" if len(relevant) > NAMED else ""
    return NoChoice(f"no model for {wish.what} can make it: {', '.join(named)}{more}; {todo}", tuple(losers))


def _todo(wish: Wish, catalog: Catalog, losers: list[Loser]) -> str:
    """What to do about it: what is nearest to a picture comes first."""
    kinds = {loser.kind for loser in losers}
    if "disabled" in kinds:
        disabled = [loser for loser in losers if loser.kind == "disabled"]
        keys = dict.fromkeys(match[1] for loser in disabled if (match := _KEY.search(loser.reason)))
        providers = dict.fromkeys(loser.provider for loser in disabled)
        if keys:
            return f"set {' or '.join(keys)}"
        return "see `imagegen models where`" if set(providers) == {LOCAL} else f"enable {' or '.join(providers)}"
    if "dear" in kinds:
        return "raise max_price or name a cheaper model"
    if "retired" in kinds:
        gone = next(loser for loser in losers if loser.kind == "retired")
        successor = catalog.models[gone.model].replaced_by
        other = f"use {successor} instead" if successor else "name another model"
        routes = "" if wish.explicit else " or `routes: current`"
        return f"{other}{routes}, or --allow-retired with a server that still runs it"
    if "size" in kinds:
        return "ask for another size or fit"
    if "unpriced" in kinds:
        return "declare a price in a catalogue file, or name another model"
    return "name another model" if wish.explicit else "change what the row asks for, or name a model"
