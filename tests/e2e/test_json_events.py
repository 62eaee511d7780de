"""--json: what machines are told, line by line, and that it adds up."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

from imagegen.domain.money import nano
from tests.cloud import Cloud
from tests.e2e.conftest import Imagegen, Ran, Write, manifest

CHEAP = "model: gpt-image-1-mini, quality: low"
ROW = {"event", "id", "state", "file", "model", "cost_usd", "cached"}
COUNTS = ("made", "cached", "refused", "failed", "unknown", "waiting", "skipped")
SUMMARY = {"event", "exit_code", "rows", *COUNTS, "estimated_usd", "spent_usd"}


def adds_up(ran: Ran) -> None:
    """Every line parses and has its fields, and the summary is the sum of the rows."""
    *rows, summary = ran.events
    assert {row["event"] for row in rows} <= {"row"}
    assert summary["event"] == "summary"
    assert all(row.keys() >= ROW for row in rows)
    assert summary.keys() >= SUMMARY
    assert summary["exit_code"] == ran.code
    assert summary["rows"] == len(rows) == sum(summary[state] for state in COUNTS)
    for state in COUNTS:
        states = {"cached", "kept"} if state == "cached" else {state}
        assert summary[state] == sum(row["state"] in states for row in rows), state
    assert all(row["cached"] == (row["state"] in ("cached", "kept")) for row in rows)
    assert all((row["file"] is not None) == (row["state"] in ("made", "cached", "kept")) for row in rows)
    money = [summary["spent_usd"], summary["estimated_usd"], *(row["cost_usd"] for row in rows)]
    assert all(amount is None or isinstance(amount, str) for amount in money)
    assert nano(summary["spent_usd"]) == sum(nano(row["cost_usd"] or "0") for row in rows)


def test_every_state_is_an_event(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """Made, shared, refused while planning and by the provider, spoilt and unknown pictures: one event each, a summary
    that adds up, and people's text on stderr only. The next run tells the same of what was there before."""
    names = ("good", "twin", "blocked", "spoilt", "lost")
    rows = [f"id: {name}, prompt: {'good' if name == 'twin' else name}, {CHEAP}" for name in names]
    write("rows.yaml", manifest(*rows, "id: never, prompt: never, model: gpt-image-1-mini, quality: hd"))
    cloud.faults.add("moderation", prompt="blocked")
    cloud.faults.add("truncated", prompt="spoilt")
    cloud.faults.add("cut_body", prompt="lost")
    ran = paid("run", "rows.yaml", "--json", "--skip-refused")
    adds_up(ran)
    states = ran.states
    assert sorted(states.pop(name) for name in ("good", "twin")) == ["cached", "made"]
    assert states == {"blocked": "refused", "spoilt": "failed", "lost": "unknown", "never": "refused"}
    by_id = {row["id"]: row for row in ran.events[:-1]}
    assert ran.code == 6
    assert by_id["lost"]["cost_usd"] is None
    assert nano(by_id["spoilt"]["cost_usd"]) > 0
    assert by_id["blocked"]["cost_usd"] == "0"
    assert all(by_id[name]["reason"] for name in ("blocked", "spoilt", "lost", "never"))
    assert (tmp_path / "out" / "rows" / by_id["good"]["file"]).is_file()
    assert "good" not in ran.err

    asked = len(cloud.requests)
    again = paid("run", "rows.yaml", "--json", "--skip-refused")
    adds_up(again)
    assert again.code == 6
    assert again.states == {
        "good": "kept",
        "twin": "kept",
        "blocked": "refused",
        "never": "refused",
        "spoilt": "failed",
        "lost": "unknown",
    }
    assert [request.prompt for request in cloud.requests[asked:]] == ["blocked"]
    (lost,) = (charge for charge in cloud.charges if charge.prompt == "lost")
    cloud.book.total -= lost.amount  # charged, and never answered: the books count it as unknown


def test_an_error_before_the_first_row_leaves_stdout_empty(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """What is no run has no events: a script sees the exit code and one line on stderr."""
    write("rows.yaml", manifest("id: mug, prompt: A mug, use_case: thumbnial"))
    ran = paid("run", "rows.yaml", "--json")
    assert (ran.code, ran.out, len(ran.errors)) == (2, "", 1)
    assert cloud.requests == []


def test_an_empty_list_of_rows_is_a_run_of_nothing(imagegen: Imagegen, write: Write) -> None:
    """No rows, no pictures, exit 0 and a summary of zeros."""
    write("rows.yaml", "imagegen: 1\nrows: []\n")
    ran = imagegen("run", "rows.yaml", "--json")
    adds_up(ran)
    assert (ran.code, ran.summary["rows"], ran.summary["spent_usd"]) == (0, 0, "0"), ran.err


#: An id and a prompt that would colour, ring, move the cursor, overwrite the line and turn the writing round.
NASTY = "mug\x1b[31m\x07\x9b2J\r\u202egpj.exe\u2028"


def test_control_characters_are_shown_and_not_obeyed(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """Whatever ids and prompts hold, the terminal gets no control character but the ends of our own lines; machines get
    the id as it was."""
    rows = [
        {"id": NASTY, "prompt": f"blocked {NASTY}", "model": "gpt-image-1-mini", "quality": "low"},
        {"id": f"never {NASTY}", "prompt": NASTY, "model": "gpt-image-1-mini", "quality": "hd"},
    ]
    write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    cloud.faults.add("moderation", prompt="blocked")
    for flags in ([], ["--json"]):
        ran = paid("run", "rows.jsonl", "--skip-refused", *flags)
        assert ran.code == 3, ran.err
        text = (ran.out + ran.err).replace("\n", "")
        assert [sign for sign in text if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp")] == []
        assert "mug\\x1b[31m\\x07\\x9b2J \\u202egpj.exe\\u2028" in ran.err
    assert [row["id"] for row in ran.events[:-1]] == [f"never {NASTY}", NASTY]
    for command in ("plan", "cost-estimate", "validate"):
        ran = paid(command, "rows.jsonl")
        text = (ran.out + ran.err).replace("\n", "")
        assert [sign for sign in text if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp")] == []
    write("broken.jsonl", json.dumps({"id": NASTY, "prompt": "A", "use_case": NASTY}) + "\n")
    ran = paid("run", "broken.jsonl")
    assert ran.code == 2
    assert [sign for sign in ran.err.rstrip("\n") if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp")] == []
