"""A person is asked where a row says so, or where nobody else can make it; never in place of a provider."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagegen import catalog as catalogue
from imagegen import settings as settings_of
from imagegen.domain.handoff import BY_HAND, HANDED
from imagegen.output import OutputFolder
from imagegen.staging import stage
from imagegen.wiring import enabled_providers
from tests.planning import planned, preset

OURS: dict[str, Any] = {"estimating": False, "missing": {"handoff": BY_HAND}}


def asked(row: dict[str, Any], routes: str = "guide", **said: Any) -> tuple[str, str, str]:
    """The state, the provider and the reason or the choice's sentence."""
    (item,) = planned([row], replace(preset(routes), **(OURS | said)))
    choice = item.draft.blueprint.choice
    return item.state, item.draft.blueprint.provider, choice.why if choice else item.reason


@pytest.mark.parametrize("enabled", [set(), {"openai"}])
@pytest.mark.parametrize("row", [{"model": "midjourney"}, {"subject": "art", "provider": "handoff"}])
def test_a_row_that_names_it(row: dict[str, Any], enabled: set[str]) -> None:
    """With keys or without."""
    assert asked(row, enabled=frozenset(enabled))[:2] == ("buy", "handoff")


def test_providers_come_first() -> None:
    """The guide's list for art begins with Midjourney: a provider further down makes it, and the reason is said."""
    state, provider, why = asked({"subject": "art"}, enabled=frozenset({"openai"}), allow_retired=True)
    assert (state, provider) == ("buy", "openai")
    assert "midjourney on handoff is made by hand" in why


def test_nobody_else_can() -> None:
    """Then the route leads to the person, and says so."""
    assert asked({"subject": "art"}, enabled=frozenset())[:2] == ("buy", "handoff")
    (item,) = planned([{"subject": "art"}], replace(preset("guide"), **(OURS | {"enabled": frozenset()})))
    assert HANDED in item.notes


def test_listed_by_name_the_route_holds() -> None:
    """Who writes `providers: [openai, handoff]` gets the order of the list."""
    assert asked({"subject": "art"}, enabled=frozenset({"openai", "handoff"}), missing={}, allow_retired=True)[:2] == (
        "buy",
        "handoff",
    )


def test_left_out_of_the_list_it_is_not_asked() -> None:
    """`providers: [openai]` means it."""
    missing = {"handoff": "not listed under providers"}
    state, _, reason = asked({"model": "midjourney"}, enabled=frozenset({"openai"}), missing=missing)
    assert (state, reason) == (
        "refused",
        "midjourney is not enabled (not listed under providers); enable handoff",
    )


def test_the_settings_decide() -> None:
    """No list: at hand and not enabled. Listed: enabled. Another list: neither."""
    for environ, enabled, why in (
        ({}, False, BY_HAND),
        ({"IMAGEGEN_PROVIDERS": "openai,handoff"}, True, None),
        ({"IMAGEGEN_PROVIDERS": "openai"}, False, "not listed under providers"),
    ):
        found, missing = enabled_providers(settings_of.load(environ=environ), catalogue.load())
        assert ("handoff" in found, missing.get("handoff")) == (enabled, why)


def test_an_import_leaves_what_others_make(tmp_path: Path) -> None:
    """Even a line of a provider that found its way onto its list is not bought."""
    (mug,) = planned([{"use_case": "thumbnail"}], preset("current"))
    (poster,) = planned([{"model": "midjourney"}], preset("current"))
    folder, key = OutputFolder(tmp_path), str(poster.draft.key)
    begins = {
        brought: [stage(item, 0, folder, brought=brought).state for item in (mug, poster)]
        for brought in (None, frozenset(), frozenset({key}))
    }
    assert begins == {
        None: ["todo", "waiting"],
        frozenset(): ["skipped", "waiting"],
        frozenset({key}): ["skipped", "todo"],
    }
