"""The model catalogue: which models there are, who serves them, what they can do and what they cost.

All of it is data with a source and a date, in `imagegen/data/models/*.yaml`; a user's own files of the same
form lie over ours. Knows no routes, no keys, and not what day it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagegen.catalog.book import Catalog, Plan
from imagegen.catalog.entries import Entry
from imagegen.catalog.fields import Field, Reader, read_all, suggestion
from imagegen.catalog.gpus import GPU, OPTIONAL, Comparison, Gpu, read_comparison
from imagegen.catalog.judges import read_judge
from imagegen.catalog.sizes import allows, read_rule
from imagegen.catalog.text import read
from imagegen.domain.judge import Judge
from imagegen.domain.model import Model, SizeRule
from imagegen.errors import SettingsError

__all__ = ["DATA", "Catalog", "Comparison", "Gpu", "Plan", "allows", "load"]

#: Our own data, one file per maker.
DATA = Path(__file__).parent.parent / "data" / "models"

_SECTIONS = ("source", "read_on", "sizes", "models", "judges", "plans", "gpus", "break_even", "premium", "routes")
_PLAN: dict[str, Reader] = {
    "monthly": Field.money,
    "fast_hours": Field.text,
    "images": Field.count,
    "per_image": Field.money,
    "model": Field.text,
    "source": Field.text,
    "read_on": Field.day,
}


def load(extra: Sequence[Path] = ()) -> Catalog:
    """Our data with the files of `extra` laid over, in order. A field given later wins; a price or a size
    rule is replaced whole. Raises SettingsError naming file, model and field."""
    book = _Book()
    for path in [*sorted(DATA.glob("*.yaml")), *extra]:
        book.take(path)
    return book.catalog()


class _Book:
    """What the files read so far say. Size rules are looked up last, so files may stand in any order."""

    def __init__(self) -> None:
        self.rules: dict[str, SizeRule] = {}
        self.entries: dict[str, Entry] = {}
        self.judges: dict[str, Judge] = {}
        self.plans: dict[str, dict[str, Any]] = {}
        self.gpus: dict[str, dict[str, Any]] = {}
        self.comparison: dict[str, Any] = {}
        self.premium: tuple[Field, str, str | None] | None = None

    def take(self, path: Path) -> None:
        """Read one file."""
        values = read(path)
        for key in values:
            if key not in _SECTIONS:
                raise Field(str(path), key, "", None).wrong("unknown key", suggestion(key, dict.fromkeys(_SECTIONS)))
        # `routes` of the same file is for `imagegen.routing`.
        top = {key: Field(str(path), key, "", value) for key, value in values.items() if key != "routes"}
        origin: dict[str, Any] = {}
        if "source" in top:
            origin["source"] = top["source"].text()
        if "read_on" in top:
            origin["read_on"] = top["read_on"].day()
        self.rules |= {name: read_rule(field) for name, field in _section(top, "sizes")}
        for name, field in _section(top, "models"):
            self.entries.setdefault(name, Entry(field)).lay_over(field, origin)
        self.judges |= {name: read_judge(name, field, origin) for name, field in _section(top, "judges")}
        for key, readers, known in (("plans", _PLAN, self.plans), ("gpus", GPU, self.gpus)):
            for name, field in _section(top, key):
                known[name] = _complete(field, readers, origin)
        if "break_even" in top:
            self.comparison = read_comparison(top["break_even"], origin, self.comparison)
        if "premium" in top:
            chosen = read_all(top["premium"], {"model": Field.text, "quality": Field.text})
            self.premium = (top["premium"], chosen.get("model", ""), chosen.get("quality"))

    def catalog(self) -> Catalog:
        """The Catalog of all that was read."""
        models = {name: entry.build(name, self.rules) for name, entry in self.entries.items()}
        for name, model in models.items():
            if model.replaced_by is not None and model.replaced_by not in models:
                place = self.entries[name].place.inner("replaced_by", None)
                raise _unknown(place, model.replaced_by, models)
        assert self.premium is not None, "our own data name the model to compare with"
        place, premium, quality = self.premium
        if premium not in models:
            raise _unknown(place, premium, models)
        plans = tuple(Plan(name=name, **values) for name, values in self.plans.items())
        gpus = tuple(Gpu(name=name, **values) for name, values in self.gpus.items())
        return Catalog(models, premium, quality, plans, gpus, Comparison(**self.comparison), self.judges)


def _section(top: dict[str, Field], name: str) -> list[tuple[str, Field]]:
    """The entries of one section; their errors name the entry, not the section."""
    if name not in top:
        return []
    return [(key, Field(field.file, key, "", field.value)) for key, field in top[name].entries()]


def _unknown(place: Field, name: str, models: dict[str, Model]) -> SettingsError:
    return place.wrong(f"no model is called {name!r}", suggestion(name, models))


def _complete(field: Field, readers: dict[str, Reader], origin: dict[str, Any]) -> dict[str, Any]:
    values = origin | read_all(field, readers)
    for key in readers:
        if key not in values and key not in OPTIONAL:
            raise field.inner(key, None).wrong("is missing")
    return {"note": ""} | values if "note" in readers else values
