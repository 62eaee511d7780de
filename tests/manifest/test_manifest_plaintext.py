"""Plain text of HTML, and slugs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.manifest.plaintext import plain, slug


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a mug", "a mug"),
        ("<p>A <b>red</b>mug</p><p>for tea</p>", "A redmug for tea"),
        ("line<br>break<br/>twice", "line break twice"),
        ("<ul><li>one</li><li>two</li></ul>", "one two"),
        ("H<sub>2</sub>O", "H2O"),
        ("a &amp; b &lt;c&gt; &eacute;&#233;&nbsp;d", "a & b <c> éé d"),
        ("x<script>alert('a > b')</script>y", "x y"),
        ("x<STYLE type=a>p {}</STYLE >y<script>never closed", "x y"),
        ("a<!-- <b>not</b> --><!DOCTYPE html>b<!-- open", "a b"),
        ('<img alt="5 > 3" src=x>picture', "picture"),
        ("<a href='it''s'>link</a>", "link"),
        ('<a href="open>rest', "rest"),
        ("3 < 5 and 5 > 3", "3 < 5 and 5 > 3"),
        ("I <3 mugs", "I <3 mugs"),
        ("  white \n\t space ", "white space"),
        ("", ""),
    ],
)
def test_html_becomes_plain_text(html: str, text: str) -> None:
    """Tags, comments, scripts and styles go, entities are read, white space is folded."""
    assert plain(html) == text


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<a '", '<a "', "<!--", "<!", "</", "<script ", "<a b=", "&", "<a>'\"", "&#"]
)
def test_hostile_html_takes_linear_time(piece: str) -> None:
    """A megabyte of half-open tags ends well within the test's own limit."""
    assert len(plain(piece * (1_000_000 // len(piece)))) <= 1_000_000


@given(st.text())
def test_plain_text_is_folded(text: str) -> None:
    """No result has outer or double white space."""
    assert plain(text) == " ".join(plain(text).split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A Red Mug!", "a-red-mug"),
        ("Crème brûlée", "creme-brulee"),
        ("  --x__y--  ", "x-y"),
        ("猫 と 犬", "猫-と-犬"),
        ("../../etc/passwd", "etc-passwd"),
        ("!!!", ""),
        ("word " * 40, "-".join(["word"] * 16)),
        ("x" * 200, "x" * 80),
    ],
)
def test_slug(text: str, expected: str) -> None:
    """A slug is lower-case words joined by hyphens, cut between words."""
    assert slug(text) == expected
