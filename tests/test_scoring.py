"""Judges as plans see them: which vision model chooses among a row's drafts, for how much, and when none can."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from imagegen import catalog
from imagegen.context import Context, Drafts
from imagegen.domain.judge import Judge
from imagegen.estimate import Totals
from imagegen.output import OutputFolder
from imagegen.planned import Planned
from imagegen.scoring import STANDS_IN, Scorers
from imagegen.staging import stage
from tests.planning import TODAY, planned, preset

ROW: dict[str, Any] = {
    "strategy": "draft_refine", "model": "gpt-image-2.5-sunburst", "quality": "medium", "size": "1024x1024",
    "drafts": 4, "choose": "llm",
}  # fmt: skip
JUDGES = catalog.load().judges
OPENAI = frozenset({"openai"})
SMALL = replace(JUDGES["gpt-5.4-mini"], name="small", max_inputs=5)


def context(**said: Any) -> Context:
    """The current preset where only OpenAI can be called; `said` is about its scorers."""
    scorers = Scorers(**({"judges": JUDGES, "today": TODAY, "enabled": OPENAI} | said))
    return replace(preset("current", enabled=OPENAI, estimating=False), scorers=scorers)


def picture(row: dict[str, Any] | None = None, **said: Any) -> Planned:
    """The picture of a row whose drafts a judge chooses among."""
    return planned([ROW | (row or {})], context(**said))[0]


def test_the_first_judge_that_can_be_asked_is() -> None:
    """In the catalogue's order; with another key another one; by name that one."""
    asks = picture().asks
    assert asks is not None
    assert asks.judge.name == "gpt-5.4-mini"
    other = picture(
        enabled=frozenset({"openai", "google"}), judges={"gemini-3.1-flash-lite": JUDGES["gemini-3.1-flash-lite"]}
    )
    assert other.asks is not None
    assert other.asks.judge.provider == "google"
    named = picture({"choose": "llm:gpt-5.4-nano"}).asks
    assert named is not None
    assert named.judge.name == "gpt-5.4-nano"


def test_asking_is_priced_before_it_is_bought() -> None:
    """The picture's figures hold it, both the expected and the most; once a draft has won it is not counted."""
    plain, judged = picture({"choose": "first"}), picture()
    assert judged.asks is not None
    price = judged.asks.price
    assert None not in (plain.cost, plain.most, price.expected, price.most)
    assert judged.cost == plain.cost + price.expected  # type: ignore[operator]
    assert judged.most == plain.most + price.most  # type: ignore[operator]
    assert 0 < price.expected < price.most  # type: ignore[operator]
    # Four pictures of 1024x1024 are 4 x 1024 patches at 1.62 tokens, $0.75 a million.
    assert price.expected > 4 * 1024 * 1.62 * 750  # type: ignore[operator]
    assert judged.most_each == plain.most_each


def test_a_judge_is_a_line_of_the_estimate() -> None:
    """With money and no picture; all lines add up to what the pictures cost."""
    totals = Totals()
    found = planned([ROW, ROW | {"prompt": "another"}], context())
    for each in found:
        totals.add(each)
    by_model = {line.model: line for line in totals.by("model")}
    judge = by_model["gpt-5.4-mini"]
    assert (judge.provider, judge.pictures, judge.paid) == ("openai", 0, 0)
    assert judge.cost == judge.guessed == sum(each.asks.price.expected or 0 for each in found if each.asks)
    assert totals.all.cost == sum(each.cost or 0 for each in found)


def test_another_judge_is_another_choice() -> None:
    """The slot holds the model and where it is reached, so what one chose is not taken for another's choice."""

    def slot(row: dict[str, Any] | None = None, **said: Any) -> str:
        part = picture(row, **said).draft.part
        assert part is not None
        return part.slot

    assert slot() == slot({"choose": "llm:gpt-5.4-mini"})
    assert len({slot(), slot({"choose": "llm:gpt-5.4-nano"}), slot(addresses={"openai": "http://127.0.0.1:1"})}) == 3


@pytest.mark.parametrize(
    ("row", "said", "reason"),
    [
        ({}, {"enabled": frozenset(), "missing": {"openai": "no OPENAI_API_KEY", "google": "no GOOGLE_API_KEY"}},
         "choose: llm asks a vision model, and none can be asked (gpt-5.4-mini: no OPENAI_API_KEY, gpt-5.4-nano: no"
         " OPENAI_API_KEY, gemini-3.1-flash-lite: no GOOGLE_API_KEY); auto, first and person need none"),
        ({"choose": "llm:gpt-5.4-mimi"}, {},
         "choose: no vision model is called 'gpt-5.4-mimi' (did you mean gpt-5.4-mini?)"),
        ({"choose": "llm:gemini-3.1-flash-lite"}, {"missing": {"google": "no GOOGLE_API_KEY"}},
         "choose: gemini-3.1-flash-lite: no GOOGLE_API_KEY"),
        ({"choose": "llm:gpt-5.4-nano"}, {"today": date(2027, 4, 1)}, "choose: gpt-5.4-nano: shut down 2027-04-01"),
        ({"drafts": 6, "choose": "llm:small"}, {"judges": {"small": SMALL}},
         "choose: small takes 5 pictures at once; ask for fewer drafts"),
    ],
)  # fmt: skip
def test_what_no_judge_can_do_is_refused(row: dict[str, Any], said: dict[str, Any], reason: str) -> None:
    """One sentence while planning, before a draft is bought."""
    found = planned([ROW | row], context(**said))
    assert [(each.state, each.reason) for each in found] == [("refused", reason)]


def test_an_estimate_needs_no_key() -> None:
    """As for pictures: everybody is assumed. One that is shut down is passed over for the next."""
    assert picture(enabled=frozenset(), estimating=True).asks is not None
    gone = replace(JUDGES["gpt-5.4-mini"], shutdown_on=TODAY)
    asks = picture(judges=JUDGES | {"gpt-5.4-mini": gone}).asks
    assert asks is not None
    assert asks.judge.name == "gpt-5.4-nano"


def test_placeholders_are_not_shown_to_a_judge() -> None:
    """That would cost money: `auto` chooses, and the plan says so."""
    found = picture({"provider": "placeholder"})
    assert found.asks is None
    assert found.draft.part is not None
    assert found.draft.part.scorer == "auto"
    assert STANDS_IN in found.notes


def test_a_picture_counts_by_its_patches() -> None:
    """Up to the most that its page states; one without patches counts the same whatever its size."""

    def tokens(judge: Judge, size: int) -> int:
        """Tokens of one picture: by what it adds to the price of input at one dollar a token."""
        free = replace(judge, text_in=10**15, text_out=0)
        return (free.estimate("", 1, size, size, 0).expected or 0) // 10**9

    mini, gemini = JUDGES["gpt-5.4-mini"], JUDGES["gemini-3.1-flash-lite"]
    assert tokens(mini, 512) == 415  # 16 x 16 x 1.62
    assert tokens(mini, 1024) == 1659
    assert tokens(mini, 4096) == 2489
    assert tokens(gemini, 512) == tokens(gemini, 4096) == 1120


def test_the_line_of_a_judged_picture_says_whom_to_ask(tmp_path: Any) -> None:
    """In its `about`: the judge, where it is reached and what may be reserved for it; what is reserved for the
    picture itself does not hold it."""
    staged = stage(picture(addresses={"openai": "http://127.0.0.1:1"}), 1, OutputFolder(tmp_path))
    import json

    said = json.loads(staged.about)["refine"]
    plain = stage(picture({"choose": "first"}), 1, OutputFolder(tmp_path))
    scoring = context().scorers("llm", picture().row, Drafts(4, 1024, 1024))
    assert scoring.judging is not None
    assert said["judge"] == {
        "provider": "openai", "model": "gpt-5.4-mini", "address": "http://127.0.0.1:1",
        "most": scoring.judging.price.most,
    }  # fmt: skip
    assert (staged.state, staged.most) == ("held", plain.most)
