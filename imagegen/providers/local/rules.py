"""Rules: what cannot be made here, said while planning, and which Requests may ride in one batch. Pure."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping

from imagegen.domain.given import Given
from imagegen.domain.request import Request
from imagegen.providers.local.families import FLOW_SCHEDULERS
from imagegen.providers.local.piece import begins_at, strength_with

#: Edges that are no multiple of this no model makes.
_STEP = 8


def refusal(request: Request, given: Mapping[str, Given]) -> str | None:
    """A sentence when the engine would not make the picture of `request`."""
    if request.safety is not None:
        return f"{request.model} on this machine has no safety setting; leave out safety, or use accept: {{safe: true}}"
    if request.mask is not None and not request.images:
        return "a mask says which part of a picture is painted anew; give an image"
    if request.control is not None and request.control_image is None:
        return f"control: {request.control} keeps to the shapes of a picture; give a control image"
    if request.strength is not None and not request.images:
        return "strength says how much of a picture is forgotten; give an image, or leave it out"
    if request.width is None or request.height is None or request.width % _STEP or request.height % _STEP:
        return f"{request.width}x{request.height} cannot be made here: edges are multiples of {_STEP}"
    steps = request.steps
    if steps is None:
        return None  # nobody looked at the weights, which say how many they want
    if steps < 1:
        return f"{steps} steps make no picture; ask for 1 or more"
    strength = strength_of(request)
    if request.images and begins_at(steps, strength, flow=request.scheduler in FLOW_SCHEDULERS) >= steps:
        return f"{steps} steps at strength {strength:g} leave no step to do; ask for more of either"
    return None


def strength_of(request: Request) -> float:
    """The strength that `request` is made with."""
    return strength_with(request.strength, image=bool(request.images), mask=request.mask is not None)


def shared(request: Request) -> Hashable:
    """What all Requests of a batch have in common: whatever forces other weights, another graph, or another number of
    steps. How much guidance, which prompt and which seed force nothing."""
    return (
        request.model,
        request.weights,
        request.loras,
        request.width,
        request.height,
        request.steps,
        (request.guidance or 0) > 1,
        request.scheduler,
        bool(request.images),
        request.mask is not None,
        strength_of(request),
        request.control,
        request.refiner,
        request.step_cache,
        *_options(request),
    )


def _options(request: Request) -> Iterator[tuple[str, object]]:
    """What the options fix for a whole batch: how strongly a net holds, each row has of its own."""
    said = json.loads(request.options or "{}")
    yield from sorted((name, value) for name, value in said.items() if name != "control_scale")
