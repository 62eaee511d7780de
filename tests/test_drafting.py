"""Rows with drafts as plans see them: what is asked of whom, what it costs, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from imagegen.context import Context, Scoring, Winner
from imagegen.domain.drafts import called, numbers
from imagegen.domain.given import Given
from imagegen.domain.money import nano
from imagegen.errors import SettingsError
from imagegen.estimate import Totals
from imagegen.planned import Planned, Seen
from imagegen.planner import plan
from imagegen.routing import load_routes
from imagegen.routing.route import Entry
from imagegen.scoring import Scorers, accepts
from tests.planning import TODAY, placed, planned, preset

ROW: dict[str, Any] = {"strategy": "draft_refine", "model": "gpt-image-2.5-sunburst", "quality": "medium"}
OPENAI = frozenset({"openai"})


def current(**said: Any) -> Context:
    """The current preset where only OpenAI can be called."""
    return replace(preset("current", enabled=OPENAI, estimating=False), **said)


def drafted(row: dict[str, Any], context: Context | None = None, **said: Any) -> tuple[Planned, list[Planned]]:
    """The picture and the drafts of a row."""
    picture, *drafts = planned([row], context or current(), **said)
    return picture, drafts


def test_a_picture_is_followed_by_its_drafts() -> None:
    """Four on the cheap model that can be called, in the picture's shape; the picture is made from one of them."""
    picture, drafts = drafted(ROW | {"size": "1792x1024"})
    assert [each.draft.blueprint.model for each in drafts] == ["gpt-image-2.5-flare"] * 4
    assert [each.draft.sample for each in drafts] == [1000, 1001, 1002, 1003]
    request = picture.request
    assert request is not None
    assert (request.model, request.quality, request.images) == ("gpt-image-2.5-sunburst", "medium", ("draft",))
    assert picture.held
    asked = drafts[0].request
    assert asked is not None
    assert (asked.quality, asked.images) == ("low", ())
    assert asked.width is not None
    assert asked.height is not None
    assert asked.width / asked.height == pytest.approx(1792 / 1024, rel=0.03)


def test_every_picture_and_draft_has_a_key_of_its_own() -> None:
    """With n: 2 there are two pictures and six drafts, all different; equal rows have equal ones."""
    every = planned(
        [ROW | {"n": 2, "drafts": 3, "prompt": "A mug"}, ROW | {"n": 2, "drafts": 3, "prompt": "A mug"}], current()
    )
    keys = [each.draft.key for each in every]
    assert len(keys) == 16
    assert len(set(keys)) == 8
    assert keys[:8] == keys[8:]


def test_drafts_cost_no_more_than_the_picture_s_own_size() -> None:
    """A model's own size of that shape may be larger than what is wanted: then the wanted size is drafted."""
    _, drafts = drafted(ROW | {"size": "1024x640"})
    assert {(each.request.width, each.request.height) for each in drafts if each.request} == {(1024, 640)}


def slot(context: Context | None = None, **fields: Any) -> str:
    """The slot of a row's picture."""
    picture, _ = drafted(ROW | {"prompt": "A mug"} | fields, context)
    assert picture.draft.part is not None
    return picture.draft.part.slot


@pytest.mark.parametrize(
    "fields",
    [{"drafts": 3}, {"choose": "first"}, {"prompt": "A cup"}, {"quality": "high"}, {"size": "1024x640"}, {"text": "X"}],
    ids=str,
)
def test_the_slot_holds_all_that_decides_the_choice(fields: dict[str, Any]) -> None:
    """Another number of drafts, scorer, prompt or picture is another choice; so are other draft models and another
    version of the scorer. Tags are not."""
    assert slot(**fields) != slot()
    assert slot(tags=("shop",)) == slot()


def test_the_slot_follows_the_scorer_s_version_and_the_draft_model() -> None:
    """Both change what would be chosen."""
    routes = load_routes({"strategies": {"draft_refine": {"models": ["gpt-image-2"]}}})
    assert slot(current(scorers=lambda name, row, drafts: Scoring(name, "2"))) != slot()
    assert slot(current(routes=routes)) != slot()


def test_the_chosen_draft_becomes_the_input_picture() -> None:
    """Once a draft has won there are no drafts to be made; the picture's Key is that of the draft's bytes."""
    winner = Winner("a" * 64, "cache/a.png", Given("png", 1024, 1024, 9), 2, "picture 3 is best")
    picture, drafts = drafted(ROW, current(chosen=lambda slot: winner))
    assert drafts == []
    assert not picture.held
    assert picture.request is not None
    assert picture.request.images == ("a" * 64,)
    assert picture.draft.part is not None
    assert (picture.draft.part.number, picture.draft.part.reason) == (2, "picture 3 is best")
    asked_anew, drafts = drafted(ROW, current(chosen=lambda slot: winner), redo=frozenset({"r0"}))
    assert asked_anew.held
    assert len(drafts) == 4


def test_a_model_without_inputs_is_asked_by_the_prompt_alone() -> None:
    """DALL-E 3 takes no picture: said in the plan, and its Key needs no draft."""
    picture, drafts = drafted({"use_case": "hero_image", "strategy": "draft_refine"}, preset())
    assert picture.notes[-1] == (
        "dall-e-3-hd takes no input picture: the chosen draft is shown, the picture is made from the prompt alone"
    )
    assert picture.request is not None
    assert picture.request.images == ()
    assert len(drafts) == 4


def test_a_use_case_may_ask_for_drafts() -> None:
    """By its route; a row that says `plain` has none."""
    routes = load_routes({"use_cases": {"poster": {"models": ["gpt-image-2.5-sunburst"], "strategy": "draft_refine"}}})
    assert len(planned([{"use_case": "poster"}], current(routes=routes))) == 5
    assert len(planned([{"use_case": "poster", "strategy": "plain"}], current(routes=routes))) == 1
    assert len(planned([{"use_case": "poster", "drafts": 2}], current(routes=routes))) == 3


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"image": "a.png"}, "draft_refine begins with a prompt alone"),
        ({"choose": "atuo"}, 'no scorer is called "atuo"; did you mean auto?'),
        ({"lane": "batch"}, "strategy draft_refine makes one picture after the other"),
        ({"model": "sdxl"}, "sdxl"),
    ],
)
def test_what_cannot_be_is_refused_once(fields: dict[str, Any], said: str) -> None:
    """One line for the picture, none for drafts that would never be made."""
    found = planned([ROW | fields], current(scorers=Scorers({}, TODAY)))
    assert [each.state for each in found] == ["refused"]
    assert said in found[0].reason


def test_without_a_model_for_drafts_the_row_is_refused() -> None:
    """By routes of one's own that know no strategy, and where none of its models can be called."""
    bare = replace(load_routes("current"), strategies={})
    assert planned([ROW], current(routes=bare))[0].reason.startswith("these routes name no models for drafts")
    routes = load_routes({"strategies": {"draft_refine": {"models": ["flux-schnell"]}}})
    assert planned([ROW], current(routes=routes))[0].reason.startswith("its drafts cannot be made: ")


@pytest.mark.parametrize("number", [3, "3"])
def test_routes_say_how_many_drafts_by_whom(number: Any) -> None:
    """As a number, or as text as in a catalogue file."""
    routes = load_routes(
        {
            "strategies": {
                "draft_refine": {
                    "models": [{"model": "gpt-image-2", "quality": "low"}],
                    "drafts": number,
                    "choose": "person",
                }
            }
        }
    )
    strategy = routes.strategies["draft_refine"]
    assert (strategy.models, strategy.drafts, strategy.choose) == ((Entry("gpt-image-2", "low"),), 3, "person")


@pytest.mark.parametrize(
    ("strategies", "said"),
    [
        ({"draft": {}}, "unknown strategy"),
        ({"draft_refine": {"models": []}}, "names no model for the drafts"),
        ({"draft_refine": {"drafts": 0}}, "0 drafts; write 1 to 16"),
        ({"draft_refine": {"drafts": 17}}, "17 drafts; write 1 to 16"),
        ({"draft_refine": {"drafts": True}}, "must be text"),
        ({"draft_refine": {"drafts": 2.5}}, "must be"),
        ({"draft_refine": {"draft": 2}}, "unknown key"),
    ],
)
def test_strategies_that_mean_nothing_are_errors(strategies: Any, said: str) -> None:
    """One line that names the key."""
    with pytest.raises(SettingsError, match=said):
        load_routes({"strategies": strategies})


def test_totals_tell_drafts_from_pictures() -> None:
    """One picture and four drafts; the premium model is compared with the picture alone."""
    totals = Totals()
    for each in planned([{"use_case": "hero_image", "strategy": "draft_refine"}], preset()):
        totals.add(each)
    assert (totals.rows, totals.all.pictures, totals.all.drafts) == (1, 5, 4)
    assert totals.all.cost == nano("0.092")
    assert totals.premium == nano("0.08")
    assert totals.counts()["drafts"] == 4
    assert [(line.model, line.pictures, line.drafts) for line in totals.by("model")] == [
        ("dall-e-3-hd", 1, 0),
        ("flux-schnell", 4, 4),
    ]


def test_only_the_picture_may_be_attempted_again() -> None:
    """`accept` is about the picture: at most three times its price, once that of each draft."""
    once, drafts_once = drafted(ROW)
    again, drafts = drafted(ROW | {"accept": {"attempts": 3}})
    assert (again.most, again.most_each) == (3 * (once.most or 0), once.most)
    assert [each.most for each in drafts] == [each.most for each in drafts_once]
    assert again.cost == once.cost


def test_what_the_cache_has_may_not_be_accepted() -> None:
    """Two of three attempts may follow a picture that is there: they count in what it may cost at most."""

    def look(drafts: Any) -> Any:
        return [Seen("cached") for _ in drafts]

    fields = {"model": "gpt-image-2.5-flare", "quality": "low"}
    (bought,) = planned([fields], current())
    (there,) = planned([fields | {"accept": {"attempts": 3}}], current(), look=look)
    assert (there.state, there.cost, there.most) == ("cached", 0, 2 * (bought.most or 0))
    assert there.most_each == bought.most
    (alone,) = planned([fields | {"accept": {"attempts": 1}}], current(), look=look)
    assert alone.most == 0


def test_attempts_that_are_known_to_be_no_use_are_passed_over() -> None:
    """The first two are flawed, so the third is planned: one attempt at most; when all are, the picture is flawed."""

    def look(drafts: Any) -> Any:
        return [Seen("flawed", "blank") if each.tries < flawed else None for each in drafts]

    row = {"model": "gpt-image-2.5-flare", "quality": "low", "accept": {"attempts": 3}, "prompt": "A mug"}
    flawed = 0
    (first,) = planned([row], current(), look=look)
    flawed = 2
    (third,) = planned([row], current(), look=look)
    assert (third.state, third.draft.tries, third.most) == ("buy", 2, first.most_each)
    assert third.draft.key != first.draft.key
    flawed = 3
    (none,) = planned([row], current(), look=look)
    assert (none.state, none.cost, none.most) == ("flawed", 0, 0)
    (anew,) = plan(placed([row]), current(), look=look, redo=frozenset({"r0"}))
    assert (anew.state, anew.draft.key) == ("buy", first.draft.key)


def test_rules_of_acceptance_are_asked_while_planning() -> None:
    """A rule about a wording that the row does not have can never be kept."""
    (found,) = planned([{"accept": {"text": True}}], current(accepts=accepts))
    assert (found.state, found.reason) == ("refused", "accept.text has no wording to look for: give the row a text")


@pytest.mark.parametrize(
    ("sample", "several", "name", "parts"),
    [
        (0, None, "mug", (0, None)),
        (0, True, "mug #1", (0, None)),
        (1, None, "mug #2", (1, None)),
        (1002, None, "mug draft 3", (0, 2)),
        (1002, True, "mug #1 draft 3", (0, 2)),
        (100_015, None, "mug #100 draft 16", (99, 15)),
    ],
)
def test_drafts_have_names(sample: int, several: bool | None, name: str, parts: tuple[int, int | None]) -> None:
    """As people count."""
    assert called("mug", sample, several) == name
    assert numbers(sample) == parts
