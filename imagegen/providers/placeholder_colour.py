"""Colours that go together, from a random source: harmonies in OKLCH, where equal steps look equal.

Knows nothing of pictures; a colour is a tuple of three bytes in sRGB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

Colour = tuple[int, int, int]

#: Hues beside the first one, in degrees: near it, opposite, in thirds, split.
_HARMONIES = ((0, 28, 55), (0, -30, -62), (0, 22, 180), (0, 40, 205), (0, 30, 150), (0, -25, -50), (0, 18, 36))


@dataclass(frozen=True, slots=True)
class Palette:
    """`ground` to draw on, `tones` from the one nearest to it to the farthest, one `accent` that stands out.
    `paper` and `ink`, `faint`: the caption's card, its text, its lesser text. `dark`: whether the ground is."""

    ground: Colour
    tones: tuple[Colour, ...]
    accent: Colour
    paper: Colour
    ink: Colour
    faint: Colour
    dark: bool


def palette(random: Random) -> Palette:
    """A palette: a harmony around any hue, on a light or a dark ground."""
    hue, harmony = random.uniform(0, 360), random.choice(_HARMONIES)
    dark, richness = random.random() < 0.4, random.uniform(0.07, 0.135)
    steps = (0.36, 0.48, 0.60, 0.72, 0.84) if dark else (0.86, 0.76, 0.66, 0.54, 0.40)
    hues = [hue + _along(harmony, n / 4) for n in range(5)]
    tones = tuple(_clear(step, richness, turn) for step, turn in zip(steps, hues, strict=True))
    return Palette(
        ground=oklch(0.24, 0.04, hue) if dark else oklch(0.945, 0.022, hue),
        tones=tones,
        accent=_clear(0.78 if dark else 0.67, 0.15, hue + harmony[1] + random.choice((150, 180, 210))),
        paper=oklch(0.975, 0.008, hue),
        ink=oklch(0.25, 0.03, hue),
        faint=oklch(0.46, 0.03, hue),
        dark=dark,
    )


def oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """The sRGB colour of lightness 0..1, chroma 0..0.3 and hue in degrees, greyed until the screen has it."""
    while True:
        red, green, blue = _linear(lightness, chroma, math.radians(hue))
        if chroma < 0.002 or (min(red, green, blue) >= 0 and max(red, green, blue) <= 1):
            return _byte(red), _byte(green), _byte(blue)
        chroma *= 0.93


def mix(one: Colour, other: Colour, part: float) -> Colour:
    """`one` with `part` (0..1) of `other` in it."""
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue


def ramp(colours: tuple[Colour, ...], part: float) -> Colour:
    """The colour at `part` (0..1) of the way along `colours`."""
    at = min(max(part, 0.0), 1.0) * (len(colours) - 1)
    low = min(int(at), len(colours) - 2)
    return mix(colours[low], colours[low + 1], at - low)


def _clear(lightness: float, chroma: float, hue: float) -> Colour:
    """`oklch` kept out of its murky corner: what is between yellow and green turns to mud when dark and to
    neon when light, so such hues go to the nearer side, and what stays near is greyed a little."""
    hue %= 360
    if 75 < hue < 150 and lightness < 0.68:
        hue = 58 + (hue - 75) * 0.2 if hue < 108 else 152 - (150 - hue) * 0.1
    murk = max(0.0, 1 - abs(hue - 112) / 45)
    return oklch(lightness, chroma * (1 - 0.4 * murk), hue)


def _along(harmony: tuple[int, ...], part: float) -> float:
    """Near hues drift along the ramp; far ones are jumped to, as what lies between would be mud."""
    low, middle, high = harmony
    if abs(high - low) < 90:
        return low + (high - low) * part
    return low + (middle - low) * part * 2 if part <= 0.5 and abs(middle) < 90 else (middle, high)[part > 0.9]


def _linear(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _byte(light: float) -> int:
    light = min(max(light, 0.0), 1.0)
    return round(255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055))
