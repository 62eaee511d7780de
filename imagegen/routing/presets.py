"""The presets of data/routes.yaml, and what a user lays over them, as Routes. Strict: a key that means nothing
is an error that names it. Whether a model exists is the catalogue's business, when a row goes there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from imagegen.catalog.fields import Field, read_all, suggestion
from imagegen.catalog.text import read
from imagegen.domain.row import pixels
from imagegen.errors import SettingsError
from imagegen.routing.route import NOWHERE, Entry, Routes, Strategy, Target

DATA = Path(__file__).parents[1] / "data" / "routes.yaml"
DEFAULT = "current"
SUBJECTS = frozenset({"photo", "people", "food", "product", "interior", "art", "text"})

_TIERS = ("budget", "standard", "premium")
_STRATEGIES = ("plain", "draft_refine")
_FALLBACKS = ("availability", "refused")
#: So many drafts of one picture are plenty.
MOST_DRAFTS = 16
_LISTS = ("default", "text", "edit", "lora")
#: What a catalogue file may hold besides routes.
_OTHERS = frozenset({"models", "sizes", "premium", "plans", "gpus", "break_even", "source", "read_on"})
#: Per preset name, the layers that make it, weakest first.
_Layers = dict[str, list[Field]]


def load_routes(spec: str | Mapping[str, Any] | None = None, extra: Sequence[Path] = ()) -> Routes:
    """The routes that `spec` asks for: a preset's name, or a mapping that overrides single use cases of
    the preset it names under `preset:` (without one: of "current", which is also what None means).

    `extra` are a user's files in the form of data/routes.yaml, the later over the earlier; a file that also
    holds other things keeps its presets under `routes:`. Raises SettingsError naming the file and the key."""
    presets = _stacked(extra)
    if spec is None or isinstance(spec, str):
        return _preset(spec or DEFAULT, presets)
    field = Field("routes", "", "", dict(spec))
    base = _preset(field.inner("preset", spec.get("preset", DEFAULT)).text(), presets)
    return _over(base, field)


def preset_names(extra: Sequence[Path] = ()) -> tuple[str, ...]:
    """Every preset there is, ours and those of a user's files: "current" first, the others by name."""
    return tuple(sorted(_stacked(extra), key=lambda name: (name != DEFAULT, name)))


def _stacked(extra: Sequence[Path]) -> _Layers:
    layers: _Layers = {name: [field] for name, field in _shipped()}
    for path in extra:
        values = read(path)
        presets = values if _OTHERS.isdisjoint(values) else {}
        for name, field in Field(str(path), "", "", values.get("routes", presets)).entries():
            layers.setdefault(name, []).append(Field(f"{path}: {name}", "", "", field.value))
    return layers


@cache
def _shipped() -> tuple[tuple[str, Field], ...]:
    return tuple((name, Field(f"{DATA.name}: {name}", "", "", value)) for name, value in read(DATA).items())


def _preset(name: str, presets: _Layers, within: tuple[str, ...] = ()) -> Routes:
    if name not in presets or name in within:
        what = f"preset {name} is built on itself" if name in within else f"no routes named {name!r}"
        raise SettingsError(what, suggestion(name, frozenset(set(presets) - set(within))))
    routes = Routes(name)
    for field in presets[name]:
        if isinstance(field.value, dict) and "preset" in field.value:
            below = field.inner("preset", field.value["preset"]).text()
            routes = replace(_preset(below, presets, (*within, name)), name=name)
        routes = _over(routes, field)
    return routes


def _over(routes: Routes, field: Field) -> Routes:
    """`routes` with everything that `field` says in place of what they said."""
    for key, value in field.entries():
        if key in _LISTS:
            changed: dict[str, Any] = {key: _target(value, getattr(routes, key))}
            routes = replace(routes, **changed)
        elif key == "subjects":
            routes = replace(routes, subjects=_subjects(value, routes.subjects))
        elif key == "use_cases":
            routes = replace(routes, use_cases=_use_cases(value, routes.use_cases))
        elif key == "prices":
            routes = replace(routes, prices={**routes.prices, **_prices(value)})
        elif key == "fallback":
            routes = replace(routes, fallback=tuple(item.one_of(*_FALLBACKS, noun="reason") for item in value.items()))
        elif key == "strategies":
            routes = replace(routes, strategies=_strategies(value, routes.strategies))
        elif key == "premium":
            routes = replace(routes, premium=value.text())
        elif key in routes.use_cases:
            target = _target(value, routes.use_cases[key])
            routes = replace(routes, use_cases={**routes.use_cases, key: target})
        elif key != "preset":
            raise value.wrong("unknown use case", _where_it_goes(key, routes))
    return routes


def _where_it_goes(key: str, routes: Routes) -> str:
    known = frozenset(
        {*routes.use_cases, *_LISTS, "preset", "subjects", "use_cases", "prices", "premium", "strategies", "fallback"}
    )
    found = suggestion(key, known)
    return found if found.startswith("did") else "a use case of your own goes under `use_cases:`"


def _subjects(field: Field, known: Mapping[str, Target]) -> dict[str, Target]:
    targets = dict(known)
    for name, inner in field.entries():
        if name not in SUBJECTS:
            raise inner.wrong("unknown subject", suggestion(name, SUBJECTS))
        targets[name] = _target(inner, targets.get(name, NOWHERE))
    return targets


def _use_cases(field: Field, known: Mapping[str, Target]) -> dict[str, Target]:
    targets = dict(known)
    for name, inner in field.entries():
        targets[name] = _target(inner, targets.get(name, NOWHERE))
    return targets


def _strategies(field: Field, known: Mapping[str, Strategy]) -> dict[str, Strategy]:
    found = dict(known)
    for name, inner in field.entries():
        if name not in _STRATEGIES[1:]:
            raise inner.wrong("unknown strategy", suggestion(name, frozenset(_STRATEGIES[1:])))
        found[name] = replace(found.get(name, Strategy()), **read_all(inner, _STRATEGY))
        if not found[name].models:
            raise inner.wrong("names no model for the drafts", "write `models: [one, two]`")
        if not 1 <= found[name].drafts <= MOST_DRAFTS:
            raise inner.wrong(f"{found[name].drafts} drafts", f"write 1 to {MOST_DRAFTS}")
    return found


def _target(field: Field, base: Target) -> Target:
    """One model, a list of them, or a mapping of what is to differ from `base`."""
    target = replace(base, **_changes(field))
    if not target.models:
        raise field.wrong("names no model", "write `models: [one, two]`")
    return target


def _changes(field: Field) -> dict[str, Any]:
    if isinstance(field.value, str):
        return {"models": (Entry(field.text()),)}
    if isinstance(field.value, list):
        return {"models": _entries(field)}
    changes = read_all(field, _READERS)
    if "model" in changes:
        if "models" in changes:
            raise field.wrong("`model` and `models` say the same thing", "keep one of them")
        changes["models"] = (Entry(changes.pop("model"), changes.get("quality")),)
    return changes


def _entries(field: Field) -> tuple[Entry, ...]:
    return tuple(_entry(item) for item in field.items())


def _entry(field: Field) -> Entry:
    if isinstance(field.value, str):
        return Entry(field.text())
    values = read_all(field, {"model": Field.text, "quality": Field.text})
    if "model" not in values:
        raise field.wrong("names no model", "write {model: NAME, quality: QUALITY}")
    return Entry(**values)


def _size(field: Field) -> tuple[int, int] | None:
    size = pixels(field.text())
    if size is None and field.text() != "auto":
        raise field.wrong(f"not a size: {field.value!r}", "write WIDTHxHEIGHT, such as 1024x1024, or auto")
    return size


def _prices(field: Field) -> dict[str, Any]:
    """Dollars as text; the catalogue reads them when it is repriced."""
    return {name: _texts(inner) for name, inner in field.entries()}


def _texts(field: Field) -> Any:
    if isinstance(field.value, dict):
        return {key: _texts(inner) for key, inner in field.entries()}
    return str(field.value)


def _number(field: Field) -> int:
    """A whole number: text in a catalogue file, a number in a manifest."""
    whole = isinstance(field.value, int) and not isinstance(field.value, bool)
    return (replace(field, value=str(field.value)) if whole else field).count()


_STRATEGY = {"models": _entries, "drafts": _number, "choose": Field.text}
_READERS = {
    "model": Field.text,
    "models": _entries,
    "tier": lambda field: field.one_of(*_TIERS),
    "size": _size,
    "quality": Field.text,
    "strategy": lambda field: field.one_of(*_STRATEGIES),
}
