"""Tests of imagegen.prices: what a picture costs before and after the call."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from imagegen.catalog import load
from imagegen.domain.model import Estimate, Price, Size
from imagegen.domain.money import nano
from imagegen.prices import (
    INPUT_TOKENS,
    INPUT_TOKENS_AT_MOST,
    TEXT_OUT_AT_MOST,
    by_seconds,
    discounted,
    from_token_counts,
    from_usage,
    image_tokens,
    prompt_cost,
    unit,
)

SQUARE, WIDE = Size(1024, 1024), Size(1536, 1024)
UNKNOWN = Estimate(None, None, "unknown")


def price(kind: Any, **values: Any) -> Price:
    return Price(kind=kind, source="a test", read_on=date(2026, 11, 22), **values)


def exactly(usd: str) -> Estimate:
    return Estimate(nano(usd), nano(usd), "exact")


GRID = {"low": 8, "medium": 12, "high": 24, "xhigh": 32, "max": 48}
PUBLISHED = {
    (1024, 1024): (196, 439, 1756, 3122, 7024),
    (1024, 1536): (158, 343, 1372, 2459, 5488),
    (1920, 1080): (147, 343, 1320, 2347, 5280),
    (2560, 1440): (205, 478, 1843, 3276, 7370),
    (3840, 2160): (371, 865, 3336, 5930, 13342),
}


@pytest.mark.parametrize(
    ("size", "quality", "tokens"),
    [(size, quality, row[at]) for size, row in PUBLISHED.items() for at, quality in enumerate(GRID)],
)
def test_the_formula_gives_the_published_counts(size: tuple[int, int], quality: str, tokens: int) -> None:
    """Each of the 25 counts OpenAI's calculator gives for gpt-image-2.5 comes out to the token, either way up."""
    assert image_tokens(GRID[quality], *size) == tokens
    assert image_tokens(GRID[quality], size[1], size[0]) == tokens


@pytest.mark.parametrize(("older", "newer"), [("low", "low"), ("medium", "high"), ("high", "max")])
def test_the_same_word_costs_more_on_gpt_image_2(older: str, newer: str) -> None:
    """Medium on gpt-image-2 is high on 2.5, and high is max."""
    models = load().models
    first = unit(models["gpt-image-2"].offers[0].price, SQUARE, older)
    second = unit(models["gpt-image-2.5-flare"].offers[0].price, SQUARE, newer)
    assert first == second
    assert first.basis == "estimated"


def test_todays_standard_picture_costs_1_32_cents() -> None:
    """gpt-image-2.5-flare, medium, square: 439 tokens at $30 a million."""
    estimate = unit(load().models["gpt-image-2.5-flare"].offers[0].price, SQUARE, "medium")
    assert estimate == Estimate(nano("0.01317"), nano("0.01317"), "estimated")


def test_2_6_is_never_estimated_below_what_was_measured() -> None:
    """1536x1024 took 664 tokens at low and 1353 at high; estimates lie at or above, medium not below low."""
    offer = load().models["gpt-image-2.6-sunburst"].offers[0]
    low, medium, high = (unit(offer.price, WIDE, quality).expected for quality in ("low", "medium", "high"))
    assert low is not None
    assert medium is not None
    assert high is not None
    assert nano("0.01992") <= low <= medium <= high
    assert high >= nano("0.04059")


TABLE = {
    "low/1024x1024": nano("0.01"),
    "low/2K": nano("0.02"),
    "low": nano("0.03"),
    "1536x1024": nano("0.04"),
    "4K": nano("0.05"),
}


@pytest.mark.parametrize(
    ("size", "quality", "usd"),
    [
        (SQUARE, "low", "0.01"),
        (Size(2048, 2048, "1:1", "2K"), "low", "0.02"),
        (WIDE, "low", "0.03"),
        (WIDE, "high", "0.04"),
        (WIDE, None, "0.04"),
        (Size(4096, 4096, "1:1", "4K"), None, "0.05"),
    ],
)
def test_the_most_particular_entry_of_a_table_counts(size: Size, quality: str | None, usd: str) -> None:
    """Quality and size go before quality, quality before size; a resolution word may stand for a size."""
    assert unit(price("image", per_image=TABLE), size, quality) == exactly(usd)


@pytest.mark.parametrize(
    ("table", "quality"), [({"low": 5}, "high"), ({"low": 5}, None), ({"512x512": 5}, "low"), ({}, None)]
)
def test_what_a_table_lacks_is_unknown_and_not_free(table: dict[str, int], quality: str | None) -> None:
    """A quality or size that the table does not hold has no price."""
    assert unit(price("image", per_image=table), SQUARE, quality) == UNKNOWN
    assert unit(price("tokens", tokens=table, image_out=7), SQUARE, quality) == UNKNOWN


def test_no_price_is_unknown() -> None:
    """An offer without a price has no estimate."""
    assert unit(None, SQUARE, "low") == UNKNOWN


def test_a_price_for_everything_covers_every_quality_and_size() -> None:
    """The key "*" is the last that is tried; an estimated price gives an estimate."""
    assert unit(price("image", per_image={"*": 7}), WIDE, "high") == Estimate(7, 7, "exact")
    assert unit(price("image", per_image={"*": 7}, estimated=True), WIDE, None).basis == "estimated"


FLUX = {"first": nano("0.03"), "next": nano("0.015"), "input": nano("0.015")}


@pytest.mark.parametrize(
    ("values", "size", "inputs", "usd"),
    [
        (FLUX, SQUARE, (), "0.03"),
        (FLUX, Size(512, 512), (), "0.03"),
        (FLUX, Size(2048, 1024), (), "0.045"),
        (FLUX, Size(1536, 1024), (), "0.0375"),
        (FLUX, SQUARE, (1.0, 0.5), "0.0525"),
        (FLUX | {"round_up": True}, Size(1536, 1024), (0.5,), "0.06"),
        (FLUX | {"run": nano("0.015"), "first": nano("0.015")}, SQUARE, (), "0.03"),
    ],
)
def test_megapixels_are_billed_from_the_first(
    values: dict[str, Any], size: Size, inputs: tuple[float, ...], usd: str
) -> None:
    """The first megapixel is paid whole, each further one and each input by its part or rounded up."""
    assert unit(price("megapixel", **values), size, None, inputs) == exactly(usd)


def test_where_rounding_is_not_known_the_rounded_price_is_reserved() -> None:
    """An estimated price by megapixel expects parts and reserves whole ones."""
    estimate = unit(price("megapixel", estimated=True, **FLUX), Size(1536, 1024), None, (0.5,))
    assert estimate == Estimate(nano("0.045"), nano("0.06"), "estimated")


def test_time_is_expected_as_usual_and_reserved_to_the_limit() -> None:
    """A price by the second expects the typical time and reserves the longest."""
    by_time = price("seconds", per_second=nano("0.001"), typical_seconds=2.5, max_seconds=60.0)
    assert unit(by_time, SQUARE, None) == Estimate(nano("0.0025"), nano("0.06"), "estimated")


def test_input_pictures_are_paid_in_tokens() -> None:
    """Each input picture adds its tokens at the price of image input, and four times that is reserved."""
    by_token = price("tokens", image_in=10**6, image_out=10**6, tokens={"low": 100})
    estimate = unit(by_token, SQUARE, "low", (1.0, 4.0))
    assert estimate == Estimate(100 + 2 * INPUT_TOKENS, 100 + 2 * INPUT_TOKENS_AT_MOST, "estimated")


def test_the_makers_figure_per_picture_goes_before_counted_tokens() -> None:
    """A price by token that also states the maker's figure is expected to cost that figure."""
    stated = price("tokens", per_image={"low": 11}, tokens={"low": 10**6}, image_out=nano("1"))
    assert unit(stated, SQUARE, "low") == Estimate(11, 11, "estimated")


def test_a_prompt_is_a_quarter_token_a_byte_and_at_most_one() -> None:
    """Nine bytes are expected to be three tokens and reserved as nine; rounded up to the nanodollar."""
    by_token = price("tokens", text_in=nano("5"))
    assert prompt_cost(by_token, 9) == (nano("0.000015"), nano("0.000045"))
    assert prompt_cost(price("tokens", text_in=1), 9) == (1, 1)


@pytest.mark.parametrize("free", [None, price("image"), price("megapixel"), price("seconds")])
def test_a_prompt_is_free_where_tokens_are_not_sold(free: Price | None) -> None:
    """Only prices by token charge for the prompt."""
    assert prompt_cost(free, 1000) == (0, 0)


SUNBURST = price("tokens", text_in=nano("5"), image_in=nano("8"), image_out=nano("30"))


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (
            {
                "input_tokens": 1030,
                "input_tokens_details": {"text_tokens": 30, "image_tokens": 1000},
                "output_tokens": 439,
                "total_tokens": 1469,
            },
            "0.02132",
        ),
        ({"input_tokens": 30, "input_tokens_details": {"text_tokens": 30}, "output_tokens": 439}, "0.01332"),
        ({"input_tokens": 30, "input_tokens_details": None, "output_tokens": 439}, "0.01332"),
        ({"input_tokens": 0, "output_tokens": 0}, "0"),
    ],
)
def test_usage_is_what_was_paid(usage: dict[str, Any], usd: str) -> None:
    """Text, image input and output tokens each count at their price; input without details counts as text."""
    assert from_usage(SUNBURST, usage) == nano(usd)


def test_usage_rounds_up_once() -> None:
    """Parts of a nanodollar are summed before the sum is rounded up."""
    tiny = price("tokens", text_in=400_000, image_in=400_000, image_out=300_000)
    usage = {"input_tokens_details": {"text_tokens": 1, "image_tokens": 1}, "output_tokens": 1}
    assert from_usage(tiny, usage) == 2


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"input_tokens": 3},
        {"output_tokens": 3},
        {"input_tokens": 3, "output_tokens": "3"},
        {"input_tokens": 3, "output_tokens": -3},
        {"input_tokens": 3, "output_tokens": True},
        {"input_tokens_details": {"text_tokens": 1.5}, "output_tokens": 3},
    ],
)
def test_usage_that_cannot_be_read_is_no_cost_at_all(usage: dict[str, Any]) -> None:
    """Missing or odd counts raise ValueError, never a low figure."""
    with pytest.raises(ValueError, match="usage without a usable"):
        from_usage(SUNBURST, usage)


def test_usage_says_nothing_about_a_price_per_image() -> None:
    """from_usage refuses a price that is not by token."""
    with pytest.raises(ValueError, match="price by image"):
        from_usage(price("image"), {"input_tokens": 1, "output_tokens": 1})


@pytest.mark.parametrize(("amount", "percent", "left"), [(100, 50, 50), (101, 50, 51), (7, 0, 7), (0, 50, 0)])
def test_a_discount_rounds_up(amount: int, percent: int, left: int) -> None:
    """Half of 101 nanodollars is 51."""
    assert discounted(amount, percent) == left


@pytest.mark.parametrize(
    ("seconds", "amount"), [(0, 0), (6, 5_850_000), (0.1, 97_500), (2.345678, 2_287_037), (1e-07, 1), (60, 58_500_000)]
)
def test_seconds_cost_what_they_are_written_as(seconds: float, amount: int) -> None:
    """Time counts as the figure says, not as the float nearest to it, and is rounded up to the nanodollar."""
    assert by_seconds(975_000, seconds) == amount


def test_text_beside_a_picture_is_set_aside_and_not_expected() -> None:
    """Where thinking is billed, so much more is reserved; the estimate shown stays the picture's."""
    plain = price("tokens", tokens={"1K": 1120}, image_out=nano("30"))
    thinking = price("tokens", tokens={"1K": 1120}, image_out=nano("30"), text_out=nano("7.5"))
    size = Size(1024, 1024, "1:1", "1K")
    before, after = unit(plain, size, None), unit(thinking, size, None)
    assert before.most is not None
    assert after.expected == before.expected == nano("0.0336")
    assert after.most == before.most + TEXT_OUT_AT_MOST * 7500


@pytest.mark.parametrize(
    ("usage", "pictured", "cost"),
    [
        ({"promptTokenCount": 100}, False, 100 * 1),
        ({"promptTokenCount": 100, "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": 60}]}, False, 40 + 120),
        ({"promptTokenCount": 1, "candidatesTokenCount": 10}, True, 1 + 10 * 30),
        ({"promptTokenCount": 1, "candidatesTokenCount": 10}, False, 1 + 10 * 7),
        ({"promptTokenCount": 1, "thoughtsTokenCount": 10}, True, 1 + 10 * 7),
    ],
)
def test_token_counts_in_googles_shape(usage: dict[str, Any], pictured: bool, cost: int) -> None:
    """Each kind of token at its own rate, here in nanodollars a token."""
    amounts = {"text_in": 10**6, "image_in": 2 * 10**6, "image_out": 30 * 10**6, "text_out": 7 * 10**6}
    assert from_token_counts(price("tokens", **amounts), usage, pictured) == cost


def test_text_without_a_rate_costs_what_a_picture_does() -> None:
    """A price that tells none is never too low; one that is not by token says nothing about tokens."""
    usage = {"promptTokenCount": 0, "thoughtsTokenCount": 10}
    assert from_token_counts(price("tokens", image_out=30 * 10**6), usage, True) == 300
    with pytest.raises(ValueError, match="says nothing about a price by image"):
        from_token_counts(price("image"), usage, True)
