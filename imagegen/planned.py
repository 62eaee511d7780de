"""Planned: one picture of one row, before and after it is decided what would be done for it. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from imagegen.blueprint import Blueprint
from imagegen.domain.drafts import ATTEMPTS_APART
from imagegen.domain.inputs import Inputs
from imagegen.domain.judge import Judging
from imagegen.domain.money import Nano
from imagegen.domain.request import Key, Request
from imagegen.domain.row import Place, Row
from imagegen.drafting import Part
from imagegen.kinds import fingerprint

#: buy: to be made · cached: the cache has it · kept: the folder has it · refused: planning says no ·
#: unknown: an earlier attempt may have paid for it · flawed: paid for before, and no use ·
#: lacking: an input picture could not be fetched.
PlannedState = Literal["buy", "cached", "kept", "refused", "unknown", "flawed", "lacking"]


class Draft(NamedTuple):
    """One picture of one row before it is known whether it is there already."""

    row: Row
    place: Place
    name: str | None
    sample: int
    blueprint: Blueprint
    inputs: Inputs | None = None
    part: Part | None = None
    #: Attempts at it that were paid for and are no use: the next is asked for.
    tries: int = 0

    @property
    def asked(self) -> int:
        """The sample number in the Request."""
        return (self.part.asked if self.part else self.sample) + ATTEMPTS_APART * self.tries

    @property
    def is_draft(self) -> bool:
        """Whether it is made only to choose from."""
        return self.part is not None and self.part.role == "draft"

    @property
    def attempts(self) -> int:
        """How often it may still be bought until it is accepted."""
        accept = self.row.accept
        return accept.attempts - self.tries if accept and not self.is_draft else 1

    @property
    def key(self) -> Key | None:
        """The Key, None for a refused row; while an input picture is unknown one that no picture has."""
        return self.blueprint.key(self.row, self.asked, self.inputs)

    @property
    def fingerprint(self) -> str:
        """Hash of what the row says about its picture, without the model that routes choose."""
        return fingerprint(self.row, None if self.part else self.inputs)  # which draft won, the row does not say


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a picture already. `evidence` is the store's or the ledger's own record."""

    state: Literal["cached", "kept", "unknown", "flawed"]
    reason: str = ""
    evidence: Any = None


class Planned(NamedTuple):
    """One picture of one row and what would be done for it. `cost` is what it is expected to take
    (0 when it is there), `most` what would be reserved; None: unknown or refused."""

    draft: Draft
    state: PlannedState
    reason: str = ""
    cost: Nano | None = 0
    most: Nano | None = 0
    seen: Seen | None = None
    notes: tuple[str, ...] = ()

    @property
    def row(self) -> Row:
        """The row it is for."""
        return self.draft.row

    @property
    def request(self) -> Request | None:
        """What would be asked of the model; None for a refused row."""
        return self.draft.blueprint.request(self.draft.row, self.draft.asked, self.draft.inputs)

    @property
    def most_each(self) -> Nano | None:
        """What one attempt at the picture reserves, where the row allows several; its judge is not in it."""
        attempts = self.draft.attempts - (self.state == "cached")
        most = (self.most or 0) - ((self.asks.price.most or 0) if self.asks else 0)
        return self.most if not self.most else -(-most // attempts)

    @property
    def asks(self) -> Judging | None:
        """The judge that is asked on the way; its price is in both figures."""
        return self.draft.part.judging if self.held and self.draft.part else None

    def judged(self) -> Planned:
        """This with what choosing among its drafts takes."""
        if self.asks is None or self.cost is None or self.most is None:
            return self
        price = self.asks.price
        return self._replace(cost=self.cost + (price.expected or 0), most=self.most + (price.most or 0))

    @property
    def held(self) -> bool:
        """Whether it is made from a draft that is not chosen yet."""
        part = self.draft.part
        return self.state == "buy" and part is not None and part.role == "refine" and not part.won
