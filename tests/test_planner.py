"""Plans: states, what is there already, refusals, and one plan for rows however they are written."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from imagegen import planner as planning
from imagegen.blueprint import Blueprint
from imagegen.domain.money import nano
from imagegen.domain.request import Request
from imagegen.domain.row import Row
from imagegen.errors import ManifestError
from imagegen.kinds import fingerprint
from imagegen.planned import Draft, Seen
from imagegen.planner import CHUNK, plan
from tests.planning import placed, planned, preset


def knows(**states: Seen) -> Any:
    """A look that knows rows by id, and counts what it was asked."""
    asked: list[int] = []

    def look(drafts: Sequence[Draft]) -> list[Seen | None]:
        asked.append(len(drafts))
        return [states.get(draft.row.id) for draft in drafts]

    look.asked = asked  # type: ignore[attr-defined]
    return look


def test_a_row_that_is_not_there_is_to_be_bought() -> None:
    """A new row is `buy` with its price; what would be reserved is no less."""
    [item] = planned([{"use_case": "product_shot"}])
    assert (item.state, item.cost, item.most, item.reason) == ("buy", nano("0.04"), nano("0.04"), "")


def test_samples_are_pictures_of_their_own() -> None:
    """A row with n is planned n times, in order, each with another Key."""
    items = planned([{"n": 3}, {}])
    assert [(item.row.id, item.draft.sample) for item in items] == [("r0", 0), ("r0", 1), ("r0", 2), ("r1", 0)]
    assert len({item.draft.key for item in items}) == 4


@pytest.mark.parametrize("state", ["cached", "unknown", "flawed"])
def test_what_was_paid_for_before_is_not_bought_again(state: Any) -> None:
    """Cached, unknown and flawed pictures cost nothing now, and say why."""
    [item] = planned([{}], look=knows(r0=Seen(state, "because")))
    assert (item.state, item.reason, item.cost, item.most) == (state, "because", 0, 0)


def test_a_made_row_stays_made() -> None:
    """A kept picture stays, though routes choose another model now; the plan says which."""
    kept = Seen("kept", evidence=SimpleNamespace(model="imagen-3", provider="google"))
    [item] = planned([{}], look=knows(r0=kept))
    assert (item.state, item.cost) == ("kept", 0)
    assert item.reason == "kept; would now go to dall-e-3 (--reroute makes it anew)"


def test_a_kept_row_of_the_same_model_needs_no_words() -> None:
    """Where nothing would change nothing is said."""
    kept = Seen("kept", evidence=SimpleNamespace(model="dall-e-3", provider="openai"))
    assert planned([{}], look=knows(r0=kept))[0].reason == ""


def test_a_row_that_cannot_be_made_any_more_is_kept_all_the_same() -> None:
    """Retirement of its model is no reason to touch a finished row."""
    kept = Seen("kept", evidence=SimpleNamespace(model="dall-e-3", provider="openai"))
    strict = preset("guide", estimating=False)
    assert planned([{"model": "dall-e-3"}], strict)[0].state == "refused"
    assert planned([{"model": "dall-e-3"}], strict, look=knows(r0=kept))[0].state == "kept"


def test_redo_makes_a_row_anew_whatever_is_there() -> None:
    """`redo` names rows by id; the others stay what they are."""
    look = knows(r0=Seen("cached"), r1=Seen("cached"))
    assert [item.state for item in planned([{}, {}], look=look, redo=frozenset({"r1"}))] == ["cached", "buy"]


def test_what_is_there_is_asked_in_chunks() -> None:
    """A million rows are not looked up one by one, and not all at once."""
    look = knows()
    planned([{}] * (CHUNK + 3), look=look)
    assert look.asked == [CHUNK, 3]


def test_a_plan_is_streamed() -> None:
    """The first picture is planned before the last row is read."""
    read = []

    def rows() -> Any:
        for each in placed([{}] * (3 * CHUNK)):
            read.append(each)
            yield each

    first = next(plan(rows(), preset()))
    assert first.row.id == "r0"
    assert len(read) < 2 * CHUNK


def test_the_provider_is_asked_before_a_cent_is_spent() -> None:
    """What a provider would refuse is refused in the plan, with its sentence and no price."""
    asked: list[Request] = []

    def refuses(request: Request, given: object) -> str | None:
        asked.append(request)
        return "no mugs" if "mug" in request.prompt else None

    items = planned([{"prompt": "a mug"}, {"prompt": "a cup"}], refuses=refuses)
    assert [(item.state, item.reason, item.cost) for item in items] == [
        ("refused", "no mugs", None),
        ("buy", "", nano("0.04")),
    ]
    assert [request.prompt for request in asked] == ["a mug", "a cup"]


def test_only_providers_that_can_be_asked_are_asked() -> None:
    """A provider that this version cannot call refuses nothing while planning."""
    rows = [{"use_case": "product_shot"}, {"use_case": "thumbnail"}]
    items = planned(rows, refuses=lambda request, given: request.provider, asked=frozenset({"openai"}))
    assert [(item.state, item.reason) for item in items] == [("refused", "openai"), ("buy", "")]


def test_a_prompt_that_is_too_long_is_refused_while_planning() -> None:
    """DALL-E 3 takes 4,000 characters; one more is refused with both figures."""
    items = planned([{"prompt": "x" * 4000}, {"prompt": "x" * 4001}])
    assert [item.state for item in items] == ["buy", "refused"]
    assert "4,001 characters" in items[1].reason


def test_a_price_that_nobody_knows_is_a_refusal_and_never_nothing() -> None:
    """No price, no call: and no $0 either."""
    [item] = planned([{"model": "flux-kontext-max", "provider": "replicate"}], preset("current"))
    assert (item.state, item.cost, item.most) == ("refused", None, None)
    assert "no known price" in item.reason


def test_a_misspelt_use_case_stops_the_plan_at_its_row() -> None:
    """The place is that of the row, whatever came before it."""
    with pytest.raises(ManifestError, match=r"rows\.csv:3:1: unknown use case 'heros'"):
        planned([{}, {"use_case": "heros"}])


def test_rows_of_one_kind_share_one_blueprint() -> None:
    """Ids, prompts, seeds, tags and wording make no kind of their own; a size does."""
    rows: list[dict[str, Any]] = [
        {"model": "flux-schnell", "seed": 1, "text": "SALE", "tags": ("a",)},
        {"model": "flux-schnell", "seed": 2, "text": "OPEN", "tags": ("b",)},
        {"model": "flux-schnell", "seed": 2, "text": "OPEN", "size": "512x512"},
    ]
    first, second, third = planned(rows)
    assert first.draft.blueprint is second.draft.blueprint
    assert third.draft.blueprint is not first.draft.blueprint


def test_rows_of_one_kind_still_get_their_own_seeds() -> None:
    """A shared blueprint does not share what only a row says."""
    rows = [{"model": "flux-schnell", "seed": n} for n in (5, 6)]
    assert [item.request.seed for item in planned(rows) if item.request] == [5, 6]
    drawn = [{"model": "sdxl", "provider": "placeholder", "seed": n} for n in (5, 6)]
    assert [item.request.seed for item in planned(drawn) if item.request] == [5, 6]


def test_a_row_without_seed_is_another_kind_than_one_with_it() -> None:
    """Whether a seed was given decides which models can make a row: it is part of the kind."""
    first, second = planned([{"model": "dall-e-3"}, {"model": "dall-e-3", "seed": 3}])
    assert first.state == "buy"
    assert "cannot take a seed" in second.reason


def test_kinds_without_end_do_not_fill_the_memory() -> None:
    """Rows that are all different are planned right, and most of their kinds are forgotten on the way."""
    rows = [{"model": "dall-e-3", "max_price": f"{n}.5"} for n in range(planning.MEMO + 5)]
    items = plan(placed(rows), preset())
    assert all(next(items).cost == nano("0.04") for _ in rows)
    alive = sum(type(each) is Blueprint for each in gc.get_objects())
    assert 0 < alive < planning.MEMO


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"prompt": "a cup"}, False),
        ({"size": "512x512"}, False),
        ({"seed": 4}, False),
        ({"model": "dall-e-3"}, False),
        ({"id": "cup"}, True),
        ({"priority": 1}, True),
        ({"format": "webp"}, True),
        ({"tags": ("a",)}, True),
        ({"max_price": "1"}, True),
        ({"n": 1}, True),
        ({"prompt": "caf\u00e9"}, False),
    ],
    ids=str,
)
def test_a_fingerprint_holds_what_the_row_says_of_its_picture(change: dict[str, Any], same: bool) -> None:
    """Only a change of the picture itself makes a finished row anew."""
    row = {"id": "mug", "prompt": "a mug"}
    assert (fingerprint(Row(**row)) == fingerprint(Row(**(row | change)))) is same


def test_a_fingerprint_does_not_tell_two_spellings_of_a_letter_apart() -> None:
    """Prompts are compared in NFC, as Keys are."""
    assert fingerprint(Row(id="a", prompt="cafe\u0301")) == fingerprint(Row(id="a", prompt="caf\u00e9"))
