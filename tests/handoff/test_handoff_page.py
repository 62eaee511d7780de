"""The page to print: in a real browser it runs our script and nothing else, and each line is just what is pasted."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from imagegen.handoff import sheets
from tests.handoff.conftest import slots_of
from tests.report.test_report_browser import CHROMIUM, TEMPLATES, open_page


@pytest.mark.skipif(CHROMIUM is None, reason="needs the package chromium")
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    """Hostile texts stay texts, the copy buttons (which only the script shows) are there, and so are the boxes."""
    texts = [text.replace("URL", "//127.0.0.1:9/x").replace("HOST", "127.0.0.1:9") for text in TEMPLATES]
    rows = [{"id": text, "prompt": text} for text in texts if "{" not in text and "--" not in text]
    slots = slots_of(*rows, {"id": "rtl", "prompt": "قط على  نافذة\nfoo & bar", "negative_prompt": "a, b"})
    page = tmp_path / "prompts.html"
    with page.open("w", encoding="utf-8") as out:
        sheets.page(
            slots, out, title=texts[0], command="imagegen handoff import x", when=datetime(2026, 11, 22, tzinfo=UTC)
        )
    text, console = open_page(page, tmp_path / "browser")
    assert "<title>&lt;script&gt;" in text
    assert "Content Security Policy" not in console
    lines = re.findall(r'<p class="prompt" dir="auto">(.*?)</p>', text, re.DOTALL)
    assert [html.unescape(re.sub(r"</?span[^>]*>", "", line)) for line in lines] == [slot.line for slot in slots]
    assert text.count('<button type="button" class="copy">') == len(slots)
    assert text.count('type="checkbox"') == len(slots)
    assert 'role="status"> · 0 done' in text


def test_models_begin_on_pages_of_their_own() -> None:
    """What is printed breaks between models and never within a prompt."""
    style = (files("imagegen") / "data/handoff.css").read_text(encoding="utf-8")
    printed = style[style.index("@media print") :]
    assert "break-inside: avoid" in printed
    assert "section + section { break-before: page; }" in printed
