"""The card on a placeholder picture: the word "placeholder", the size, the prompt, the id, the model.

Sets text to fit any size from some 40 pixels up; what does not fit is left out, the word last. Texts are
drawn with the font that comes with Pillow, so that a picture is the same on every machine; for characters
that this font lacks, with a common font of the system where there is one.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from imagegen.providers.placeholder_colour import Palette

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

#: Fonts to look for, by file name, when a text has characters beyond the bundled font's.
_SYSTEM_FONTS = (
    "NotoSans-Regular.ttf", "DejaVuSans.ttf", "Arial.ttf", "arial.ttf", "NotoSansCJK-Regular.ttc",
    "PingFang.ttc", "msyh.ttc", "Arial Unicode.ttf",
)  # fmt: skip
_SPELLED = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "Æ": "AE", "Œ": "OE", "Ø": "O",
     "Ł": "L", "–": "-", "—": "-", "‑": "-", "•": "·", "×": "x", "€": "EUR", "£": "GBP", "„": '"', "«": '"',
     "»": '"', "→": "->", "′": "'", "″": '"'}
)  # fmt: skip
#: Stands for what no font at hand can draw.
_MISSING = "·"


@dataclass(frozen=True, slots=True)
class Caption:
    """What the card says. `stands_for` and `id` may be empty."""

    prompt: str
    id: str
    size: str
    stands_for: str


def letter(picture: Image, caption: Caption, colours: Palette) -> None:
    """Set the card into `picture`, at the bottom."""
    from PIL import ImageDraw

    # A card holds some 200 characters; setting more only to cut it off could take minutes.
    caption = replace(caption, prompt=caption.prompt[:600], id=caption.id[:100])
    width, height = picture.size
    if min(width, height) < 200:
        _strip(ImageDraw.Draw(picture), width, height, caption, colours)
    else:
        _card(picture, caption, colours)


def _strip(draw: ImageDraw, width: int, height: int, caption: Caption, colours: Palette) -> None:
    """For small pictures: a band with the word and, where it fits, the id and the prompt."""
    size = max(7, min(width / 7.2, height / 5, 15))
    line = math.ceil(size * 1.25)
    texts = ["placeholder"]
    if height >= line * 3 and caption.id:
        texts.append(caption.id)
    if height >= line * 7:
        texts.append(caption.prompt)
    pad = max(1, round(size * 0.35))
    top = max(0, height - line * len(texts) - pad * 2)
    draw.rectangle((0, top, width, height), fill=colours.paper)
    for n, text in enumerate(texts):
        fill = colours.ink if n < 2 else colours.faint
        _text(draw, (max(1, pad), top + pad + n * line), text, size, width - 2 * pad, fill)


def _card(picture: Image, caption: Caption, colours: Palette) -> None:
    from PIL import ImageDraw

    width, height = picture.size
    span = min(math.sqrt(width * height), min(width, height) * 1.5)
    margin, big = round(span * 0.035), max(12.0, span * 0.035)
    small = max(9.5, span * 0.0245)
    inner = min(width - 2 * margin, round(big * 29)) - 2 * margin
    lines = _wrapped(caption.prompt, big, inner, 3 if height > 260 else 2)
    leading, gap = math.ceil(big * 1.32), round(small * 0.75)
    foot = [text for text in (caption.id, caption.stands_for and f"stands in for {caption.stands_for}") if text]
    rows = 2 if len(foot) == 2 and sum(_width(text, small) for text in foot) > inner - small * 2 else min(len(foot), 1)
    tall = margin * 1.5 + small * 1.3 + gap + leading * len(lines) + (gap + rows * small * 1.4 if rows else 0)
    left, top = margin, height - margin - round(tall)
    _panel(picture, (left, top, left + inner + 2 * margin, height - margin), round(margin * 0.55), colours)
    draw, x, y = ImageDraw.Draw(picture), left + margin, top + margin * 0.75
    _head(picture, x, y, inner, small, caption, colours)
    y += small * 1.3 + gap
    for line in lines:
        _text(draw, (x, y), line, big, inner, colours.ink)
        y += leading
    for n, text in enumerate(foot):
        beside = n and rows == 1
        at = x + inner - _width(text, small) if beside else x
        _text(draw, (at, y + gap + (0 if beside else n * small * 1.4)), text, small, inner, colours.faint)


def _head(picture: Image, x: float, y: float, inner: float, size: float, caption: Caption, colours: Palette) -> None:
    """A spot of the accent, the word, and the size at the far end."""
    from PIL import Image, ImageDraw

    draw, spot = ImageDraw.Draw(picture), round(size * 0.72)
    mask = Image.new("L", (spot * 4, spot * 4))
    ImageDraw.Draw(mask).ellipse((0, 0, spot * 4 - 1, spot * 4 - 1), 255)
    picture.paste(colours.accent, (round(x), round(y + size * 0.24)), mask.reduce(4))
    _text(draw, (x + spot + size * 0.5, y), "placeholder", size, inner, colours.ink)
    _text(draw, (x + inner - _width(caption.size, size), y), caption.size, size, inner, colours.faint)


def _panel(picture: Image, box: tuple[int, int, int, int], radius: int, colours: Palette) -> None:
    """A rounded sheet of paper with a soft shadow."""
    from PIL import Image, ImageDraw, ImageFilter

    wide, high = box[2] - box[0], box[3] - box[1]
    mask = Image.new("L", (wide * 2, high * 2))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, wide * 2 - 1, high * 2 - 1), radius * 2, 255)
    mask = mask.reduce(2)
    # The shadow is drawn at a quarter of the size: it is blurred anyway.
    rim = max(4, radius)
    shade = Image.new("L", ((wide + 2 * rim) // 4 + 1, (high + 2 * rim) // 4 + 1))
    ImageDraw.Draw(shade).rounded_rectangle((rim / 4, rim / 4, (wide + rim) / 4, (high + rim) / 4), radius / 4, 70)
    shade = shade.filter(ImageFilter.GaussianBlur(rim / 10)).resize((wide + 2 * rim, high + 2 * rim))
    picture.paste((0, 0, 0), (box[0] - rim, box[1] - rim + round(rim * 0.3)), shade)
    picture.paste(colours.paper, box[:2], mask)


def _wrapped(text: str, size: float, inner: float, most: int) -> list[str]:
    """`text` in at most `most` lines of `inner` pixels; the last ends in an ellipsis when more would come."""
    words, lines = text.split(), [""]
    while words:
        word = words.pop(0)
        longer = f"{lines[-1]} {word}".strip()
        if _width(longer, size) <= inner:
            lines[-1] = longer
        elif lines[-1]:
            lines.append("")
            words.insert(0, word)
        else:
            head = _fitting(word, size, inner)
            lines[-1] = head
            if word[len(head) :]:
                words.insert(0, word[len(head) :])
                lines.append("")
        if len(lines) > most:
            break
    if len(lines) > most:
        lines = lines[:most]
        lines[-1] = _cut(lines[-1] + " ", size, inner)
    return lines


def _fitting(word: str, size: float, inner: float) -> str:
    """As much of the start of `word` as fits, one character at least."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _width(word[:middle], size) <= inner else (low, middle - 1)
    return word[:low]


def _cut(text: str, size: float, inner: float) -> str:
    return _fitting(text, size, inner - _width("…", size)).rstrip(" ,.;:-") + "…"


def _text(
    draw: ImageDraw, at: tuple[float, float], text: str, size: float, inner: float, fill: tuple[int, ...]
) -> None:
    if _width(text, size) > inner:
        text = _cut(text, size, inner)
    text, font = _set(text, size)
    draw.text(at, text, fill=fill, font=font)


def _width(text: str, size: float) -> float:
    text, font = _set(text, size)
    return float(font.getlength(text))


def _set(text: str, size: float) -> tuple[str, Any]:
    """`text` as it can be drawn, and the font to draw it with."""
    from PIL import ImageFont

    if text.isascii() and text.isprintable():
        return text, ImageFont.load_default(size)
    text = "".join(c if c.isprintable() else " " for c in text)
    name = _font_for(frozenset(c for c in text if not _draws("", c)))
    font: Any = ImageFont.truetype(_found(name) or "", size) if name else ImageFont.load_default(size)
    return "".join(c if _draws(name, c) else _plain(c, name) for c in text), font


def _plain(character: str, name: str) -> str:
    """`character` spelled with what font `name` has; a dot for what cannot be spelled."""
    text = unicodedata.normalize("NFKD", character.translate(_SPELLED)).translate(_SPELLED)
    kept = "".join(c for c in text if _draws(name, c))
    return kept or ("" if unicodedata.category(character)[0] in "MC" else _MISSING)


@lru_cache(512)
def _font_for(characters: frozenset[str]) -> str:
    """The system font that draws the most of `characters`; "" when none draws any."""
    best = max(_SYSTEM_FONTS, key=lambda name: sum(_draws(name, c) for c in characters))
    return best if any(_draws(best, c) for c in characters) else ""


@cache
def _draws(name: str, character: str) -> bool:
    """Whether font `name` ("" is the bundled one) has a shape for `character`."""
    from PIL import ImageFont

    path = _found(name)
    if path is None:
        return False
    font: Any = ImageFont.truetype(path, 24) if name else ImageFont.load_default(24)
    return character == " " or bytes(font.getmask(character)) not in (b"", bytes(font.getmask("\uffff")))


@cache
def _found(name: str) -> str | None:
    """Where the system has font `name`; None where it has not. Pillow searches the folders for fonts."""
    from PIL import ImageFont

    try:
        return str(ImageFont.truetype(name, 24).path) if name else ""
    except OSError:
        return None
