"""Whether a wording stands in a picture, given the lines that OCR read there. Pure.

What counts: every letter with its case and accents, every digit, currency and other signs (% & @ # + =), and
the marks inside numbers (3.50, 9-17). What does not: white space, line breaks, other punctuation and emoji.
What stands around the wording is no fault. Letters that look alike are the same (0 O o, 1 l I, and the case of
c o s u v w x z): nobody can tell them apart in a headline, and OCR does not either.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

#: The longest run of words looked for in one line.
_MOST_WORDS = 30
_SIGNS = frozenset("%‰&@#°")
_IN_NUMBERS = frozenset(".,:-/")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))
_ALIKE = str.maketrans("0O1I|COSUVWXZ×", "oolllcosuvwxzx")
#: Scripts that the OCR model reads, by how Unicode names begin; tried on rendered text, see docs/choosing.md.
_READ = frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"})
_UNSPACED = _READ - {"LATIN"}
#: A word in other case or order is nearer than a misspelt one.
_ALMOST = 0.9


@dataclass(frozen=True, slots=True)
class Missing:
    """A word that is not there. `nearest` is what comes closest to it: it may be the word itself, in other `case` or
    in another `order` (or fewer times than wanted)."""

    word: str
    nearest: str | None = None
    because: Literal["absent", "case", "order"] = "absent"

    def __str__(self) -> str:
        """A sentence for people."""
        if self.because == "case":
            return f'"{self.word}" stands there in other case: "{self.nearest}"'
        if self.because == "order":
            return f'"{self.word}" stands there, but in another order or fewer times'
        return f'"{self.word}" is not readable' + (f'; nearest: "{self.nearest}"' if self.nearest else "")


@dataclass(frozen=True, slots=True)
class Wording:
    """How a wanted wording compares with the `found` lines. `similarity` is 1 only where all of it is there."""

    wanted: str
    found: tuple[str, ...]
    similarity: float
    missing: tuple[Missing, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every word is there, as it is written."""
        return not self.missing


def unreadable(text: str) -> str | None:
    """Why OCR could never find `text`, as a sentence; None where it could."""
    plain = unicodedata.normalize("NFKC", text)
    if not _words(plain):
        return f'the text "{text}" has no letter, digit or sign that can be read back'
    for character in plain:
        script = _script(character)
        if script and script not in _READ:
            return (
                f'the text "{text}" is in {script.title()}, which the OCR model cannot read '
                "(it reads Latin letters, digits, Chinese and Japanese)"
            )
    return None


def compare(wanted: str, lines: Sequence[str]) -> Wording:
    """`wanted` against what was read, `lines` in reading order. Words that follow each other in one line must do so
    in the wanted order; lines may come in any order, since columns and badges have none."""
    words = _words(wanted)
    readings = [_Reading(line) for line in lines]
    whole = "".join(_fold(_squeezed(word)) for word in words)
    if words and _Reading("\n".join(lines)).find(whole) is not None:
        return Wording(wanted, tuple(lines), 1.0)
    absent = [_missing(word, readings) for word in _absent(words, readings)]
    return Wording(wanted, tuple(lines), _similarity(words, absent), tuple(each for each, _ in absent))


class _Reading:
    """A line as it is compared: its counting characters, and between which of them a word may begin or end."""

    def __init__(self, text: str) -> None:
        self.words = text.split()
        kept = _kept(text)
        self.text = _fold("".join(character for character, _ in kept))
        self.edges = {0, len(kept)} | {at for at, (_, edge) in enumerate(kept) if edge}
        self.used = 0

    def find(self, piece: str) -> int | None:
        """Where `piece` ends behind what is used already; None where it does not stand there as whole words."""
        at = self.text.find(piece, self.used)
        while at >= 0:
            if at in self.edges and at + len(piece) in self.edges:
                return at + len(piece)
            at = self.text.find(piece, at + 1)
        return None

    def take(self, piece: str) -> bool:
        """Use up `piece`, where it is."""
        end = self.find(piece)
        if end is not None:
            self.used = end
        return end is not None


def _absent(words: list[str], readings: list[_Reading]) -> list[str]:
    """The words that are in no line: the longest run of words first."""
    absent, at = [], 0
    folded = [_fold(_squeezed(word)) for word in words]
    while at < len(words):
        lengths = range(min(_MOST_WORDS, len(words) - at), 0, -1)
        taken = next((n for n in lengths if any(line.take("".join(folded[at : at + n])) for line in readings)), 0)
        if not taken:
            absent.append(words[at])
        at += taken or 1
    return absent


def _missing(word: str, readings: list[_Reading]) -> tuple[Missing, float]:
    """What to say of an absent word, and how near the nearest is, 0 to 1."""
    low = _fold(_squeezed(word).casefold())
    found, best = None, 0.0
    for each in (token for line in readings for token in (*line.words, " ".join(line.words))):
        other = _squeezed(each)
        if _fold(other.casefold()) == low:
            case = _fold(other) != _fold(_squeezed(word))
            return Missing(word, each, "case" if case else "order"), _ALMOST
        near = difflib.SequenceMatcher(None, low[:200], _fold(other.casefold())[:200], autojunk=False).ratio()
        if near > best:
            found, best = each, near
    return Missing(word, found if best >= 0.5 else None), best


def _similarity(words: list[str], absent: list[tuple[Missing, float]]) -> float:
    total = sum(len(word) for word in words)
    lost = sum(len(missing.word) * (1 - near) for missing, near in absent)
    if not total:
        return 0.0
    return 1.0 if not absent else min(0.99, round(1 - lost / total, 3))


def _words(text: str) -> list[str]:
    """The words of a wording that have something to compare."""
    return [word for word in text.translate(_DASHES).split() if _squeezed(word)]


def _squeezed(text: str) -> str:
    return "".join(character for character, _ in _kept(text))


def _fold(text: str) -> str:
    return text.translate(_ALIKE)


def _kept(text: str) -> list[tuple[str, bool]]:
    """The characters that count, each with whether a word may begin there."""
    plain = unicodedata.normalize("NFKC", text).translate(_DASHES)
    found: list[tuple[str, bool]] = []
    gap, before = True, ""
    for at, character in enumerate(plain):
        kind = _kind(character) or _inside_a_number(plain, at)
        if not kind:
            gap = True
            continue
        found.append((character, gap or kind != before or kind == "unspaced"))
        gap, before = False, kind
    return found


def _inside_a_number(text: str, at: int) -> str:
    """ "digit" for a mark with a digit on either side; spaces do not count."""
    if text[at] not in _IN_NUMBERS:
        return ""
    before, after = text[:at].rstrip()[-1:], text[at + 1 :].lstrip()[:1]
    return "digit" if before.isdigit() and after.isdigit() else ""


@lru_cache(4096)
def _kind(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "N":
        return "digit"
    if category[0] in "LM":
        return "unspaced" if _script(character) in _UNSPACED else "letter"
    return "sign" if category in ("Sc", "Sm") or character in _SIGNS else ""


@lru_cache(4096)
def _script(character: str) -> str:
    """The script of a letter as Unicode names it ("LATIN"), "" for what is no letter."""
    if unicodedata.category(character)[0] != "L":
        return ""
    return unicodedata.name(character, "UNKNOWN").split()[0]
