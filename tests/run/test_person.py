"""Rows whose drafts a person chooses among: they wait, say how to decide, and go on when that is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.run.cloudrun import Ended, Place
from tests.run.drafted import DRAFTS_ON, REFINED_ON, manifest, results, states, told
from tests.run.test_drafts import models, sha256


@pytest.fixture
def waiting(place: Place) -> Path:
    """A manifest that was run, one of whose rows waits."""
    file = manifest(place, [{"id": "mug", "prompt": "A mug", "choose": "person"}, {"id": "cup", "prompt": "A cup"}])
    ended = place.run(file)
    assert (ended.code, states(ended)["mug", 0], states(ended)["cup", 0]) == (9, "waiting", "made"), ended.err
    assert "1 picture waits for a person's choice: imagegen review" in ended.err
    return file


def choose(place: Place, *words: str) -> Ended:
    """`imagegen choose` in the place's folder."""
    return place.call("choose", "rows.yaml", *words, "-o", "out")


def test_the_draft_that_a_person_chose_is_refined(place: Place, cloud: Cloud, waiting: Path) -> None:
    """Its bytes go out, the note stands in the results, and what waited costs nothing until then."""
    assert models(cloud) == {DRAFTS_ON: 6, REFINED_ON: 1}
    decided = choose(place, "mug", "2", "--note", "the handle")
    assert (decided.code, decided.err.strip()) == (0, "1 picture decided; now: imagegen run rows.yaml -o out")
    ended = place.run(waiting)
    assert (ended.code, states(ended)["mug", 0]) == (0, "made"), ended.err
    assert models(cloud) == {DRAFTS_ON: 6, REFINED_ON: 2}
    assert cloud.requests[-1].body["image"] == [sha256(place.out / "drafts" / "mug-2.png")]
    line = results(place.out)["mug", 0]
    assert "the handle" in line["chosen"]
    assert [results(place.out)["mug", 1000 + n]["chosen"] for n in range(3)] == [False, True, False]
    assert place.run(waiting).code == 0
    assert len(cloud.requests) == 8


def test_it_waits_as_long_as_nobody_decides(place: Place, cloud: Cloud, waiting: Path) -> None:
    """A run in between says the same and buys nothing."""
    asked = len(cloud.requests)
    ended = place.run(waiting)
    assert (ended.code, states(ended)["mug", 0], len(cloud.requests)) == (9, "waiting", asked)
    assert {states(ended)["mug", 1000 + n] for n in range(3)} == {"kept"}


def test_none_of_them_ends_the_row_until_it_is_redone(place: Place, cloud: Cloud, waiting: Path) -> None:
    """Failed with a sentence; --redo makes new drafts, of which the old decision says nothing."""
    assert choose(place, "mug", "none", "--note", "all crooked").code == 0
    ended = place.run(waiting)
    assert (ended.code, states(ended)["mug", 0]) == (3, "failed"), ended.err
    reason = told(ended)["mug", 0]["reason"]
    assert "all crooked" in reason
    assert "--redo" in reason
    assert place.run(waiting).code == 3
    assert models(cloud)[DRAFTS_ON] == 6
    cloud.faults.add("moderation", at=8)
    anew = place.run(waiting, "--redo", "mug", workers=1)
    assert (anew.code, states(anew)["mug", 0], models(cloud)[DRAFTS_ON]) == (9, "waiting", 8), anew.err
    assert "have changed since" in told(anew)["mug", 0]["reason"]


def test_what_waits_is_listed(place: Place, waiting: Path) -> None:
    """For people with the files to look at, for machines with what was decided."""
    listed = choose(place)
    assert [line.split()[-1] for line in listed.out.splitlines()[1:]] == [f"out/drafts/mug-{n}.png" for n in (1, 2, 3)]
    choose(place, "mug", "3")
    (event,) = choose(place, "--json").events
    assert (event["id"], event["decided"], event["picture"]) == ("mug", True, 3)
    assert event["drafts"] == {str(n): f"drafts/mug-{n}.png" for n in (1, 2, 3)}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mugg", "1"), "did you mean mug?"),
        (("cup", "1"), "no picture called 'cup' waits for a choice"),
        (("mug", "4"), "mug has no draft '4'; one of 1, 2, 3, or none"),
        (("mug", "-1"), "no such option"),
        (("mug",), "which draft of mug?; 1 to 3, or none"),
    ],
)
def test_a_choice_that_cannot_be_is_one_line(place: Place, waiting: Path, words: tuple[str, ...], said: str) -> None:
    """Exit 2, and nothing is written."""
    ended = choose(place, *words)
    assert ended.code == 2
    assert said.lower() in ended.err.lower()
    assert len(ended.err.splitlines()) == 1
    assert not (place.out / "decisions.json").exists()


def test_decisions_that_cannot_be_read_stop_nothing_else(place: Place, waiting: Path) -> None:
    """The row says what is wrong with the file; so does `choose`."""
    (place.out / "decisions.json").write_text('{"mug": 1}')
    ended = place.run(waiting)
    assert (ended.code, states(ended)["cup", 0]) == (3, "kept")
    assert "mend or remove the file" in told(ended)["mug", 0]["reason"]
    assert choose(place, "mug", "1").code == 2


def test_a_decision_written_by_hand_will_do(place: Place, waiting: Path) -> None:
    """No digests, no note: `picture` alone."""
    (place.out / "decisions.json").write_text(
        json.dumps({"imagegen_decisions": 1, "decisions": {"mug": {"picture": 1}}})
    )
    ended = place.run(waiting)
    assert (ended.code, states(ended)["mug", 0]) == (0, "made"), ended.err


def test_nothing_waits(place: Place) -> None:
    """Neither command fails where there is nothing to choose, not even in a home that was never used."""
    manifest(place, [{"id": "mug", "prompt": "A mug"}])
    for command in ("choose", "review"):
        ended = place.call(command, "rows.yaml", "-o", "out")
        assert (ended.code, ended.err.strip()) == (0, "no picture in out waits for a choice")
    assert not place.home.exists()
