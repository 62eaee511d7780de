"""What the real service charges, written down a second time: a picture's tokens, a token's nanodollars."""

from __future__ import annotations

import math
from fractions import Fraction

#: Output tokens of the first GPT Image models: (square, upright, wide).
FIRST = {"low": (272, 408, 400), "medium": (1056, 1584, 1568), "high": (4160, 6240, 6208)}
FLEX = {"low": 8, "medium": 12, "high": 24, "xhigh": 32, "max": 48}
#: gpt-image-2 uses the finer grids for the same words.
SECOND = {"low": 8, "medium": 24, "high": 48}
DALLE = {("standard", True): 40_000_000, ("standard", False): 80_000_000}
DALLE_HD = {("hd", True): 80_000_000, ("hd", False): 120_000_000}
DALLE_2 = {256: 16_000_000, 512: 18_000_000, 1024: 20_000_000}


def grid_tokens(grid: int, width: int, height: int) -> int:
    """Image output tokens: the grid's short side follows the picture's shape in half steps."""
    short, long = sorted((width, height))
    halves = math.floor(Fraction(2 * grid * short, long) + Fraction(1, 2))
    return math.ceil(Fraction(grid * halves, 2) * (2 + Fraction(width * height, 10**6)))


def image_tokens(model: str, quality: str, width: int, height: int) -> int:
    """Image output tokens of one picture."""
    if model.startswith(("gpt-image-1", "chatgpt-image")):
        return FIRST[quality][0 if width == height else 1 if height > width else 2]
    grids = SECOND if model == "gpt-image-2" or model.startswith("gpt-image-2-") else FLEX
    return grid_tokens(grids[quality], width, height)


def text_tokens(prompt: str) -> int:
    """Roughly what a tokenizer makes of a prompt; the bill and `usage` agree, which is what counts."""
    return max(1, -(-len(prompt.encode("utf-8", "surrogatepass")) // 4))


def token_prices(model: str) -> tuple[int, int]:
    """Nanodollars per text token in and per image token out."""
    if model.startswith("gpt-image-1-mini"):
        return 2_000, 8_000
    if model.startswith(("gpt-image-1.5", "chatgpt-image")):
        return 5_000, 32_000
    return 5_000, 40_000 if model == "gpt-image-1" else 30_000


def given_price(model: str) -> int:
    """Nanodollars per image token in."""
    return 2_500 if model.startswith("gpt-image-1-mini") else 10_000 if model == "gpt-image-1" else 8_000


def dalle_price(model: str, quality: str, width: int, height: int) -> int:
    """Nanodollars for one DALL-E picture."""
    if model == "dall-e-2":
        return DALLE_2[width]
    return (DALLE | DALLE_HD)[quality, width == height]
