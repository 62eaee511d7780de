"""Shelf: what is there already, asked of the folder's holdings, the cache and the books, in this order.

Its `look` is what a plan sees of the world; it only reads.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from imagegen.context import Winner
from imagegen.domain.given import Given
from imagegen.domain.request import Key
from imagegen.ledger import attempts, holdings
from imagegen.ledger.holdings import Holding
from imagegen.ledger.unknowns import short
from imagegen.planned import Draft, Seen
from imagegen.settings import Settings
from imagegen.stores import Held, Store

PLACEHOLDER = "placeholder"


def given_of(held: Held) -> Given | None:
    """What is known of a picture that the store holds, as an input picture; None for one of unknown size."""
    form = held.media_type.removeprefix("image/")
    if form not in ("png", "jpeg", "webp", "avif") or not held.width or not held.height:
        return None
    return Given(form, held.width, held.height, held.bytes)  # type: ignore[arg-type]


@dataclass
class Shelf:
    """What one collection of a home has. `collection` None: a folder that was never run."""

    settings: Settings
    store: Store | None
    reader: sqlite3.Connection | None
    collection: str | None
    reroute: bool = False
    retry_unknown: bool = False
    _empty: bool = field(init=False)

    def __post_init__(self) -> None:
        held = self.reader is not None and self.collection is not None
        self._empty = not held or not holdings.count(self.reader, self.collection)  # type: ignore[arg-type]

    @property
    def empty(self) -> bool:
        """Whether the folder holds nothing."""
        return self._empty

    def look(self, drafts: Sequence[Draft]) -> Sequence[Seen | None]:
        """What is known of each draft: kept, cached, unknown, flawed, or nothing."""
        answers = self._kept(drafts)
        if self.store is None or self.reader is None:
            return answers
        open_keys = {
            i: draft.key for i, draft in enumerate(drafts) if answers[i] is None and not draft.blueprint.refusal
        }
        keys = [key for key in open_keys.values() if key]
        cached = self.store.get_many(keys) if keys else {}
        troubled = self._troubled([key for key in keys if key not in cached])
        for i, key in open_keys.items():
            if key in cached:
                answers[i] = Seen("cached", "", cached[key])
            elif key in troubled:
                answers[i] = troubled[key]
        return answers

    def chosen(self, slot: str) -> Winner | None:
        """The draft that was chosen for `slot` earlier, if the cache still has it."""
        if self.store is None or self.reader is None:
            return None
        found = self.reader.execute("SELECT key, facts FROM choices WHERE slot = ?", (slot,)).fetchone()
        held = self.store.get(found[0]) if found else None
        if held is None:
            return None
        facts = json.loads(found[1])
        return Winner(held.digest, str(self.store.path(held)), given_of(held), facts["index"], facts["reason"])

    def _kept(self, drafts: Sequence[Draft]) -> list[Seen | None]:
        if self._empty or self.reroute or self.reader is None or self.collection is None:
            return [None] * len(drafts)
        found = holdings.of_rows(self.reader, self.collection, list({draft.row.id for draft in drafts}))
        answers: list[Seen | None] = []
        for draft in drafts:
            holding = found.get((draft.row.id, draft.sample))
            answers.append(Seen("kept", "", holding) if holding and self._satisfies(holding, draft) else None)
        return answers

    def _satisfies(self, holding: Holding, draft: Draft) -> bool:
        if (holding.provider == PLACEHOLDER) != (draft.row.provider == PLACEHOLDER):
            return False
        if holding.address != self.settings.address_of(holding.provider):
            return False  # a test server's picture never passes for a real one, nor the other way round
        return holding.fingerprint == draft.fingerprint

    def _troubled(self, keys: Sequence[Key]) -> dict[Key, Seen]:
        """Keys that were paid for and are no use, or may have been paid for."""
        if not keys or self.reader is None:
            return {}
        marks = ",".join("?" * len(keys))
        flawed = self.reader.execute(
            f"SELECT key, flaw FROM artifacts WHERE flaw IS NOT NULL AND key IN ({marks})",
            keys,
        )
        answers = {key: Seen("flawed", attempts.useless(flaw)) for key, flaw in flawed}
        if self.retry_unknown:
            return answers
        claimed = self.reader.execute(
            "SELECT c.key, a.id FROM claims c JOIN attempts a ON a.id = c.attempt"
            f" WHERE a.state = 'unknown' AND c.key IN ({marks})",
            keys,
        )
        answers.update(
            {
                key: Seen("unknown", f"attempt {short(attempt)} may have paid for it", attempt)
                for key, attempt in claimed
            }
        )
        return answers
