"""Saying: one line each, and a prompt is never a terminal code."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.cli import say

SHOWN = [
    ("plain words, caf\u00e9, 日本, 🍁", "plain words, caf\u00e9, 日本, 🍁"),
    ("two\nlines\r\tand a tab", "two lines  and a tab"),
    ("\x1b[31mred", "\\x1b[31mred"),
    ("\x07\x08\x00\x7f", "\\x07\\x08\\x00\\x7f"),
    ("\x9b2J", "\\x9b2J"),
    ("\u202egpj.exe", "\\u202egpj.exe"),
    ("\u2066a\u2069 \u200f \u061c", "\\u2066a\\u2069 \\u200f \\u061c"),
    ("a\u2028b\u2029c\x85d", "a\\u2028b\\u2029c\\x85d"),
    ("half \ud83d", "half \\ud83d"),
    ("joined 👩\u200d🚀", "joined 👩\u200d🚀"),
]


@pytest.mark.parametrize(("text", "shown"), SHOWN, ids=[ascii(text) for text, _ in SHOWN])
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    """Controls, marks of direction, line ends and half characters become visible; letters stay as they are."""
    assert say.visible(text) == shown


@given(st.text())
def test_any_text_becomes_one_harmless_line(text: str) -> None:
    """Whatever the text, what is printed is one line, can be encoded, and holds no control character."""
    shown = say.visible(text)
    shown.encode("utf-8")
    assert len(shown.splitlines()) <= 1
    assert not [sign for sign in shown if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")]


@given(st.text())
def test_an_event_says_the_same_and_obeys_nothing(text: str) -> None:
    """A JSON line parses to what was said, half characters too, and holds no control character."""
    line = say.json_text({"id": text})
    assert json.loads(line) == {"id": text}
    line.encode("utf-8")
    assert not [sign for sign in line if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")]


def test_everything_for_people_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """Errors and notes name themselves, information does not, and a pipe gets no colour."""
    say.error("no\nkey")
    say.note("\x1b[2J")
    say.info("8 made")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "error: no key\nnote: \\x1b[2J\n8 made\n"


def test_events_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, letters readable."""
    say.event({"id": "caf\u00e9 \u202e", "cost_usd": "0.04"})
    said = capsys.readouterr()
    assert (said.out, said.err) == ('{"id": "caf\u00e9 \\u202e", "cost_usd": "0.04"}\n', "")
