"""Whether a wording stands in what OCR read: what counts, what is forgiven, and what is said of the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.choose.wording import compare, unreadable

THERE = [
    ("SUMMER SALE", ["SUMMER SALE"]),
    ("SUMMER SALE", ["SUMMER", "SALE"]),  # broken into lines
    ("SUMMER SALE", ["S U M M E R", "SALE"]),  # set with wide spaces
    ("SUMMER SALE", ["SUMMERSALE"]),
    ("SUMMER  SALE\n", ["ACME Inc.", "SUMMER SALE", "ends Sunday"]),  # other words around it
    ("SUMMER SALE", ["SALE", "SUMMER"]),  # two columns are read in any order
    ("Don't wait!", ["Dont wait"]),  # marks are lost easily
    ("“Fresh” – daily", ['"Fresh"', "daily"]),
    ("50% off", ["50 %", "off"]),
    ("Open 9–17", ["Open 9 - 17"]),
    ("€3.50", ["€ 3.50"]),
    ("CAFÉ", ["CAFE\u0301"]),  # composed and decomposed are one
    ("ＳＡＬＥ", ["SALE"]),  # full width
    ("1O0 lI", ["100 Il"]),  # look alike
    ("Zoo", ["ZOO"]),  # in these letters case cannot be seen
    ("夏のセール", ["夏の", "セール開催中"]),
    ("セール", ["夏のセール開催中"]),  # a script without spaces
    ("SALE ★ NOW", ["SALE NOW"]),
]

ABSENT = [
    ("SUMMER SALE", ["SUMMRE SALE"], ['"SUMMER" is not readable; nearest: "SUMMRE"']),
    ("SUMMER SALE", ["SUMMER SALLE"], ['"SALE" is not readable; nearest: "SALLE"']),
    ("SUMMER SALE", [], ['"SUMMER" is not readable', '"SALE" is not readable']),
    ("SALE", ["sale"], ['"SALE" stands there in other case: "sale"']),
    ("Summer", ["SUMMER"], ['"Summer" stands there in other case: "SUMMER"']),
    ("SALE", ["WHOLESALE"], ['"SALE" is not readable; nearest: "WHOLESALE"']),
    ("SUMMER SALE", ["SALE SUMMER"], ['"SALE" stands there, but in another order or fewer times']),
    ("bye bye", ["bye"], ['"bye" stands there, but in another order or fewer times']),
    ("CAFÉ", ["CAFE"], ['"CAFÉ" is not readable; nearest: "CAFE"']),
    ("€3.50", ["€350"], ['"€3.50" is not readable; nearest: "€350"']),
    ("3,50", ["3.50"], ['"3,50" is not readable; nearest: "3.50"']),
    ("10", ["100"], ['"10" is not readable; nearest: "100"']),
    ("50%", ["50"], ['"50%" is not readable; nearest: "50"']),
    ("A & B", ["A B"], ['"&" is not readable']),
    ("20 €", ["20 $"], ['"€" is not readable']),
]


@pytest.mark.parametrize(("wanted", "lines"), THERE)
def test_what_is_there_is_found(wanted: str, lines: list[str]) -> None:
    """However it is set; nothing is missing, and the similarity is 1."""
    found = compare(wanted, lines)
    assert (found.ok, found.missing, found.similarity) == (True, (), 1.0)


@pytest.mark.parametrize(("wanted", "lines", "says"), ABSENT)
def test_what_is_not_there_is_named(wanted: str, lines: list[str], says: list[str]) -> None:
    """Word by word, with what comes nearest; the similarity is below 1."""
    found = compare(wanted, lines)
    assert [str(missing) for missing in found.missing] == says
    assert not found.ok
    assert found.similarity < 1


def test_the_nearer_is_more_similar() -> None:
    """Other case is nearer than a misspelling, that is nearer than something else, and nothing is last."""
    near = [compare("SUMMER SALE", [each]).similarity for each in ("Summer Sale", "SUMMRE SAEL", "HARVEST FAIR", "")]
    assert near == sorted(near, reverse=True)
    assert len(set(near)) == 4
    assert near[-1] == 0


@given(st.text(max_size=40), st.lists(st.text(max_size=40), max_size=4))
def test_any_text_can_be_compared(wanted: str, lines: list[str]) -> None:
    """Whatever OCR or a manifest says: a similarity from 0 to 1, below 1 where a word is missing."""
    found = compare(wanted, lines)
    assert 0 <= found.similarity <= 1
    assert found.ok or found.similarity < 1
    if unreadable(wanted) is None:
        assert compare(wanted, [*lines, wanted]).ok


@pytest.mark.parametrize("text", ["SALE", "Größe 42", "Łódź", "夏のセール", "50 %", "20 €", "ﬁne ½"])
def test_what_can_be_read_is_not_refused(text: str) -> None:
    """Latin with accents, digits, signs, Chinese and Japanese."""
    assert unreadable(text) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Привет", "is in Cyrillic"),
        ("SALE في", "is in Arabic"),
        ("Ελλάδα", "is in Greek"),
        ("세일", "is in Hangul"),
        ("★ …", "no letter, digit or sign"),
        ("", "no letter, digit or sign"),
    ],
)
def test_what_could_never_be_found_is_refused(text: str, says: str) -> None:
    """Before anything is paid for: every attempt would be in vain."""
    assert says in str(unreadable(text))
