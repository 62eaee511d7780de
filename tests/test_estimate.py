"""Estimates: what a plan adds up to, in money and in counts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from imagegen.domain.money import nano
from imagegen.estimate import FIRST, Saving, Totals, after_hits
from imagegen.planned import Draft, Seen
from tests.planning import added, guide_catalogue, planned, preset


def there(state: Any, *names: str, **evidence: Any) -> Any:
    """A look that knows these rows as `state`."""

    def look(drafts: Sequence[Draft]) -> list[Seen | None]:
        return [Seen(state, "why", SimpleNamespace(**evidence)) if draft.row.id in names else None for draft in drafts]

    return look


def test_nothing_adds_up_to_nothing() -> None:
    """An empty plan has no lines, costs nothing and is compared with nothing."""
    totals = Totals()
    assert (totals.rows, totals.all.pictures, totals.all.cost, totals.by("model"), totals.saving) == (0, 0, 0, [], None)


def test_groups_add_up_to_the_whole() -> None:
    """However the guide's catalogue is grouped, pictures and cost are the same."""
    totals = added(guide_catalogue(200))
    for grouping in ("model", "provider", "use_case"):
        lines = totals.by(grouping)  # type: ignore[arg-type]
        assert sum(line.pictures for line in lines) == totals.all.pictures == 200
        assert sum(line.cost for line in lines) == totals.all.cost == nano("3.22")


def test_the_dearest_group_comes_first() -> None:
    """Models stand with their providers, ordered by what they cost."""
    lines = added(guide_catalogue(200)).by("model")
    assert [(line.model, line.provider, line.cost) for line in lines] == [
        ("dall-e-3", "openai", nano("2")),
        ("dall-e-3-hd", "openai", nano("0.8")),
        ("flux-schnell", "replicate", nano("0.42")),
    ]


def test_rows_without_a_use_case_are_a_group_of_their_own() -> None:
    """Nothing is left out of a grouping for lack of a name."""
    assert [(line.use_case, line.paid) for line in added([{}, {"use_case": "print"}]).by("use_case")] == [
        ("print", 1),
        ("", 1),
    ]


def test_equal_rows_share_one_paid_picture() -> None:
    """The first of equal rows is paid for, the others cost nothing; another prompt, size or sample is no equal."""
    same = {"prompt": "a mug", "use_case": "thumbnail"}
    rows = [same, same, same | {"size": "768x768"}, same | {"prompt": "A mug"}, same | {"n": 2}]
    totals = added(rows)
    assert (totals.rows, totals.all.pictures, totals.all.paid, totals.all.shared) == (5, 6, 4, 2)
    assert totals.all.cost == 4 * nano("0.003")


def test_sharing_reaches_across_use_cases() -> None:
    """Two use cases that come to one Request come to one payment."""
    totals = added([{"prompt": "x", "use_case": "product_shot"}, {"prompt": "x", "use_case": "product_card"}])
    assert [(line.use_case, line.paid, line.shared) for line in totals.by("use_case")] == [
        ("product_shot", 1, 0),
        ("product_card", 0, 1),
    ]


@pytest.mark.parametrize("state", ["cached", "kept"])
def test_what_is_there_costs_nothing_and_counts_as_there(state: Any) -> None:
    """Hits are pictures at $0."""
    look = there(state, "r0", "r1", model="dall-e-3", provider="openai")
    totals = added([{}, {}, {}], look=look)
    assert (totals.all.pictures, totals.all.there, totals.all.paid, totals.all.cost) == (3, 2, 1, nano("0.04"))


def test_a_kept_picture_counts_for_the_model_that_made_it() -> None:
    """Routes that changed since do not rewrite history."""
    totals = added([{}], look=there("kept", "r0", model="imagen-3", provider="google"))
    assert [(line.model, line.provider) for line in totals.by("model")] == [("imagen-3", "google")]


@pytest.mark.parametrize("state", ["unknown", "flawed"])
def test_what_may_have_been_paid_for_is_counted_apart(state: str) -> None:
    """Neither unknown nor flawed pictures are bought again, or called pictures."""
    totals = added([{}, {}], look=there(state, "r0"))
    assert (getattr(totals, state), totals.all.pictures, totals.all.cost) == (1, 1, nano("0.04"))


def test_refusals_are_counted_and_the_first_are_told() -> None:
    """Each refusal has its row's id, its place and its reason; the later ones are only counted."""
    totals = added([{}] + [{"model": "dall-e-3", "size": "4000x100"}] * (FIRST + 2))
    assert (totals.refused, len(totals.refusals), totals.all.pictures) == (FIRST + 2, FIRST, 1)
    first = totals.refusals[0]
    assert (first.id, first.place.line) == ("r1", 3)
    assert "makes no size" in first.reason


def test_an_unknown_price_is_never_nothing() -> None:
    """A row without a known price is no picture at $0: it is counted apart, under its model."""
    row = {"model": "flux-kontext-max", "provider": "replicate"}
    totals = added([row, {"model": "dall-e-3"}], preset("current"))
    line = next(line for line in totals.by("model") if line.unpriced)
    assert (line.model, line.pictures, line.unpriced) == ("flux-kontext-max", 0, 1)
    assert (totals.all.unpriced, totals.all.pictures, totals.refused) == (1, 1, 1)


def test_a_refusal_for_another_reason_has_no_unknown_price() -> None:
    """That some loser has no known price does not make the price of a refused row unknown."""

    def refuses(_: object, given: object) -> str:
        return "no"

    totals = added([{"image": "mug.png"}], preset("current"), refuses=refuses)
    assert (totals.refused, totals.all.unpriced) == (1, 0)


def test_estimated_prices_are_told_from_exact_ones() -> None:
    """Token prices are guessed, picture prices are not; the sum says how much of it is which."""
    totals = added([{"use_case": "thumbnail"}, {"use_case": "product_shot"}], preset("current"))
    flux, gpt = (next(line for line in totals.by("model") if line.model.startswith(name)) for name in ("flux", "gpt"))
    assert (flux.guessed, gpt.guessed) == (0, gpt.cost)
    assert 0 < totals.all.guessed == gpt.cost < totals.all.cost


def test_placeholders_cost_nothing_and_say_what_the_real_models_would() -> None:
    """A placeholder stands under the model it stands in for, at $0; the real bill is known."""
    totals = added([{"provider": "placeholder", **fields} for fields in guide_catalogue(20)])
    assert totals.all.cost == 0
    assert totals.real == nano("0.322")
    assert {(line.model, line.provider) for line in totals.by("model")} == {
        (name, "placeholder") for name in ("flux-schnell", "dall-e-3", "dall-e-3-hd")
    }


def test_a_placeholder_of_a_model_without_a_price_is_counted() -> None:
    """What nobody knows is not added as nothing."""
    unknown = {"provider": "placeholder", "model": "replicate/flux-kontext-pro"}
    totals = added([unknown, {"provider": "placeholder"}])
    assert (totals.all.paid, totals.real, totals.real_unknown) == (2, nano("0.04"), 1)


def test_the_comparison_counts_every_picture_that_will_be_there() -> None:
    """Hits and shared pictures would be bought on the premium model; refused ones would not."""
    rows = [{"prompt": "x"}, {"prompt": "x"}, {}, {"model": "dall-e-3", "size": "4000x100"}]
    totals = added(rows, look=there("cached", "r2"))
    assert totals.premium == 3 * nano("0.08")
    assert totals.saving == Saving(3 * nano("0.08") - nano("0.04"), Decimal(100) * 5 / 6)


@pytest.mark.parametrize(
    ("percent", "whole"), [("79.875", 80), ("59.75", 60), ("79.5", 80), ("79.4999", 79), ("0", 0), ("-12.5", -13)]
)
def test_percentages_are_rounded_as_people_do(percent: str, whole: int) -> None:
    """Halves go away from zero, not to the even neighbour."""
    assert Saving(0, Decimal(percent)).whole_percent == whole


def test_the_dearest_picture_is_known() -> None:
    """A budget smaller than one picture can be told from one that is merely too small."""
    assert added(guide_catalogue(20)).dearest == nano("0.08")


def test_add_says_as_what_a_picture_was_counted() -> None:
    """The state is the plan's, but for an equal picture."""
    totals = Totals()
    rows = [{"prompt": "x"}, {"prompt": "x"}, {"model": "dall-e-3", "size": "4000x100"}]
    assert [totals.add(picture) for picture in planned(rows)] == ["buy", "shared", "refused"]


@pytest.mark.parametrize(
    ("cost", "percent", "left"),
    [("161", "15", "136.85"), ("161", "40", "96.6"), ("0.000000001", "1", "0.000000001"), ("5", "100", "0")],
)
def test_hits_to_reckon_with_take_their_share_off(cost: str, percent: str, left: str) -> None:
    """The share is exact and rounds up, so that the rest is never a hair too low."""
    assert after_hits(nano(cost), Decimal(percent)) == nano(left)
