"""Own requests: what a Request says besides the usual when this machine makes the picture: all that the engine is told,
with the weights' own steps, guidance and scheduler where the row has none. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from imagegen.catalog.fields import suggestion
from imagegen.context import Own, OwnWeights
from imagegen.domain.queue import LOCAL
from imagegen.domain.request import Request, canonical_json
from imagegen.domain.row import Row
from imagegen.errors import SettingsError

#: The use case that the guide makes many of, at a little less time each.
BULK = "bulk"
#: What a control image is where the row does not say: a picture whose edges are kept to.
CONTROL = "canny"
#: The share of the steps after which SDXL's refiner usually goes on.
REFINE_AT = 0.8
#: What a row may say under `options: {local: …}`.
OPTIONS = ("control", "control_scale", "refine_at", "step_cache")


def own_request(base: Request, row: Row, own: Own) -> tuple[Request, Mapping[str, str]]:
    """`base` for `row` as this machine makes it, and digest -> path of its LoRAs. Raises SettingsError (one line):
    weights or what they need are not here, or may not be used so."""
    said = _options(row)
    weights = own.weights(base.model)
    asked = () if row.lora is None else row.lora if isinstance(row.lora, tuple) else (row.lora,)
    loras = own.loras(base.model, asked) if asked else []
    steps, guidance, scheduler = weights.steps, weights.guidance, weights.scheduler
    if row.use_case == BULK and weights.bulk:
        steps, guidance = weights.bulk
    for lora in loras:
        steps, guidance, scheduler = lora.few or (steps, guidance, scheduler)
    if row.scheduler and row.scheduler not in weights.takes:
        todo = f"it takes {', '.join(weights.takes)}"
        raise SettingsError(f"{base.model} on this machine has no scheduler {row.scheduler!r}", todo)
    told = replace(
        base,
        weights=weights.digest,
        steps=row.steps or steps,
        guidance=guidance if row.guidance is None else row.guidance,
        scheduler=row.scheduler or scheduler,
        loras=tuple((lora.digest, lora.weight) for lora in loras),
    )
    return _helped(told, row, said, own, weights), {lora.digest: lora.path for lora in loras}


def _helped(told: Request, row: Row, said: Mapping[str, Any], own: Own, weights: OwnWeights) -> Request:
    """`told` with what helps the model: a net that holds its shapes, a refiner, adapters that save time."""
    more: dict[str, Any] = {}
    kind = str(said.get("control") or CONTROL) if row.control is not None else None
    if kind is not None:
        more |= {"control_scale": _number(said, "control_scale", 1.0, 0.0, 2.0)} | own.nets(told.model, kind)
    refiner = own.refiner(told.model) if row.refiner else None
    if refiner is not None:
        more["refine_at"] = _number(said, "refine_at", REFINE_AT, 0.01, 0.99)
    for name, needed in (("control_scale", kind), ("refine_at", refiner)):
        if name in said and needed is None:
            row_field = "control" if name == "control_scale" else "refiner"
            raise SettingsError(f"options.local.{name} means nothing without {row_field}", "leave it out")
    adapters = own.adapters(weights.family, told.steps or 0, bool(told.loras), said.get("step_cache"))
    step_cache = adapters.pop("step_cache", None)
    more |= adapters
    return replace(
        told, control=kind, refiner=refiner, step_cache=step_cache, options=canonical_json(more) if more else None
    )


def _options(row: Row) -> Mapping[str, Any]:
    said = (row.options or {}).get(LOCAL) or {}
    for name in said:
        if name not in OPTIONS:
            raise SettingsError(f"options.local.{name} is unknown", suggestion(name, frozenset(OPTIONS)))
    return said


def _number(said: Mapping[str, Any], name: str, usual: float, least: float, most: float) -> float:
    try:
        value = float(said.get(name, usual))
    except (TypeError, ValueError):
        value = least - 1
    if not least <= value <= most:
        raise SettingsError(f"options.local.{name} is {said[name]!r}", f"give a number from {least:g} to {most:g}")
    return value


def order_of(request: Request) -> str:
    """What pictures that are best made one after the other have in common, as a text that sorts them: model, then
    LoRAs, then size, then the rest. "" for every other provider's."""
    if request.provider != LOCAL:
        return ""
    guided = (request.guidance or 0) > 1  # how much is no matter, whether at all is
    size = f"{request.width:05}x{request.height:05}" if request.width and request.height else ""
    told = (request.weights, request.step_cache, request.loras, size, request.steps, guided, request.scheduler)
    kind = (request.strength, bool(request.images), request.mask is not None, request.control, request.refiner)
    return "|".join(map(str, (*told, *kind)))
