"""Names: what a file name of a download says. Midjourney calls its files

    acme_A_stoneware_mug_on_rough_linen_--ar_169_3f0c7a52-6f9d-4c5e-9a51-0d5a6ad2f9b1_0.png

that is the account, the first words of the prompt, perhaps flags, an id, and which of the four pictures it is.
A browser adds " (1)" to a second one. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

#: Letters of a prompt's beginning that are enough to name it.
ENOUGH = 10
#: Words at the front of a name that may be an account's.
ACCOUNT = 6

_AGAIN = re.compile(r"(?:\s*\(\d+\)|[ _-]+copy(?:[ _-]?\d+)?)$", re.IGNORECASE)
_JOB = re.compile(r"[ _-]*[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:[ _-]\d+)?$", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"(\d+)")

Tokens = tuple[str, ...]


def plain(stem: str) -> str:
    """`stem` without what browsers and Midjourney add at its end."""
    before = ""
    while before != stem:
        before, stem = stem, _JOB.sub("", _AGAIN.sub("", stem))
    return stem


def tokens(text: str) -> Tokens:
    """The words of `text`, in small letters."""
    return tuple(_WORD.findall(folded(text)))


def folded(text: str) -> str:
    """`text` as it is compared: composed, small letters."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFC", text)).casefold()


def flat(text: str) -> str:
    """The letters and digits of `text` alone, in small letters; a text without any stands as it is."""
    return "".join(tokens(text)) or folded(text).strip()


def beginnings(stem: str) -> Iterator[str]:
    """What may be the flat beginning of a prompt in a name: all its words, then without the first, the first two …;
    flags and all behind them left out."""
    words = tokens(plain(stem).partition("--")[0])
    for skipped in range(min(ACCOUNT, len(words))):
        yield "".join(words[skipped:])


def natural(name: str) -> list[tuple[int, str]]:
    """Sorts 2.png before 10.png."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(folded(name))]
