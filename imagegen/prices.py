"""What one picture costs, from a Price: before the call (an Estimate) and after it (from the provider's usage).

Pure arithmetic in whole nanodollars; every division rounds up, so that an estimate is never a hair too low.
The module knows no model names, no files and no clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any, TypeVar

from imagegen.domain.model import Estimate, Price, Size
from imagegen.domain.money import Nano

#: What providers bill as one megapixel: the pixels of a 1024x1024 picture.
MEGAPIXEL = 1024 * 1024
#: Input tokens of one input picture. Nobody publishes the rule; 1625 is the dear end of what edits
#: were seen to add on gpt-image-2 ($0.013 at $8 per million), and four times that is reserved.
INPUT_TOKENS = 1625
INPUT_TOKENS_AT_MOST = 4 * INPUT_TOKENS
#: Tokens that a model thinks and writes beside a picture where it bills them. Nobody publishes a bound; several
#: hundred are usual, so that this many are reserved, and none is expected.
TEXT_OUT_AT_MOST = 4096
#: English prompts come to about this many bytes a token; no text has fewer than one.
BYTES_PER_TOKEN = 4

_MILLION = 10**6
_UNKNOWN = Estimate(None, None, "unknown")
_Value = TypeVar("_Value")


def unit(price: Price | None, size: Size, quality: str | None, input_megapixels: Sequence[float] = ()) -> Estimate:
    """What one picture of `size` and `quality` costs, its prompt not counted (see `prompt_cost`).

    `input_megapixels` holds one figure per input picture, in MEGAPIXELs. Unknown when there is no price
    or its table lacks this quality or size. Token and time prices are always "estimated"."""
    if price is None:
        return _UNKNOWN
    if price.kind == "image":
        return _per_image(price, size, quality)
    if price.kind == "megapixel":
        return _per_megapixel(price, size, input_megapixels)
    if price.kind == "tokens":
        return _per_token(price, size, quality, len(input_megapixels))
    expected = ceil(price.per_second * Fraction(price.typical_seconds))
    return Estimate(expected, max(expected, ceil(price.per_second * Fraction(price.max_seconds))), "estimated")


def prompt_cost(price: Price | None, prompt_bytes: int) -> tuple[Nano, Nano]:
    """(expected, most) for a prompt of `prompt_bytes` bytes of UTF-8: a quarter as many tokens (rounded up),
    and one token a byte. (0, 0) where prompts are free."""
    if price is None or price.kind != "tokens":
        return 0, 0
    expected = -(-prompt_bytes // BYTES_PER_TOKEN)
    return _tokens_cost(expected, price.text_in), _tokens_cost(prompt_bytes, price.text_in)


def from_usage(price: Price, usage: Mapping[str, Any]) -> Nano:
    """What a call cost by the `usage` of its answer, in the shape of the OpenAI Images API (all pictures of
    the call together). Input tokens that are not broken down count as text.

    Raises ValueError when `price` is not by token or `usage` has no usable counts: then the cost is not known."""
    if price.kind != "tokens":
        raise ValueError(f"usage says nothing about a price by {price.kind}")
    details = usage.get("input_tokens_details")
    if isinstance(details, Mapping):
        text, image = _count(details, "text_tokens", 0), _count(details, "image_tokens", 0)
    else:
        text, image = _count(usage, "input_tokens"), 0
    made = _count(usage, "output_tokens")
    return -(-(text * price.text_in + image * price.image_in + made * price.image_out) // _MILLION)


def from_token_counts(price: Price, usage: Mapping[str, Any], pictured: bool) -> Nano:
    """What a call cost by the `usageMetadata` of its answer, in the shape of the Gemini API. Tokens that were thought
    are text that came out, and so is what the picture did not take. Prompt tokens that are not broken down count as
    text, and those that came out as the picture's if there is one (`pictured`). Where `price` tells no `text_out`,
    text costs what the picture does. Cached tokens count in full: nobody publishes what they cost.

    Raises ValueError when `price` is not by token or `usage` has no usable counts: then the cost is not known."""
    if price.kind != "tokens":
        raise ValueError(f"usage says nothing about a price by {price.kind}")
    asked, given = _split(usage, "promptTokenCount", "promptTokensDetails", None)
    came, drawn = _split(usage, "candidatesTokenCount", "candidatesTokensDetails", 0)
    if pictured and not usage.get("candidatesTokensDetails"):
        drawn = came
    written = came - drawn + _count(usage, "thoughtsTokenCount", 0)
    cost = (asked - given) * price.text_in + given * price.image_in
    cost += drawn * price.image_out + written * (price.text_out or price.image_out)
    return -(-cost // _MILLION)


def by_seconds(per_second: Nano, seconds: float) -> Nano:
    """What `seconds` of a model cost that is paid for by the second; the figure counts as it is written, so 0.1 is a
    tenth."""
    return ceil(per_second * Fraction(str(seconds)))


def discounted(amount: Nano, percent: int) -> Nano:
    """`amount` less `percent` per cent."""
    return -(-amount * (100 - percent) // 100)


def image_tokens(grid: int, width: int, height: int) -> int:
    """Output tokens of a `width` x `height` picture at a quality whose long edge is `grid` cells.

    The formula is ours, not OpenAI's: it was fitted to the published counts of gpt-image-2.5 and reproduces
    all of them. The short edge gets the cells that keep the shape, to the nearest half; each cell costs two
    tokens and one more for every million pixels of the picture."""
    short = Fraction(floor(2 * Fraction(grid * min(width, height), max(width, height)) + Fraction(1, 2)), 2)
    return ceil(grid * short * (2 + Fraction(width * height, _MILLION)))


def _per_image(price: Price, size: Size, quality: str | None) -> Estimate:
    amount = _find(price.per_image, size, quality)
    if amount is None:
        return _UNKNOWN
    return Estimate(amount, amount, "estimated" if price.estimated else "exact")


def _per_megapixel(price: Price, size: Size, inputs: Sequence[float]) -> Estimate:
    made, given = Fraction(size.pixels, MEGAPIXEL), [Fraction(figure) for figure in inputs]
    most = _megapixels(price, Fraction(ceil(made)), Fraction(sum(map(ceil, given))))
    if price.round_up:
        return Estimate(most, most, "estimated" if price.estimated else "exact")
    expected = _megapixels(price, made, sum(given, Fraction()))
    if price.estimated:
        return Estimate(expected, most, "estimated")
    return Estimate(expected, expected, "exact")


def _megapixels(price: Price, made: Fraction, given: Fraction) -> Nano:
    return price.run + ceil(price.first + price.next * max(made - 1, Fraction()) + price.input * given)


def _per_token(price: Price, size: Size, quality: str | None, inputs: int) -> Estimate:
    made = _made(price, size, quality)
    if made is None:
        return _UNKNOWN
    expected = made + _tokens_cost(inputs * INPUT_TOKENS, price.image_in)
    most = _tokens_cost(inputs * INPUT_TOKENS_AT_MOST, price.image_in) + _tokens_cost(TEXT_OUT_AT_MOST, price.text_out)
    return Estimate(expected, made + most, "estimated")


def _made(price: Price, size: Size, quality: str | None) -> Nano | None:
    """The output's cost: the maker's own figure per picture where there is one, else counted tokens,
    else the formula."""
    published = _find(price.per_image, size, quality)
    if published is not None:
        return published
    tokens = _find(price.tokens, size, quality)
    if tokens is None and quality is not None and quality in price.grid:
        tokens = image_tokens(price.grid[quality], size.width, size.height)
    return None if tokens is None else _tokens_cost(tokens, price.image_out)


def _find(table: Mapping[str, _Value], size: Size, quality: str | None) -> _Value | None:
    return next((table[key] for key in _keys(size, quality) if key in table), None)


def _keys(size: Size, quality: str | None) -> Iterator[str]:
    """The table keys that fit, the most particular first. A resolution word ("2K") may stand for a size."""
    places = [str(size)] + ([size.resolution] if size.resolution else [])
    if quality is not None:
        yield from (f"{quality}/{place}" for place in places)
        yield quality
    yield from places
    yield "*"


def _split(usage: Mapping[str, Any], total: str, details: str, missing: int | None) -> tuple[int, int]:
    """The tokens of `total`, and how many of them are a picture's by `details`."""
    every, parts = _count(usage, total, missing), usage.get(details) or ()
    if not isinstance(parts, list | tuple) or not all(isinstance(part, Mapping) for part in parts):
        raise ValueError(f"usage without usable {details}: {parts!r}")
    pictures = sum(_count(part, "tokenCount", 0) for part in parts if part.get("modality") == "IMAGE")
    return max(every, pictures), pictures


def _tokens_cost(tokens: int, per_million: Nano) -> Nano:
    return -(-tokens * per_million // _MILLION)


def _count(counts: Mapping[str, Any], name: str, missing: int | None = None) -> int:
    value = counts.get(name)
    if value is None and missing is not None:
        return missing
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"usage without a usable {name}: {value!r}")
    return value
