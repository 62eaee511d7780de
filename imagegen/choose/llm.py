"""The scorer `llm`: a vision model compares the pictures. It only says what to ask; somebody else buys it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from imagegen.choose import judge
from imagegen.choose.auto import Auto
from imagegen.choose.looks import look
from imagegen.choose.terms import NOTHING, Asks, Candidate, Given, Score, Scorer, Wish


@dataclass(frozen=True, slots=True)
class Llm:
    """Asks `model` when two pictures or more are worth asking about. Where no answer can be used `instead` scores, with
    a note: what was paid for is not asked again."""

    model: judge.Model | None
    instead: Scorer = field(default_factory=Auto)
    name: str = "llm"
    version: str = judge.VERSION

    def refuses(self, wish: Wish) -> str | None:
        """Where no vision model is set."""
        return None if self.model else "the scorer llm needs a vision model, and none is set; auto needs none"

    def score(self, candidates: Sequence[Candidate], wish: Wish, given: Given = NOTHING) -> list[Score] | Asks:
        """What to ask; with the answer, the scores. What is no picture is not asked about."""
        assert self.model, "refused while planning"
        flaws = [look(each.data).flaw for each in candidates]
        fit = [each for each, flaw in zip(candidates, flaws, strict=True) if not flaw]
        if len(fit) < 2:
            return [Score(0.0, (flaw,)) if flaw else Score(1.0, ("the only picture",)) for flaw in flaws]
        if given.no_answer:
            return self._otherwise(candidates, wish, f"{self.model.name} gave no answer: {given.no_answer}")
        if given.answer is None:
            return Asks(judge.request_of(fit, wish, self.model), {each.digest: each.data for each in fit})
        try:
            judged = iter(judge.scores_of(given.answer, len(fit), wish))
        except judge.BadAnswer as bad:
            return self._otherwise(candidates, wish, f"the answer of {self.model.name} cannot be used, {bad}")
        return [Score(0.0, (flaw,)) if flaw else next(judged) for flaw in flaws]

    def _otherwise(self, candidates: Sequence[Candidate], wish: Wish, why: str) -> list[Score]:
        scores = self.instead.score(candidates, wish)
        note = f"scored by {self.instead.name}: {why}"
        assert isinstance(scores, Sequence), "a scorer that stands in must score at once"
        return [replace(score, reasons=(*score.reasons, note)) for score in scores]
