"""Model: a catalogue entry. What it can do, where it is served (an Offer each), and for what price.

All of it is data with a source and a date; the code knows dialects, not models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from imagegen.domain.money import Nano

#: What a model or an offer may be able to do.
CAPABILITIES = frozenset(
    {
        "text",
        "edit",
        "mask",
        "alpha",
        "seed",
        "negative",
        "lora",
        "steps",
        "guidance",
        "scheduler",
        "control",
        "refiner",
    }
)


@dataclass(frozen=True, slots=True)
class Size:
    """A size a model makes. Where the wire wants words instead of pixels they stand beside them."""

    width: int
    height: int
    ratio: str | None = None
    resolution: str | None = None

    @property
    def pixels(self) -> int:
        """Area in pixels."""
        return self.width * self.height

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class SizeRule:
    """Which sizes a model makes: a list (`sizes`), or any size within bounds when `step` is set:
    edges multiples of `step` from `min_edge` to `max_edge`, area from `min_pixels` to `max_pixels`,
    long edge at most `max_ratio` times the short one. Lists and bounds may both be given.
    `default` is what a row gets that asks for no size. `exact` False: asked for by ratio only, and what comes may
    differ from the pixels listed, so they are no part of a Request."""

    default: Size
    sizes: tuple[Size, ...] = ()
    step: int | None = None
    min_edge: int = 1
    max_edge: int = 16384
    min_pixels: int = 1
    max_pixels: int = 16384 * 16384
    max_ratio: float = 100.0
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Price:
    """How an offer is charged, in nanodollars. `kind` says which fields count:

    image       `per_image` by quality and size: keys "QUALITY/WIDTHxHEIGHT", "QUALITY", "WIDTHxHEIGHT" or "*"
    megapixel   `run` + `first` (first output megapixel) + `next` (each further) + `input` (each input megapixel),
                output megapixels rounded up when `round_up`
    tokens      `text_in`, `image_in`, `image_out` per million tokens; output tokens from `tokens` by
                "QUALITY/SIZE" (as above) or, with `grid` by quality, from the formula in `imagegen.prices`;
                `text_out` where the model thinks or writes beside its picture
    seconds     `per_second` x `typical_seconds`, reserved at `max_seconds`
    """

    kind: Literal["image", "megapixel", "tokens", "seconds"]
    source: str
    read_on: date
    per_image: Mapping[str, Nano] = field(default_factory=dict)
    run: Nano = 0
    first: Nano = 0
    next: Nano = 0
    input: Nano = 0
    round_up: bool = False
    text_in: Nano = 0
    image_in: Nano = 0
    image_out: Nano = 0
    text_out: Nano = 0
    tokens: Mapping[str, int] = field(default_factory=dict)
    grid: Mapping[str, int] = field(default_factory=dict)
    per_second: Nano = 0
    typical_seconds: float = 0.0
    max_seconds: float = 0.0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A model as one provider serves it. `api_name` is what goes over the wire. `can` overrides the
    model's capabilities where this provider's differ. `price` None: unknown, so never called. `formats` empty: the
    provider decides which one comes."""

    provider: str
    api_name: str
    sizes: SizeRule
    price: Price | None
    can: frozenset[str]
    qualities: tuple[str, ...] = ()
    default_quality: str | None = None
    formats: tuple[str, ...] = ("png",)
    max_prompt: int | None = None
    max_inputs: int = 0
    max_images: int = 1
    batch_discount: int = 0
    images_per_minute: float | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    images_per_day: int | None = None
    requests_per_day: int | None = None
    tokens_per_day: int | None = None
    concurrency: int | None = None
    lanes: tuple[str, ...] = ("live",)
    status: Literal["active", "deprecated", "retired"] | None = None
    shutdown_on: date | None = None
    sent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Model:
    """A model under the name the field gives it, the same wherever it is served."""

    name: str
    title: str
    maker: str
    offers: tuple[Offer, ...]
    best_for: str
    typical_seconds: float
    status: Literal["active", "deprecated", "retired"] = "active"
    released_on: date | None = None
    shutdown_on: date | None = None
    replaced_by: str | None = None
    license: str = ""
    note: str = ""
    source: str = ""
    read_on: date | None = None

    def offer(self, provider: str) -> Offer | None:
        """This model as `provider` serves it, if it does."""
        return next((offer for offer in self.offers if offer.provider == provider), None)

    def gone(self, today: date, offer: Offer | None = None) -> bool:
        """Whether the model, or this offer of it, is shut down on `today`."""
        if self.status == "retired" or (offer is not None and offer.status == "retired"):
            return True
        ends = [day for day in (self.shutdown_on, offer.shutdown_on if offer else None) if day]
        return any(day <= today for day in ends)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A price before the call: `expected` is shown, `most` is reserved. None: unknown, never $0.
    Amounts in nanodollars per picture."""

    expected: Nano | None
    most: Nano | None
    basis: Literal["exact", "estimated", "unknown"]


Fit = Literal["auto", "cover", "contain", "fill", "none"]
Format = Literal["png", "jpeg", "webp", "avif"]


@dataclass(frozen=True, slots=True)
class Rendition:
    """A further file of the same picture, made from the original. `fit` auto: any cut, never enlarged.
    `format` and `quality` None: those of the picture itself."""

    name: str
    width: int
    height: int
    fit: Fit = "auto"
    format: Format | None = None
    quality: int | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """What happens to the bytes after they are paid for. Free, never part of the Key.
    `width`/`height` None keeps the size that was made. `quality` None: the format's default. `without`: the
    background is taken away, by the library of this name and version."""

    width: int | None = None
    height: int | None = None
    fit: Fit = "auto"
    format: Format = "png"
    quality: int | None = None
    renditions: tuple[Rendition, ...] = ()
    without: str | None = None

    def of(self, rendition: Rendition) -> Finish:
        """How `rendition` is finished."""
        form = rendition.format or self.format
        quality = rendition.quality or (self.quality if form == self.format else None)
        return Finish(rendition.width, rendition.height, rendition.fit, form, quality)
