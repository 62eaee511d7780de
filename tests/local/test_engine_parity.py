"""The engine against diffusers' own pipelines: the same weights, seeds and schedulers give the same pictures."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from imagegen.providers.local import schedulers
from imagegen.providers.local.piece import Piece
from tests.local.engines import BATCH, PIECE, THEIRS, apart, arrays, hole, png

if TYPE_CHECKING:
    from tests.local.engines import Workshop

pytestmark = THEIRS

SAME_GUIDANCE = [replace(piece, guidance=5.0) for piece in BATCH[:3]]


def asked(pipeline: Any, pieces: list[Piece], **more: Any) -> list[Any]:
    """What `pipeline` makes of `pieces`, as uint8 arrays."""
    import torch

    first = pieces[0]
    own = type(pipeline.scheduler)
    config = {**pipeline.scheduler.config, "_class_name": own.__name__}
    pipeline.scheduler = schedulers.build(first.scheduler, config)
    negatives = {"negative_prompt": [piece.negative for piece in pieces]} if any(p.negative for p in pieces) else {}
    if first.image is None:
        more |= {"width": first.width, "height": first.height}
    made = pipeline(
        prompt=[piece.prompt for piece in pieces],
        num_inference_steps=first.steps,
        guidance_scale=first.guidance,
        generator=[torch.Generator("cpu").manual_seed(piece.seed) for piece in pieces],
        output_type="np",
        **negatives,
        **more,
    ).images
    return list((made * 255).round().astype(np.uint8))


def opened(data: bytes) -> Any:
    from PIL import Image

    return Image.open(io.BytesIO(data))


def assert_equal(ours: list[Any], theirs: list[Any]) -> None:
    assert len(ours) == len(theirs)
    assert max(apart(*pair) for pair in zip(ours, theirs, strict=True)) <= 1


@pytest.mark.parametrize("scheduler", [name for name in schedulers.CLASSES if name != "flow-euler"])
def test_sdxl_from_text(workshop: Workshop, scheduler: str) -> None:
    pieces = [replace(piece, scheduler=scheduler, negative="") for piece in SAME_GUIDANCE]
    ours = arrays(workshop.engine().make(pieces))
    assert_equal(ours, asked(workshop.pipeline("sdxl", "StableDiffusionXLPipeline"), pieces))


def test_sdxl_with_negative_prompts_without_guidance_and_wide(workshop: Workshop) -> None:
    pipeline = workshop.pipeline("sdxl", "StableDiffusionXLPipeline")
    told = [replace(piece, negative="blurry") for piece in SAME_GUIDANCE]
    unguided = [replace(piece, guidance=1.0) for piece in SAME_GUIDANCE]
    wide = [replace(PIECE, width=96, height=64)]
    for pieces in (told, unguided, wide):
        assert_equal(arrays(workshop.engine().make(pieces)), asked(pipeline, pieces))


@pytest.mark.parametrize(
    ("scheduler", "strength"),
    [("", 0.3), ("", 1.0), ("euler-a", 0.75), ("dpm++-2m-karras", 0.5), ("heun", 0.75), ("ddim", 0.75), ("unipc", 0.5)],
)
def test_sdxl_from_a_picture(workshop: Workshop, scheduler: str, strength: float) -> None:
    pieces = [
        replace(piece, scheduler=scheduler, image=png(seed=n), strength=strength, negative="")
        for n, piece in enumerate(SAME_GUIDANCE)
    ]
    ours = arrays(workshop.engine().make(pieces))
    given = {"image": [opened(piece.image or b"") for piece in pieces], "strength": strength}
    assert_equal(ours, asked(workshop.pipeline("sdxl", "StableDiffusionXLImg2ImgPipeline"), pieces, **given))


@pytest.mark.parametrize(
    ("scheduler", "strength"), [("", 0.6), ("", 1.0), ("euler-a", 1.0), ("dpm++-2m", 0.6), ("ddim", 0.6), ("lcm", 1.0)]
)
def test_sdxl_inpainting(workshop: Workshop, scheduler: str, strength: float) -> None:
    pieces = [
        replace(piece, scheduler=scheduler, image=png(seed=n), mask=hole(), strength=strength, negative="")
        for n, piece in enumerate(SAME_GUIDANCE)
    ]
    ours = arrays(workshop.engine().make(pieces))
    from PIL import ImageOps

    white = ImageOps.invert(opened(hole()).getchannel("A"))
    given = {"image": [opened(piece.image or b"") for piece in pieces], "mask_image": [white] * 3, "strength": strength}
    given |= {"width": 64, "height": 64}
    assert_equal(ours, asked(workshop.pipeline("sdxl", "StableDiffusionXLInpaintPipeline"), pieces, **given))


def test_the_refiner(workshop: Workshop) -> None:
    pieces = [replace(piece, image=png(seed=3), strength=0.5, negative="") for piece in SAME_GUIDANCE]
    ours = arrays(workshop.engine("sdxl-refiner").make(pieces))
    given = {"image": [opened(piece.image or b"") for piece in pieces], "strength": 0.5}
    assert_equal(ours, asked(workshop.pipeline("sdxl-refiner", "StableDiffusionXLImg2ImgPipeline"), pieces, **given))


FLOWS = [
    ("sd3", "StableDiffusion3", 5.0),
    ("sd3", "StableDiffusion3", 1.0),
    ("flux", "Flux", 3.5),
    ("flux-schnell", "Flux", 0.0),
    ("flux2", "Flux2Klein", 1.0),
]


@pytest.mark.parametrize(("name", "pipeline", "guidance"), FLOWS)
def test_flow_models_from_text(workshop: Workshop, name: str, pipeline: str, guidance: float) -> None:
    pieces = [replace(piece, guidance=guidance, negative="", height=96) for piece in BATCH[:3]]
    more: dict[str, Any] = {"max_sequence_length": 256} if name == "flux-schnell" else {}
    ours = arrays(workshop.engine(name).make(pieces))
    assert_equal(ours, asked(workshop.pipeline(name, f"{pipeline}Pipeline"), pieces, **more))


@pytest.mark.parametrize(("name", "pipeline", "guidance"), [FLOWS[0], FLOWS[2]])
def test_flow_models_from_a_picture(workshop: Workshop, name: str, pipeline: str, guidance: float) -> None:
    pieces = [
        replace(piece, guidance=guidance, negative="", image=png(seed=n), strength=0.6)
        for n, piece in enumerate(BATCH[:3])
    ]
    given = {"image": [opened(piece.image or b"") for piece in pieces], "strength": 0.6}
    given |= {"width": 64, "height": 64}
    ours = arrays(workshop.engine(name).make(pieces))
    assert_equal(ours, asked(workshop.pipeline(name, f"{pipeline}Img2ImgPipeline"), pieces, **given))


def test_flux_2_base_is_guided(workshop: Workshop) -> None:
    from imagegen.providers.local.engine import Engine

    weights = workshop.weights("flux2")
    base = replace(weights, configs={**weights.configs, "": {**weights.configs[""], "is_distilled": False}})
    pieces = [replace(piece, guidance=4.0, negative="") for piece in BATCH[:2]]
    pipeline = workshop.pipeline("flux2", "Flux2KleinPipeline")
    pipeline.register_to_config(is_distilled=False)
    try:
        theirs = asked(pipeline, pieces)
    finally:
        pipeline.register_to_config(is_distilled=True)
    assert_equal(arrays(Engine(base, compile="eager").make(pieces)), theirs)
