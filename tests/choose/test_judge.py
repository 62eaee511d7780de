"""Judging by a vision model: what is asked, what a good answer becomes, and what a bad one does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from imagegen.choose import Asks, Candidate, Chosen, Given, Model, Wish, choose, judge, scorer
from imagegen.domain.request import key
from tests.choose.drawing import blank, poster

WISH = Wish("A poster {with braces}", text='SAY "YES"')
PLAIN = Wish("A mug")
MODEL = Model("openai", "some-vision-model")
PICTURES = [Candidate(0, poster("ONE")), Candidate(1, poster("TWO")), Candidate(2, poster("THREE"))]


def entry(picture: Any = 1, score: Any = 80, reason: Any = "clear", **more: Any) -> dict[str, Any]:
    return {"picture": picture, "score": score, "reason": reason, **more}


def answer(*entries: Any) -> bytes:
    return json.dumps({"pictures": list(entries)}).encode()


GOOD = answer(entry(2, 90, " sharp,\n warm "), entry(1, 40, "cut off"), entry(3, 70, "plain"))


def test_the_request_carries_all_that_the_answer_depends_on() -> None:
    """The brief as JSON, the pictures by digest in order, the schema; equal questions have one Key."""
    asked = judge.request_of(PICTURES, WISH, MODEL)
    assert (asked.kind, asked.provider, asked.model, asked.address) == ("judge", "openai", "some-vision-model", None)
    assert asked.images == tuple(each.digest for each in PICTURES)
    assert r'{"prompt":"A poster {with braces}","text":"SAY \"YES\""}' in asked.prompt
    assert "the last is picture 3" in asked.prompt
    assert key(asked) == key(judge.request_of(list(PICTURES), WISH, MODEL))
    others = [
        judge.request_of(PICTURES[::-1], WISH, MODEL),
        judge.request_of(PICTURES[:2], WISH, MODEL),
        judge.request_of(PICTURES, PLAIN, MODEL),
        judge.request_of(PICTURES, WISH, Model("google", "some-vision-model")),
        judge.request_of(PICTURES, WISH, Model("openai", "some-vision-model", "http://localhost:9")),
    ]
    assert len({key(each) for each in (asked, *others)}) == 6


@pytest.mark.parametrize("wish", [WISH, PLAIN])
def test_the_schema_takes_what_the_reader_takes(wish: Wish) -> None:
    """It is a valid JSON Schema that knows no other keys; `text_ok` is asked for only where there is a text."""
    options = json.loads(judge.request_of(PICTURES, wish, MODEL).options or "")
    assert options["schema"] == judge.schema(wish)
    Draft202012Validator.check_schema(options["schema"])
    more = {"text_ok": True} if wish.text else {}
    takes = Draft202012Validator(options["schema"]).is_valid
    assert takes(json.loads(answer(entry(**more))))
    assert not takes(json.loads(answer(entry(**more, colour="red"))))
    assert not takes(json.loads(answer(entry() if more else entry(text_ok=True))))


def test_a_good_answer_becomes_scores_in_order() -> None:
    """Whatever order it came in; reasons on one line."""
    scores = judge.scores_of(GOOD, 3, PLAIN)
    assert [score.value for score in scores] == [0.4, 0.9, 0.7]
    assert scores[1].reasons == ("sharp, warm",)


def test_a_wrong_text_never_scores_high() -> None:
    """The criteria say so, and it is held here too."""
    told = answer(entry(1, 95, text_ok=False), entry(2, 60, text_ok=True))
    scores = judge.scores_of(told, 2, WISH)
    assert [score.value for score in scores] == [0.4, 0.6]
    assert scores[0].reasons == ("clear", "the text is not there as it was asked")
    assert [score.parts for score in scores] == [{"text": 0.0}, {"text": 1.0}]


def test_a_long_reason_is_cut() -> None:
    """A sentence is wanted."""
    (score,) = judge.scores_of(answer(entry(reason="x" * 5000)), 1, PLAIN)
    assert len(score.reasons[0]) == 300


BAD = [
    (b"", "it is not JSON"),
    (b"I like the second picture best.", "it is not JSON"),
    (b"```json\n" + answer(entry()) + b"\n```", "it is not JSON"),
    (b"\xff\xfe", "it is not JSON"),
    (b"[" * 100_000, "it is not JSON"),
    (b" " * 300_000, "it is larger than 256 KB"),
    (b"[]", 'it is not an object with "pictures" alone'),
    (b'{"pictures": [], "best": 1}', 'it is not an object with "pictures" alone'),
    (b'{"pictures": [], "pictures": []}', "it has a key twice"),
    (answer(), "it does not score picture 1"),
    (answer(entry(2)), "it does not score picture 1"),
    (answer(entry(1), entry(1)), "it scores picture 1 twice"),
    (answer(entry(1), entry(3)), "it speaks of picture 3 of 2"),
    (answer(entry(0), entry(1)), "it speaks of picture 0 of 2"),
    (answer(entry(True), entry(2)), "it speaks of picture true of 2"),
    (answer(entry(1, 101), entry(2)), "the score of picture 1 is 101, not 0 to 100"),
    (answer(entry(1, 80.5), entry(2)), "the score of picture 1 is 80.5, not 0 to 100"),
    (answer(entry(1, float("nan")), entry(2)), "the score of picture 1 is NaN, not 0 to 100"),
    (answer(entry(1, "80"), entry(2)), 'the score of picture 1 is "80", not 0 to 100'),
    (answer(entry(1, reason=" "), entry(2)), "picture 1 has no reason"),
    (answer(entry(1, reason=None), entry(2)), "picture 1 has no reason"),
    (answer(entry(1, text_ok=True), entry(2)), "an entry has other keys than picture, reason, score"),
    (answer("first", "second"), "an entry has other keys than picture, reason, score"),
    (answer(90, None), "an entry has other keys than picture, reason, score"),
]


@pytest.mark.parametrize(("told", "says"), BAD)
def test_a_bad_answer_is_none(told: bytes, says: str) -> None:
    """It is read strictly: nothing is guessed from half an answer."""
    with pytest.raises(judge.BadAnswer) as problem:
        judge.scores_of(told, 2, PLAIN)
    assert str(problem.value) == says


@pytest.mark.parametrize("told", [answer(entry()), answer(entry(text_ok="yes")), answer(entry(text_ok=1))])
def test_the_text_must_be_answered_where_there_is_one(told: bytes) -> None:
    """With true or false."""
    with pytest.raises(judge.BadAnswer, match="text_ok"):
        judge.scores_of(told, 1, WISH)


def test_llm_asks_then_chooses() -> None:
    """The request with the pictures it names; its answer decides."""
    asks = choose(PICTURES, PLAIN, scorer("llm", MODEL))
    assert isinstance(asks, Asks)
    assert asks.request == judge.request_of(PICTURES, PLAIN, MODEL)
    assert asks.pictures == {each.digest: each.data for each in PICTURES}
    found = choose(PICTURES, PLAIN, scorer("llm", MODEL), Given(answer=GOOD))
    assert isinstance(found, Chosen)
    assert (found.index, found.scorer) == (1, "llm")
    assert found.reason == "picture 2 is best of 3 with 0.90: sharp, warm (next best 0.70)"


def test_what_is_no_picture_is_not_asked_about() -> None:
    """Nothing is paid for judging it, and the others keep their places."""
    four = [Candidate(0, blank()), *(Candidate(each.index + 1, each.data) for each in PICTURES)]
    asks = choose(four, PLAIN, scorer("llm", MODEL))
    assert isinstance(asks, Asks)
    assert asks.request.images == tuple(each.digest for each in PICTURES)
    found = choose(four, PLAIN, scorer("llm", MODEL), Given(answer=GOOD))
    assert isinstance(found, Chosen)
    assert [score.value for score in found.scores] == [0.0, 0.4, 0.9, 0.7]
    assert found.index == 2


def test_one_picture_alone_needs_no_judge() -> None:
    """There is nothing to compare."""
    found = choose([Candidate(0, blank()), Candidate(1, poster())], PLAIN, scorer("llm", MODEL))
    assert isinstance(found, Chosen)
    assert (found.index, found.scores[1].reasons) == (1, ("the only picture",))


def test_after_a_bad_answer_auto_chooses_and_says_so() -> None:
    """The answer was paid for and is not asked again."""
    two = [Candidate(0, poster(blur=6)), Candidate(1, poster())]
    found = choose(two, PLAIN, scorer("llm", MODEL), Given(answer=b"The second!"))
    assert isinstance(found, Chosen)
    assert found.index == 1
    note = "scored by auto: the answer of some-vision-model cannot be used, it is not JSON"
    assert all(score.reasons[-1] == note for score in found.scores)
    assert "sharpness" in found.scores[0].parts


def test_llm_without_a_model_is_refused_while_planning() -> None:
    """In a sentence; with one it is not."""
    assert scorer("llm").refuses(PLAIN) == "the scorer llm needs a vision model, and none is set; auto needs none"
    assert scorer("llm", MODEL).refuses(PLAIN) is None
