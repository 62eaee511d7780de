"""Catalog: the models, and what else the data say (GPUs, plans, the model comparisons are made with)."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from imagegen.catalog.charges import per_image
from imagegen.catalog.fields import Field
from imagegen.catalog.gpus import Comparison, Gpu
from imagegen.domain.judge import Judge
from imagegen.domain.model import Model, Offer, Price
from imagegen.domain.money import Nano
from imagegen.errors import SettingsError, UsageError


@dataclass(frozen=True, slots=True)
class Plan:
    """A subscription: dollars a month, fast GPU hours, and about how many pictures they make.
    `per_image` as its seller or a guide rounds it."""

    name: str
    monthly: Nano
    fast_hours: str
    images: int
    per_image: Nano
    model: str
    source: str
    read_on: date


@dataclass(frozen=True)
class Catalog:
    """All models by name. `premium` is the model (at `premium_quality`) that bills are compared with;
    `comparison` is what a break-even is reckoned with, `judges` are vision models that choose among drafts."""

    models: Mapping[str, Model]
    premium: str
    premium_quality: str | None
    plans: tuple[Plan, ...] = ()
    gpus: tuple[Gpu, ...] = ()
    comparison: Comparison | None = None
    judges: Mapping[str, Judge] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the resolved data: equal digests, equal plans."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        text = json.dumps(values, sort_keys=True, separators=(",", ":"), default=_jsonable)
        return hashlib.sha256(text.encode()).hexdigest()

    def find(self, name: str) -> tuple[Model, str | None]:
        """The model called `name`, and the provider when `name` is "PROVIDER/MODEL".
        Raises UsageError, with the nearest name, when there is none."""
        if name in self.models:
            return self.models[name], None
        provider, slash, rest = name.partition("/")
        model = self.models.get(rest) if slash else None
        if model is None:
            raise UsageError(f"no model is called {name!r}", self._near(name))
        if model.offer(provider) is None:
            served = ", ".join(offer.provider for offer in model.offers)
            raise UsageError(f"{model.name} is not served by {provider!r}", f"it is served by {served}")
        return model, provider

    def providers(self) -> tuple[str, ...]:
        """Every provider that serves a model or a judge, in alphabetical order."""
        judges = {judge.provider for judge in self.judges.values()}
        return tuple(sorted({offer.provider for model in self.models.values() for offer in model.offers} | judges))

    def repriced(
        self, prices: Mapping[str, Any], source: str = "the prices of the routes preset", read_on: date | None = None
    ) -> Catalog:
        """A Catalog in which every offer of the models in `prices` costs what stands there: "0.04", or a
        mapping with the keys of Price.per_image. What was an estimate stays one.
        Raises SettingsError for a model nobody knows or an amount that is none."""
        models = dict(self.models)
        for name, value in prices.items():
            if name not in models:
                raise SettingsError(f"{source}: no model is called {name!r}", self._near(name))
            model = models[name]
            table = per_image(Field(source, name, "", value))
            day = read_on or model.read_on or date.min
            offers = tuple(_at(offer, table, source, day) for offer in model.offers)
            models[name] = dataclasses.replace(model, offers=offers)
        return dataclasses.replace(self, models=models)

    def _near(self, name: str) -> str:
        """The nearest model name; a provider's own name for a model counts as its name."""
        names = {offer.api_name: model.name for model in self.models.values() for offer in model.offers}
        names |= {model: model for model in self.models}
        tail = name.lower().rpartition("/")[2]
        for word in (name, tail):
            near = difflib.get_close_matches(word, list(names), n=1)
            if near:
                return f"did you mean {names[near[0]]}?"
        return "`imagegen models list` shows them all"


def _at(offer: Offer, table: Mapping[str, Nano], source: str, day: date) -> Offer:
    estimated = offer.price is not None and offer.price.estimated
    price = Price(kind="image", source=source, read_on=day, per_image=table, estimated=estimated)
    return dataclasses.replace(offer, price=price)


def _jsonable(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, date):
        return value.isoformat()
    return {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
