"""Choosing: the best wins, the first of equals; scorers that wait, ask, or are wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from imagegen.choose import NOTHING, Asks, Candidate, Chosen, Decision, Given, Score, Waits, Wish, choose, scorer
from imagegen.choose.auto import Auto, scored
from imagegen.choose.extras import OCR, SAFETY
from imagegen.choose.looks import Looks
from imagegen.choose.wording import compare
from imagegen.domain.row import Row
from imagegen.errors import SettingsError
from tests.choose.drawing import NO_PICTURE, blank, poster

WISH = Wish("A poster for the summer sale", text="SUMMER SALE")
PLAIN = Wish("A poster")


def candidates(*pictures: bytes) -> list[Candidate]:
    return [Candidate(index, data) for index, data in enumerate(pictures)]


class Fixed:
    """Somebody's scorer: whatever it was given."""

    name, version = "fixed", "7"

    def __init__(self, *came: Any) -> None:
        self.came = list(came)

    def refuses(self, wish: Wish) -> str | None:
        return None

    def score(self, candidates: Sequence[Candidate], wish: Wish, given: Given = NOTHING) -> list[Score]:
        return [Score(each) if isinstance(each, float) else each for each in self.came]


def test_the_highest_score_wins_and_the_first_of_equals() -> None:
    """The sentence says which, out of how many, and how near the next is."""
    three = candidates(b"a", b"b", b"c")
    best = choose(three, PLAIN, Fixed(0.2, 0.9, 0.5))
    assert isinstance(best, Chosen)
    assert (best.index, best.reason) == (1, "picture 2 is best of 3 with 0.90 (next best 0.50)")
    equal = choose(three, PLAIN, Fixed(0.4, 0.8, 0.8000000001))
    assert isinstance(equal, Chosen)
    assert (equal.index, equal.reason) == (1, "picture 2 is best of 3 with 0.80 (as good as 3; the first wins)")
    assert (equal.scorer, equal.version) == ("fixed", "7")


def test_the_index_is_the_candidates_own() -> None:
    """Drafts may have failed between: what is left keeps its number."""
    best = choose([Candidate(1, b"a"), Candidate(3, b"b")], PLAIN, Fixed(0.1, 0.6))
    assert isinstance(best, Chosen)
    assert (best.index, best.reason) == (3, "picture 4 is best of 2 with 0.60 (next best 0.10)")


def test_none_is_chosen_where_none_is_any_use() -> None:
    """Blank pictures and pages of HTML are no drafts to go on with."""
    for name in ("auto", "first"):
        none = choose(candidates(blank(), NO_PICTURE), PLAIN, scorer(name))
        assert isinstance(none, Chosen)
        assert none.index is None
        assert none.reason.startswith("none of 2 is any use: the picture is blank")


def test_first_takes_the_first_that_is_a_picture() -> None:
    """However good the next are."""
    found = choose(candidates(blank(), poster(blur=8), poster()), WISH, scorer("first"))
    assert isinstance(found, Chosen)
    assert found.index == 1


def test_auto_takes_the_sharper() -> None:
    """Whatever its place."""
    for order in ((poster(blur=4), poster()), (poster(), poster(blur=4))):
        found = choose(candidates(*order), PLAIN, scorer("auto"))
        assert isinstance(found, Chosen)
        assert found.index == order.index(poster())
        assert set(found.scores[0].parts) >= {"sharpness", "contrast"}


@pytest.mark.skipif(not (OCR.missing() and SAFETY.missing()), reason="the extras ocr and safety are installed here")
def test_auto_says_what_it_left_out() -> None:
    """With the command that would add it; the parts that were not measured are not there."""
    (score,) = Auto().score(candidates(poster()), WISH)
    assert set(score.parts) == {"sharpness", "contrast"}
    said = " ".join(score.reasons)
    assert 'left out: reading the text in pictures needs the extra ocr: pip install "imagegen-batch[ocr]"' in said
    assert 'left out: checking that pictures are safe needs the extra safety: pip install "imagegen-batch[' in said


def looks(read: str | None = None, nsfw: float | None = None, sharp: float = 0.5, **more: Any) -> Looks:
    wording = None if read is None else compare("SUMMER SALE", [read])
    return Looks(None, 64, 64, "png", False, sharp, 0.8, wording, nsfw, **more)


def test_bands_keep_their_order() -> None:
    """Safe before readable before sharp: a half and more is what passes everything that was measured."""
    blurred = scored(looks("SUMMER SALE", 0.1, sharp=0.0)).value
    misspelt = scored(looks("SUMMRE SALE", 0.1, sharp=1.0)).value
    garbled = scored(looks("XQ", 0.1, sharp=1.0)).value
    unsafe = scored(looks("SUMMER SALE", 0.9, sharp=1.0)).value
    failed = scored(looks(sharp=1.0, failed=("OCR failed on this picture: ValueError",))).value
    assert blurred >= 0.5 > misspelt > garbled > unsafe > scored(Looks("no picture")).value == 0
    assert failed < 0.5


def test_reasons_name_the_words_that_are_missing() -> None:
    """So that a person can see why a picture lost."""
    reasons = scored(looks("SUMMRE SALE", 0.75)).reasons
    assert reasons == (
        "sharpness 0.50, contrast 0.80",
        '"SUMMER" is not readable; nearest: "SUMMRE"',
        "not safe",
    )


def test_a_tagger_is_a_part_of_auto() -> None:
    """What the installed scorer `tags` says counts, and one that would not answer at once is no part."""
    two = candidates(poster(), poster())
    found = choose(two, PLAIN, Auto(Fixed(0.1, 0.9)))
    assert isinstance(found, Chosen)
    assert (found.index, found.scores[1].parts["tags"]) == (1, 0.9)
    with pytest.raises(SettingsError, match='"tags" gave no score for each'):
        choose(two, PLAIN, Auto(Fixed(0.1)))


@pytest.mark.parametrize(
    ("came", "says"),
    [
        ([0.5], "gave 1 scores for 2 pictures"),
        (["best", 0.5], "gave something else than scores"),
        ([None, None], "gave something else than scores"),
    ],
)
def test_somebody_elses_mistake_names_the_scorer(came: list[Any], says: str) -> None:
    """One line, and what to do."""
    with pytest.raises(SettingsError) as problem:
        choose(candidates(b"a", b"b"), PLAIN, Fixed(*came))
    assert str(problem.value) == f'the scorer "fixed" {says}; choose with another one, such as auto'


def test_somebody_elses_exception_is_one_line() -> None:
    """The pictures are paid for: no traceback."""

    class Broken(Fixed):
        def score(self, candidates: Sequence[Candidate], wish: Wish, given: Given = NOTHING) -> list[Score]:
            raise KeyError("model\nweights")

    with pytest.raises(SettingsError) as problem:
        choose(candidates(b"a"), PLAIN, Broken())
    assert str(problem.value).startswith('the scorer "fixed" failed: KeyError: ')
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize("value", [float("nan"), -0.1, 1.5, float("inf"), True, "0.5"])
def test_a_score_is_a_number_from_0_to_1(value: Any) -> None:
    """Nothing else can be compared."""
    with pytest.raises(ValueError, match="from 0 to 1"):
        Score(value)
    with pytest.raises(ValueError, match=r"^safe is"):
        Score(0.5, parts={"safe": value})


def test_the_facts_are_json() -> None:
    """For the ledger: everything a person needs to overrule the choice."""
    found = choose(candidates(blank(), poster()), PLAIN, scorer("first"))
    assert isinstance(found, Chosen)
    facts = json.loads(json.dumps(found.facts()))
    assert (facts["index"], facts["scorer"], facts["version"]) == (1, "first", "1")
    assert facts["scores"][1] == {"value": 1.0, "parts": {}, "reasons": ["it is a picture"]}


def test_a_wish_is_a_rows() -> None:
    """Prompt and wording."""
    assert Wish.of(Row(id="a", prompt="A poster", text="SALE")) == Wish("A poster", "SALE")


def test_without_pictures_there_is_nothing_to_choose() -> None:
    """That is a caller's bug."""
    with pytest.raises(ValueError, match="nothing to choose from"):
        choose([], PLAIN, scorer("first"))


def test_a_person_is_waited_for_and_obeyed() -> None:
    """A row waits; then the picture named wins, whatever it looks like."""
    two = candidates(poster(), blank())
    assert choose(two, PLAIN, scorer("person")) == Waits("a person chooses among 2")
    mine = Given(Decision(1, "the calm one", "Ann", tuple(each.digest for each in two)))
    found = choose(two, PLAIN, scorer("person"), mine)
    assert isinstance(found, Chosen)
    assert (found.index, found.reason) == (1, "picture 2 is best of 2 with 1.00: Ann: the calm one (next best 0.00)")
    none = choose(two, PLAIN, scorer("person"), Given(Decision(None)))
    assert isinstance(none, Chosen)
    assert (none.index, none.reason) == (None, "none of 2 is any use: a person decided")


def test_a_decision_about_other_pictures_is_none() -> None:
    """Drafts made anew are not what was decided on, and a picture that is not there cannot be taken."""
    two = candidates(poster(), blank())
    stale = choose(two, PLAIN, scorer("person"), Given(Decision(0, pictures=("ab", "cd"))))
    assert stale == Waits("the pictures have changed since a person decided")
    beyond = choose(two, PLAIN, scorer("person"), Given(Decision(6)))
    assert beyond == Waits("the decision names picture 7, which is not there")
    assert not isinstance(beyond, Asks)
