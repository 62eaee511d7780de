"""Events: what a run tells, as it happens. The last one is the Summary."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from imagegen.api.results import Result
from imagegen.api.summaries import Summary
from imagegen.domain.money import nano, show


@dataclass(frozen=True, slots=True)
class Started:
    """The plan stands and work begins: `todo` pictures to do, `there` that are there, about `estimated` USD of at most
    `budget` (None: no limit for this run)."""

    event: ClassVar[Literal["started"]] = "started"
    todo: int
    there: int
    estimated: Decimal
    budget: Decimal | None

    def __str__(self) -> str:
        return f"{self.todo:,} to do, {self.there:,} already there; about {show(nano(self.estimated))}"


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know that stops nothing."""

    event: ClassVar[Literal["note"]] = "note"
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing can be started for a while, and why; told again every minute."""

    event: ClassVar[Literal["waiting"]] = "waiting"
    why: str

    def __str__(self) -> str:
        return f"waiting: {self.why}"


#: What a run tells.
Event = Started | Note | Waiting | Result | Summary
