"""The summary of a CI job: figures, what to do, and texts that stay texts."""

from __future__ import annotations

from typing import Any

import pytest

from imagegen.domain.money import nano
from imagegen.report import markdown_summary
from imagegen.report.markdown import LISTED, escape


def test_the_figures_are_those_of_the_summary(summary: Any) -> None:
    """Counts, money, the saving and the time stand in one table."""
    text = markdown_summary(
        summary(
            rows=10_000,
            counts={"made": 9_000, "cached": 1_000},
            spent=nano(161),
            premium=nano(800),
            premium_model="dall-e-3-hd",
        ),
        [],
    )
    head, rule, body = text.split("\n\n")[1].splitlines()
    assert head.count("|") == rule.count("|") == body.count("|")
    cells = dict(zip(head.strip("| ").split(" | "), body.strip("| ").split(" | "), strict=True))
    assert cells == {
        "rows": "10,000",
        "made": "9,000",
        "cached": "1,000",
        "spent": "$161.00",
        "estimated": "$0.04",
        "on dall-e-3-hd": "$800.00",
        "saved": "$639.00 (80 %)",
        "time": "12 s",
    }


def test_a_run_that_bought_nothing_claims_no_saving(summary: Any) -> None:
    """Placeholders and cache hits cost nothing; the premium bill is shown, a saving is not claimed."""
    text = markdown_summary(summary(spent=0, premium=nano(800)), [])
    assert "$800.00" in text
    assert "saved" not in text


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a|b", "a\\|b"),
        ("`x`", "\\`x\\`"),
        ("a\nb\r\n# c", "a b \\# c"),
        ("![](http://x)", "\\!\\[\\]\\(http://x\\)"),
        ("<img src=x>", "\\<img src=x\\>"),
        ("a\\|b", "a\\\\\\|b"),
        ("\udc80", "\ufffd"),
    ],
)
def test_texts_cannot_become_markup(text: str, safe: str) -> None:
    """Every sign that Markdown acts on is escaped, and a text stays on its line."""
    assert escape(text) == safe


def test_rows_that_need_attention_are_listed_with_what_to_do(result: Any, summary: Any) -> None:
    """An unknown row names the most it can cost and the command that lists it."""
    rows = [result(id="a|b", state="unknown", cost=None, reason="cut `off`")]
    text = markdown_summary(summary(counts={"unknown": 1}, unknown_at_most=nano("0.08")), rows)
    assert "at most \\$0.08; imagegen unknown lists them" in text
    assert "| unknown | a\\|b | cut \\`off\\` | A stoneware mug on linen |" in text


def test_a_long_list_is_cut_and_counted(result: Any, summary: Any) -> None:
    """The page stays small: the first rows are listed, the rest are counted."""
    rows = (result(id=f"r{number}", state="failed") for number in range(200))
    text = markdown_summary(summary(counts={"failed": 200}), rows)
    assert text.count("| failed | r") == LISTED
    assert f"{200 - LISTED} more in results.csv" in text


def test_why_it_stopped_and_notes_are_said(summary: Any) -> None:
    """A run that stopped early says by what; notes of the plan follow."""
    text = markdown_summary(summary(stopped_by="day budget of $5", notes=("no key for bfl",)), [])
    assert "**Stopped early:** day budget of \\$5" in text
    assert "> no key for bfl" in text
