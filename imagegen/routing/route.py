"""Routes: which models are good for what, in order. Frozen values; nothing here looks at a catalogue or a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """A place in a ranking: a model ("flux-schnell" or "fal/flux-schnell") and the quality to ask it for.
    A model that lacks the quality loses the place."""

    model: str
    quality: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where rows of one kind go: ranked `models`, the `tier` that this is, and what a row gets that does
    not say: `size` in pixels (None: the model's default), `quality` (for models that have it), `strategy`."""

    tier: str
    models: tuple[Entry, ...]
    size: tuple[int, int] | None = None
    quality: str | None = None
    strategy: str = "plain"


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a picture comes to be by way of drafts: how many, on which of the ranked `models`, and the scorer that
    chooses among them."""

    models: tuple[Entry, ...] = ()
    drafts: int = 4
    choose: str = "auto"


NOWHERE = Target("standard", ())


@dataclass(frozen=True, slots=True)
class Routes:
    """A routing table. `text`, `edit` and `lora` rank the models for rows that need these, `subjects` those
    for a stated subject, `default` those for all that says nothing. `prices` is for `Catalog.repriced`;
    `premium` names the model that a bill is compared with (None: the catalogue's). `strategies` by name.
    `fallback`: when another model of the list stands in for the one that was chosen ("availability", "refused")."""

    name: str
    default: Target = NOWHERE
    text: Target = NOWHERE
    edit: Target = NOWHERE
    lora: Target = NOWHERE
    subjects: Mapping[str, Target] = field(default_factory=dict)
    use_cases: Mapping[str, Target] = field(default_factory=dict)
    prices: Mapping[str, Any] = field(default_factory=dict)
    premium: str | None = None
    strategies: Mapping[str, Strategy] = field(default_factory=dict)
    fallback: tuple[str, ...] = ("availability",)
