"""Drafts in the results and the report: each below the picture it led to, and never counted as one."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from imagegen.domain.result import Result, Summary
from imagegen.report import jsonl_line, markdown_summary, write_csv, write_html, write_refused
from imagegen.report.attention import needs
from imagegen.report.drafts import grouped

NASTY = "<b>\"'&"
SCORE = {"value": 0.81, "parts": {}, "reasons": [NASTY, "left out: something"]}


def picture(state: Any = "made", name: str = "mug", **said: Any) -> Result:
    """A refined picture."""
    fields = {"id": name, "prompt": "A mug", "file": f"{name}.png", "role": "refine", "chosen": "picture 2 is best"}
    return Result(state=state, **(fields | said))


def draft(number: int, state: Any = "made", name: str = "mug", **said: Any) -> Result:
    """A draft of it."""
    file = f"drafts/{name}-{number + 1}.png"
    fields = {"id": name, "prompt": "A mug", "sample": 1000 + number, "file": file, "role": "draft", "cost": 3_000_000}
    return Result(state=state, **(fields | said))


def summary(results: list[Result]) -> Summary:
    """A run of these."""
    counts: dict[str, int] = {}
    drafts: dict[str, int] = {}
    for each in results:
        counts[each.state] = counts.get(each.state, 0) + 1
        if each.role == "draft":
            drafts[each.state] = drafts.get(each.state, 0) + 1
    deciding = sum(each.state == "waiting" for each in results)
    return Summary(
        exit_code=0, rows=len(results), counts=counts, drafts=drafts, estimated=0, spent=0, deciding=deciding
    )


def html(results: list[Result]) -> str:
    """The report of these."""
    out = io.StringIO()
    write_html(lambda: results, summary(results), out)
    return out.getvalue()


WHOLE = [
    picture(),
    draft(0, score=SCORE, chosen=False),
    draft(1, score=SCORE, chosen=True),
    draft(2, "failed", reason=f"no use {NASTY}"),
    Result(id="cup", prompt="A cup", state="made", file="cup.png"),
]


def test_each_picture_has_its_drafts() -> None:
    """Those that follow it; a plain picture has none."""
    assert [(first.id, [each.sample for each in more]) for first, more in grouped(WHOLE)] == [
        ("mug", [1000, 1001, 1002]),
        ("cup", []),
    ]


def test_the_report_shows_drafts_below_their_picture() -> None:
    """Two cards, not five; the winner is marked, each has score and cost, and every text is escaped."""
    text = html(WHOLE)
    assert text.count("<figure ") == 2
    assert text.count('<span class="won"') == text.count('<li class="won"') == 1
    assert "Draft 2 of 3 chosen" in text
    assert "drafts $0.009" in text
    assert "picture 2 is best" in text
    assert text.count("0.81 · $0.003") == 2
    assert "&lt;b&gt;&#34;" in text
    assert "<b>&#34;" not in text
    assert "left out" not in text
    assert 'src="./drafts/mug-2.png"' in text
    assert 'mug-3.png"' not in text
    assert 'id="pictures-title">Pictures <span id="status" role="status">2</span>' in text
    assert '<dd class="value">2</dd><dd class="note">2 made, from 2 drafts</dd>' in text


def test_a_picture_that_waits_shows_its_drafts() -> None:
    """In a card without a picture, with what to do."""
    results = [picture("waiting", file=None, chosen=None, reason="a person chooses among 2"), draft(0), draft(1)]
    text = html(results)
    assert text.count("<figure ") == 1
    assert "2 drafts, none chosen" in text
    assert "imagegen review" in text


@pytest.mark.parametrize("state", ["failed", "refused", "skipped"])
def test_a_draft_that_did_not_come_needs_no_attention_of_its_own(state: str) -> None:
    """Its picture is there: nothing is to be done, nothing to be run again."""
    results = [picture(), draft(0, state, reason="no"), draft(1)]
    assert needs(summary(results)) == []
    assert "Needs attention" not in html(results)
    assert "| state |" not in markdown_summary(summary(results), results)
    assert write_refused(lambda: results, io.StringIO()) == 0


def test_of_a_picture_that_failed_its_drafts_are_not_listed() -> None:
    """One entry, the picture's own."""
    results = [
        picture("failed", reason="no draft"),
        draft(0, "failed", reason="first"),
        draft(1, "failed", reason="no"),
    ]
    assert html(results).count('<p class="reason"') == 1
    assert "first" not in markdown_summary(summary(results), results)


def test_a_draft_that_may_have_been_paid_for_does() -> None:
    """Its money is in doubt."""
    results = [picture(), draft(0, "unknown", reason="no answer")]
    assert [(need.state, need.count) for need in needs(summary(results))] == [("unknown", 1)]
    assert "no answer" in html(results)
    assert "no answer" in markdown_summary(summary(results), results)


def test_the_markdown_counts_pictures_and_drafts() -> None:
    """Each in a column of its own."""
    head, _, body = markdown_summary(summary(WHOLE), ()).splitlines()[2:5]
    cells = dict(zip(head.split(" | "), body.split(" | "), strict=True))
    assert (cells["| rows"], cells["made"], cells["drafts"]) == ("| 2", "2", "3")
    assert "failed" not in cells


def test_the_lists_hold_role_score_and_choice() -> None:
    """Lossless as JSON; in the table the score is a number."""
    lines = [json.loads(jsonl_line(each)) for each in WHOLE]
    assert [line["role"] for line in lines] == ["refine", "draft", "draft", "draft", None]
    assert lines[1]["score"] == SCORE
    out = io.StringIO()
    write_csv(WHOLE, out)
    out.seek(0)
    rows = list(csv.DictReader(out))
    assert [(row["role"], row["score"], row["chosen"]) for row in rows] == [
        ("refine", "", "picture 2 is best"),
        ("draft", "0.81", "false"),
        ("draft", "0.81", "true"),
        ("draft", "", ""),
        ("", "", ""),
    ]
