"""Own requests: what a Request says besides the usual when this machine makes the picture: all that the engine is told,
with the weights' own steps, guidance and scheduler where the row has none. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from imagegen.context import Own
from imagegen.domain.queue import LOCAL
from imagegen.domain.request import Request
from imagegen.domain.row import Row
from imagegen.errors import SettingsError

#: The use case that the guide makes many of, at a little less time each.
BULK = "bulk"


def own_request(base: Request, row: Row, own: Own) -> tuple[Request, Mapping[str, str]]:
    """`base` for `row` as this machine makes it, and digest -> path of its LoRAs. Raises SettingsError (one line):
    weights or a LoRA are not here or may not be used."""
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
    if unknown := set((row.options or {}).get(LOCAL) or {}):
        raise SettingsError(f"options.local.{min(unknown)} means nothing", "leave it out")
    told = replace(
        base,
        weights=weights.digest,
        steps=row.steps or steps,
        guidance=guidance if row.guidance is None else row.guidance,
        scheduler=row.scheduler or scheduler,
        loras=tuple((lora.digest, lora.weight) for lora in loras),
    )
    return told, {lora.digest: lora.path for lora in loras}


def order_of(request: Request) -> str:
    """What pictures that are best made one after the other have in common, as a text that sorts them: model, then
    LoRAs, then size, then the rest. "" for every other provider's."""
    if request.provider != LOCAL:
        return ""
    guided = (request.guidance or 0) > 1  # how much is no matter, whether at all is
    kind = [name for name in ("images", "mask", "control", "refiner", "step_cache") if getattr(request, name)]
    size = f"{request.width:05}x{request.height:05}" if request.width and request.height else ""
    told = (request.weights, request.loras, size, request.steps, guided, request.scheduler, request.strength)
    return "|".join(map(str, (*told, *kind)))
