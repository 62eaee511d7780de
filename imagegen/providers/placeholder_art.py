"""Compositions for placeholder pictures: each draws a whole picture from a palette and a random source.

Shapes are drawn at twice the size and averaged down, which smooths their edges; light is laid over them
last. Nothing here knows of prompts, providers or captions. Pillow comes with `paint`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from imagegen.providers.placeholder_colour import Palette, mix, ramp

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

#: Pixels above which a picture is drawn smaller and enlarged.
_MOST_DRAWN = 1_900_000


class Canvas(NamedTuple):
    """What a composition draws on (`glaze` lets through what is below), its size, colours and random source."""

    draw: ImageDraw
    glaze: ImageDraw
    width: int
    height: int
    colours: Palette
    random: Random

    @property
    def span(self) -> float:
        """The geometric mean of the edges: what shapes are measured by."""
        return math.sqrt(self.width * self.height)


def paint(width: int, height: int, colours: Palette, random: Random) -> tuple[Image, str]:
    """A picture of `width` x `height` pixels, RGB, and the name of its composition."""
    from PIL import Image, ImageDraw

    shrink = max(1.0, math.sqrt(width * height / _MOST_DRAWN))
    small = max(1, round(width / shrink)), max(1, round(height / shrink))
    canvas = Image.new("RGB", (small[0] * 2, small[1] * 2), colours.ground)
    compose = random.choice(COMPOSITIONS)
    pens = ImageDraw.Draw(canvas), ImageDraw.Draw(canvas, "RGBA")
    compose(Canvas(*pens, *canvas.size, colours, random))
    picture = _lit(canvas.reduce(2), random)
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    return picture, compose.__name__.strip("_")


def _lit(picture: Image, random: Random) -> Image:
    """`picture` with light from one corner."""
    from PIL import Image, ImageChops

    corners = [150, 132, 122, 104]
    if random.random() < 0.5:
        corners = [132, 150, 104, 122]
    light = Image.frombytes("L", (2, 2), bytes(corners)).resize(picture.size, Image.Resampling.BILINEAR)
    return ImageChops.overlay(picture, Image.merge("RGB", (light, light, light)))


def _disc(canvas: Canvas, x: float, y: float, radius: float, fill: tuple[int, ...]) -> None:
    pen = canvas.draw if len(fill) == 3 else canvas.glaze
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _wave(random: Random, tops: int = 3) -> Callable[[float], float]:
    """A smooth curve over 0..1 with values of about -1..1."""
    parts = [(random.uniform(0.6, 1.5) * n, random.uniform(0, 6.3), 1 / n) for n in range(1, tops + 1)]
    total = sum(size for _, _, size in parts)
    return lambda t: sum(math.sin(t * often * 6.3 + at) * size for often, at, size in parts) / total


def _below(canvas: Canvas, curve: Callable[[float], float]) -> list[tuple[float, float]]:
    """The area from `curve` (over 0..1, in pixels from the top) to the bottom."""
    line = [(canvas.width * n / 60, curve(n / 60)) for n in range(61)]
    return [*line, (canvas.width, canvas.height), (0, canvas.height)]


def _hills(canvas: Canvas) -> None:
    """Ridges in haze under a sun."""
    _, _, width, height, colours, random = canvas
    sky = ramp((colours.ground, colours.tones[0]), 0.5)
    canvas.draw.rectangle((0, 0, width, height), fill=sky)
    x, y, radius = random.uniform(0.2, 0.8) * width, random.uniform(0.16, 0.3) * height, canvas.span * 0.1
    _disc(canvas, x, y, radius * 1.9, (*colours.accent, 40))
    _disc(canvas, x, y, radius, colours.accent)
    count = random.randint(5, 7)
    for n in range(count):
        wave, top = _wave(random), height * (0.3 + 0.55 * n / count)
        swing = height * random.uniform(0.05, 0.1)
        fill = ramp((sky, *colours.tones), (n + 1) / count)

        def ridge(t: float, wave: Callable[[float], float] = wave, top: float = top, swing: float = swing) -> float:
            return top + wave(t) * swing

        canvas.draw.polygon(_below(canvas, ridge), fill=fill)


def _discs(canvas: Canvas) -> None:
    """A few large translucent discs and a ring."""
    _, _, width, height, colours, random = canvas
    for n in range(random.randint(4, 6)):
        x, y = random.uniform(0.1, 0.9) * width, random.uniform(0.05, 0.8) * height
        _disc(canvas, x, y, canvas.span * random.uniform(0.16, 0.36), (*colours.tones[(n * 2 + 1) % 5], 190))
    x, y, radius = random.uniform(0.25, 0.75) * width, random.uniform(0.2, 0.5) * height, canvas.span * 0.13
    _disc(canvas, x, y, radius, (*colours.accent, 235))
    for n in range(1, 4):
        edge = radius * (1 + 0.32 * n)
        box = (x - edge, y - edge, x + edge, y + edge)
        canvas.glaze.ellipse(box, outline=(*colours.accent, 170), width=max(1, round(canvas.span / 200)))


def _tiles(canvas: Canvas) -> None:
    """Quarter circles, discs and triangles on a grid."""
    _, _, width, height, colours, random = canvas
    cell = math.ceil(max(width, height) / random.randint(4, 7) / 2) * 2
    for left in range(0, width, cell):
        for top in range(0, height, cell):
            back, front = random.sample((colours.ground, *colours.tones), 2)
            canvas.draw.rectangle((left, top, left + cell, top + cell), fill=back)
            _tile(canvas, left, top, cell, colours.accent if random.random() < 0.12 else front)


def _tile(canvas: Canvas, left: int, top: int, cell: int, fill: tuple[int, int, int]) -> None:
    right, bottom, draw = left + cell, top + cell, canvas.draw
    turn = canvas.random.randrange(4)
    kind = canvas.random.choice(("quarter", "quarter", "half", "disc", "triangle", "leaf"))
    x, y = ((left, top), (right, top), (right, bottom), (left, bottom))[turn]
    if kind == "quarter":
        draw.pieslice((x - cell, y - cell, x + cell, y + cell), turn * 90, turn * 90 + 90, fill=fill)
    elif kind == "half":
        draw.pieslice((left, top, right, bottom), turn * 90, turn * 90 + 180, fill=fill)
    elif kind == "disc":
        _disc(canvas, left + cell / 2, top + cell / 2, cell * 0.34, fill)
    elif kind == "triangle":
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        draw.polygon([corner for n, corner in enumerate(corners) if n != turn], fill=fill)
    else:
        draw.rounded_rectangle((left, top, right, bottom), cell / 2, fill, corners=_opposite(turn))


def _opposite(turn: int) -> tuple[bool, bool, bool, bool]:
    return (True, False, True, False) if turn % 2 else (False, True, False, True)


def _arcs(canvas: Canvas) -> None:
    """Rainbows from one or two points at the edge."""
    _, _, width, height, colours, random = canvas
    corners = random.sample([(0, 0.75), (1, 0.7), (0.5, 0.8), (0, 0), (1, 0)], 2)
    for x, y in corners[: random.randint(1, 2)]:
        size, bands = canvas.span * random.uniform(0.55, 0.8), random.randint(6, 9)
        for n in range(bands):
            even = colours.ground if n % 2 else ramp(colours.tones, n / (bands - 1))
            _disc(canvas, x * width, y * height, size * (1 - n / bands), even)
        _disc(canvas, x * width, y * height, size / bands, colours.accent)


def _ribbons(canvas: Canvas) -> None:
    """Bands that flow along and swell."""
    _, _, _, height, colours, random = canvas
    wave, swell, count = _wave(random, 2), _wave(random, 2), random.randint(9, 14)
    accent = random.randrange(2, count - 3)
    slope = random.uniform(-0.35, 0.35) * height
    for n in range(count):
        base, step = height * (1.3 * n / count - 0.15), n / count

        def curve(t: float, base: float = base, step: float = step) -> float:
            return base + slope * (t - 0.5) + height * 0.11 * wave(t + step * 0.3) + 0.05 * height * swell(t - step)

        fill = colours.accent if n == accent else ramp((colours.ground, *colours.tones), n / (count - 1))
        canvas.draw.polygon(_below(canvas, curve), fill=fill)


def _layers(canvas: Canvas) -> None:
    """Cut paper: ever smaller openings, each with its shadow."""
    _, _, width, height, colours, random = canvas
    x, y = random.uniform(0.35, 0.65) * width, random.uniform(0.3, 0.45) * height
    count, wave = random.randint(6, 8), _wave(random, 2)
    canvas.draw.rectangle((0, 0, width, height), fill=colours.tones[-1])
    for n in range(count):
        size, part = 0.62 * (1 - n / count) ** 0.9 + 0.03, (n + 1) / count
        turn = [a * math.tau / 90 for a in range(90)]
        reach = [1 + 0.28 * wave(0.5 + 0.5 * math.cos(a) + part * 0.35) for a in turn]
        edge = [
            (x + width * size * r * math.cos(a), y + height * size * r * math.sin(a))
            for a, r in zip(turn, reach, strict=True)
        ]
        fill = ramp((*colours.tones[::-1], colours.ground), part)
        canvas.draw.polygon(edge, fill=mix(fill, (0, 0, 0), 0.3))
        drop = canvas.span * 0.011
        canvas.draw.polygon([(a + drop * 0.6, b + drop) for a, b in edge], fill=fill)
    _disc(canvas, x, y, canvas.span * 0.035, colours.accent)


def _facets(canvas: Canvas) -> None:
    """A folded surface of triangles, lit along a diagonal."""
    _, _, width, height, colours, random = canvas
    cell = canvas.span / random.randint(5, 8)
    columns, rows = math.ceil(width / cell) + 2, math.ceil(height / cell) + 2

    def corner() -> tuple[float, float]:
        return random.uniform(-0.36, 0.36) * cell, random.uniform(-0.36, 0.36) * cell

    grid = [
        [((c - 0.5) * cell + dx, (r - 0.5) * cell + dy) for c in range(columns) for dx, dy in [corner()]]
        for r in range(rows)
    ]
    lean, tones = random.uniform(0.2, 0.8), (colours.ground, *colours.tones)
    for r in range(rows - 1):
        for c in range(columns - 1):
            a, b, d, e = grid[r][c], grid[r][c + 1], grid[r + 1][c], grid[r + 1][c + 1]
            for triangle in ((a, b, d), (b, d, e)) if (r + c) % 2 else ((a, b, e), (a, d, e)):
                part = lean * c / columns + (1 - lean) * r / rows + random.uniform(-0.13, 0.13)
                fill = colours.accent if random.random() < 0.02 else ramp(tones, part)
                canvas.draw.polygon(triangle, fill=fill)


def _arches(canvas: Canvas) -> None:
    """Doorways within doorways, side by side."""
    _, _, width, height, colours, random = canvas
    count = max(1, round(width / height * random.uniform(1.6, 2.4)))
    step = width / count
    for n in range(count):
        tones = random.sample(colours.tones, 4)
        top, bands = height * random.uniform(0.08, 0.26), random.randint(3, 4)
        for band in range(bands):
            inset = step * (0.06 + 0.42 * band / bands)
            box = (n * step + inset, top + inset, (n + 1) * step - inset, height + step)
            fill = colours.accent if band == bands - 1 and random.random() < 0.4 else tones[band]
            canvas.draw.rounded_rectangle(box, (box[2] - box[0]) / 2, fill)


def _signals(canvas: Canvas) -> None:
    """Lines one behind the other, rising to peaks in the middle."""
    _, _, width, height, colours, random = canvas
    count, centre = random.randint(16, 24), random.uniform(0.35, 0.65)
    pen = max(2, round(canvas.span / 170))
    for n in range(count):
        wave, base = _wave(random, 7), height * (0.2 + 0.75 * n / count)
        rise = height * random.uniform(0.12, 0.2)

        def curve(t: float, base: float = base, rise: float = rise, wave: Callable[[float], float] = wave) -> float:
            hump = math.exp(-(((t - centre) / 0.19) ** 2))
            return base - hump * rise * (0.55 + 0.9 * abs(wave(t * 1.6))) + wave(t) * height * 0.004

        line = [(width * t / 160, curve(t / 160)) for t in range(161)]
        canvas.draw.polygon([*line, (width, base + pen), (0, base + pen)], fill=colours.ground)
        fill = colours.accent if n == count // 3 else ramp(colours.tones[1:], n / count)
        canvas.draw.line(line, fill=fill, width=pen, joint="curve")


COMPOSITIONS: tuple[Callable[[Canvas], None], ...] = (
    _hills, _discs, _tiles, _arcs, _ribbons, _layers, _facets, _arches, _signals,
)  # fmt: skip
