"""Sizes: what is generated for a wanted size, how it is finished, and when there is no way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen.catalog.sizes import allows
from imagegen.domain.model import Size, SizeRule
from imagegen.sizing import SizePlan, plan_size

SQUARE, WIDE, TALL = Size(1024, 1024), Size(1792, 1024), Size(1024, 1792)
DALLE = SizeRule(SQUARE, (SQUARE, WIDE, TALL))
OPENAI = SizeRule(
    SQUARE,
    (SQUARE, Size(1536, 1024), Size(1024, 1536)),
    step=16,
    max_edge=3840,
    min_pixels=655_360,
    max_pixels=8_294_400,
    max_ratio=3.0,
)
FLUX = SizeRule(SQUARE, step=32, min_edge=256, max_edge=1440)
COARSE = SizeRule(SQUARE, step=64, min_edge=64, max_edge=1024, max_ratio=4.0)
WORDS = SizeRule(
    Size(1024, 1024, "1:1", "1K"),
    (
        Size(1024, 1024, "1:1", "1K"),
        Size(1376, 768, "16:9", "1K"),
        Size(2048, 2048, "1:1", "2K"),
        Size(2752, 1536, "16:9", "2K"),
    ),
)


def by_area(size: Size) -> int:
    return size.pixels


def flat(size: Size) -> int:
    return 1


def unknown(size: Size) -> None:
    return None


def planned(
    rule: SizeRule,
    wanted: tuple[int, int] | None,
    fit: str = "auto",
    cost: Callable[[Size], int | None] = by_area,
    ratio: str | None = None,
    native: tuple[int, int] | None = None,
) -> SizePlan:
    plan = plan_size(rule, wanted, fit, cost, ratio, native=native)
    assert isinstance(plan, SizePlan), plan
    return plan


def refused(rule: SizeRule, wanted: tuple[int, int] | None, fit: str = "auto", ratio: str | None = None) -> str:
    plan = plan_size(rule, wanted, fit, by_area, ratio)
    assert isinstance(plan, str), plan
    return plan


@pytest.mark.parametrize(
    ("rule", "wanted", "cost", "size"),
    [
        (OPENAI, (1200, 630), by_area, "1200x640"),
        (OPENAI, (1200, 630), flat, "1216x640"),
        (OPENAI, (512, 512), by_area, "816x816"),
        (OPENAI, (1024, 576), by_area, "1088x608"),
        (OPENAI, (1024, 1024), by_area, "1024x1024"),
        (OPENAI, (1792, 1024), by_area, "1792x1024"),
        (OPENAI, (3840, 2160), by_area, "3840x2160"),
        (OPENAI, (1600, 500), by_area, "1600x544"),
        (DALLE, (1200, 630), by_area, "1792x1024"),
        (DALLE, (512, 512), by_area, "1024x1024"),
        (DALLE, (1024, 576), by_area, "1792x1024"),
        (DALLE, (1024, 1792), by_area, "1024x1792"),
        (FLUX, (1200, 630), by_area, "1216x640"),
        (FLUX, (64, 64), by_area, "256x256"),
        (WORDS, (1792, 1024), by_area, "2752x1536"),
        (COARSE, (300, 129), by_area, "448x192"),
        (COARSE, (77, 58), by_area, "256x192"),
    ],
)
def test_the_size_generated_for_a_wanted_one(
    rule: SizeRule, wanted: tuple[int, int], cost: Callable[[Size], int | None], size: str
) -> None:
    """Each wanted size is made from the cheapest size that covers it, and finished to the pixel."""
    plan = planned(rule, wanted, cost=cost)
    assert str(plan.size) == size
    assert (plan.width, plan.height) == wanted


def test_the_share_cut_is_told() -> None:
    """A 1200x630 from 1792x1024 loses 8.125 % of its height, and the note says so."""
    plan = planned(DALLE, (1200, 630))
    assert plan.cropped == pytest.approx(0.08125)
    assert plan.note == "made at 1792x1024, cut by 8.1 % and scaled down to 1200x630"


def test_a_size_the_model_makes_needs_no_finish() -> None:
    """An exact size is neither cut nor worth a note."""
    plan = planned(DALLE, (1792, 1024))
    assert (plan.cropped, plan.note) == (0.0, "")


def test_exactly_ten_percent_is_allowed_and_a_hair_more_is_not() -> None:
    """The limit of the cut holds to the pixel."""
    rule = SizeRule(Size(1000, 1000), (Size(1000, 1000),))
    assert planned(rule, (1000, 900)).cropped == pytest.approx(0.1)
    assert "1000x899" in refused(rule, (1000, 899))


def test_the_dearer_square_loses_to_a_cheaper_wide_picture_only_within_the_cut() -> None:
    """Price decides among sizes that cut little; never at the price of a larger cut."""
    costs = {"1024x1024": 13, "1104x1024": 10, "1536x1024": 1}
    rule = SizeRule(SQUARE, (SQUARE, Size(1104, 1024), Size(1536, 1024)))
    plan = planned(rule, (1024, 1024), cost=lambda size: costs[str(size)])
    assert str(plan.size) == "1104x1024"


def test_an_unknown_price_counts_as_the_dearest() -> None:
    """A size whose price nobody knows is taken only where no other fits."""
    rule = SizeRule(SQUARE, (SQUARE, Size(2048, 2048)))
    plan = planned(rule, (512, 512), cost=lambda size: None if size == SQUARE else 10**12)
    assert str(plan.size) == "2048x2048"
    assert str(planned(rule, (512, 512), cost=unknown).size) == "1024x1024"


def test_equal_prices_are_settled_by_the_least_cut() -> None:
    """At one price for all, the size nearest in ratio wins over the smaller one."""
    rule = SizeRule(SQUARE, (Size(1100, 1024), Size(2048, 2048)))
    assert str(planned(rule, (512, 512), cost=flat).size) == "1024x1024"
    assert str(planned(SizeRule(Size(1100, 1024), rule.sizes), (512, 512), cost=flat).size) == "2048x2048"


@pytest.mark.parametrize(
    ("rule", "wanted", "ratio", "part"),
    [
        (DALLE, (4000, 2000), None, "enlarge 2.23 times and crop by 12 %"),
        (DALLE, (1024, 768), None, "the closest is 1792x1024, which `fit: cover` would crop by 24 %"),
        (OPENAI, (4000, 2000), None, "the closest is 3840x1920, which `fit: cover` would enlarge 1.04 times"),
        (OPENAI, (1600, 400), None, "crop by 26 %"),
        (WORDS, None, "4:3", "makes no size of 4:3; the closest is 1024x1024, which `fit: cover` would crop by 25 %"),
    ],
)
def test_no_way_is_one_sentence(rule: SizeRule, wanted: tuple[int, int] | None, ratio: str | None, part: str) -> None:
    """What `auto` cannot reach is refused, naming the closest size and what `cover` would do to it."""
    assert part in refused(rule, wanted, ratio=ratio)


@pytest.mark.parametrize(
    ("fit", "size", "finish"),
    [
        ("cover", "1792x1024", (1600, 1200)),
        ("contain", "1792x1024", (1600, 1200)),
        ("fill", "1792x1024", (1600, 1200)),
        ("none", "1792x1024", (None, None)),
    ],
)
def test_other_fits_always_find_a_way(fit: str, size: str, finish: tuple[int | None, int | None]) -> None:
    """Cover, contain, fill and none take what auto refuses."""
    refused(DALLE, (1600, 1200))
    plan = planned(DALLE, (1600, 1200), fit)
    assert (str(plan.size), (plan.width, plan.height)) == (size, finish)


def test_cover_prefers_what_auto_would_take() -> None:
    """Under cover nothing is cut or enlarged where it need not be."""
    assert planned(OPENAI, (1200, 630), "cover") == planned(OPENAI, (1200, 630), "auto")


def test_cover_keeps_as_much_as_it_can() -> None:
    """A little enlargement is less loss than cutting half of the picture."""
    rule = SizeRule(Size(1376, 768), (Size(1376, 768), Size(2048, 2048)))
    assert str(planned(rule, (1600, 900), "cover").size) == "1376x768"


def test_contain_says_how_much_is_padded() -> None:
    """Contain cuts nothing and tells the padding."""
    plan = planned(DALLE, (1200, 630), "contain")
    assert (plan.cropped, plan.note) == (0.0, "made at 1792x1024, padded by 8.1 % and scaled down to 1200x630")


def test_contain_enlarges_nothing_that_fits_inside() -> None:
    """A picture that is as wide as the wanted one and less high is padded as it is, not enlarged."""
    rule = SizeRule(Size(1200, 600), (Size(1200, 600), Size(2400, 1260)))
    assert str(planned(rule, (1200, 630), "contain").size) == "1200x600"
    assert str(planned(rule, (1200, 630), "cover").size) == "2400x1260"


def test_none_takes_the_nearest_ratio() -> None:
    """Without fitting, the ratio decides and then the area."""
    assert str(planned(WORDS, (2700, 1519), "none").size) == "2752x1536"
    assert str(planned(WORDS, (1280, 720), "none").size) == "1376x768"


@pytest.mark.parametrize(
    ("rule", "ratio", "size"),
    [
        (DALLE, "16:9", "1792x1024"),
        (DALLE, "1:1", "1024x1024"),
        (WORDS, "16:9", "1376x768"),
        (OPENAI, "16:9", "1360x768"),
        (OPENAI, "3:1", "1776x592"),
        (FLUX, "9:16", "768x1376"),
    ],
)
def test_a_ratio_gets_a_size_near_the_default_area(rule: SizeRule, ratio: str, size: str) -> None:
    """A ratio alone picks the size of that ratio whose area is nearest to the default's, left as generated."""
    plan = planned(rule, None, ratio=ratio)
    assert str(plan.size) == size
    assert (plan.width, plan.height) == (None, None)


def test_a_ratio_a_little_off_is_cut_to_it() -> None:
    """Where a model's nearest ratio is some percent off, the picture is cut to the ratio asked for."""
    rule = SizeRule(SQUARE, (SQUARE, Size(1200, 896)))
    plan = planned(rule, None, ratio="5:4")
    assert (str(plan.size), plan.width, plan.height) == ("1200x896", 1120, 896)


@pytest.mark.parametrize(
    ("fit", "finish"),
    [("cover", (1024, 768)), ("contain", (1365, 1024)), ("fill", (1024, 768)), ("none", (None, None))],
)
def test_a_ratio_out_of_reach_needs_a_fit(fit: str, finish: tuple[int | None, int | None]) -> None:
    """What auto refuses for a ratio, each other fit reaches in its own way."""
    plan = planned(SizeRule(SQUARE, (SQUARE,)), None, fit, ratio="4:3")
    assert (plan.width, plan.height) == finish


def test_no_wish_means_the_default() -> None:
    """A row that asks for no size gets the rule's default, with its words for the wire."""
    assert planned(WORDS, None) == SizePlan(Size(1024, 1024, "1:1", "1K"))


def test_an_input_picture_lends_its_ratio() -> None:
    """An edit without a size keeps the shape of its input as near as the model can, whatever that is."""
    assert str(planned(OPENAI, None, native=(600, 400)).size) == "1248x832"
    assert str(planned(DALLE, None, native=(400, 300)).size) == "1792x1024"


def test_listed_sizes_keep_their_words() -> None:
    """A size from the list carries the ratio and resolution that the wire wants."""
    plan = planned(WORDS, (1280, 720))
    assert (plan.size.ratio, plan.size.resolution) == ("16:9", "1K")


wanted_sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
stepped_rules = st.builds(
    lambda step, low, edge, area, ratio: SizeRule(
        Size(step * low, step * low),
        step=step,
        min_edge=step,
        max_edge=step * (low + edge),
        min_pixels=(step * low) ** 2 - area,
        max_ratio=ratio,
    ),
    st.sampled_from([1, 8, 16, 32, 64]),
    st.integers(2, 40),
    st.integers(0, 60),
    st.integers(0, 3),
    st.sampled_from([1.5, 3.0, 100.0]),
)
rules = st.one_of(st.sampled_from([OPENAI, DALLE, FLUX, WORDS]), stepped_rules)


@settings(deadline=None, max_examples=150)
@given(rule=rules, wanted=wanted_sizes)
def test_auto_keeps_its_promise(rule: SizeRule, wanted: tuple[int, int]) -> None:
    """Whatever is wanted: under auto the size satisfies the rule, covers the wanted one and loses at most
    a tenth of one edge."""
    plan = plan_size(rule, wanted, "auto", by_area)
    if isinstance(plan, str):
        return
    made = plan.size
    assert allows(rule, made)
    assert made.width >= wanted[0]
    assert made.height >= wanted[1]
    less, more = sorted((wanted[0] * made.height, wanted[1] * made.width))
    assert 10 * less >= 9 * more
    assert plan.cropped == pytest.approx(1 - less / more)


@settings(deadline=None, max_examples=60)
@given(wanted=wanted_sizes, step=st.sampled_from([64, 128]))
def test_auto_refuses_only_what_is_impossible(wanted: tuple[int, int], step: int) -> None:
    """A refusal under auto means that no size at all within the bounds would do."""
    rule = SizeRule(Size(1024, 1024), step=step, max_edge=2048, min_pixels=300_000, max_pixels=3_000_000, max_ratio=3.0)
    plan = plan_size(rule, wanted, "auto", by_area)
    edges = range(step, rule.max_edge + 1, step)
    possible = any(
        10 * min(wanted[0] * height, wanted[1] * width) >= 9 * max(wanted[0] * height, wanted[1] * width)
        for width in edges
        for height in edges
        if width >= wanted[0] and height >= wanted[1] and allows(rule, Size(width, height))
    )
    assert isinstance(plan, SizePlan) == possible


@settings(deadline=None, max_examples=100)
@given(rule=rules, wanted=wanted_sizes, fit=st.sampled_from(["cover", "contain", "fill", "none"]))
def test_every_other_fit_answers_with_a_size_of_the_rule(rule: SizeRule, wanted: tuple[int, int], fit: str) -> None:
    """No other fit ever refuses, and none asks the model for what it does not make."""
    assert allows(rule, planned(rule, wanted, fit).size)
    assert allows(rule, planned(rule, None, fit, ratio=f"{wanted[0]}:{wanted[1]}").size)
