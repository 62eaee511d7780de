"""Break-even: pictures a month from which a GPU costs no more, and never where it cannot make them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from imagegen import catalog as catalogue
from imagegen.breakeven import Even, Price, View, break_even, capacity, month, monthly, own_gpu, views, volumes
from imagegen.catalog import Gpu
from imagegen.domain.money import nano
from imagegen.errors import UsageError
from imagegen.routing import load_routes

TODAY = date(2026, 11, 22)
CATALOG = catalogue.load()
GUIDE = CATALOG.repriced(load_routes("guide").prices)


def gpu(hourly: str = "1", images: int = 100) -> Gpu:
    """A GPU at so many dollars and pictures an hour."""
    return Gpu("mine", "Mine", nano(hourly), images, "", "a test", TODAY)


def view(api: str, serverless: tuple[str, str] | None = None) -> View:
    """An API's price, and serverless' least and most."""
    other = Price("by the second", nano(serverless[0]), nano(serverless[1]), "a test") if serverless else None
    return View("yours", Price("api", nano(api), nano(api), "a test"), other)


def test_a_month_is_720_hours() -> None:
    """Paid for and worked in."""
    assert (monthly(gpu("3.80", 600)), capacity(gpu("3.80", 600))) == (nano(2736), 432_000)


@pytest.mark.parametrize(
    ("price", "even"),
    [
        ("0.04", Even(18_000, True)),
        ("0.01", Even(72_000, True)),  # to the last picture that it can make
        ("0.009999999", Even(72_001, False)),
        ("0.007", Even(102_858, False)),  # rounded up
        ("1000", Even(1, True)),
        ("0", Even(None, False)),
    ],
)
def test_the_volume_at_which_a_gpu_costs_no_more(price: str, even: Even) -> None:
    """$720 a month for at most 72,000 pictures."""
    assert break_even(gpu(), nano(price)) == even


def test_a_gpu_that_costs_nothing_breaks_even_with_the_first_picture() -> None:
    """No volume is below one picture."""
    assert break_even(gpu("0"), nano("0.01")) == Even(1, True)


@pytest.mark.parametrize(("volume", "gpus"), [(1, 1), (72_000, 1), (72_001, 2), (144_000, 2), (144_001, 3)])
def test_what_one_gpu_cannot_make_takes_more_of_them(volume: int, gpus: int) -> None:
    """Each is paid for by the month."""
    found = month(gpu(), view("0.04"), volume)
    assert (found.gpus, found.own) == (gpus, gpus * nano(720))
    assert found.busy == volume / (gpus * 72_000)


@pytest.mark.parametrize(
    ("volume", "serverless", "cheapest"),
    [
        (100, None, "API"),
        (18_000, None, "API"),  # the same bill: whoever owns no GPU need not buy one
        (18_001, None, "own GPU"),
        (18_001, ("0.001", "0.002"), "serverless"),
        (18_001, ("0.001", "0.05"), "own GPU"),  # the most counts
    ],
)
def test_the_cheapest_way_is_named(volume: int, serverless: tuple[str, str] | None, cheapest: str) -> None:
    """Of an API at $0.04, serverless and a GPU of $720 a month."""
    assert month(gpu(), view("0.04", serverless), volume).cheapest == cheapest


def test_serverless_bills_are_a_range() -> None:
    """From its least to its most."""
    assert month(gpu(), view("0.04", ("0.003", "0.008")), 50_000).serverless == (nano(150), nano(400))
    assert month(gpu(), view("0.04"), 50_000).serverless is None


def test_the_guides_prices_stand_beside_todays() -> None:
    """Without a model both name their own usual one; each says where its figures are from."""
    then, now = views(CATALOG, GUIDE, None, TODAY)
    assert (then.when, then.api.name, then.api.most, then.api.guessed) == ("guide", "dall-e-3", nano("0.04"), False)
    assert then.serverless is not None
    assert (then.serverless.least, then.serverless.most) == (nano("0.003"), nano("0.008"))
    assert (now.when, now.api.name, now.api.guessed) == ("today", "gpt-image-2.5-flare@medium", True)
    assert now.api.about == "on openai, 1024x1024, read 2026-11-22"
    assert now.serverless is not None
    assert (now.serverless.name, now.serverless.most, now.serverless.guessed) == ("sdxl", nano("0.00585"), True)


@pytest.mark.parametrize(
    ("against", "prices"),
    [
        ("gpt-image-1", [("guide", "0.02"), ("today", "0.042")]),
        ("gpt-image-1@high", [("guide", "0.04"), ("today", "0.167")]),
        ("flux-schnell", [("guide", "0.003"), ("today", "0.003")]),
        ("together/flux-schnell", [("guide", "0.003"), ("today", "0.0027")]),
        ("flux-1.1-pro", [("today", "0.04")]),  # the guide has no price of it
        ("sdxl", [("today", "0.00585")]),  # the guide's is that of a GPU, not of an API
    ],
)
def test_a_model_to_compare_with_is_priced_then_and_now(against: str, prices: list[tuple[str, str]]) -> None:
    """What only one of them knows is left out of the other."""
    assert [(each.when, each.api.most) for each in views(CATALOG, GUIDE, against, TODAY)] == [
        (when, nano(price)) for when, price in prices
    ]


def test_a_model_that_is_gone_is_said_to_be() -> None:
    """Its last price, and what to use instead."""
    now = views(CATALOG, GUIDE, "dall-e-3", TODAY)[-1]
    assert now.api.about.endswith("; dall-e-3 was shut down, use gpt-image-2.5-flare")


@pytest.mark.parametrize(
    ("against", "said"),
    [
        ("dalle-3", "no model is called 'dalle-3'; did you mean dall-e-3?"),
        ("dall-e-3@hd", "dall-e-3 has no quality 'hd'; one of standard"),
        ("flux-schnell@low", "flux-schnell has no quality 'low'; write flux-schnell alone"),
        ("local/sdxl", "sdxl on a GPU of your own is no API; name a model that somebody else serves"),
        ("replicate/flux-kontext-pro", "nobody knows the price of replicate/flux-kontext-pro; give it: --api-price"),
    ],
)
def test_what_cannot_be_compared_with_is_an_error(against: str, said: str) -> None:
    """One line with what to do."""
    with pytest.raises(UsageError) as caught:
        views(CATALOG, GUIDE, against, TODAY)
    assert str(caught.value).startswith(said)


def test_figures_of_ones_own_replace_the_catalogues() -> None:
    """Price, pictures an hour or both; a GPU without a name needs both."""
    mine = own_gpu(None, nano(2), 900, TODAY)
    assert mine is not None
    assert (mine.name, mine.hourly, mine.images_per_hour) == ("own", nano(2), 900)
    noted = replace(gpu(), note="electricity only")
    dearer, faster = own_gpu(noted, nano(2), None, TODAY), own_gpu(noted, None, 900, TODAY)
    assert dearer is not None
    assert faster is not None
    assert (dearer.hourly, dearer.images_per_hour, dearer.note) == (nano(2), 100, "")
    assert (faster.hourly, faster.images_per_hour, faster.note) == (nano(1), 900, "electricity only")
    assert own_gpu(noted, None, None, TODAY) is noted
    assert own_gpu(None, None, None, TODAY) is None


@pytest.mark.parametrize(("hourly", "images", "said"), [(1, None, "--images-per-hour N"), (None, 9, "--gpu-price USD")])
def test_half_a_gpu_is_an_error(hourly: int | None, images: int | None, said: str) -> None:
    """It says what is missing."""
    with pytest.raises(UsageError, match=said):
        own_gpu(None, hourly, images, TODAY)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([], [5, 50]),
        (["20000"], [5, 50, 20_000]),
        (["20k", "1M"], [5, 50, 20_000, 1_000_000]),
        (["50", "7"], [5, 7, 50]),
        (["60000,1_000"], [5, 50, 1_000, 60_000]),
        ([" 12 , 30"], [5, 12, 30, 50]),
    ],
)
def test_volumes_are_the_usual_ones_and_the_users(said: list[str], found: list[int]) -> None:
    """In order, each once."""
    assert volumes(said, (50, 5)) == found


@pytest.mark.parametrize(
    "said", ["", "0", "-5", "x", "1.5", "10,", "k", "1e6", "9" * 20, "٣", "10,000", "1,000,000", "100,200"]
)
def test_what_is_no_volume_is_an_error(said: str) -> None:
    """Nothing is guessed, a thousands separator least of all."""
    with pytest.raises(UsageError, match="--volume"):
        volumes([said], ())
