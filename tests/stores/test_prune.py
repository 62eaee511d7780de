"""What a prune drops, and how ages and sizes are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imagegen.errors import Exit, UsageError
from imagegen.stores import Held
from imagegen.stores.prune import choose, last_use, parse_age, parse_size
from stores.contract import PNG, key_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)


def held(name: str, days: float, size: int = 10, model: str = "sdxl", picture: str = "") -> Held:
    """A picture last used `days` ago."""
    used = (NOW - days * DAY).timestamp()
    return Held(name, key_of(picture or name), PNG, size, 1, 1, {"model": model}, used)


FIVE = [
    held("new", 1),
    held("old", 100),
    held("older", 200, model="flux-dev"),
    held("oldest", 300, size=50),
    held("mid", 50, model="flux-dev"),
]


@pytest.mark.parametrize(
    ("conditions", "goes"),
    [
        ({}, []),
        ({"even_needed": True}, []),
        ({"older_than": 90 * DAY}, ["oldest", "older", "old"]),
        ({"older_than": 100 * DAY}, ["oldest", "older", "old"]),
        ({"older_than": 101 * DAY}, ["oldest", "older"]),
        ({"model": "flux-dev"}, ["older", "mid"]),
        ({"older_than": 90 * DAY, "model": "flux-dev"}, ["older"]),
        ({"model": "dall-e-3"}, []),
        ({"max_size": 90}, []),
        ({"max_size": 89}, ["oldest"]),
        ({"max_size": 39}, ["oldest", "older"]),
        ({"max_size": 0}, ["oldest", "older", "old", "mid", "new"]),
        ({"max_size": 85, "model": "flux-dev"}, ["older"]),
        ({"max_size": 0, "model": "flux-dev"}, ["older", "mid"]),
        ({"max_size": 0, "older_than": 90 * DAY}, ["oldest", "older", "old"]),
        ({"max_size": 1000, "older_than": 90 * DAY}, []),
        ({"unused": True}, ["oldest", "older", "old", "mid", "new"]),
    ],
)
def test_conditions_choose_the_longest_unused_first(conditions: dict[str, Any], goes: list[str]) -> None:
    """Conditions combine by and; max_size takes the longest unused of them, only until it is met."""
    assert choose(FIVE, now=NOW, **conditions) == goes


@pytest.mark.parametrize(
    ("conditions", "goes"),
    [
        ({"older_than": 90 * DAY}, ["older", "old"]),
        ({"max_size": 0}, ["older", "old", "mid"]),
        ({"unused": True}, ["older", "old", "mid"]),
        ({"max_size": 89}, ["older"]),
        ({"older_than": 90 * DAY, "even_needed": True}, ["oldest", "older", "old"]),
        ({"unused": True, "even_needed": True}, ["older", "old", "mid"]),
    ],
)
def test_what_a_named_output_needs_stays_unless_told(conditions: dict[str, Any], goes: list[str]) -> None:
    """Needed pictures stay whatever the conditions; only even_needed lets them go."""
    needed = {key_of("oldest"), key_of("new")}

    assert choose(FIVE, now=NOW, needed=needed, **conditions) == goes


def test_size_counts_a_shared_picture_once_and_drops_it_whole() -> None:
    """Two keys of one picture count its bytes once, and go together, by the later use."""
    shared = [held("a", 300, 60, picture="p"), held("b", 10, 60, picture="p"), held("c", 100, 40)]

    assert choose(shared, now=NOW, max_size=100) == []
    assert choose(shared, now=NOW, max_size=60) == ["c"]
    assert choose(shared, now=NOW, max_size=59) == ["c", "a", "b"]
    assert choose([*shared, held("d", 1, 5)], now=NOW, max_size=4) == ["c", "a", "b", "d"]


def test_size_spares_a_key_whose_picture_must_stay() -> None:
    """To drop one key of a picture that another model's key holds frees nothing, so it is not done."""
    shared = [held("a", 300, 60, picture="p"), held("b", 300, 60, model="flux-dev", picture="p")]

    assert choose(shared, now=NOW, max_size=0, model="sdxl") == []
    assert choose(shared, now=NOW, model="sdxl") == ["a"]


@pytest.mark.parametrize(
    ("used", "made_at", "seconds"),
    [
        (5.0, "1970-01-01T00:01:00+00:00", 5.0),
        (None, "1970-01-01T00:01:00+00:00", 60.0),
        (None, "soon", 0.0),
        (None, None, 0.0),
    ],
)
def test_making_counts_where_the_last_use_is_not_known(used: float | None, made_at: str | None, seconds: float) -> None:
    """The last use counts; without one the making; without either the picture is of unknown age."""
    assert last_use(Held("k", "d", PNG, 1, facts={"made_at": made_at}, used=used)) == seconds


@pytest.mark.parametrize(
    ("text", "age"),
    [("90d", 90 * DAY), ("12h", DAY / 2), ("4w", 28 * DAY), (" 1 D ", DAY), ("0h", timedelta())],
)
def test_age_is_read(text: str, age: timedelta) -> None:
    """Ages are a number with h, d or w."""
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5d", "3m", "90 days", "9999999w", "१d days"])
def test_other_ages_are_explained(text: str) -> None:
    """What is no age is a UsageError that shows how to write one."""
    with pytest.raises(UsageError, match=r"not an age: .*such as 12h, 90d or 4w") as caught:
        parse_age(text)
    assert caught.value.exit_code is Exit.USAGE


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20GB", 20 * 10**9),
        ("500MB", 500 * 10**6),
        ("1GiB", 2**30),
        ("1.5 gb", 1_500_000_000),
        ("10kB", 10_000),
        ("2TiB", 2 * 2**40),
        ("0B", 0),
    ],
)
def test_size_is_read(text: str, size: int) -> None:
    """Sizes are a number with a unit, of 1000 or of 1024."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "20", "GB", "-1GB", "1e9B", "20 G", "1,5GB", "20GBs", "ib"])
def test_other_sizes_are_explained(text: str) -> None:
    """What is no size, a bare number included, is a UsageError that shows how to write one."""
    with pytest.raises(UsageError, match=r"not a size: .*such as 500MB, 20GB or 1GiB"):
        parse_size(text)
