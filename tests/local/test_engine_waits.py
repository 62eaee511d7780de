"""No step of the loop waits for the device: nothing asks a device tensor for its value.

The loop runs on torch's meta device, where a tensor has no value: `.item()` raises there, and what would only wait
on a GPU is watched for by name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from imagegen.providers.local import noise, schedulers, tiny
from imagegen.providers.local.denoise import Kept, Start, denoise
from imagegen.providers.local.model import latent_shape
from tests.local.engines import BATCH, THEIRS, png

if TYPE_CHECKING:
    from tests.local.engines import Workshop

pytestmark = THEIRS

WAITING = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "_linalg", "linalg", "masked_select", "unique")


def run(workshop: Workshop, name: str, scheduler: str, *, inpaint: bool, held: bool = False) -> list[str]:
    """The waiting calls on device tensors in one loop."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Watch(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0
            self.waits: list[str] = []

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            tensors = [each for each in torch.utils._pytree.tree_leaves((args, kwargs)) if torch.is_tensor(each)]
            called = func.overloadpacket.__name__
            self.calls += 1
            if any(each.device.type == "meta" for each in tensors):
                leaves = called == "_to_copy" and (kwargs or {}).get("device", torch.device("meta")).type != "meta"
                if leaves or called.startswith(WAITING):
                    self.waits.append(called)
            return func(*args, **(kwargs or {}))

    nets = {"canny": tiny.write_control(workshop.weights().folder.parent)} if held else {}
    engine = workshop.fresh(name, controls=nets)
    batch = [replace(piece, scheduler=scheduler) for piece in BATCH]
    if held:
        batch = [replace(piece, control="canny", control_image=png()) for piece in batch]
        engine.controls._net("canny", "eager", "").to("meta")
    engine.prepare(batch)
    engine.parts.get(engine.weights.family.denoiser).to("meta")
    sources = noise.generators([piece.seed for piece in batch])
    made = schedulers.build(scheduler, engine.parts.config("scheduler"))
    timing = engine.model.timing(64, 64, 4)
    walk = schedulers.walk(made, 4, 0, "meta", sources, **timing)
    shape = (4, *latent_shape(engine.parts, 64, 64))
    first = Start(torch.empty(shape, device="meta"))
    if inpaint:
        first = Start(first.latents, Kept(first.latents, first.latents, first.latents[:, :1]))
    predict = engine.controls.predictor(engine.model, batch, engine.texts, "eager", "")
    watch = Watch()
    with torch.inference_mode(), watch:
        out = denoise(walk, predict, first)
    assert out.device.type == "meta"
    assert watch.calls > 100
    return watch.waits


#: UniPC solves a system of two equations at each step, and torch looks whether that went well.
SOLVES = {"unipc"}


@pytest.mark.parametrize("scheduler", [name for name in schedulers.CLASSES if name not in {"flow-euler", *SOLVES}])
def test_no_step_of_sdxl_waits(workshop: Workshop, scheduler: str) -> None:
    assert run(workshop, "sdxl", scheduler, inpaint=False) == []


@pytest.mark.parametrize("scheduler", ["euler", "dpm++-2m", "ddim"])
def test_inpainting_does_not_wait_either(workshop: Workshop, scheduler: str) -> None:
    assert run(workshop, "sdxl", scheduler, inpaint=True) == []


def test_a_controlnet_does_not_wait_either(workshop: Workshop) -> None:
    assert run(workshop, "sdxl", "euler", inpaint=False, held=True) == []


@pytest.mark.parametrize("name", ["sd3", "flux", "flux2"])
def test_no_step_of_flow_models_waits(workshop: Workshop, name: str) -> None:
    assert run(workshop, name, "", inpaint=False) == []


def test_the_watch_sees_a_scheduler_that_searches(workshop: Workshop) -> None:
    """The control: unipc's solving is seen."""
    assert run(workshop, "sdxl", "unipc", inpaint=False) != []
