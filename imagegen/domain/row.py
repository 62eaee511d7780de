"""Row: one entry of a manifest after templating, with its place in the file for messages."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

SIZE = re.compile(r"([1-9]\d{0,4})\s*[xX×]\s*([1-9]\d{0,4})")
RATIO = re.compile(r"([1-9]\d{0,3})\s*[:/]\s*([1-9]\d{0,3})")


class Place(NamedTuple):
    """Where something stands in a file. Line and column count from 1; 0 is "not known"."""

    file: str
    line: int = 0
    column: int = 0


def _size(value: Any) -> Any:
    if not isinstance(value, str) or value.strip().lower() == "auto":
        return value.strip().lower() if isinstance(value, str) else value
    match = SIZE.fullmatch(value.strip())
    if not match:
        raise ValueError("a size is WIDTHxHEIGHT in pixels, such as 1024x1024, or auto")
    return f"{match[1]}x{match[2]}"


def _ratio(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = RATIO.fullmatch(value.strip())
    if not match:
        raise ValueError("an aspect ratio is WIDTH:HEIGHT, such as 16:9")
    return f"{match[1]}:{match[2]}"


def _words(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in re.split(r"[,;]", value) if part.strip())
    return value


class Lora(BaseModel):
    """A LoRA adapter by path and the weight it is applied with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(min_length=1)
    weight: float = 1.0


class Accept(BaseModel):
    """When a picture counts as good: readable `text`, `safe` content, and how many `attempts` to pay for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: bool = False
    safe: bool = False
    attempts: int = Field(default=1, ge=1, le=10)


class Row(BaseModel):
    """What a person wrote for one picture (or `n` of them). Only `prompt` is required; `id` is made
    from the content when missing, so that reordering a file changes nothing. `text` is wording that
    must be readable in the picture. `fit` says how the wanted size may be reached: auto (never
    upscaled, never cropped by more than 10 % of an edge), cover, contain, fill, or none."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    id: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    negative_prompt: str | None = None
    use_case: str | None = None
    subject: Literal["photo", "people", "food", "product", "interior", "art", "text"] | None = None
    needs_text: bool = False
    text: str | None = None
    image: str | tuple[str, ...] | None = None
    mask: str | None = None
    strength: float | None = Field(default=None, ge=0, le=1)
    control: str | None = None
    size: Annotated[str, BeforeValidator(_size)] | None = None
    aspect_ratio: Annotated[str, BeforeValidator(_ratio)] | None = None
    fit: Literal["auto", "cover", "contain", "fill", "none"] = "auto"
    tier: Literal["budget", "standard", "premium"] | None = None
    model: str | None = None
    provider: str | None = None
    quality: str | None = None
    n: int = Field(default=1, ge=1, le=100)
    seed: int | None = Field(default=None, ge=0, le=2**32 - 1)
    steps: int | None = Field(default=None, ge=1, le=500)
    guidance: float | None = Field(default=None, ge=0, le=100)
    scheduler: str | None = None
    refiner: str | bool | None = None
    lora: Lora | tuple[Lora, ...] | None = None
    safety: str | None = None
    strategy: Literal["plain", "draft_refine"] = "plain"
    drafts: int | None = Field(default=None, ge=1, le=16)
    choose: str | None = Field(default=None, min_length=1, max_length=64)
    accept: Accept | None = None
    priority: int = Field(default=2, ge=1, le=3)
    lane: Literal["live", "batch", "local", "auto"] | None = None
    deadline: str | None = None
    max_price: Decimal | None = Field(default=None, ge=0, max_digits=18, decimal_places=9)
    callback_url: str | None = None
    format: Literal["png", "jpeg", "webp", "avif"] | None = None
    encode_quality: int | None = Field(default=None, ge=1, le=100)
    background: Literal["auto", "opaque", "transparent", "remove"] | None = None
    tags: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()
    options: dict[str, dict[str, Any]] | None = None


#: Fields that say nothing about the picture itself: a change of them buys nothing anew.
NOT_THE_PICTURE = frozenset(
    {"id", "priority", "lane", "deadline", "max_price", "callback_url", "format", "encode_quality", "tags"}
)


class Placed(NamedTuple):
    """A row and where it stands. `name` is its output file's stem as the manifest asks for it
    (None: made from the id)."""

    row: Row
    place: Place
    name: str | None = None


def pixels(size: str) -> tuple[int, int] | None:
    """Width and height of "1024x768"; None for anything else, `auto` included."""
    match = SIZE.fullmatch(size)
    return (int(match[1]), int(match[2])) if match else None
