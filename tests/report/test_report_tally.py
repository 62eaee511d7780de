"""Totals are counted in one pass; a saving is what the premium model's bill has more."""

from __future__ import annotations

from typing import Any

import pytest

from imagegen.domain.money import nano
from imagegen.report.tally import duration, ranked, saving, tally


def test_tally_counts_by_model_and_use_case(result: Any) -> None:
    """Pictures, what was there already, what is missing, and money add up per group and in all."""
    count = tally(
        [
            result(),
            result(state="cached", cost=0, estimate=0),
            result(state="failed", cost=nano("0.01"), use_case="hero"),
            result(state="unknown", cost=None, model="sdxl", use_case=None),
        ]
    )
    model = count.by_model["dall-e-3"]
    assert (model.pictures, model.made, model.reused, model.missing) == (2, 1, 1, 1)
    assert (model.spent, model.estimated) == (nano("0.05"), nano("0.08"))
    assert count.by_model["sdxl"].unpriced == 1
    assert set(count.by_use_case) == {"product_shot", "hero", "no use case"}
    assert (count.total.pictures, count.total.missing, count.total.spent) == (2, 2, nano("0.05"))


def test_placeholders_are_grouped_by_what_they_stand_for(result: Any) -> None:
    """A placeholder is counted under the model it stands in for, and said to be one."""
    count = tally([result(model="placeholder", stands_for="sdxl", cost=0)])
    assert list(count.by_model) == ["sdxl (placeholder)"]
    assert count.placeholders == 1


def test_groups_are_ranked_by_money_and_the_tail_is_one_line(result: Any) -> None:
    """The dearest group comes first; what does not fit is added up, so that nothing is lost."""
    groups = tally([result(model=f"m{number}", cost=number) for number in range(5)]).by_model
    lines = ranked(groups, shown=2)
    assert [line.name for line in lines] == ["m4", "m3", "3 others"]
    assert (lines[2].pictures, lines[2].spent) == (3, 0 + 1 + 2)


@pytest.mark.parametrize(
    ("spent", "premium", "amount", "percent"),
    [
        ("161", "800", "639", 80),
        ("161", "400", "239", 60),
        ("0.092", "0.32", "0.228", 71),
        ("0.092", "0.08", "-0.012", -15),
        ("1", "1", "0", 0),
    ],
)
def test_saving_is_a_difference_and_a_whole_percent(
    summary: Any, spent: str, premium: str, amount: str, percent: int
) -> None:
    """Money is exact, the percentage is rounded to the nearest whole one."""
    found = saving(summary(spent=nano(spent), premium=nano(premium)))
    assert found is not None
    assert (found.amount, found.percent) == (nano(amount), percent)


@pytest.mark.parametrize("premium", [None, 0])
def test_no_saving_without_a_comparison(summary: Any, premium: int | None) -> None:
    """Where no premium price is known there is nothing to compare with."""
    assert saving(summary(premium=premium)) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.42, "0.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"),
        (3725, "1 h 02 min"),
    ],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    """A time is written with the two units that matter."""
    assert duration(seconds) == text
