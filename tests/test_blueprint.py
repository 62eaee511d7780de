"""Blueprints: what is decided once per kind of row, and the Key by its short way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from imagegen import prices
from imagegen.blueprint import Blueprint, blueprint_of, said
from imagegen.domain.model import Size
from imagegen.domain.money import nano
from imagegen.domain.request import canonical, derived_seed, key
from imagegen.domain.row import Place, Row
from imagegen.errors import ManifestError
from tests.planning import preset

PROMPTS = [
    "a mug",
    'a "quoted" mug \\ back',
    "caf\u00e9",
    "cafe\u0301",
    "\u2028 line, \t tab",
    "日本の庭 🍁",
    "NULL \x7f",
    ':::"prompt":',
]
ROWS: list[dict[str, Any]] = [
    {"model": "dall-e-3"},
    {"model": "gpt-image-1", "quality": "low", "n": 3},
    {"model": "flux-schnell"},
    {"model": "flux-schnell", "n": 3},
    {"model": "flux-schnell", "seed": 7, "n": 2},
    {"model": "sdxl", "steps": 20, "guidance": 6.5, "negative_prompt": "blur", "scheduler": "euler"},
    {"provider": "placeholder"},
    {"model": "sdxl", "provider": "placeholder", "seed": 9},
    {"model": "dall-e-3", "options": {"openai": {"style": "natural"}, "fal": {"x": 1}}},
]


def decide(said: Any = "guide", **fields: Any) -> tuple[Row, Blueprint]:
    context = preset(said) if isinstance(said, str) else said
    row = Row(**({"id": "mug", "prompt": "a mug"} | fields))
    return row, blueprint_of(row, Place("rows.csv", 2, 1), context)


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("fields", ROWS, ids=str)
def test_the_short_way_to_a_key_leads_to_the_key_of_the_request(fields: dict[str, Any], prompt: str) -> None:
    """`key` hashes text around the prompt, and gets what hashing the whole Request gets."""
    row, blueprint = decide(prompt=prompt, **fields)
    for sample in range(row.n):
        request = blueprint.request(row, sample)
        assert request is not None
        assert blueprint.key(row, sample) == key(request)


def test_a_seed_that_nobody_gave_is_derived_from_the_rest_of_the_request() -> None:
    """The derived seed is that of the domain, and equal rows get equal seeds."""
    row, blueprint = decide(model="flux-schnell")
    request = blueprint.request(row, 0)
    assert request is not None
    assert request.seed == derived_seed(canonical(replace(request, seed=None)))
    assert decide(model="flux-schnell")[1].request(row, 0) == request


def test_samples_of_one_row_differ_in_their_seeds() -> None:
    """A row's own seed counts up with its samples, around the end of 32 bits."""
    row, blueprint = decide(model="flux-schnell", seed=2**32 - 1, n=2)
    seeds = [request.seed for sample in range(2) if (request := blueprint.request(row, sample))]
    assert seeds == [2**32 - 1, 0]


def test_a_model_without_seeds_is_sent_none() -> None:
    """DALL-E takes no seed, so none is made up for it."""
    row, blueprint = decide(model="dall-e-3")
    request = blueprint.request(row, 0)
    assert request is not None
    assert request.seed is None


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a cup"},
        {"prompt": "A MUG"},
        {"negative_prompt": "blur"},
        {"size": "768x768"},
        {"steps": 21},
        {"guidance": 6.0},
        {"scheduler": "ddim"},
        {"seed": 8},
    ],
    ids=str,
)
def test_every_parameter_that_reaches_the_engine_changes_the_key(change: dict[str, Any]) -> None:
    """Two pictures that may differ never share a Key."""
    fields = {"model": "local/sdxl", "seed": 7}
    row, blueprint = decide(**fields)
    other, changed = decide(**(fields | change))
    assert blueprint.key(row, 0) != changed.key(other, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "cup"},
        {"priority": 1},
        {"tags": ("a",)},
        {"format": "webp"},
        {"encode_quality": 50},
        {"max_price": "0.5"},
        {"callback_url": "https://example.org/"},
        {"options": {"fal": {"x": 1}}},
    ],
    ids=str,
)
def test_what_no_provider_sees_leaves_the_key_alone(change: dict[str, Any]) -> None:
    """Ids, priorities, finishing and other providers' options buy nothing anew."""
    row, blueprint = decide(model="dall-e-3")
    other, changed = decide(**({"model": "dall-e-3"} | change))
    assert blueprint.key(row, 0) == changed.key(other, 0)


def test_a_placeholder_stands_in_for_what_its_routes_choose_and_costs_nothing() -> None:
    """The model it stands for, its size and quality are those of the real picture; the price is $0, exactly."""
    row, blueprint = decide(provider="placeholder", use_case="hero_image")
    request, price = blueprint.request(row, 0), blueprint.price(row)
    assert request is not None
    assert (request.provider, request.stands_for, request.quality) == ("placeholder", "dall-e-3-hd", "hd")
    assert (request.width, request.height) == (1792, 1024)
    assert (price.expected, price.most, price.basis) == (0, 0, "exact")
    assert blueprint.real(row) == nano("0.08")


def test_placeholders_of_two_rows_are_two_pictures() -> None:
    """The id is written into a placeholder, so equal prompts do not share one."""
    row, blueprint = decide(provider="placeholder")
    assert blueprint.key(row, 0) != blueprint.key(row.model_copy(update={"id": "cup"}), 0)


@pytest.mark.parametrize("fields", [{"max_price": "0.001"}, {"model": "flux-kontext-max"}], ids=str)
def test_any_row_can_be_a_placeholder(fields: dict[str, Any]) -> None:
    """Neither a price above max_price nor an unknown one keeps a placeholder from being drawn."""
    row, blueprint = decide(provider="placeholder", **fields)
    assert blueprint.refusal == ""
    assert blueprint.price(row).expected == 0


def test_a_prompt_by_the_token_is_part_of_the_price() -> None:
    """The expected price grows with the prompt, and the most is above it."""
    row, blueprint = decide("current", model="gpt-image-2.5-flare")
    long = row.model_copy(update={"prompt": "a mug " * 500})
    short_price, long_price = blueprint.price(row), blueprint.price(long)
    assert short_price.expected is not None
    assert long_price.expected is not None
    assert long_price.most is not None
    assert short_price.expected < long_price.expected < long_price.most


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"use_case": "tumbnail"}, "did you mean thumbnail?"), ({"model": "dalle-3"}, "did you mean dall-e-3?")],
    ids=str,
)
def test_a_name_that_does_not_exist_is_an_error_at_the_rows_place(fields: dict[str, Any], said: str) -> None:
    """A misspelt use case or model stops the plan with file, line and a suggestion."""
    with pytest.raises(ManifestError) as caught:
        decide(**fields)
    assert str(caught.value).startswith("rows.csv:2:1: ")
    assert said in str(caught.value)


def test_a_row_that_nothing_can_make_says_why_and_has_no_request() -> None:
    """A refused blueprint has a reason, the losers, and neither Key nor Request."""
    row, blueprint = decide(model="dall-e-3", size="4000x100")
    assert "makes no size" in blueprint.refusal
    assert blueprint.losers
    assert (blueprint.key(row, 0), blueprint.request(row, 0), blueprint.model, blueprint.provider) == (
        None,
        None,
        "",
        "",
    )


def test_the_premium_model_is_priced_at_the_size_of_the_picture() -> None:
    """What a row is compared with has the row's size, not the premium model's usual one."""
    _, banner = decide("current", use_case="hero_banner")
    _, offer, quality = preset("current").premium
    assert banner.premium == prices.unit(offer.price, Size(1792, 1024), quality).expected
    assert banner.premium != prices.unit(offer.price, offer.sizes.default, quality).expected


def test_the_guide_compares_with_its_own_figure() -> None:
    """The guide's premium model is DALL-E 3 HD, at $0.08 in every size."""
    assert {decide(use_case=name)[1].premium for name in preset().routes.use_cases} == {nano("0.08")}


def test_an_estimate_plans_what_is_not_set_up_and_says_so() -> None:
    """With one key set, rows of other providers are planned all the same, with a note."""
    context = preset("guide", enabled=frozenset({"openai"}), missing=_frozen({"replicate": "no REPLICATE_API_TOKEN"}))
    _, blueprint = decide(context, use_case="thumbnail")
    assert blueprint.model == "flux-schnell"
    assert any("not set up here" in note for note in blueprint.notes)


def test_a_run_refuses_what_nothing_enabled_can_make() -> None:
    """Without `estimating` the same row is refused, and what to enable is named."""
    context = preset("guide", enabled=frozenset({"openai"}), estimating=False)
    _, blueprint = decide(context, use_case="thumbnail")
    assert "enable" in blueprint.refusal


def test_a_refused_retired_model_is_priced_by_an_estimate() -> None:
    """DALL-E 3 is shut down: a run refuses it, an estimate prices it as it was and says that."""
    _, ran = decide(preset("guide", estimating=False), model="dall-e-3")
    row, estimated = decide(model="dall-e-3")
    assert "shut down" in ran.refusal
    assert estimated.price(row).expected == nano("0.04")
    assert any("priced as it was" in note for note in estimated.notes)


def test_the_finish_reaches_the_wanted_size() -> None:
    """What is generated and what is wanted may differ; both are known, and only the former is asked for."""
    row, blueprint = decide("current", use_case="og_image")
    request = blueprint.request(row, 0)
    assert request is not None
    assert (blueprint.finish.width, blueprint.finish.height) == (1200, 630)
    assert str(Size(request.width or 0, request.height or 0)) != "1200x630"


class _frozen(dict[str, str]):
    """A mapping that `preset` can remember."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self.items())))


def test_wording_that_must_be_readable_reaches_the_model() -> None:
    """`text` goes out with the prompt, unless the prompt holds it already, and is part of the Key."""
    row, blueprint = decide("current", prompt="A summer banner", text="SUMMER SALE")
    request = blueprint.request(row, 0)
    assert request is not None
    assert request.prompt.startswith("A summer banner\n")
    assert '"SUMMER SALE"' in request.prompt
    assert blueprint.key(row, 0) == key(request)
    other = row.model_copy(update={"text": "Summer Sale"})
    assert blueprint.key(other, 0) != blueprint.key(row, 0)
    assert said(row.model_copy(update={"prompt": "A banner that says SUMMER SALE"})) == "A banner that says SUMMER SALE"


@pytest.mark.parametrize(
    "fields",
    [],
    ids=str,
)
def test_what_this_version_cannot_do_is_refused_not_left_out(fields: dict[str, Any]) -> None:
    """A run buys nothing that would come without what the row asks for; an estimate and a placeholder go on."""
    context = preset("current", estimating=False)
    row = Row(id="a", prompt="x", model="gpt-image-2.5-flare", **fields)
    assert "this version cannot" in blueprint_of(row, Place("m.yaml", 1), context).refusal
    assert not blueprint_of(row, Place("m.yaml", 1), preset("current")).refusal
    shown = row.model_copy(update={"provider": "placeholder"})
    assert not blueprint_of(shown, Place("m.yaml", 1), context).refusal
