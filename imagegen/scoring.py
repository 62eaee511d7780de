"""What a plan asks of scorers and of the rules of acceptance, before anything is bought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from imagegen.catalog.fields import suggestion
from imagegen.context import Drafts, Scoring
from imagegen.domain.inputs import PLACEHOLDER
from imagegen.domain.judge import Judge, Judging
from imagegen.domain.row import Row
from imagegen.errors import SettingsError

if TYPE_CHECKING:
    from imagegen.choose import Scorer

#: The scorer that asks a vision model, and what stands between it and the model's name: "llm:gpt-5.4-nano".
LLM = "llm"
_NAMED = ":"
STANDS_IN = "placeholders: auto chooses among the drafts, in the place of llm"


@dataclass(frozen=True)
class Scorers:
    """The scorers by name, `judges` among them in the order in which they are taken. `enabled` None: every provider;
    `missing` says why others are not; `estimating`: nothing will be bought, so keys do not matter."""

    judges: Mapping[str, Judge]
    today: date
    enabled: frozenset[str] | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str | None] = field(default_factory=dict)
    estimating: bool = False

    def __call__(self, name: str, row: Row, drafts: Drafts) -> Scoring:
        """What the scorer `name` is here, and why it cannot serve `row`. Asked only of rows that have drafts."""
        scorer, _, model = name.partition(_NAMED)
        if scorer != LLM:
            return _plain(name, row)
        if row.provider == PLACEHOLDER:
            return _plain("auto", row)._replace(note=STANDS_IN)
        found = self._judge(model)
        return self._asked(found, row, drafts) if isinstance(found, Judge) else Scoring(LLM, "", f"choose: {found}")

    def _asked(self, judge: Judge, row: Row, drafts: Drafts) -> Scoring:
        from imagegen.choose import Wish
        from imagegen.choose.judge import VERSION, criteria, most_tokens, schema
        from imagegen.domain.request import canonical_json

        if drafts.pictures > judge.max_inputs:
            why = f"choose: {judge.name} takes {judge.max_inputs} pictures at once; ask for fewer drafts"
            return Scoring(LLM, "", why)
        wish = Wish.of(row)
        said = criteria(drafts.pictures, wish) + canonical_json(schema(wish))
        price = judge.estimate(said, *drafts, most_tokens(drafts.pictures))
        address = self.addresses.get(judge.provider)
        version = f"{VERSION} {judge.provider}/{judge.name}" + (f" {address}" if address else "")
        return Scoring(LLM, version, judging=Judging(judge, address, price))

    def _judge(self, name: str) -> Judge | str:
        """The judge called `name`, or the first that can be asked; else why there is none."""
        if not name:
            able = (judge for judge in self.judges.values() if not self._trouble(judge))
            return next(able, None) or self._none()
        judge = self.judges.get(name)
        if judge is None:
            return f"no vision model is called {name!r} ({suggestion(name, self.judges)})"
        trouble = self._trouble(judge)
        return f"{name}: {trouble}" if trouble else judge

    def _none(self) -> str:
        whys = ", ".join(f"{name}: {self._trouble(judge)}" for name, judge in self.judges.items())
        return f"llm asks a vision model, and none can be asked ({whys}); auto, first and person need none"

    def _trouble(self, judge: Judge) -> str:
        if judge.gone(self.today):
            return f"shut down {judge.shutdown_on}"
        if self.estimating or self.enabled is None or judge.provider in self.enabled:
            return ""
        return self.missing.get(judge.provider, f"no key for {judge.provider}")


def _plain(name: str, row: Row) -> Scoring:
    """A scorer that asks nobody for money."""
    from imagegen.choose import Wish

    try:
        found = _found(name)
    except SettingsError as problem:
        return Scoring(name, "", f"choose: {problem}")
    return Scoring(name, found.version, found.refuses(Wish.of(row)) or "")


@lru_cache
def _found(name: str) -> Scorer:
    """Looked up once: a manifest may have a million rows."""
    from imagegen.choose import scorer

    return scorer(name)


@lru_cache
def backgrounds() -> tuple[str, str]:
    """What tells subjects from backgrounds here, and why nothing can."""
    from imagegen.background import state

    return state()


def accepts(row: Row) -> str:
    """Why the row's rules of acceptance cannot be followed; "" when they can."""
    from imagegen.choose import refuses

    return refuses(row.accept, row.text) or ""
