"""Reckoning: the arithmetic that the picture of a Request takes. Pure."""

from __future__ import annotations

from imagegen.domain.request import Request
from imagegen.forecast import flops
from imagegen.forecast.flops import Work


def learned_as(request: Request, device: str) -> str:
    """The name that the speed of its pictures on `device`, as the settings say it, is kept by: other weights of the
    same model have another."""
    return f"{request.model} {(request.weights or '')[:8]} {device}"


def work_of(request: Request) -> Work | None:
    """The work that the picture of `request` is; None where that is not known of its model."""
    if request.width is None or request.height is None or request.steps is None:
        return None
    steps = request.steps
    if request.images and request.strength is not None:
        steps = max(1, round(steps * request.strength))
    guided, image = (request.guidance or 0) > 1, bool(request.images)
    return flops.work(request.model, request.width, request.height, steps, guided=guided, image=image)
