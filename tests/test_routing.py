"""Routing: which model makes a row, why, and what is said when none can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from imagegen import catalog as catalogue
from imagegen.catalog import Catalog
from imagegen.domain.model import Model, Offer, Price, Size, SizeRule
from imagegen.domain.money import nano, usd
from imagegen.domain.row import Row
from imagegen.errors import SettingsError, UsageError
from imagegen.routing import Choice, Entry, Loser, NoChoice, Routes, Target, choose, load_routes

TODAY = date(2026, 11, 22)
REAL = catalogue.load()
GUIDE = load_routes("guide")
CURRENT = load_routes("current")
PRICED = REAL.repriced(GUIDE.prices)

USE_CASES = {
    "thumbnail", "preview", "placeholder", "product_shot", "blog_image", "social_media", "hero_image", "print",
    "marketing", "og_image", "blog_header", "product_card", "hero_banner", "print_poster", "bulk", "brand",
}  # fmt: skip

SQUARES = SizeRule(Size(1024, 1024), (Size(1024, 1024), Size(1536, 1024)))
ANY_SIZE = SizeRule(Size(1024, 1024), step=16, min_edge=256, max_edge=2048)


def row(**values: Any) -> Row:
    return Row(id="a", prompt="b", **values)


def offer(provider: str, usd_each: str | None, *, can: str = "", **values: Any) -> Offer:
    price = None
    if usd_each is not None:
        price = Price("image", "a test", TODAY, per_image={"*": nano(usd_each)})
    values = {"api_name": "x", "sizes": SQUARES} | values
    return Offer(provider=provider, price=price, can=frozenset(can.split()), **values)


def model(name: str, *offers: Offer, **values: Any) -> Model:
    return Model(name, name.title(), "A maker", offers, "all", 5.0, **values)


CHEAP = model("cheap", offer("near", "0.01"), offer("far", "0.008"))
ABLE = model(
    "able",
    offer(
        "far",
        "0.05",
        can="text edit mask alpha seed negative lora steps guidance scheduler refiner control",
        sizes=ANY_SIZE,
        max_inputs=2,
        lanes=("live", "batch"),
        qualities=("low", "high"),
        default_quality="low",
    ),
)
OLD = model("old", offer("near", "0.02"), status="retired", shutdown_on=date(2026, 5, 12), replaced_by="able")
MINE = model("mine", offer("local", "0.001", lanes=("live",)))
RIDDLE = model("riddle", offer("far", None))
SMALL = Catalog({each.name: each for each in (CHEAP, ABLE, OLD, MINE, RIDDLE)}, "able", None)


def target(*names: str, **values: Any) -> Target:
    return Target(values.pop("tier", "standard"), tuple(Entry(name) for name in names), **values)


ROUTES = Routes(
    "test",
    default=target("cheap", "able"),
    text=target("cheap", "able"),
    edit=target("able"),
    lora=target("able"),
    subjects={"photo": target("able", "cheap")},
    use_cases={
        "thumbnail": target("cheap", tier="budget", size=(512, 512)),
        "hero_image": target("able", tier="premium", size=(2048, 1024), quality="high", strategy="draft_refine"),
        "wide": target("cheap", "able", size=(1792, 1024)),
        "lost": target("nowhere"),
    },
)


def pick(one: Row, routes: Routes = ROUTES, catalog: Catalog = SMALL, **terms: Any) -> Choice:
    choice = choose(one, routes, catalog, TODAY, **terms)
    assert isinstance(choice, Choice), choice
    return choice


def refusal(one: Row, routes: Routes = ROUTES, catalog: Catalog = SMALL, **terms: Any) -> NoChoice:
    choice = choose(one, routes, catalog, TODAY, **terms)
    assert isinstance(choice, NoChoice), choice
    return choice


def where(choice: Choice) -> str:
    return f"{choice.offer.provider}/{choice.model.name}"


# --- the guide's preset ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use_case", "name", "tier", "dollars", "wanted"),
    [
        (None, "dall-e-3", "standard", "0.04", (1024, 1024)),
        ("thumbnail", "flux-schnell", "budget", "0.003", (512, 512)),
        ("preview", "flux-schnell", "budget", "0.003", (1024, 1024)),
        ("placeholder", "flux-schnell", "budget", "0.003", (512, 512)),
        ("product_shot", "dall-e-3", "standard", "0.04", (1024, 1024)),
        ("blog_image", "dall-e-3", "standard", "0.04", (1024, 576)),
        ("social_media", "flux-pro", "standard", "0.05", (1024, 1024)),
        ("hero_image", "dall-e-3-hd", "premium", "0.08", (1792, 1024)),
        ("print", "dall-e-3-hd", "premium", "0.08", (1024, 1792)),
        ("marketing", "dall-e-3-hd", "premium", "0.08", (1792, 1024)),
        ("og_image", "dall-e-3", "standard", "0.04", (1200, 630)),
        ("blog_header", "dall-e-3", "standard", "0.04", (1024, 576)),
        ("product_card", "dall-e-3", "standard", "0.04", (1024, 1024)),
        ("hero_banner", "dall-e-3-hd", "premium", "0.08", (1792, 1024)),
        ("print_poster", "dall-e-3-hd", "premium", "0.08", (1024, 1792)),
        ("bulk", "sdxl", "budget", "0.002", (1024, 1024)),
        ("brand", "sdxl", "standard", "0.002", (1024, 1024)),
    ],
)
def test_the_guide_routes_each_use_case_as_it_says(
    use_case: str | None, name: str, tier: str, dollars: str, wanted: tuple[int, int]
) -> None:
    """Every row of the guide's two tables goes to its model, in its tier, at its price and size."""
    choice = pick(row(use_case=use_case), GUIDE, PRICED, assume_alive=True)
    assert (choice.model.name, choice.tier) == (name, tier)
    assert choice.unit.expected == nano(dollars)
    assert (choice.size_plan.width, choice.size_plan.height) == wanted


@pytest.mark.parametrize(
    ("fields", "name", "quality", "dollars"),
    [
        ({"needs_text": True}, "gpt-image-1", "medium", "0.020"),
        ({"text": "SALE", "use_case": "hero_image"}, "gpt-image-1", "medium", "0.030"),
        ({"needs_text": True, "use_case": "hero_image", "quality": "high"}, "gpt-image-1", "high", "0.060"),
        ({"image": "x.png"}, "gpt-image-1", "medium", "0.020"),
        ({"model": "gpt-image-1", "quality": "low"}, "gpt-image-1", "low", "0.011"),
        ({"model": "gpt-image-1", "quality": "low", "size": "1024x1536"}, "gpt-image-1", "low", "0.016"),
        ({"model": "gpt-image-1", "quality": "high"}, "gpt-image-1", "high", "0.040"),
        ({"subject": "food"}, "imagen-3", None, "0.04"),
        ({"subject": "art"}, "midjourney", None, "0.0333"),
        ({"subject": "text"}, "gpt-image-1", "medium", "0.020"),
        ({"model": "sd-3.5-large"}, "sd-3.5-large", None, "0.065"),
        ({"lora": {"path": "brand.safetensors"}}, "sdxl", None, "0.002"),
    ],
)
def test_the_guide_routes_what_a_row_needs(
    fields: dict[str, Any], name: str, quality: str | None, dollars: str
) -> None:
    """Text, edits, subjects and styles go where the guide sends them, at the guide's figures."""
    choice = pick(row(**fields), GUIDE, PRICED, assume_alive=True)
    assert (choice.model.name, choice.quality) == (name, quality)
    assert choice.unit.expected == nano(dollars)


def test_the_guides_catalogue_costs_what_it_says() -> None:
    """10,000 pictures, 70 % thumbnails, 25 % product shots, 5 % heroes: $161, against $800 and $400."""
    counts = {"thumbnail": 7000, "product_shot": 2500, "hero_image": 500}
    each = {
        use_case: pick(row(use_case=use_case), GUIDE, PRICED, assume_alive=True).unit.expected for use_case in counts
    }
    assert sum(usd(amount or 0) * counts[use_case] for use_case, amount in each.items()) == 161
    premium = pick(row(model=GUIDE.premium, size="1792x1024"), GUIDE, PRICED, assume_alive=True)
    assert premium.unit.expected == nano("0.08")


def test_the_guides_rankings_fall_back_in_order() -> None:
    """Photographs: Imagen 3, then FLUX Pro, then DALL-E 3; art: Midjourney, then the same two."""
    photo = pick(row(subject="photo"), GUIDE, PRICED, assume_alive=True, enabled=frozenset({"bfl", "openai"}))
    assert photo.model.name == "flux-pro"
    art = pick(row(subject="art"), GUIDE, PRICED, assume_alive=True, enabled=frozenset({"openai"}))
    assert art.model.name == "dall-e-3"


def test_today_the_guides_product_shot_is_refused_precisely() -> None:
    """Without assuming anything, a retired model is refused with its date, its successor and the ways out."""
    reason = refusal(row(use_case="product_shot"), GUIDE, PRICED).reason
    assert reason == (
        "dall-e-3 was shut down on 2026-05-12; use gpt-image-2.5-flare instead or `routes: current`, "
        "or --allow-retired with a server that still runs it"
    )


# --- the current preset ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", [GUIDE, CURRENT], ids=lambda preset: preset.name)
def test_both_presets_know_every_use_case(preset: Routes) -> None:
    """A manifest may change its preset without any of its use cases getting lost, and keeps sizes and tiers."""
    assert set(preset.use_cases) == USE_CASES
    assert {name: one.size for name, one in preset.use_cases.items()} == {
        name: one.size for name, one in GUIDE.use_cases.items()
    }
    assert {name: one.tier for name, one in preset.use_cases.items()} == {
        name: one.tier for name, one in GUIDE.use_cases.items()
    }
    assert set(preset.subjects) == {"photo", "people", "food", "product", "interior", "art", "text"}


@pytest.mark.parametrize("use_case", sorted(USE_CASES))
def test_current_makes_every_use_case_with_a_live_model(use_case: str) -> None:
    """With every provider enabled each use case has a model that is alive and not about to end."""
    choice = pick(row(use_case=use_case), CURRENT, REAL)
    assert choice.model.status == "active"
    assert choice.unit.expected


@pytest.mark.parametrize("use_case", sorted(USE_CASES))
def test_current_needs_only_an_openai_key(use_case: str) -> None:
    """One OpenAI key is enough for all but what needs open weights, and that says which provider to enable."""
    choice = choose(row(use_case=use_case), CURRENT, REAL, TODAY, enabled=frozenset({"openai"}))
    if use_case in ("bulk", "brand"):
        assert isinstance(choice, NoChoice)
        assert "enable local or replicate or" in choice.reason
    else:
        assert isinstance(choice, Choice)
        assert choice.offer.provider == "openai"


@pytest.mark.parametrize("provider", ["openai", "google", "replicate", "fal", "bfl", "stability", "local"])
def test_any_one_key_makes_a_product_shot_and_a_thumbnail(provider: str) -> None:
    """Whichever single provider a person has, the plain use cases work."""
    for use_case in ("product_shot", "thumbnail"):
        assert pick(row(use_case=use_case), CURRENT, REAL, enabled=frozenset({provider})).offer.provider == provider


@pytest.mark.parametrize(
    ("fields", "name", "quality"),
    [
        ({}, "gpt-image-2.5-flare", "medium"),
        ({"needs_text": True}, "gpt-image-2.5-sunburst", "high"),
        ({"image": "x.png"}, "gpt-image-2.5-sunburst", "medium"),
        ({"lora": {"path": "x"}}, "sdxl", None),
        ({"subject": "art"}, "flux-2-pro", None),
        ({"use_case": "thumbnail"}, "flux-schnell", None),
        ({"use_case": "hero_image"}, "gpt-image-2.5-sunburst", "xhigh"),
        ({"use_case": "product_shot", "seed": 7}, "flux-2-pro", None),
        ({"use_case": "product_shot", "negative_prompt": "text"}, "sd-3.5-large", None),
        ({"background": "transparent"}, "gpt-image-2.5-flare", "medium"),
    ],
)
def test_current_routes(fields: dict[str, Any], name: str, quality: str | None) -> None:
    """The default preset sends the common kinds of rows to these models."""
    choice = pick(row(**fields), CURRENT, REAL)
    assert (choice.model.name, choice.quality) == (name, quality)


def current_targets() -> Mapping[str, Target]:
    lists = {name: getattr(CURRENT, name) for name in ("default", "text", "edit")}
    subjects = {f"subject {name}": one for name, one in CURRENT.subjects.items()}
    made_for_own_gpus = {"bulk", "brand"}
    cases = {name: one for name, one in CURRENT.use_cases.items() if name not in made_for_own_gpus}
    return lists | subjects | cases


@pytest.mark.parametrize("name", sorted(current_targets()))
def test_current_lists_are_in_order_of_price(name: str) -> None:
    """Each list of the current preset begins with the cheapest; a model for one's own GPU stands last."""
    one = current_targets()[name]
    fields = {"size": f"{one.size[0]}x{one.size[1]}"} if one.size else {}
    fields |= {"image": "x.png"} if name == "edit" else {}
    amounts = []
    for entry in one.models:
        one_row = row(model=entry.model, quality=entry.quality, **fields)
        choice = pick(one_row, CURRENT, REAL, input_count=int("image" in fields))
        own_gpu = choice.offer.provider == "local"
        amounts.append((own_gpu, choice.unit.expected or 0))
    assert amounts == sorted(amounts)


@pytest.mark.parametrize("preset", [GUIDE, CURRENT], ids=lambda preset: preset.name)
def test_presets_name_only_models_of_the_catalogue(preset: Routes) -> None:
    """Every entry of a preset is a model that exists, at a quality one of its providers has."""
    lists = [preset.default, preset.text, preset.edit, preset.lora, *preset.subjects.values()]
    entries = {entry for one in (*lists, *preset.use_cases.values()) for entry in one.models}
    for entry in entries:
        found, _ = REAL.find(entry.model)
        assert entry.quality is None or any(entry.quality in each.qualities for each in found.offers)


# --- precedence -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "place", "what"),
    [
        ({}, "near/cheap", "rows without a use case"),
        ({"model": "able"}, "far/able", "the row names able"),
        ({"model": "far/cheap"}, "far/cheap", "the row names far/cheap"),
        ({"model": "cheap", "provider": "far"}, "far/cheap", "the row names cheap"),
        ({"model": "cheap", "needs_text": True, "use_case": "hero_image"}, "near/cheap", "the row names cheap"),
        ({"needs_text": True}, "far/able", "readable text"),
        ({"text": "SALE", "image": "x.png"}, "far/able", "readable text"),
        ({"image": "x.png", "lora": {"path": "y"}}, "far/able", "editing a picture"),
        ({"lora": {"path": "y"}, "subject": "photo"}, "far/able", "LoRAs"),
        ({"subject": "photo", "use_case": "thumbnail"}, "far/able", "the subject photo"),
        ({"use_case": "thumbnail"}, "near/cheap", "thumbnail"),
        ({"use_case": "thumbnail", "tier": "budget"}, "near/cheap", "thumbnail"),
        ({"use_case": "wide", "tier": "premium"}, "far/able", "the premium tier"),
        ({"tier": "premium"}, "far/able", "the premium tier"),
        ({"tier": "budget"}, "near/cheap", "the budget tier"),
        ({"tier": "standard"}, "near/cheap", "the standard tier"),
        ({"provider": "far"}, "far/cheap", "rows without a use case"),
    ],
)
def test_what_decides_first(fields: dict[str, Any], place: str, what: str) -> None:
    """The model, text, an input picture, a LoRA, a subject, the tier, the use case, the default: in this order."""
    choice = pick(row(**fields))
    assert where(choice) == place
    assert what in choice.why


def test_a_tier_belongs_to_the_route() -> None:
    """The tier told is that of the list a row went to, never one guessed from a price."""
    assert pick(row(use_case="hero_image")).tier == "premium"
    assert pick(row(use_case="hero_image", needs_text=True)).tier == "standard"
    assert pick(row(model="cheap", use_case="hero_image")).tier == "premium"
    assert pick(row(model="cheap", tier="budget")).tier == "budget"


def test_a_tier_that_decides_nothing_is_said() -> None:
    """A tier beside text changes no model, and the note says so."""
    assert "tier budget does not choose among the models for readable text" in pick(row(text="x", tier="budget")).notes


def test_a_tiers_list_brings_no_size() -> None:
    """A premium row is made by the hero's models, not in the hero's size."""
    assert pick(row(tier="premium")).size_plan.width is None
    assert pick(row(tier="premium", use_case="wide")).size_plan.width == 1792


def test_a_use_case_brings_its_strategy_unless_the_row_has_one() -> None:
    """Draft and refine may be a use case's habit; a row that says plain gets plain."""
    assert pick(row(use_case="hero_image")).strategy == "draft_refine"
    assert pick(row(use_case="hero_image", strategy="plain")).strategy == "plain"
    assert pick(row(strategy="draft_refine")).strategy == "draft_refine"


def test_neither_id_nor_prompt_nor_tags_decide() -> None:
    """Rows that differ only in these get the very same choice."""
    one = Row(id="1", prompt="a hero_image with the text SALE", tags=("x",), use_case="wide")
    two = Row(id="2", prompt="a cat", use_case="wide")
    assert pick(one) == pick(two)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"use_case": "thumbnial"}, "unknown use case 'thumbnial'; did you mean thumbnail?"),
        ({"use_case": "thumbnial", "model": "able"}, "did you mean thumbnail?"),
        ({"model": "chaep"}, "no model is called 'chaep'; did you mean cheap?"),
        ({"model": "near/able"}, "able is not served by 'near'; it is served by far"),
        ({"provider": "nea"}, "no provider is called 'nea'; did you mean near?"),
    ],
)
def test_a_misspelling_is_an_error(fields: dict[str, Any], what: str) -> None:
    """A use case, model or provider that does not exist is an error with the nearest name."""
    with pytest.raises(UsageError) as error:
        choose(row(**fields), ROUTES, SMALL, TODAY)
    assert what in str(error.value)


def test_a_route_to_nowhere_names_the_route() -> None:
    """A routing table that names a model nobody knows is a settings error, not the row's."""
    with pytest.raises(SettingsError, match="routes test: lost: no model is called 'nowhere'"):
        choose(row(use_case="lost"), ROUTES, SMALL, TODAY)


# --- what a model must be able to do --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"background": "transparent"}, "cannot make a transparent background"),
        ({"mask": "m.png"}, "cannot use a mask"),
        ({"seed": 0}, "cannot take a seed"),
        ({"negative_prompt": "text"}, "cannot take a negative prompt"),
        ({"steps": 4}, "cannot take a number of steps"),
        ({"guidance": 0.0}, "cannot take a guidance scale"),
        ({"scheduler": "euler"}, "cannot choose a scheduler"),
        ({"refiner": True}, "cannot use a refiner"),
        ({"control": "canny"}, "cannot follow a control image"),
        ({"seed": 1, "steps": 4}, "cannot take a seed or take a number of steps"),
        ({"quality": "high"}, "has no quality high, it knows no quality levels"),
        ({"lane": "batch"}, "is not sold through the batch lane"),
        ({"size": "1600x900"}, "makes no size that gives 1600x900"),
    ],
)
def test_who_cannot_loses_with_the_reason(fields: dict[str, Any], reason: str) -> None:
    """The first of the list that can do what the row asks wins; named explicitly, the one that cannot is refused."""
    choice = pick(row(**fields))
    assert where(choice) == "far/able"
    assert [loser.provider for loser in choice.losers] == ["near", "far"]
    assert all(reason in loser.reason for loser in choice.losers)
    assert "as cheap on near" in choice.why
    assert f"cheap {reason}" in refusal(row(model="cheap", **fields)).reason


def test_fields_that_ask_for_nothing_need_nothing() -> None:
    """No refiner, an opaque background and an empty negative prompt are within every model."""
    assert pick(row(refiner=False, background="opaque", negative_prompt="")).model.name == "cheap"


def test_a_named_model_may_try_text() -> None:
    """Text is judged, not forbidden: the person who names a model gets it, with a note."""
    choice = pick(row(model="cheap", needs_text=True))
    assert "cheap is not known to write readable text" in choice.notes


def test_too_many_input_pictures_are_refused() -> None:
    """A model's number of input pictures is a limit, counted from the row or by the caller."""
    assert pick(row(image=("a", "b"))).model.name == "able"
    assert "takes at most 2 input pictures, the row has 3" in refusal(row(image=("a", "b", "c"))).reason
    assert "the row has 4" in refusal(row(image="a"), input_count=4).reason


def test_the_local_lane_is_the_local_provider() -> None:
    """A row for this machine's GPU goes to what runs on it."""
    routes = replace(ROUTES, default=target("cheap", "mine"))
    assert where(pick(row(lane="local"), routes)) == "local/mine"


@pytest.mark.parametrize(
    ("fields", "quality"),
    [
        ({"model": "able"}, "low"),
        ({"use_case": "hero_image"}, "high"),
        ({"use_case": "hero_image", "quality": "low"}, "low"),
        ({"use_case": "hero_image", "model": "able"}, "high"),
        ({"use_case": "hero_image", "subject": "photo"}, "high"),
        ({"use_case": "hero_image", "model": "cheap"}, None),
    ],
)
def test_quality_comes_from_the_row_then_the_route_then_the_model(fields: dict[str, Any], quality: str | None) -> None:
    """A use case's quality holds only for models that have it."""
    assert pick(row(**fields)).quality == quality


def test_an_entry_may_name_its_quality() -> None:
    """A place in a ranking with a quality is lost by models without it, and taken at that quality by others."""
    routes = replace(ROUTES, default=Target("standard", (Entry("cheap", "high"), Entry("able", "high"))))
    choice = pick(row(), routes)
    assert (choice.model.name, choice.quality) == ("able", "high")
    assert choice.losers[0].kind == "quality"


# --- sizes ----------------------------------------------------------------------------------------------------


def test_the_rows_size_beats_the_use_cases() -> None:
    """A row's size, its ratio, or `auto` stand before what its use case has as a habit."""
    assert pick(row(use_case="thumbnail")).size_plan.width == 512
    assert pick(row(use_case="thumbnail", size="1000x1000")).size_plan.width == 1000
    assert pick(row(use_case="thumbnail", size="auto")).size_plan.width is None
    assert str(pick(row(use_case="thumbnail", aspect_ratio="3:2")).size_plan.size) == "1536x1024"


def test_size_and_ratio_together_are_settled_aloud() -> None:
    """The size counts, and a note says that the ratio does not."""
    choice = pick(row(size="1024x1024", aspect_ratio="3:2"))
    assert choice.size_plan.width == 1024
    assert "size 1024x1024 counts, aspect_ratio 3:2 does not" in choice.notes


def test_a_list_falls_through_to_who_can_make_the_size() -> None:
    """A use case's size is binding in its own list."""
    assert pick(row(use_case="wide")).model.name == "able"


def test_a_use_cases_size_is_soft_for_a_model_from_elsewhere() -> None:
    """Where the row names another model, that comes as near to the habit as it can, and says so."""
    choice = pick(row(use_case="wide", model="cheap"))
    assert (str(choice.size_plan.size), choice.size_plan.width) == ("1536x1024", None)
    assert "wide is 1792x1024 as a rule, this model comes near with 1536x1024" in choice.notes


def test_a_named_models_impossible_size_is_refused_with_the_way_out() -> None:
    """The refusal names the closest size and the fit that would take it; that fit then does."""
    reason = refusal(row(model="cheap", size="1600x900")).reason
    assert "the closest is 1536x1024, which `fit: cover` would enlarge" in reason
    assert pick(row(model="cheap", size="1600x900", fit="cover")).size_plan.width == 1600


def test_an_edit_keeps_the_shape_of_its_input() -> None:
    """An edit without a size gets the model's size nearest to the input picture's ratio."""
    assert str(pick(row(image="x"), native=(900, 300), input_count=1).size_plan.size) == "1776x592"


# --- the day, the keys, the price -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "terms", [{"assume_alive": True}, {"allow_retired": True}, {"served_elsewhere": frozenset({"near"})}]
)
def test_a_retired_model_lives_where_it_is_said_to(terms: dict[str, Any]) -> None:
    """Estimates, --allow-retired and a server of one's own take a retired model, and each says that it is."""
    choice = pick(row(model="old"), **terms)
    assert where(choice) == "near/old"
    assert any(note.startswith("old was shut down on 2026-05-12, able replaces it") for note in choice.notes)


def test_a_retired_model_is_refused_with_date_and_successor() -> None:
    """Named explicitly, a dead model is refused in one precise sentence."""
    assert refusal(row(model="old")).reason == (
        "old was shut down on 2026-05-12; use able instead, or --allow-retired with a server that still runs it"
    )


def test_a_model_dies_on_its_day() -> None:
    """A shutdown date counts from the morning of that day; before it the end is announced."""
    ending = model("ending", offer("near", "0.01"), status="deprecated", shutdown_on=TODAY, replaced_by="able")
    small = replace(SMALL, models={**SMALL.models, "ending": ending})
    assert isinstance(choose(row(model="ending"), ROUTES, small, TODAY), NoChoice)
    before = choose(row(model="ending"), ROUTES, small, date(2026, 11, 21))
    assert isinstance(before, Choice)
    assert "ending is deprecated and ends on 2026-11-22, able replaces it" in before.notes


def test_one_dead_offer_does_not_bury_the_model() -> None:
    """A model that one provider switched off is still bought from another."""
    half = model("half", offer("near", "0.01", status="retired"), offer("far", "0.02"))
    small = replace(SMALL, models={**SMALL.models, "half": half})
    assert where(pick(row(model="half"), catalog=small)) == "far/half"


def test_a_missing_key_moves_the_row_on_and_says_so() -> None:
    """The next usable model makes the row; a note names the one that a key would have taken."""
    choice = pick(row(needs_text=False), enabled=frozenset({"far"}), missing={"near": "no NEAR_API_KEY"})
    assert where(choice) == "far/cheap"
    assert "cheap on near would come first, but it is not enabled (no NEAR_API_KEY)" in choice.notes


def test_a_model_that_could_not_anyway_is_not_said_to_lack_a_key() -> None:
    """A missing key is named only where it alone decided."""
    choice = pick(row(seed=1), enabled=frozenset({"far"}))
    assert choice.notes == ()
    assert {loser.kind for loser in choice.losers} == {"cannot"}


def test_without_any_provider_the_reason_says_which_to_enable() -> None:
    """With nothing enabled the sentence names the key that would do, else the providers."""
    reason = refusal(row(), enabled=frozenset(), missing={"near": "no NEAR_API_KEY"}).reason
    assert "cheap on near is not enabled (no NEAR_API_KEY)" in reason
    assert reason.endswith("set NEAR_API_KEY")
    assert refusal(row(), enabled=frozenset()).reason.endswith("enable near or far")


def test_this_machine_is_enabled_by_weights() -> None:
    """It has no key: the advice is where weights are looked for."""
    missing = {"local": "no weights are here"}
    asked = row(model="sdxl", provider="local")
    choice = choose(asked, CURRENT, REAL, TODAY, enabled=frozenset({"openai"}), missing=missing)
    assert isinstance(choice, NoChoice)
    assert choice.reason.endswith("is not enabled (no weights are here); see `imagegen models where`")


def test_a_price_above_the_rows_maximum_loses() -> None:
    """max_price holds to the nanodollar; when all are dearer, the sentence says so."""
    assert where(pick(row(max_price=Decimal("0.01")))) == "near/cheap"
    assert where(pick(row(max_price=Decimal("0.009999999")))) == "far/cheap"
    reason = refusal(row(model="able", max_price=Decimal("0.01"))).reason
    assert (
        reason == "able may cost $0.05, more than the row's max_price of $0.01; raise max_price or name a cheaper model"
    )


def test_the_maximum_is_held_against_the_most_a_picture_may_cost() -> None:
    """A price that may vary is compared at its upper end, for the maximum is a promise."""
    price = Price("seconds", "a test", TODAY, per_second=nano("0.001"), typical_seconds=5, max_seconds=60)
    timed = model("timed", Offer("near", "x", SQUARES, price, frozenset()))
    small = replace(SMALL, models={**SMALL.models, "timed": timed})
    assert "may cost $0.06" in refusal(row(model="timed", max_price=Decimal("0.05")), catalog=small).reason


def test_no_price_no_call() -> None:
    """A model whose price nobody knows is never chosen, and the sentence says what to do about it."""
    assert refusal(row(model="riddle")).reason == (
        "riddle has no known price for this (no price, no call); "
        "declare a price in a catalogue file, or name another model"
    )


def test_the_cheapest_wins_when_asked_for() -> None:
    """With optimize "cost" the order of lists and offers counts only between equals."""
    choice = pick(row(use_case="wide", size="1024x1024", provider=None), optimize="cost")
    assert where(choice) == "far/cheap"
    assert "the cheapest of 3" in choice.why
    assert choice.losers[0] == Loser(
        "cheap", "near", "could make it for $0.01, but cheap on far costs no more", "behind"
    )


def test_a_placeholder_stands_in_for_what_a_real_run_would_take() -> None:
    """For the placeholder nothing need be enabled, alive or priced."""
    nothing: dict[str, Any] = {"enabled": frozenset()}
    assert where(pick(row(provider="placeholder"), **nothing)) == "near/cheap"
    assert where(pick(row(provider="placeholder", model="old"), **nothing)) == "near/old"
    assert pick(row(provider="placeholder", model="riddle"), **nothing).unit.expected is None


def test_every_loser_is_told_why() -> None:
    """Each offer of each model in the list is either the choice or a loser with a reason."""
    choice = pick(row(use_case="wide", size="1024x1024"))
    assert [(loser.model, loser.provider, loser.kind) for loser in choice.losers] == [
        ("cheap", "far", "behind"),
        ("able", "far", "behind"),
    ]
    assert choice.losers[1].reason == "could make it for $0.05, but cheap on near comes first"


def test_a_provider_that_serves_none_of_the_models_is_refused() -> None:
    """A row bound to a provider that does not serve its model says who does."""
    assert refusal(row(model="able", provider="near")).reason == "able is not served by near; served by far"
    assert refusal(row(use_case="hero_image", provider="near")).reason == (
        "the models for hero_image are not served by near; served by far"
    )


# --- routes of a user's own -----------------------------------------------------------------------------------


def test_without_a_wish_the_current_routes_hold() -> None:
    """None and an empty mapping are the current preset."""
    assert load_routes() == CURRENT
    assert load_routes({}) == CURRENT


def test_a_mapping_overrides_single_use_cases() -> None:
    """What a manifest says of a use case holds, the rest of it and of the preset stays."""
    routes = load_routes({"thumbnail": "able", "product_shot": {"model": "able", "quality": "high"}})
    assert routes.use_cases["thumbnail"] == replace(CURRENT.use_cases["thumbnail"], models=(Entry("able"),))
    assert routes.use_cases["product_shot"].models == (Entry("able", "high"),)
    assert routes.use_cases["hero_image"] == CURRENT.use_cases["hero_image"]


def test_a_mapping_may_build_on_the_guide() -> None:
    """`preset: guide` keeps the guide's models and prices under the overrides."""
    routes = load_routes({"preset": "guide", "default": ["able", {"model": "cheap", "quality": "low"}]})
    assert routes.default.models == (Entry("able"), Entry("cheap", "low"))
    assert (routes.prices, routes.premium) == (GUIDE.prices, "dall-e-3-hd")


def test_a_use_case_of_ones_own() -> None:
    """New use cases go under `use_cases`, with size, tier and strategy."""
    routes = load_routes(
        {"use_cases": {"icon": {"models": ["able"], "size": "256x256", "tier": "budget", "strategy": "draft_refine"}}}
    )
    assert routes.use_cases["icon"] == Target("budget", (Entry("able"),), (256, 256), None, "draft_refine")


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ("curent", "no routes named 'curent'; did you mean current?"),
        ({"preset": "gide"}, "no routes named 'gide'; did you mean guide?"),
        ({"thumbnial": "able"}, "routes: thumbnial: unknown use case; did you mean thumbnail?"),
        ({"mural": "able"}, "routes: mural: unknown use case; a use case of your own goes under `use_cases:`"),
        ({"thumbnail": {"sise": "1x1"}}, "routes: thumbnail.sise: unknown key; did you mean size?"),
        ({"thumbnail": {"size": "big"}}, "routes: thumbnail.size: not a size: 'big'"),
        ({"thumbnail": {"tier": "cheap"}}, "routes: thumbnail.tier: unknown word 'cheap'"),
        ({"thumbnail": {"strategy": "luck"}}, "routes: thumbnail.strategy: unknown word 'luck'"),
        ({"thumbnail": []}, "routes: thumbnail: names no model"),
        ({"thumbnail": 7}, "routes: thumbnail: must be a mapping, not 7"),
        ({"thumbnail": {"model": "a", "models": ["b"]}}, "`model` and `models` say the same thing"),
        ({"thumbnail": [{"quality": "low"}]}, "names no model"),
        ({"use_cases": {"icon": {"size": "1x1"}}}, "names no model"),
        ({"subjects": {"phto": "able"}}, "routes: subjects.phto: unknown subject; did you mean photo?"),
    ],
)
def test_a_wrong_route_names_its_key(spec: Any, what: str) -> None:
    """Every mistake in a user's routes is a settings error that names the key and what to do."""
    with pytest.raises(SettingsError) as error:
        load_routes(spec)
    assert what in str(error.value)


def test_files_lie_over_the_presets(tmp_path: Path) -> None:
    """A user's file changes a preset or adds one on top of another; the later file wins."""
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("current: {thumbnail: able}\nshop: {preset: guide, hero_image: {size: 640x480}}\n")
    second.write_text("routes:\n  current: {thumbnail: cheap}\nmodels: {}\n")
    assert load_routes("current", [first]).use_cases["thumbnail"].models == (Entry("able"),)
    assert load_routes("current", [first, second]).use_cases["thumbnail"].models == (Entry("cheap"),)
    shop = load_routes("shop", [first])
    assert (shop.name, shop.use_cases["hero_image"].size, shop.premium) == ("shop", (640, 480), "dall-e-3-hd")
    assert load_routes("current") == CURRENT


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("current: {thumbnial: able}\n", "own.yaml: current: thumbnial: unknown use case"),
        ("a: {preset: b}\nb: {preset: a}\n", "is built on itself"),
        ("current: {thumbnail: able, thumbnail: cheap}\n", "own.yaml:1:28: thumbnail stands here twice"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, what: str) -> None:
    """A mistake in a user's file names the file."""
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        load_routes("a" if text.startswith("a") else "current", [path])
    assert what in str(error.value)


def test_a_catalogue_file_may_hold_routes_beside_models(tmp_path: Path) -> None:
    """One file of the user's adds models, prices and routes; each reader takes its own part."""
    file = tmp_path / "own.yaml"
    file.write_text(
        "models:\n  flux-schnell: {best_for: sketches}\n"
        "routes:\n  current: {use_cases: {poster: {tier: premium, models: [flux-schnell]}}}\n"
    )
    assert catalogue.load([file]).models["flux-schnell"].best_for == "sketches"
    assert [entry.model for entry in load_routes("current", [file]).use_cases["poster"].models] == ["flux-schnell"]
    file.write_text("models:\n  flux-schnell: {best_for: sketches}\n")
    assert load_routes("current", [file]) == load_routes("current")
