"""Tests of imagegen.catalog: our data hold together, and a user's file lies over them strictly."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from imagegen.catalog import DATA, Catalog, allows, load
from imagegen.catalog.gpus import named
from imagegen.catalog.text import read
from imagegen.domain.model import Estimate, Model, Offer, Size
from imagegen.domain.money import nano, usd
from imagegen.errors import SettingsError, UsageError
from imagegen.prices import unit

CATALOG = load()
OFFERS = [(model, offer) for model in CATALOG.models.values() for offer in model.offers]
NAMES = [f"{offer.provider}/{model.name}" for model, offer in OFFERS]
TODAY = date(2026, 11, 22)

GUIDE = [
    "dall-e-2",
    "dall-e-3",
    "dall-e-3-hd",
    "gpt-image-1",
    "imagen-3",
    "sd-3.5-large",
    "sdxl",
    "flux-pro",
    "flux-dev",
    "flux-schnell",
    "flux-1.1-pro",
    "midjourney",
]
SUCCESSORS = [
    "gpt-image-1-mini",
    "gpt-image-1.5",
    "gpt-image-2",
    "gpt-image-2.5-flare",
    "gpt-image-2.5-sunburst",
    "gpt-image-2.6-flare",
    "gpt-image-2.6-sunburst",
    "gemini-nano-banana-2.1",
    "gemini-3-pro-image",
    "gemini-3.1-flash-image",
    "gemini-3.1-flash-lite-image",
    "gemini-2.5-flash-image",
    "imagen-4",
    "imagen-4-ultra",
    "imagen-4-fast",
    "flux-1.1-pro-ultra",
    "flux-kontext-pro",
    "flux-kontext-max",
    "flux-fill",
    "flux-2-pro",
    "flux-2-max",
    "flux-2-flex",
    "flux-2-dev",
    "flux-2-klein-4b",
    "flux-2-klein-9b",
    "flux-3-image",
    "sd-3.5-large-turbo",
    "sd-3.5-medium",
    "stable-image-ultra",
    "stable-image-core",
]


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def cost(name: str, provider: str, size: str = "1024x1024", quality: str | None = None) -> Estimate:
    """The estimate for `name` at `provider`; `size` as "2048x2048" or "2048x2048 2K"."""
    offer = CATALOG.models[name].offer(provider)
    assert offer is not None
    pixels, _, word = size.partition(" ")
    width, height = pixels.split("x")
    return unit(offer.price, Size(int(width), int(height), None, word or None), quality)


@pytest.mark.parametrize("name", GUIDE + SUCCESSORS)
def test_every_model_of_the_guide_and_every_successor_is_there(name: str) -> None:
    """Each has a title, a maker, what it is best for and how long it takes."""
    model, provider = CATALOG.find(name)
    assert provider is None
    assert model.name == name
    assert all((model.title, model.maker, model.best_for, model.offers))
    assert model.typical_seconds > 0


@pytest.mark.parametrize(("model", "offer"), OFFERS, ids=NAMES)
def test_every_offer_holds_together(model: Model, offer: Offer) -> None:
    """Source and date are given, nothing is priced at 0, the default size satisfies its own rule, and a
    price that is given covers the default size and quality."""
    assert model.source
    assert model.read_on is not None
    assert model.read_on <= TODAY
    assert allows(offer.sizes, offer.sizes.default)
    assert (offer.batch_discount > 0) == ("batch" in offer.lanes)
    assert offer.max_inputs > 0 or not offer.can & {"edit", "mask"}
    assert offer.formats or not offer.sizes.exact
    assert offer.api_name
    if offer.price is not None:
        assert offer.price.source
        assert offer.price.read_on <= TODAY
        assert 0 not in offer.price.per_image.values()
        assert 0 not in offer.price.grid.values()
        estimate = unit(offer.price, offer.sizes.default, offer.default_quality, [1.0] * min(1, offer.max_inputs))
        assert estimate.expected is not None
        assert estimate.most is not None
        assert 0 < estimate.expected <= estimate.most


@pytest.mark.parametrize(("model", "offer"), OFFERS, ids=NAMES)
def test_every_listed_size_and_quality_has_a_price(model: Model, offer: Offer) -> None:
    """Where there is a price at all, no size of the list and no quality falls through its table."""
    if offer.price is None:
        return
    for size in (*offer.sizes.sizes, offer.sizes.default):
        for quality in offer.qualities or (None,):
            assert unit(offer.price, size, quality).expected is not None, (model.name, str(size), quality)


@pytest.mark.parametrize("model", CATALOG.models.values(), ids=lambda model: model.name)
def test_what_is_gone_says_when_or_why_and_what_follows(model: Model) -> None:
    """A retired model has a date or a note and a living successor; a date in the past means retired."""
    if model.status == "retired":
        assert model.shutdown_on or model.note
        assert model.replaced_by is not None
    if model.status == "active":
        assert model.shutdown_on is None
    if model.replaced_by is not None:
        assert not CATALOG.models[model.replaced_by].gone(TODAY)
    if model.shutdown_on is not None and model.shutdown_on <= TODAY:
        assert model.status == "retired"


@pytest.mark.parametrize("name", ["sdxl", "sd-3.5-large", "flux-dev", "flux-schnell", "flux-2-dev", "flux-2-klein-4b"])
def test_open_weights_name_their_licence(name: str) -> None:
    """Whoever may run a model at home is told on which terms."""
    assert CATALOG.models[name].license


@pytest.mark.parametrize(
    ("name", "provider", "size", "quality", "dollars"),
    [
        ("gpt-image-1", "openai", "1024x1024", "low", "0.011"),
        ("gpt-image-1", "openai", "1024x1024", "medium", "0.042"),
        ("gpt-image-1", "openai", "1024x1536", "medium", "0.063"),
        ("gpt-image-1", "openai", "1024x1024", "high", "0.167"),
        ("gpt-image-1", "openai", "1536x1024", "high", "0.25"),
        ("gpt-image-1.5", "openai", "1024x1024", "high", "0.133"),
        ("gpt-image-1-mini", "openai", "1536x1024", "medium", "0.015"),
        ("gpt-image-2.5-sunburst", "openai", "1024x1024", "max", "0.21072"),
        ("gpt-image-2", "openai", "1024x1024", "medium", "0.05268"),
        ("dall-e-3", "openai", "1024x1024", "standard", "0.04"),
        ("dall-e-3", "openai", "1792x1024", "standard", "0.08"),
        ("dall-e-3-hd", "openai", "1024x1024", "hd", "0.08"),
        ("dall-e-3-hd", "openai", "1024x1792", "hd", "0.12"),
        ("imagen-3", "google", "1408x768", None, "0.04"),
        ("gemini-nano-banana-2.1", "google", "1024x1024 1K", None, "0.0336"),
        ("gemini-3-pro-image", "google", "4096x4096 4K", None, "0.24"),
        ("gemini-3-pro-image", "fal", "4096x4096 4K", None, "0.30"),
        ("gemini-2.5-flash-image", "google", "1024x1024 1K", None, "0.039"),
        ("flux-schnell", "replicate", "1024x1024", None, "0.003"),
        ("flux-schnell", "fal", "1024x1024", None, "0.003"),
        ("flux-schnell", "fal", "2048x2048", None, "0.012"),
        ("flux-pro", "bfl", "1024x1024", None, "0.05"),
        ("flux-1.1-pro", "bfl", "1024x1024", None, "0.04"),
        ("flux-2-pro", "bfl", "2048x2048", None, "0.075"),
        ("flux-2-pro", "replicate", "1024x1024", None, "0.03"),
        ("flux-2-klein-4b", "bfl", "1024x1024", None, "0.014"),
        ("flux-3-image", "fal", "4096x4096 4K", None, "0.607"),
        ("sd-3.5-large", "stability", "1024x1024", None, "0.065"),
        ("sdxl", "local", "1024x1024", None, "0.002"),
        ("midjourney", "handoff", "1024x1024", None, "0.0333"),
    ],
)
def test_prices_are_the_facts(name: str, provider: str, size: str, quality: str | None, dollars: str) -> None:
    """Each figure stands so in our sources, to the nanodollar."""
    assert cost(name, provider, size, quality).expected == nano(dollars)


@pytest.mark.parametrize(
    ("name", "provider", "basis"),
    [
        ("flux-schnell", "replicate", "exact"),
        ("sdxl", "local", "estimated"),
        ("midjourney", "handoff", "estimated"),
        ("gpt-image-1", "openai", "unknown"),
        ("flux-2-max", "together", "unknown"),
    ],
)
def test_a_price_says_how_sure_it_is(name: str, provider: str, basis: str) -> None:
    """Fixed prices are exact, shares and amortised ones estimated; a quality or a price not given is unknown."""
    assert cost(name, provider).basis == basis


def test_a_price_with_a_source_of_its_own_keeps_it() -> None:
    """The source and date at the top of a file count only where a price names none."""
    offer = CATALOG.models["flux-schnell"].offer("replicate")
    assert offer is not None
    assert offer.price is not None
    assert (offer.price.source, offer.price.read_on) == ("Replicate's page of the model", date(2026, 10, 7))


def test_edits_bill_their_input_pictures() -> None:
    """Every offer by token that edits has a price for input pictures."""
    sold = [offer.price for _, offer in OFFERS if "edit" in offer.can and offer.price and offer.price.kind == "tokens"]
    assert sold
    assert all(price.image_in > 0 for price in sold)


@pytest.mark.parametrize(
    ("width", "height", "fits"),
    [
        (1024, 1024, True),
        (1792, 1024, True),
        (1280, 720, True),
        (1920, 1088, True),
        (3840, 2160, True),
        (1200, 630, False),
        (512, 512, False),
        (1024, 576, False),
        (1920, 1080, False),
        (1032, 1024, False),
        (4096, 2048, False),
        (2400, 768, False),
    ],
)
def test_gpt_image_2_makes_these_sizes_and_not_those(width: int, height: int, fits: bool) -> None:
    """Multiples of 16, 655,360 to 8,294,400 pixels, at most 3840 long and 3:1: the guide's odd sizes fail."""
    for name in ("gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.6-sunburst"):
        assert allows(CATALOG.models[name].offers[0].sizes, Size(width, height)) is fits


def test_words_for_the_wire_stand_beside_the_pixels() -> None:
    """A Gemini size carries ratio and resolution; sizes of one ratio differ in the resolution."""
    sizes = CATALOG.models["gemini-nano-banana-2.1"].offers[0].sizes.sizes
    assert Size(1376, 768, "16:9", "1K") in sizes
    assert Size(2752, 1536, "16:9", "2K") in sizes
    assert Size(512, 512, "1:1", "512") not in sizes


@pytest.mark.parametrize(
    ("name", "model", "provider"),
    [("flux-schnell", "flux-schnell", None), ("fal/flux-schnell", "flux-schnell", "fal")],
)
def test_a_model_is_found_by_name_and_by_provider(name: str, model: str, provider: str | None) -> None:
    """A name alone leaves the provider open."""
    found, where = CATALOG.find(name)
    assert (found.name, where) == (model, provider)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flux-schnel", "no model is called 'flux-schnel'; did you mean flux-schnell?"),
        ("DALL-E-3", "no model is called 'DALL-E-3'; did you mean dall-e-3?"),
        ("black-forest-labs/FLUX.1-kontext-max", "did you mean flux-kontext-max?"),
        ("imagen-3.0-generate-002", "did you mean imagen-3?"),
        ("openai/flux-schnell", "flux-schnell is not served by 'openai'; it is served by replicate, fal, together"),
        ("qqqq", "`imagegen models list` shows them all"),
    ],
)
def test_an_unknown_name_gets_the_nearest(name: str, message: str) -> None:
    """A misspelt name, a provider's own name for a model and a provider that lacks it are told apart."""
    with pytest.raises(UsageError) as caught:
        CATALOG.find(name)
    assert message in str(caught.value)


def test_the_premium_model_is_there_in_its_quality() -> None:
    """The model that bills are compared with lives and has a price."""
    model = CATALOG.models[CATALOG.premium]
    assert not model.gone(TODAY)
    assert unit(model.offers[0].price, Size(1024, 1024), CATALOG.premium_quality).expected == nano("0.09366")


def test_plans_are_the_guides() -> None:
    """Four plans, with the share of one picture as the guide rounds it."""
    plans = {plan.name: (plan.monthly, plan.images, usd(plan.per_image)) for plan in CATALOG.plans}
    assert plans == {
        "basic": (nano(10), 200, Decimal("0.05")),
        "standard": (nano(30), 900, Decimal("0.0333")),
        "pro": (nano(60), 1800, Decimal("0.0333")),
        "mega": (nano(120), 3600, Decimal("0.0333")),
    }
    assert {plan.model for plan in CATALOG.plans} == {"midjourney"}


def test_gpus_are_the_guides() -> None:
    """Five GPUs are the guide's, others say where they are from; a picture costs the hour over its pictures."""
    guides = [gpu for gpu in CATALOG.gpus if gpu.source.startswith("the guide")]
    gpus = {gpu.name: (usd(gpu.hourly), gpu.images_per_hour) for gpu in guides}
    assert gpus == {
        "a100": (Decimal("3.8"), 600),
        "a10g": (Decimal("1.2"), 200),
        "l4": (Decimal("0.8"), 180),
        "rtx-4090": (Decimal("0.15"), 400),
        "t4": (Decimal("0.5"), 80),
    }
    assert [gpu.per_image for gpu in guides] == [6_333_334, 6_000_000, 4_444_445, 375_000, 6_250_000]


def test_gpus_have_peaks_for_forecasts() -> None:
    """TFLOP/s in bfloat16, dense, gigabytes, and the share of an A100's utilisation where one is assumed."""
    found = {gpu.name: (gpu.peak_tflops, gpu.memory_gb, gpu.mfu_scale) for gpu in CATALOG.gpus}
    assert found == {
        "a100": (312, 80, (1, 1)),
        "a10g": (70, 24, None),
        "l4": (121, 24, None),
        "rtx-4090": (165.2, 24, None),
        "t4": (65, 16, None),
        "a100-replicate": (312, 80, (1, 1)),
        "h100": (989.4, 80, (0.8, 0.9)),
    }
    assert all(gpu.peak_source for gpu in CATALOG.gpus)


def test_what_a_break_even_reckons_with_is_data(tmp_path: Path) -> None:
    """The guide's volumes and prices; a user's file changes single figures of it."""
    ours = CATALOG.comparison
    assert ours is not None
    assert (ours.volumes, ours.gpu, ours.guide_api) == ((5_000, 50_000, 68_400, 200_000), "a100", "dall-e-3")
    assert ours.guide_serverless == (nano("0.003"), nano("0.008"))
    changed = load([write(tmp_path, "break_even: {gpu: l4, guide: {serverless: 0.004}}")]).comparison
    assert changed is not None
    assert (changed.gpu, changed.guide_serverless) == ("l4", (nano("0.004"), nano("0.004")))
    assert (changed.volumes, changed.guide_api, changed.source) == (ours.volumes, ours.guide_api, ours.source)


@pytest.mark.parametrize(
    ("asked", "name"), [("a100", "a100"), ("A100", "a100"), ("4090", "rtx-4090"), ("h100", "h100"), ("t4", "t4")]
)
def test_a_gpu_is_found_by_its_name_or_a_word_of_it(asked: str, name: str) -> None:
    """Nobody has to write rtx-4090; an exact name comes before a word."""
    assert named(CATALOG.gpus, asked).name == name


@pytest.mark.parametrize("asked", ["a1000", "", "h200", "rtx4090"])
def test_a_gpu_that_is_not_there_is_an_error_with_a_suggestion(asked: str) -> None:
    """The nearest name, or all of them."""
    with pytest.raises(UsageError, match=r"no GPU is called .*; (did you mean|one of a100)"):
        named(CATALOG.gpus, asked)


def test_providers_are_those_of_the_design() -> None:
    """Every provider but the placeholder serves something."""
    hosted = {"openai", "google", "vertex", "replicate", "fal", "together", "bfl", "stability"}
    assert CATALOG.providers() == tuple(sorted(hosted | {"local", "handoff"}))


def test_a_presets_prices_replace_those_of_every_offer() -> None:
    """`repriced` takes one figure or a table, keeps estimates estimated, and leaves the others alone."""
    table = {"low/1024x1024": "0.011", "medium/1024x1024": "0.020"}
    priced = CATALOG.repriced({"flux-schnell": "0.003", "gpt-image-1": table, "sdxl": "0.002"}, "routes guide")
    for offer in priced.models["flux-schnell"].offers:
        assert unit(offer.price, Size(2048, 2048), None).expected == nano("0.003")
    openai = priced.models["gpt-image-1"].offers[0]
    assert openai.price is not None
    assert (openai.price.source, openai.price.read_on) == ("routes guide", CATALOG.models["gpt-image-1"].read_on)
    assert unit(openai.price, Size(1024, 1024), "medium") == Estimate(nano("0.02"), nano("0.02"), "exact")
    assert unit(openai.price, Size(1024, 1024), "high").basis == "unknown"
    assert unit(priced.models["sdxl"].offers[0].price, Size(1024, 1024), None).basis == "estimated"
    assert priced.models["dall-e-3"] == CATALOG.models["dall-e-3"]
    assert priced.digest != CATALOG.digest


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        ({"flux-schnel": "0.003"}, "did you mean flux-schnell?"),
        ({"flux-schnell": 0.003}, "flux-schnell: must be text, not 0.003"),
        ({"flux-schnell": {"low": "free"}}, "flux-schnell: low: not an amount of money"),
    ],
)
def test_a_presets_prices_are_read_strictly(prices: dict[str, object], message: str) -> None:
    """A model nobody knows, a float and a word are refused by name."""
    with pytest.raises(SettingsError) as caught:
        CATALOG.repriced(prices)
    assert message in str(caught.value)


def test_one_price_of_ones_own_lies_over_ours(tmp_path: Path) -> None:
    """A user's file may change a single field of an offer; everything else stays ours."""
    mine = write(
        tmp_path,
        "source: our contract\nread_on: 2026-11-01\n"
        "models: {flux-schnell: {offers: {fal: {price: 0.001}, together: {concurrency: 3}}, best_for: sketches}}\n",
    )
    catalog = load([mine])
    model, ours = catalog.models["flux-schnell"], CATALOG.models["flux-schnell"]
    fal, together = model.offer("fal"), model.offer("together")
    assert fal is not None
    assert fal.price is not None
    assert fal.price.per_image == {"*": nano("0.001")}
    assert (fal.price.source, fal.price.read_on) == ("our contract", date(2026, 11, 1))
    assert fal.api_name == "fal-ai/flux/schnell"
    assert together is not None
    assert together.concurrency == 3
    assert (model.best_for, model.source) == ("sketches", ours.source)
    assert model.offer("replicate") == ours.offer("replicate")
    assert catalog.digest != CATALOG.digest


OWN = """
source: measured here
read_on: 2026-11-20
models:
  house-model:
    title: House model
    maker: us
    best_for: our style
    typical_seconds: 3
    offers:
      basement: {api_name: house-1, can: [seed], sizes: {default: 768x768, step: 8, max_edge: 1024}, price: 0}
"""


def test_a_model_of_ones_own_stands_beside_ours(tmp_path: Path) -> None:
    """A new model under a new provider is found like any other, and may cost nothing if its owner says so."""
    catalog = load([write(tmp_path, OWN)])
    model, provider = catalog.find("basement/house-model")
    assert (model.source, model.read_on, provider) == ("measured here", date(2026, 11, 20), "basement")
    assert "basement" in catalog.providers()
    assert unit(model.offers[0].price, Size(768, 768), None) == Estimate(0, 0, "exact")
    assert set(catalog.models) - set(CATALOG.models) == {"house-model"}


def test_a_later_file_wins(tmp_path: Path) -> None:
    """Files lie over each other in order, and a size rule of one may be named by another."""
    first = write(tmp_path, OWN)
    second = tmp_path / "second.yaml"
    second.write_text("models: {house-model: {offers: {basement: {sizes: sdxl, price: unknown}}}}")
    offer = load([first, second]).models["house-model"].offers[0]
    assert offer.price is None
    assert offer.sizes == CATALOG.models["sdxl"].offers[0].sizes


def own(old: str, new: str) -> str:
    assert old in OWN
    return OWN.replace(old, new)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (own("title:", "titel:"), "house-model: titel: unknown key; did you mean title?"),
        (own("api_name:", "apiname:"), "house-model: offers.basement.apiname: unknown key; did you mean api_name?"),
        ("modles: {}", "modles: unknown key; did you mean models?"),
        (
            own("[seed]", "[seeds]"),
            "house-model: offers.basement.can.1: unknown capability 'seeds'; did you mean seed?",
        ),
        (own("[seed]", "seed"), "house-model: offers.basement.can: must be a list"),
        (own("price: 0", "price: cheap"), "house-model: offers.basement.price: not an amount of money: 'cheap'"),
        (own("price: 0", "price: -1"), "house-model: offers.basement.price: a price below zero"),
        (own("price: 0", "price: 1e-12"), "finer than a nanodollar"),
        (own("price: 0", "price: {}"), "one kind of charge is wanted, not 0; one of image, megapixel"),
        (own("price: 0", "price: {image: 1, tokens: {}}"), "one kind of charge is wanted, not 2"),
        (own("price: 0", "price: {image: {low/8x8: 1}}"), "'low/8x8' is neither a quality, a size nor both"),
        (own("price: 0", "price: {image: {medum: 1}}"), "'medum' is neither a quality, a size nor both"),
        (own("price: 0", "qualities: [low], price: {image: {low/2K: 1}}"), "'low/2K' is neither"),
        (own("price: 0", "price: {tokens: {text_in: 1, image_out: 1, grid: {low: 8}}}"), "'low' is neither"),
        (own("price: 0", "default_quality: low, price: 0"), "default_quality: 'low' is none of qualities"),
        (own("price: 0", "batch_discount: 100, price: 0"), "batch_discount: must be below 100 per cent"),
        (own("typical_seconds: 3", "typical_seconds: 0"), "house-model: typical_seconds: must be a number above 0"),
        (own("price: 0", "price: {seconds: {per_second: 1}}"), "seconds without typical_seconds"),
        (own("source: measured here\n", ""), "house-model: offers.basement.price: no source"),
        (own("read_on: 2026-11-20\n", ""), "house-model: offers.basement.price: no read_on"),
        (own("read_on: 2026-11-20\n", "").replace("price: 0", "price: unknown"), "house-model: read_on: is missing"),
        (own("2026-11-20", "yesterday"), "read_on: must be a date such as 2026-11-22, not 'yesterday'"),
        (own("typical_seconds: 3", "typical_seconds: nan"), "house-model: typical_seconds: must be a number above 0"),
        (own("    maker: us\n", ""), "house-model: maker: is missing"),
        (own("api_name: house-1,", ""), "house-model: offers.basement.api_name: is missing"),
        (own("step: 8,", "step: eight,"), "house-model: offers.basement.sizes.step: must be a whole number"),
        (own("768x768", "768"), "house-model: offers.basement.sizes.default: no size: '768'"),
        (own("768x768", "2048x2048"), "the default 2048x2048 does not satisfy the rule itself"),
        (own("{default: 768x768, step: 8, max_edge: 1024}", "sdx"), "no size rule is called 'sdx'; did you mean sdxl?"),
        (own("maker: us", "maker: us\n    replaced_by: sdx"), "house-model: replaced_by: no model is called 'sdx'"),
        (own("maker: us", "maker: us\n    status: dead"), "house-model: status: unknown word 'dead'; one of active"),
        (own("maker: us", "maker: us\n    maker: them"), "mine.yaml:8:5: maker stands here twice"),
        (own("maker: us", "maker: !!python/name:os.system us"), "mine.yaml:7:12: the tag"),
        (own("maker: us", "maker: [us"), "mine.yaml:8:13: not YAML: did not find"),
        (own("maker: us", "<<: {}\n    maker: us"), "house-model: <<: unknown key"),
        ("models: &loop {a: *loop}", "nested too deeply"),
        ("- models", "holds no mapping; begin with `models:`"),
        ("premium: {model: sdx}", "premium: no model is called 'sdx'; did you mean sdxl?"),
        ("gpus: {h200: {title: H200}}", "h200: hourly: is missing"),
        ("gpus: {l4: {title: L4, hourly: 1, images_per_hour: 0, source: x}}", "l4: images_per_hour: must be 1 or more"),
        ("gpus: {l4: {peak_tflops: 0}}", "l4: peak_tflops: must be a number above 0"),
        ("gpus: {l4: {mfu_scale: [0.9, 0.8]}}", "l4: mfu_scale: must be the least and the most; write [0.8, 0.9]"),
        ("gpus: {l4: {mfu_scale: 0.9}}", "l4: mfu_scale: must be a list"),
        ("gpus: {l4: {peak_tflop: 9}}", "l4: peak_tflop: unknown key; did you mean peak_tflops?"),
        ("break_even: {gpus: a100}", "break_even: gpus: unknown key; did you mean gpu?"),
        ("break_even: {volumes: [10, x]}", "break_even: volumes.2: must be a whole number"),
        ("break_even: {guide: {serverless: [2, 1]}}", "guide.serverless: must be a price, or the least and the most"),
    ],
)
def test_a_users_file_is_read_strictly(tmp_path: Path, text: str, message: str) -> None:
    """Every mistake is one line that names file, model and field."""
    with pytest.raises(SettingsError) as caught:
        load([write(tmp_path, text)])
    assert message in str(caught.value)
    assert "mine.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"models: \xff"])
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, content: bytes | None) -> None:
    """A missing file and one that is not UTF-8 are SettingsErrors with the file's name."""
    path = tmp_path / "mine.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"mine\.yaml: cannot be read"):
        load([path])


def test_text_stays_text(tmp_path: Path) -> None:
    """YAML's own guesses (16:9 as 969, no as False, 0.1 as a float) are never made."""
    path = write(tmp_path, "a: [16:9, no, 0.1, 2026-11-22, 007, ~]")
    assert read(path) == {"a": ["16:9", "no", "0.1", "2026-11-22", "007", "~"]}


def test_the_digest_names_the_data() -> None:
    """Loading twice, here or in another process, gives one digest; an empty file of a user's changes nothing."""
    script = "from imagegen.catalog import load; print(load().digest)"
    root = str(DATA.parent.parent.parent)
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert other.stdout.strip() == CATALOG.digest == load().digest
    assert len(CATALOG.digest) == 64


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    """A user's file may be empty."""
    assert load([write(tmp_path, "# nothing yet\n")]).digest == CATALOG.digest


def test_loading_needs_nothing_heavy() -> None:
    """Neither pydantic nor any SDK is imported for the catalogue."""
    script = (
        "import sys; from imagegen.catalog import load; load();"
        "print(sorted({'pydantic', 'jinja2', 'openai', 'PIL', 'torch'} & set(sys.modules)))"
    )
    root = str(DATA.parent.parent.parent)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"


def test_a_catalog_cannot_be_changed() -> None:
    """A Catalog is a frozen value."""
    with pytest.raises(AttributeError):
        CATALOG.premium = "sdxl"  # type: ignore[misc]
    assert isinstance(CATALOG, Catalog)
