"""The words of choosing: what is chosen among, what is wished for, and what comes of it. Values only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from imagegen.domain.request import Request

if TYPE_CHECKING:
    from imagegen.domain.row import Row


@dataclass(frozen=True, slots=True)
class Wish:
    """What the pictures are meant to show. `text` is the wording that must be readable in them."""

    prompt: str
    text: str | None = None

    @classmethod
    def of(cls, row: Row) -> Wish:
        """What `row` asks for."""
        return cls(row.prompt, row.text)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One picture to choose from. `index` counts from 0 among the drafts that were asked for, so it may have
    gaps; `facts` (model, cost, seed …) are JSON values that scorers may look at and nobody changes."""

    index: int
    data: bytes = field(repr=False)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hex."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Score:
    """How good a picture is: `value` from 0 (no use) to 1. `parts` are single measurements, 0 to 1 too;
    `reasons` are short sentences, what was left out among them."""

    value: float
    reasons: tuple[str, ...] = ()
    parts: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in {"value": self.value, **self.parts}.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
                raise ValueError(f"{name} is {value!r}, not a number from 0 to 1")

    def facts(self) -> dict[str, Any]:
        """As JSON values."""
        parts = {name: round(value, 4) for name, value in self.parts.items()}
        return {"value": round(self.value, 4), "parts": parts, "reasons": list(self.reasons)}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided: the `index` of the picture, or None where none is good. `pictures` are the digests
    of what was decided on, in order; empty: not noted."""

    index: int | None
    note: str = ""
    by: str = ""
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """What came from outside since a scorer waited or asked: a person's decision, or a vision model's answer; or why
    there is none and will be none."""

    decision: Decision | None = None
    answer: bytes | None = field(default=None, repr=False)
    no_answer: str = ""


NOTHING = Given()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The choice: `index` of the candidate that won, None where none is any use; the scores in the order of
    the candidates, and one sentence that says why."""

    index: int | None
    scores: tuple[Score, ...]
    reason: str
    scorer: str
    version: str

    def facts(self) -> dict[str, Any]:
        """As JSON values, for the ledger and for people who want to overrule it."""
        scores = [score.facts() for score in self.scores]
        told = {"index": self.index, "reason": self.reason, "scorer": self.scorer, "version": self.version}
        return {**told, "scores": scores}


@dataclass(frozen=True, slots=True)
class Waits:
    """There is no choice before somebody decides."""

    reason: str


@dataclass(frozen=True, slots=True)
class Asks:
    """There is no choice before `request` (of kind "judge") is bought; its answer is handed back in `Given`.
    `pictures` are the bytes by digest that the request names in `images`."""

    request: Request
    pictures: Mapping[str, bytes] = field(repr=False)


class Scorer(Protocol):
    """Scores candidates. It reads and measures; it buys nothing and asks nobody by itself.

    `version` changes when the same pictures may get other scores. Third-party packages register a class or a
    function that makes one, without arguments, under the entry-point group `imagegen.scorers`.
    """

    @property
    def name(self) -> str:
        """How manifests call it."""
        ...

    @property
    def version(self) -> str:
        """Which way of scoring this is."""
        ...

    def refuses(self, wish: Wish) -> str | None:
        """Why this scorer cannot serve `wish`, as a sentence; asked while planning, before anything is bought."""
        ...

    def score(
        self, candidates: Sequence[Candidate], wish: Wish, given: Given = NOTHING
    ) -> Sequence[Score] | Waits | Asks:
        """One score for each candidate, in their order."""
        ...
