"""Bearing: what each provider bears, from settings and catalogue, and whose findings are whose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagegen import catalog as catalogs
from imagegen.bearing import CONCURRENCY, account, limits
from imagegen.domain.model import Offer
from imagegen.providers import Rates
from imagegen.secret import Secret
from imagegen.settings import Settings

CATALOG = catalogs.load()
HOME = Settings(Path("home"))


def offers(provider: str, **changed: Any) -> dict[str, Offer]:
    """What the catalogue says of a provider; `changed` of each model (m__n for m-n) are other fields."""
    found = {name: offer for name, model in CATALOG.models.items() if (offer := model.offer(provider))}
    return found | {name: replace(found[name], **fields) for name, fields in changed.items()}


@pytest.mark.parametrize(
    ("settings", "calls"),
    [
        (HOME, CONCURRENCY),
        (replace(HOME, workers=9), 9),
        (replace(HOME, workers=9, concurrency={"openai": 3}), 3),
        (replace(HOME, concurrency={"google": 3}), CONCURRENCY),
    ],
)
def test_the_users_word_on_calls_at_once_comes_first(settings: Settings, calls: int) -> None:
    """By provider, then for all, then what is usual."""
    assert limits(settings, "openai", offers("openai")).concurrency == calls


def test_a_model_may_bear_fewer_calls() -> None:
    """Black Forest Labs: 24 tasks at once, six of Kontext max. The user's word raises the first only."""
    for settings, calls in ((HOME, 24), (replace(HOME, workers=64), 64)):
        found = limits(settings, "bfl", offers("bfl"))
        assert found.concurrency == calls
        own = {name: rates.concurrency for name, rates in found.models.items() if rates.concurrency}
        assert own == {"flux-kontext-max": 6}


def test_what_all_models_state_is_the_limit_of_all_together() -> None:
    """Replicate counts an account's calls, whatever the model; OpenAI counts each model by itself."""
    assert limits(HOME, "replicate", offers("replicate")).requests_per_minute == 600
    assert not limits(HOME, "replicate", offers("replicate")).by_model
    every = {name: {"images_per_minute": 10.0} for name in offers("openai")}
    found = limits(HOME, "openai", offers("openai", **every))
    assert found.by_model
    assert found.images_per_minute is None
    assert {rates.images_per_minute for rates in found.models.values()} == {10.0}


def test_what_one_model_states_is_its_own() -> None:
    """A limit that a catalogue file gives to one model binds no other."""
    name = next(iter(offers("replicate")))
    found = limits(HOME, "replicate", offers("replicate", **{name: {"images_per_minute": 6.0, "images_per_day": 0}}))
    assert (found.images_per_minute, found.images_per_day) == (None, None)
    assert (found.models[name].images_per_minute, found.models[name].images_per_day) == (6.0, 0)
    assert {rates.images_per_minute for other, rates in found.models.items() if other != name} == {None}


def test_every_limit_of_an_offer_counts() -> None:
    """None is forgotten on the way from the catalogue."""
    said = {f"{what}_per_{span}": 7 for what in ("images", "requests", "tokens") for span in ("minute", "day")}
    (name, *_) = offers("openai")
    found = limits(HOME, "openai", {name: replace(offers("openai")[name], **said, concurrency=7)})
    assert found.models[name] == Rates(**said)


def test_accounts_are_told_apart_and_tell_no_key() -> None:
    """By key, by address, by provider; the same is the same again."""
    key = "sk-very-secret"
    one = replace(HOME, keys={"openai": Secret(key), "google": Secret(key)})
    named = {
        account(one, "openai"),
        account(one, "google"),
        account(replace(one, keys={"openai": Secret("sk-other")}), "openai"),
        account(replace(one, addresses={"openai": "http://127.0.0.1:9"}), "openai"),
        account(HOME, "openai"),
    }
    assert len(named) == 5
    assert account(one, "openai") in named
    assert not any(key in name for name in named)
