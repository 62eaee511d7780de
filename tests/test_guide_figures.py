"""The guide's figures that an estimate answers, on the preset that keeps the guide's prices (design, section 11)."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from imagegen import catalog as catalogue
from imagegen.breakeven import Even, View, break_even, capacity, month, monthly, views
from imagegen.catalog.gpus import named
from imagegen.domain.money import nano, usd
from imagegen.estimate import Saving, Totals, after_hits
from imagegen.pace import duration
from imagegen.planner import plan
from imagegen.settings import Settings
from tests.cli.conftest import Imagegen, imagegen
from tests.planning import TODAY, added, guide_catalogue, placed, planned, preset

__all__ = ["imagegen"]  # the fixture of the command line's tests

ALL = 10_000


@pytest.fixture(scope="module")
def shop() -> Totals:
    """The guide's 10,000 pictures: 70 % thumbnails, 25 % product shots, 5 % heroes."""
    return added(guide_catalogue(ALL))


def everything(**fields: Any) -> Totals:
    """10,000 pictures of one kind."""
    return added([fields] * ALL)


def test_routing_costs_161_dollars_against_800(shop: Totals) -> None:
    """$21 of thumbnails, $100 of product shots and $40 of heroes; all on DALL-E 3 HD would be $800."""
    assert [usd(line.cost) for line in shop.by("use_case")] == [100, 40, 21]
    assert shop.all.cost == nano(161)
    assert shop.premium == nano(800)
    assert preset().premium[0].title == "DALL-E 3 HD"


def test_routing_saves_80_per_cent(shop: Totals) -> None:
    """79.875 % exactly, told as 80 %."""
    assert shop.saving == Saving(nano(639), Decimal("79.875"))
    assert shop.saving.whole_percent == 80


def test_the_prices_are_exact_though_every_model_is_retired(shop: Totals) -> None:
    """No key, no live model, and nothing is guessed, refused or unknown."""
    assert (shop.all.guessed, shop.all.unpriced, shop.refused) == (0, 0, 0)


def test_routing_against_dalle_3_standard_saves_60_per_cent(shop: Totals) -> None:
    """All on DALL-E 3 standard is $400, of which routing saves 59.75 %."""
    standard = everything(model="dall-e-3").all.cost
    assert standard == nano(400)
    assert Decimal(100) * (standard - shop.all.cost) / standard == Decimal("59.75")


@pytest.mark.parametrize(("model", "cost"), [("sdxl", 20), ("dall-e-3-hd", 800)])
def test_10_000_images_cost_20_to_800_dollars(model: str, cost: int) -> None:
    """The cheapest and the dearest model of the guide's table."""
    assert everything(model=model).all.cost == nano(cost)


def test_1200_dollars_are_the_guides_dearest_picture_10_000_times() -> None:
    """Its upper bound is $0.12 a picture, which no model of its table costs."""
    catalog = preset().catalog.repriced({"dall-e-3-hd": "0.12"})
    dearest = added([{"model": "dall-e-3-hd"}] * ALL, replace(preset(), catalog=catalog))
    assert dearest.all.cost == nano(1200)


#: A draft and what becomes of it, written out as rows.
DRAFTS: dict[str, Any] = {"model": "flux-schnell", "n": 4}
REFINED: dict[str, Any] = {"model": "dall-e-3-hd", "size": "1024x1792"}


def test_four_drafts_and_one_hd_picture_save_71_per_cent_against_four() -> None:
    """$0.092 against $0.32, 71.25 %; it is 15 % dearer than one HD picture, which the guide does not say."""
    drafted, four, one = (added(rows).all.cost for rows in ([DRAFTS, REFINED], [REFINED | {"n": 4}], [REFINED]))
    assert (drafted, four, one) == (nano("0.092"), nano("0.32"), nano("0.08"))
    assert Decimal(100) * (four - drafted) / four == Decimal("71.25")
    assert Decimal(100) * (drafted - one) / one == 15


def test_a_row_with_drafts_costs_what_the_guide_says() -> None:
    """Asked for by its strategy, not written out: four drafts on FLUX schnell and DALL-E 3 HD, $0.092; and what the
    guide leaves unsaid, that DALL-E 3 never sees the draft."""
    pictures = planned([{"use_case": "hero_image", "strategy": "draft_refine"}])
    assert [(each.draft.blueprint.model, each.cost) for each in pictures] == [
        ("dall-e-3-hd", nano("0.08")),
        *[("flux-schnell", nano("0.003"))] * 4,
    ]
    assert any("takes no input picture" in note for note in pictures[0].notes)


def test_the_service_that_drafts_its_heroes_costs_167_dollars() -> None:
    """The guide's month where each of its 500 heroes is asked for with drafts."""
    month = [
        row | ({"strategy": "draft_refine"} if row["use_case"] == "hero_image" else {}) for row in guide_catalogue(ALL)
    ]
    assert added(month).all.cost == nano(167)


def test_the_service_with_drafts_for_its_heroes_costs_167_dollars() -> None:
    """The guide's month with four drafts before each of its 500 heroes: $0.092 each, where it books $0.080."""
    drafts = [DRAFTS | {"prompt": f"draft {n}"} for n in range(500)]
    assert added([*guide_catalogue(ALL), *drafts]).all.cost == nano(167)


def test_today_four_drafts_and_one_picture_save_66_per_cent_against_four() -> None:
    """The same hero on live models: $0.0932 against $0.2727, and 37 % dearer than one. Here the draft is the input."""
    hero = {"use_case": "hero_image", "prompt": "A market at dawn, mist over the stalls"}
    today = preset("current")
    drafted, four, one = (added([hero | more], today).all.cost for more in ({"strategy": "draft_refine"}, {"n": 4}, {}))
    assert [Decimal(usd(cost)).quantize(Decimal("0.0001")) for cost in (drafted, four, one)] == [
        Decimal("0.0932"), Decimal("0.2727"), Decimal("0.0682")
    ]  # fmt: skip
    assert round(100 * (four - drafted) / four) == 66
    assert round(100 * (drafted - one) / one) == 37


@pytest.mark.parametrize(
    ("quality", "square", "wide"), [("low", "0.011", "0.016"), ("medium", "0.020", "0.030"), ("high", "0.040", "0.060")]
)
def test_gpt_image_1_by_quality_and_size(quality: str, square: str, wide: str) -> None:
    """Three qualities, the square and both of the wide sizes."""
    for size, price in (("1024x1024", square), ("1536x1024", wide), ("1024x1536", wide)):
        totals = added([{"model": "gpt-image-1", "quality": quality, "size": size}])
        assert totals.all.cost == nano(price), size


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("dall-e-3", "0.04"),
        ("dall-e-3-hd", "0.08"),
        ("gpt-image-1", "0.02"),
        ("imagen-3", "0.04"),
        ("sd-3.5-large", "0.065"),
        ("sdxl", "0.002"),
        ("flux-pro", "0.05"),
        ("flux-schnell", "0.003"),
        ("midjourney", "0.0333"),
    ],
)
def test_every_model_of_the_table_has_its_price(model: str, price: str) -> None:
    """A picture on each of the guide's nine models, though some are shut down and one has no API."""
    assert added([{"model": model}]).all.cost == nano(price)


def test_midjourney_plans_are_data_of_the_catalogue() -> None:
    """Four plans with their price a month and, rounded as the guide does, a picture."""
    plans = {each.name: (usd(each.monthly), each.images, usd(each.per_image)) for each in preset().catalog.plans}
    assert plans == {
        "basic": (10, 200, Decimal("0.05")),
        "standard": (30, 900, Decimal("0.0333")),
        "pro": (60, 1800, Decimal("0.0333")),
        "mega": (120, 3600, Decimal("0.0333")),
    }


@pytest.mark.parametrize(
    ("gpu", "hourly", "images", "rounded"),
    [
        ("a100", "3.80", 600, "0.006"),
        ("a10g", "1.20", 200, "0.006"),
        ("l4", "0.80", 180, "0.004"),
        ("rtx-4090", "0.15", 400, "0.0004"),
        ("t4", "0.50", 80, "0.006"),
    ],
)
def test_gpus_cost_what_the_hour_costs_over_its_images(gpu: str, hourly: str, images: int, rounded: str) -> None:
    """Dollars an hour over images an hour, to the guide's one digit."""
    found = next(each for each in preset().catalog.gpus if each.name == gpu)
    assert (found.hourly, found.images_per_hour) == (nano(hourly), images)
    assert usd(found.per_image).quantize(Decimal(rounded)) == Decimal(rounded)


@pytest.fixture(scope="module")
def guides() -> View:
    """What the guide compares a GPU with: DALL-E 3 at $0.04."""
    found = views(catalogue.load(), preset().catalog, None, TODAY)[0]
    assert (found.when, found.api.name) == ("guide", "dall-e-3")
    return found


@pytest.mark.parametrize(
    ("gpu", "volume", "usd_a_month"),
    [("a100", 68_400, 2736), ("a10g", 21_600, 864), ("l4", 14_400, 576), ("t4", 9_000, 360), ("rtx-4090", 2_700, 108)],
)
def test_break_even_against_4_cents(guides: View, gpu: str, volume: int, usd_a_month: int) -> None:
    """Every GPU of the guide's table in a month of 720 hours; the 4090 by its electricity."""
    found = named(preset().catalog.gpus, gpu)
    assert monthly(found) == nano(usd_a_month)
    assert break_even(found, guides.api.most) == Even(volume, True)


def test_200_000_pictures_cost_8000_dollars_or_2736(guides: View) -> None:
    """At the API, or on one A100."""
    found = month(named(preset().catalog.gpus, "a100"), guides, 200_000)
    assert (found.api, found.own, found.gpus) == (nano(8000), nano(2736), 1)


def test_against_the_cheapest_api_an_a100_never_breaks_even() -> None:
    """912,000 pictures of $0.003 would pay for it, and it makes 432,000 a month."""
    schnell = views(catalogue.load(), preset().catalog, "flux-schnell", TODAY)[0]
    a100 = named(preset().catalog.gpus, "a100")
    assert schnell.api.most == nano("0.003")
    assert break_even(a100, schnell.api.most) == Even(912_000, False)
    assert capacity(a100) == 432_000


def test_the_program_prints_the_guides_break_even(imagegen: Imagegen) -> None:
    """The real command: 68,400 and the other GPUs against $0.04, the two bills for 200,000, and "never"."""
    done = imagegen("break-even", "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    guide = {each["gpu"]: each["break_even"] for each in events if each["event"] == "gpu" and each["prices"] == "guide"}
    assert {"a100": 68_400, "a10g": 21_600, "l4": 14_400, "t4": 9_000, "rtx-4090": 2_700}.items() <= guide.items()
    months = {each["pictures"]: each for each in events if each["event"] == "month" and each["prices"] == "guide"}
    assert list(months) == [5_000, 50_000, 68_400, 200_000]
    assert (months[200_000]["api_usd"], months[200_000]["own_usd"]) == ("8000", "2736")
    assert months[68_400]["api_usd"] == months[68_400]["own_usd"] == "2736"
    never = imagegen("break-even", "--gpu", "a100", "--against", "flux-schnell", COLUMNS="100").stdout
    assert " 432,000  never (912,000) " in never


@pytest.mark.parametrize(("percent", "cost"), [(15, "136.85"), (40, "96.60")])
def test_cache_hits_of_15_and_40_per_cent(shop: Totals, percent: int, cost: str) -> None:
    """The guide's typical hit rates on its $161."""
    assert after_hits(shop.all.cost, Decimal(percent)) == nano(cost)


def test_10_dollars_an_hour_buy_250_pictures_an_hour() -> None:
    """The guide's hour budget at $0.04 a picture."""
    totals = added([{"model": "dall-e-3"}] * 2500)
    found = duration(totals, preset().catalog, Settings(Path("home")), {"hour": nano(10)})
    assert found.said.endswith("the $10 an hour budget binds: 250 pictures an hour")
    assert found.seconds == 10 * 3600


def test_100_dollars_a_day_make_161_dollars_last_two_days(shop: Totals) -> None:
    """The guide's day budget on its own catalogue."""
    found = duration(shop, preset().catalog, Settings(Path("home")), {"day": nano(100)})
    assert found.said == "two days: the $100 a day budget binds"


def test_the_program_prints_the_guides_figures(imagegen: Imagegen, tmp_path: Path, home: Path) -> None:
    """The real command, on a table of 10,000 rows, without a key: $161.00 against $800.00, 80 %; nothing is created."""
    with (tmp_path / "shop.csv").open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(["id", "prompt", "use_case"])
        for row, _, _ in placed(guide_catalogue(ALL)):
            table.writerow([row.id, row.prompt, row.use_case])
    done = imagegen("cost-estimate", "shop.csv", "--routes", "guide", "--expect-hits", "15..40%", COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("$161.00 for 10,000 pictures")
    assert "All on DALL-E 3 HD: $800.00; saved $639.00, 80 %." in done.stdout
    assert "With 15 % cache hits: $136.85." in done.stdout
    assert "With 40 % cache hits: $96.60." in done.stdout
    assert "no key is set: every provider is assumed" in done.stderr
    assert "retired models are priced as they were: dall-e-3 (shut down 2026-05-12" in done.stderr
    assert not home.exists()


def test_every_use_case_of_the_guide_is_planned() -> None:
    """All use cases of both of its tables have a model and a price on the preset."""
    context = preset()
    rows = placed([{"use_case": name} for name in context.routes.use_cases])
    assert len(rows) == 16
    assert all(item.state == "buy" and item.cost for item in plan(rows, context))
