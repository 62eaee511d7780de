"""Rows with drafts: several on a cheap model, one chosen, one picture made from it; what was bought stays bought."""

from __future__ import annotations

import hashlib
import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cloud import Cloud
from tests.run.cloudrun import Place
from tests.run.drafted import DRAFTS_ON, REFINED_ON, manifest, results, states, told

MUG = [("mug", 0), ("mug", 1000), ("mug", 1001), ("mug", 1002)]


def models(cloud: Cloud) -> Counter[str]:
    """What was charged, by model."""
    return Counter(charge.model for charge in cloud.charges)


def sha256(path: Path) -> str:
    """The digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_picture_is_made_from_the_draft_that_won(place: Place, cloud: Cloud) -> None:
    """The first draft is blank, so the second wins; its very bytes go out as the input picture."""
    cloud.faults.add("blank", at=1)
    ended = place.run(manifest(place, [{"id": "mug", "prompt": "A mug"}]), workers=1)
    assert (ended.code, [states(ended)[name] for name in MUG]) == (0, ["made", "failed", "made", "made"]), ended.err
    assert models(cloud) == {DRAFTS_ON: 3, REFINED_ON: 1}
    last = cloud.requests[-1]
    assert last.path == "/v1/images/edits"
    assert last.body["image"] == [sha256(place.out / "drafts" / "mug-2.png")]
    lines = results(place.out)
    assert [lines[name]["chosen"] for name in MUG[1:]] == [None, True, False]
    assert [lines[name]["score"]["value"] for name in MUG[2:]] == [1, 1]
    assert lines["mug", 0]["chosen"].startswith("picture 2 is best of 2")
    assert [lines[name]["role"] for name in MUG] == ["refine", "draft", "draft", "draft"]
    assert sum(int(1e9 * float(line["cost_usd"]) + 0.5) for line in lines.values()) == cloud.bill


def test_it_tells_drafts_from_pictures(place: Place) -> None:
    """One picture, three drafts: before, after, and for machines."""
    ended = place.run(manifest(place, [{"id": "mug", "prompt": "A mug"}]))
    assert "1 picture and 3 drafts to do" in ended.err
    assert "4 made (3 of them drafts)" in ended.err
    assert (ended.summary["made"], ended.summary["drafts"]) == (4, 3)


def test_a_second_run_buys_nothing_and_still_shows_the_drafts(place: Place, cloud: Cloud) -> None:
    """Kept are the picture and its drafts, with their scores; nothing is asked."""
    file = manifest(place, [{"id": "mug", "prompt": "A mug", "n": 2}])
    place.run(file)
    before, asked = results(place.out), len(cloud.requests)
    ended = place.run(file)
    assert (ended.code, set(states(ended).values())) == (0, {"kept"})
    assert len(cloud.requests) == asked == 8
    after = results(place.out)
    for name in ("role", "score", "chosen", "file", "key"):
        assert {at: line[name] for at, line in after.items()} == {at: line[name] for at, line in before.items()}, name


def test_two_pictures_of_a_row_have_drafts_of_their_own(place: Place, cloud: Cloud) -> None:
    """n: 2 is two pictures, six drafts, eight different keys and files."""
    ended = place.run(manifest(place, [{"id": "mug", "prompt": "A mug", "n": 2}]))
    found = told(ended)
    assert len(found) == len({event["key"] for event in found.values()}) == len(cloud.charges) == 8
    names = {f"drafts/mug-{one}-{two}.png" for one in (1, 2) for two in (1, 2, 3)}
    assert {event["file"] for event in found.values()} == {"mug-1.png", "mug-2.png", *names}


def test_equal_rows_share_their_drafts(place: Place, cloud: Cloud) -> None:
    """Three drafts and one picture are paid for, and both rows have all of them."""
    file = manifest(place, [{"id": "mug", "prompt": "A mug"}, {"id": "cup", "prompt": "A mug"}])
    ended = place.run(file)
    assert ended.code == 0, ended.err
    assert models(cloud) == {DRAFTS_ON: 3, REFINED_ON: 1}
    assert {state for name, state in states(ended).items() if name[0] == "mug"} <= {"made", "cached"}
    assert len(list((place.out / "drafts").iterdir())) == 6


def test_a_model_that_takes_no_picture_gets_the_prompt_alone(place: Place, cloud: Cloud) -> None:
    """The draft only shows what the prompt leads to: no edit is asked for, and the plan says so."""
    file = manifest(place, [{"id": "mug", "prompt": "A mug"}], model="dall-e-3", quality="standard", size="1024x1024")
    ended = place.run(file, "--allow-retired")
    assert ended.code == 0, ended.err
    assert {asked.path for asked in cloud.requests} == {"/v1/images/generations"}
    assert models(cloud) == {DRAFTS_ON: 3, "dall-e-3": 1}
    noted = place.call("plan", str(file), "--output", "elsewhere")
    assert "dall-e-3 takes no input picture" in noted.err


@pytest.mark.parametrize(
    ("fault", "state", "code", "said"),
    [
        ("moderation", "refused", 3, "no draft to choose from: openai refused the prompt"),
        ("bad_base64", "failed", 3, "no draft to choose from: paid for"),
        ("cut_accepted", "unknown", 6, "no draft to choose from: "),
    ],
)
def test_without_any_draft_there_is_no_picture(
    place: Place, cloud: Cloud, fault: str, state: str, code: int, said: str
) -> None:
    """What became of all of them becomes of the picture, and nothing is asked of the good model."""
    cloud.faults.add(fault)
    ended = place.run(manifest(place, [{"id": "mug", "prompt": "A mug"}]))
    assert (ended.code, states(ended)) == (code, dict.fromkeys(MUG, state)), ended.err
    assert told(ended)["mug", 0]["reason"].startswith(said)
    assert models(cloud)[REFINED_ON] == 0


@pytest.mark.parametrize(("fault", "state"), [("moderation", "refused"), ("cut_accepted", "unknown")])
def test_one_draft_less_is_chosen_among_the_others(place: Place, cloud: Cloud, fault: str, state: str) -> None:
    """The picture is made; a second run buys none of it again and leaves the choice as it was."""
    cloud.faults.add(fault, at=1)
    file = manifest(place, [{"id": "mug", "prompt": "A mug"}])
    ended = place.run(file, workers=1)
    assert [states(ended)[name] for name in MUG] == ["made", state, "made", "made"]
    assert results(place.out)["mug", 1001]["chosen"] is True
    cloud.faults.clear()
    asked = len(cloud.requests)
    again = place.run(file, workers=1)
    assert states(again)["mug", 0] == "kept"
    assert len(cloud.requests) == asked
    assert again.code == (6 if state == "unknown" else 0)


def test_a_picture_that_failed_is_made_from_the_draft_that_was_chosen(place: Place, cloud: Cloud) -> None:
    """The choice stands: the next run buys the picture alone, and tells of the drafts that lie there."""
    cloud.faults.add("moderation", at=4)
    file = manifest(place, [{"id": "mug", "prompt": "A mug"}])
    first = place.run(file, workers=1)
    assert (first.code, states(first)["mug", 0]) == (3, "refused")
    ended = place.run(file, workers=1)
    assert (ended.code, [states(ended)[name] for name in MUG]) == (0, ["made", "kept", "kept", "kept"]), ended.err
    assert models(cloud) == {DRAFTS_ON: 3, REFINED_ON: 1}
    assert results(place.out)["mug", 0]["chosen"].startswith("picture 1 is best of 3")


def test_a_budget_may_stop_between_drafts_and_picture(place: Place, cloud: Cloud) -> None:
    """Exit 4, the drafts stay; with more money the picture follows and the drafts are not bought again."""
    file = manifest(place, [{"id": "mug", "prompt": "A mug"}], quality="xhigh")
    first = place.run(file, "--budget", "0.11", workers=1)
    assert (first.code, models(cloud)) == (4, {DRAFTS_ON: 3}), first.err
    assert states(first)["mug", 0] == "skipped"
    ended = place.run(file, "--budget", "5")
    assert (ended.code, models(cloud)) == (0, {DRAFTS_ON: 3, REFINED_ON: 1}), ended.err


def test_a_budget_may_stop_between_the_drafts(place: Place, cloud: Cloud) -> None:
    """Nothing is chosen among some: the picture is skipped like the drafts that are missing."""
    first = place.run(manifest(place, [{"id": "mug", "prompt": "A mug"}]), "--budget", "0.005", workers=1)
    assert first.code == 4
    assert models(cloud) == {DRAFTS_ON: 1}
    assert [states(first)[name] for name in MUG] == ["skipped", "made", "skipped", "skipped"]


def test_redo_makes_drafts_and_picture_anew(place: Place, cloud: Cloud) -> None:
    """All four are bought again, and the choice is made again."""
    file = manifest(place, [{"id": "mug", "prompt": "A mug"}, {"id": "cup", "prompt": "A cup"}])
    cloud.faults.add("blank", at=1)
    place.run(file, workers=1)
    assert results(place.out)["mug", 1001]["chosen"] is True
    ended = place.run(file, "--redo", "mug", workers=1)
    assert ended.code == 0, ended.err
    assert models(cloud) == {DRAFTS_ON: 9, REFINED_ON: 3}
    assert [states(ended)[name] for name in MUG] == ["made"] * 4
    assert results(place.out)["mug", 1000]["chosen"] is True


@pytest.mark.parametrize("flags", [("--only", "cup"), ("--limit", "1")])
def test_a_selection_takes_a_row_with_all_its_drafts(place: Place, flags: tuple[str, str]) -> None:
    """And nothing of the others."""
    file = manifest(place, [{"id": "cup", "prompt": "A cup", "n": 2}, {"id": "mug", "prompt": "A mug"}])
    ended = place.run(file, *flags)
    assert ended.code == 0, ended.err
    assert {name for name, _ in told(ended)} == {"cup"}
    assert len(told(ended)) == 8


def test_drafts_of_a_matrix_and_with_placeholders(place: Place, cloud: Cloud) -> None:
    """Two rows of a matrix, drawn for nothing: the refined placeholder has its draft as input."""
    file = manifest(place, [{"id": "mug", "prompt": "A {{ colour }} mug"}])
    whole = json.loads(file.read_text()) | {"matrix": {"colour": ["red", "blue"]}}
    file.write_text(json.dumps(whole))
    ended = place.run(file, "--provider", "placeholder")
    assert (ended.code, len(told(ended)), cloud.requests) == (0, 8, []), ended.err
    assert {name for name, _ in told(ended)} == {"mug-red", "mug-blue"}


def test_a_plan_file_with_drafts_is_kept_to(place: Place, cloud: Cloud) -> None:
    """What it says is bought, once, within its cap; a run that was cut short goes on with it."""
    file = manifest(place, [{"id": "mug", "prompt": "A mug", "n": 2}])
    assert place.call("plan", str(file), "-o", "plan.jsonl", "--output", "out").code == 0
    plan = place.folder / "plan.jsonl"
    cloud.faults.add("moderation", at=7)
    assert place.run(plan, workers=1).code == 3
    cloud.faults.clear()
    ended = place.run(plan)
    assert ended.code == 0, ended.err
    assert {states(ended)["mug", 0], states(ended)["mug", 1]} == {"made", "kept"}
    assert models(cloud) == {DRAFTS_ON: 6, REFINED_ON: 2}
    for output in ("out", "elsewhere"):  # with the drafts that lie there, and where the pictures alone are known
        compared = place.call("plan", str(file), "--against", str(plan), "--output", output, "--json")
        assert [event["event"] for event in compared.events] == ["comparison"], compared.out


def test_a_plan_file_that_would_need_drafts_again_says_so(place: Place, cloud: Cloud) -> None:
    """Planned when a draft was chosen; the drafts are gone since: one line, exit 2, nothing bought."""
    file = manifest(place, [{"id": "mug", "prompt": "A mug"}], model="dall-e-3", quality="standard", size="1024x1024")
    cloud.faults.add("moderation", at=4)
    place.run(file, "--allow-retired", workers=1)
    cloud.faults.clear()
    place.call("plan", str(file), "-o", "plan.jsonl", "--output", "elsewhere", "--allow-retired")
    place.call("cache", "prune", "--older-than", "0d", "--yes", "--even-needed")
    for path in (place.home / "cache").rglob("*.png"):
        path.unlink()
    asked = len(cloud.requests)
    ended = place.run(place.folder / "plan.jsonl", "--allow-retired", out=place.folder / "elsewhere")
    assert ended.code == 2, ended.err
    assert "would need drafts that are not in the plan" in ended.err
    assert len(cloud.requests) == asked


def test_two_runs_at_once_buy_each_thing_once(place: Place, cloud: Cloud) -> None:
    """Two folders, equal rows, two processes: one of them pays, both have the pictures."""
    rows = [{"id": f"r{n}", "prompt": f"A mug {n}"} for n in range(4)]
    file = manifest(place, rows)
    others = place.start(*place.arguments(file, out=place.folder / "other"))
    with others:
        mine = place.run(file)
        out, err = others.communicate(timeout=120)
    assert (mine.code, others.returncode) == (0, 0), (mine.err, err)
    assert models(cloud) == {DRAFTS_ON: 12, REFINED_ON: 4}
    assert len(list(place.out.glob("*.png"))) == len(list((place.folder / "other").glob("*.png"))) == 4
    assert json.loads(out.splitlines()[-1])["exit_code"] == 0


def test_an_interrupt_between_drafts_leaves_no_choice_among_some(place: Place, cloud: Cloud) -> None:
    """Ctrl-C while the second draft is drawn: it comes home, the others and the picture are skipped."""
    cloud.faults.add("slow_body", at=2, seconds=1.5)
    file = manifest(place, [{"id": "mug", "prompt": "A mug"}])
    running = place.start(*place.arguments(file, workers=1))
    with running:
        while len(cloud.requests) < 2:
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=120)
    assert running.returncode == 130
    assert models(cloud)[REFINED_ON] == 0
    ended = place.run(file)
    assert ended.code == 0, ended.err
    assert models(cloud) == {DRAFTS_ON: 3, REFINED_ON: 1}


def test_drafts_that_a_person_makes_are_waited_for(place: Place, cloud: Cloud) -> None:
    """Nothing is chosen among none: the picture waits as its drafts do."""
    file = manifest(place, [{"id": "mug", "prompt": "A mug"}])
    whole = json.loads(file.read_text())
    whole["routes"]["strategies"]["draft_refine"]["models"] = ["midjourney"]
    file.write_text(json.dumps(whole))
    ended = place.run(file)
    assert (ended.code, cloud.requests) == (9, []), ended.err
    assert states(ended) == dict.fromkeys(MUG, "waiting")
    assert told(ended)["mug", 0]["reason"].startswith("its drafts: ")


def test_only_the_picture_calls_back(place: Place) -> None:
    """A row's callback_url hears of the picture, not of its drafts: one message lies in the outbox."""
    url: dict[str, Any] = {"callback_url": "https://shop.example/hook"}
    file = manifest(place, [{"id": "mug", "prompt": "A mug"} | url])
    ended = place.call(*place.arguments(file), env=place.env | {"IMAGEGEN_WEBHOOK_SECRET": "whsec_" + "QUJD" * 10})
    assert ended.code == 0, ended.err
    assert place.books.ask("SELECT row, sample FROM outbox") == [("mug", 0)]
