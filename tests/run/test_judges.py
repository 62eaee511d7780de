"""Rows whose drafts a vision model chooses among: what it says holds, is paid for once, and is in the books."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cloud import Cloud
from tests.run.cloudrun import Place
from tests.run.drafted import DRAFTS_ON, REFINED_ON, manifest, results, states, told
from tests.run.test_drafts import models, sha256
from tests.run.test_mixed_kill import Shop

JUDGE = "gpt-5.4-mini"
ROW: dict[str, Any] = {"id": "mug", "prompt": "A mug", "choose": "llm"}
ALL = {DRAFTS_ON: 3, JUDGE: 1, REFINED_ON: 1}


def bill(lines: dict[tuple[str, int], dict[str, Any]]) -> int:
    """What the results cost, in nanodollars."""
    return sum(round(1e9 * float(line["cost_usd"])) for line in lines.values())


def best(place: Place, name: str = "mug") -> str:
    """The draft that the local server's judge likes: the one with the highest digest."""
    return max((place.out / "drafts").glob(f"{name}-*.png"), key=sha256).stem


def test_the_judge_s_choice_is_made(place: Place, cloud: Cloud) -> None:
    """Three drafts, one question, one picture made from the draft that it liked; results and books add up to the
    bill."""
    place = Shop(place.folder, place.address, place.driver)
    file = manifest(place, [ROW])
    whole = json.loads(file.read_text())
    whole["routes"]["strategies"]["draft_refine"]["models"] = ["fal/flux-schnell"]  # with a seed each: none alike
    file.write_text(json.dumps(whole))
    ended = place.run(file, workers=1)
    assert (ended.code, set(states(ended).values())) == (0, {"made"}), ended.err
    assert models(cloud) == {"fal-ai/flux/schnell": 3, JUDGE: 1, REFINED_ON: 1}
    asked = next(each for each in cloud.requests if each.path.endswith("chat/completions"))
    assert '"prompt":"A mug"' in asked.prompt
    lines, winner = results(place.out), best(place)
    assert cloud.requests[-1].body["image"] == [sha256(place.out / "drafts" / f"{winner}.png")]
    number = int(winner.rpartition("-")[2])
    assert lines["mug", 0]["chosen"].startswith(f"picture {number} is best of 3 with 0.90: Picture {number}.")
    assert [lines["mug", 999 + n]["score"]["value"] for n in (1, 2, 3)] == [
        0.9 if n == number else 0.5 for n in (1, 2, 3)
    ]
    assert (lines["mug", 0]["model"], lines["mug", 0]["provider"]) == (REFINED_ON, "openai")
    assert bill(lines) == cloud.bill == place.books.total
    judged = [each for each in place.books.attempts("done") if each.prompt.startswith("You compare")]
    assert [(each.charged or 0) > 0 and each.charged <= each.reserved for each in judged] == [True]  # type: ignore[operator]


def test_the_estimate_covers_the_bill(place: Place, cloud: Cloud) -> None:
    """The plan's most is enough as a budget, and the judge is a line of it."""
    file = manifest(place, [ROW])
    planned = place.call("plan", str(file), "-o", "plan.jsonl", "--output", "out", "--json")
    assert planned.code == 0, planned.err
    cap = float(planned.events[-1]["at_most_usd"])
    ended = place.run(place.folder / "plan.jsonl", workers=1)
    assert (ended.code, models(cloud)) == (0, ALL), ended.err
    assert cloud.bill / 1e9 < cap


def test_it_is_asked_once(place: Place, cloud: Cloud) -> None:
    """Again, into another folder, and for an equal row: nothing is bought."""
    file = manifest(place, [ROW, ROW | {"id": "cup"}])
    first = place.run(file, workers=1)
    assert (first.code, models(cloud)) == (0, ALL), first.err
    assert place.run(file).code == place.run(file, out=place.folder / "other").code == 0
    assert models(cloud) == ALL


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("garbage", f"scored by auto: the answer of {JUDGE} cannot be used, it is not JSON"),
        ("truncated", f"scored by auto: the answer of {JUDGE} cannot be used, it is not JSON"),
        ("unwilling", f"scored by auto: {JUDGE} gave no answer: {JUDGE} would not look: I can't help"),
    ],
)
def test_without_a_useful_answer_auto_chooses(place: Place, cloud: Cloud, fault: str, why: str) -> None:
    """It was paid for, is in the books, and is not asked again, whichever run or row wants it."""
    cloud.faults.add(fault, prompt="You compare")
    file = manifest(place, [ROW])
    ended = place.run(file, workers=1)
    assert (ended.code, models(cloud)) == (0, ALL), ended.err
    scores = [results(place.out)["mug", 1000 + n]["score"] for n in range(3)]
    assert all(any(reason.startswith(why) for reason in score["reasons"]) for score in scores), scores
    assert bill(results(place.out)) == cloud.bill == place.books.total
    cloud.faults.clear()
    again = place.run(manifest(place, [ROW, ROW | {"id": "cup"}]), out=place.folder / "other")
    assert (again.code, models(cloud)) == (0, ALL), again.err


@pytest.mark.parametrize(
    ("fault", "how", "asked"),
    [("cut_accepted", "--charged", 2), ("cut_before", "--not-charged", 1), ("html", "--charged", 2)],
)
def test_a_question_in_doubt_is_not_asked_again(place: Place, cloud: Cloud, fault: str, how: str, asked: int) -> None:
    """The connection broke after it was sent, or nobody says what a web page cost: unknown, exit 6, no picture. Once
    that is settled it is asked, and the drafts are not bought again."""
    cloud.faults.add(fault, prompt="You compare")
    file = manifest(place, [ROW])
    ended = place.run(file, workers=1)
    assert (ended.code, states(ended)["mug", 0]) == (6, "unknown"), ended.err
    assert told(ended)["mug", 0]["reason"].startswith("choosing among its drafts: ")
    cloud.faults.clear()
    assert place.run(file).code == 6
    assert models(cloud)[REFINED_ON] == 0
    (attempt,) = place.unknown()
    billed = [each.amount for each in cloud.charges if each.model == JUDGE]
    settled = place.call("settle", attempt, how, *(["--amount", f"{billed[0] / 1e9:.9f}"] if billed else []))
    assert settled.code == 0, settled.err
    ended = place.run(file)
    assert (ended.code, models(cloud)) == (0, ALL | {JUDGE: asked}), ended.err


def test_a_closed_judge_leaves_the_pictures_alone(place: Place, cloud: Cloud) -> None:
    """Its model is gone: its row waits for another day with exit 5 or 3, every other row is made."""
    cloud.faults.add("model_gone", prompt="You compare")
    file = manifest(place, [ROW, {"id": "cup", "prompt": "A cup"}])
    ended = place.run(file, workers=1)
    assert states(ended)["cup", 0] == "made"
    assert states(ended)["mug", 0] == "failed"
    assert told(ended)["mug", 0]["reason"].startswith("choosing among its drafts: ")
    cloud.faults.clear()
    again = place.run(file, workers=1)
    assert (again.code, models(cloud)) == (0, {DRAFTS_ON: 6, JUDGE: 1, REFINED_ON: 2}), again.err


def test_a_budget_may_stop_before_the_judge(place: Place, cloud: Cloud) -> None:
    """Exit 4 with the drafts there; with more money it goes on."""
    file = manifest(place, [ROW])
    first = place.run(file, "--budget", "0.0135", workers=1)
    assert (first.code, models(cloud)) == (4, {DRAFTS_ON: 3}), first.err
    assert states(first)["mug", 0] == "skipped"
    assert place.run(file, "--budget", "5").code == 0
    assert models(cloud) == ALL


def test_one_draft_alone_needs_no_judge(place: Place, cloud: Cloud) -> None:
    """Two of three are blank: nobody is asked."""
    cloud.faults.add("blank", at=[1, 2])
    ended = place.run(manifest(place, [ROW]), workers=1)
    assert (ended.code, states(ended)["mug", 0]) == (0, "made"), ended.err
    assert models(cloud) == {DRAFTS_ON: 3, REFINED_ON: 1}


def test_another_judge_chooses_anew(place: Place, cloud: Cloud) -> None:
    """By name, with its own Key: the drafts are there, it is asked, and makes the same choice here."""
    place.run(manifest(place, [ROW]), workers=1)
    before = results(place.out)["mug", 0]["chosen"]
    ended = place.run(manifest(place, [ROW | {"choose": "llm:gpt-5.4-nano"}]), out=place.folder / "other")
    assert ended.code == 0, ended.err
    assert models(cloud) == ALL | {"gpt-5.4-nano": 1}
    assert results(place.folder / "other")["mug", 0]["chosen"] == before


def test_its_answer_is_kept_as_json(place: Place, cloud: Cloud) -> None:
    """In the cache beside the pictures: verified, counted and pruned with them."""
    place.run(manifest(place, [ROW]), workers=1)
    kept = [path for path in (place.home / "cache").rglob("*.json") if b'"score"' in path.read_bytes()]
    assert any("pictures" in json.loads(path.read_bytes()) for path in kept)
    assert place.call("cache", "verify", "--read-data").code == 0
    spent = place.call("spend", "--json")
    assert spent.code == 0
    assert Counter(each.model for each in cloud.charges) == ALL


def test_a_server_of_one_s_own_may_judge(place: Place, cloud: Cloud) -> None:
    """Named in a catalogue file, for nothing: it is asked in OpenAI's dialect."""
    catalogue = place.folder / "judges.yaml"
    catalogue.write_text(
        "source: mine\nread_on: 2026-11-23\n"
        "judges:\n  qwen-vl: {provider: lab, text_in: 0, text_out: 0, picture_tokens: 1300, max_inputs: 8}\n"
    )
    config = place.home / "config.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f"servers: {{lab: {{base_url: {cloud.base_url}}}}}\n")
    file = manifest(place, [ROW | {"choose": "llm:qwen-vl"}])
    more = place.env | {"LAB_API_KEY": "canary-lab-0123456789abcdef"}
    ended = place.call(*place.arguments(file, "--catalog", str(catalogue), workers=1), env=more)
    assert (ended.code, models(cloud)) == (0, {DRAFTS_ON: 3, "qwen-vl": 1, REFINED_ON: 1}), ended.err
    assert next(charge.amount for charge in cloud.charges if charge.model == "qwen-vl") == 0


def test_the_report_shows_why(place: Place, cloud: Cloud) -> None:
    """The judge's sentences stand at its drafts."""
    place.run(manifest(place, [ROW]), workers=1)
    page = Path(place.out / "report.html").read_text(encoding="utf-8")
    assert "Picture 1." in page
    assert "Picture 3." in page
