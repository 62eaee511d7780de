"""Stages: where a batch's time goes, watched from outside the engine. For measuring only: each stage waits for the
device at its end, which a real run never does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from imagegen.providers.local.engine import Engine

#: Stages in their order; the rest is whatever a batch takes beside them.
STAGES = ("text", "denoise", "decode")


class Clock:
    """Seconds by stage. A stage that runs within another counts for the outer one only."""

    def __init__(self, device: str) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._device, self._inside = device, False

    def around(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call`, its time counted for `stage`."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            if self._inside:
                return call(*args, **kwargs)
            wait(self._device)
            self._inside, began = True, time.perf_counter()
            try:
                made = call(*args, **kwargs)
                wait(self._device)
                return made
            finally:
                self._inside = False
                self.seconds[stage] += time.perf_counter() - began

        return timed


@contextmanager
def watched(engine: Engine) -> Iterator[Clock]:
    """While it lasts, the stages of `engine` are timed: texts through the encoders, calls of the denoiser with its
    guidance, latents through the VAE."""
    clock = Clock(engine.device)
    model, vae, texts = engine.model, engine.parts.get("vae"), engine.texts
    bind = model.predictor

    def predictor(*args: Any, **kwargs: Any) -> Any:
        return clock.around("denoise", bind(*args, **kwargs))

    changes: list[tuple[Any, str, Any]] = [
        (texts, "_encode", clock.around("text", texts._encode)),
        (model, "predictor", predictor),
        (vae, "decode", clock.around("decode", vae.decode)),
    ]
    before = [(thing, name, vars(thing).get(name)) for thing, name, _ in changes]
    for thing, name, timed in changes:
        setattr(thing, name, timed)
    try:
        yield clock
    finally:
        for thing, name, old in before:
            delattr(thing, name) if old is None else setattr(thing, name, old)


def wait(device: str) -> None:
    """Wait until `device` has done all it was given."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device.startswith("mps"):
        torch.mps.synchronize()
