"""The refiner's handover, against diffusers' two pipelines one after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from imagegen.errors import SettingsError
from imagegen.providers.local import noise, schedulers
from imagegen.providers.local.bucket import bucket_of, graph_of
from imagegen.providers.local.denoise import Start, denoise
from imagegen.providers.local.engine import Engine
from imagegen.providers.local.piece import Piece
from imagegen.providers.local.refiner import handover, in_two
from tests.local.engines import BATCH, PIECE, THEIRS, apart, arrays, hole, png
from tests.local.test_engine_parity import assert_equal, opened

if TYPE_CHECKING:
    from tests.local.engines import Workshop

pytestmark = THEIRS

PIECES = [replace(piece, guidance=5.0, negative="", steps=5, refine_at=0.6) for piece in BATCH[:3]]


@pytest.fixture(scope="module")
def engine(workshop: Workshop) -> Engine:
    return workshop.fresh(refiner=workshop.weights("sdxl-refiner"))


def two(workshop: Workshop, pieces: list[Piece], kind: str = "", **given: Any) -> list[Any]:
    """What diffusers makes of `pieces`: the base model until the handover, then the refiner."""
    import torch

    first = pieces[0]
    base = workshop.pipeline("sdxl", f"StableDiffusionXL{kind}Pipeline")
    refiner = workshop.pipeline("sdxl-refiner", "StableDiffusionXLImg2ImgPipeline")
    sources = [torch.Generator("cpu").manual_seed(piece.seed) for piece in pieces]
    # Real ones have the same VAE; of random ones each has its own, and ours decodes with the base model's.
    refiner.vae = base.vae
    config = {**base.scheduler.config, "_class_name": type(base.scheduler).__name__}
    asked: dict[str, Any] = {
        "prompt": [piece.prompt for piece in pieces],
        "num_inference_steps": first.steps,
        "guidance_scale": first.guidance,
        "generator": sources,
    }
    if any(piece.negative for piece in pieces):
        asked["negative_prompt"] = [piece.negative for piece in pieces]
    base.scheduler, refiner.scheduler = (schedulers.build(first.scheduler, config) for _ in range(2))
    size = {} if kind else {"width": first.width, "height": first.height}
    half = base(**asked, **size, **given, denoising_end=first.refine_at, output_type="latent").images
    made = refiner(**asked, image=half, denoising_start=first.refine_at, output_type="np").images
    return list((made * 255).round().astype(np.uint8))


@pytest.mark.parametrize("scheduler", ["", "euler-a", "ddim", "dpm++-2m-karras", "unipc"])
def test_from_text_as_diffusers_does(workshop: Workshop, engine: Engine, scheduler: str) -> None:
    pieces = [replace(piece, scheduler=scheduler) for piece in PIECES]
    ours = arrays(engine.make(pieces))
    assert_equal(ours, two(workshop, pieces))
    alone = arrays(engine.make([replace(piece, refine_at=None) for piece in pieces]))
    assert min(apart(*pair) for pair in zip(ours, alone, strict=True)) > 3


@pytest.mark.parametrize(("share", "guidance", "negative"), [(0.8, 5.0, "blurry"), (0.4, 1.0, "")])
def test_other_shares_and_prompts_as_diffusers_does(
    workshop: Workshop, engine: Engine, share: float, guidance: float, negative: str
) -> None:
    pieces = [replace(p, refine_at=share, guidance=guidance, negative=negative, width=96) for p in PIECES]
    assert_equal(arrays(engine.make(pieces)), two(workshop, pieces))


def test_from_a_picture_as_diffusers_does(workshop: Workshop, engine: Engine) -> None:
    pieces = [replace(piece, image=png(seed=n), strength=0.8) for n, piece in enumerate(PIECES)]
    given = {"image": [opened(piece.image or b"") for piece in pieces], "strength": 0.8}
    assert_equal(arrays(engine.make(pieces)), two(workshop, pieces, "Img2Img", **given))


def test_inpainting_keeps_what_is_outside_the_mask_to_the_end(engine: Engine) -> None:
    piece = replace(PIECE, image=png(seed=3), mask=hole(), steps=5, refine_at=0.6)
    refined, whole = arrays(engine.make([piece])) + arrays(engine.make([replace(piece, refine_at=None)]))
    assert apart(refined[:, 48:], whole[:, 48:]) > 3
    # The decoder looks around, so the far side is the same but for what it sees of the new.
    assert np.abs(refined[:, :16].astype(int) - whole[:, :16].astype(int)).mean() < 1


def test_a_weak_strength_leaves_all_to_the_refiner(workshop: Workshop, engine: Engine) -> None:
    pieces = [replace(piece, image=png(seed=n), strength=0.4, refine_at=0.4) for n, piece in enumerate(PIECES)]
    alone = workshop.fresh("sdxl-refiner")
    alone.parts.get("vae").load_state_dict(engine.parts.get("vae").state_dict())
    theirs = arrays(alone.make([replace(piece, refine_at=None) for piece in pieces]))
    assert np.array_equal(arrays(engine.make(pieces)), theirs)


@pytest.mark.parametrize("scheduler", ["euler", "heun", "ddim", "euler-karras", "lcm"])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
def test_the_two_halves_are_one_way(workshop: Workshop, scheduler: str, share: float) -> None:
    """With the same denoiser before and after, the handover changes nothing."""
    import torch

    config = workshop.engine().parts.config("scheduler")

    def walk(begin: int) -> schedulers.Walk:
        return schedulers.walk(schedulers.build(scheduler, config), 6, begin, "cpu", sources)

    def predict(latents: Any, time: Any) -> Any:
        return latents.sin() + time / 1000

    sources = noise.generators([1, 2])
    start = Start(noise.draw(sources, (4, 8, 8)) * walk(0).sigma)
    sources = noise.generators([3, 4])
    whole = denoise(walk(0), predict, start)
    sources = noise.generators([3, 4])
    both = in_two(walk(0), share, predict, predict, start, walk)
    assert torch.equal(whole, both)


def test_where_the_handover_is(workshop: Workshop) -> None:
    config = workshop.engine().parts.config("scheduler")
    walk = schedulers.walk(schedulers.build("", config), 30, 0, "cpu", [])
    assert handover(walk, 0.8) == 23
    second_order = schedulers.walk(schedulers.build("heun", config), 30, 0, "cpu", [])
    assert handover(second_order, 0.8) == 46


def test_mates_change_no_byte_and_a_text_is_encoded_once(workshop: Workshop) -> None:
    engine = workshop.fresh(refiner=workshop.weights("sdxl-refiner"))
    engine.prepare(PIECES)
    assert engine.refiner is not None
    assert engine.refiner.texts.rows == 3
    engine.drop_encoders()
    whole = arrays(engine.make(PIECES))
    assert np.array_equal(arrays(engine.make(PIECES[::-1]))[::-1], whole)
    strange = replace(PIECES[0], seed=99, guidance=12.0)
    assert np.array_equal(arrays(engine.make([strange, *PIECES[1:]]))[1:], whole[1:])
    assert not engine.refiner.parts.loaded("text_encoder_2")
    assert not engine.refiner.parts.loaded("vae")
    engine.close()
    assert not engine.refiner.parts.loaded("unet")


def test_compiled_it_paints_the_same(workshop: Workshop, engine: Engine) -> None:
    compiled = workshop.fresh(refiner=workshop.weights("sdxl-refiner"), compile="regional", backend="eager")
    pieces = [replace(piece, steps=3, refine_at=0.5) for piece in PIECES]
    pairs = zip(arrays(compiled.make(pieces)), arrays(engine.make(pieces)), strict=True)
    assert max(apart(*pair) for pair in pairs) <= 1


def test_a_bucket_of_its_own() -> None:
    plain, refined = bucket_of(PIECE, "w"), bucket_of(PIECES[0], "w")
    assert (plain.refine_at, refined.refine_at) == (0.0, 0.6)
    assert bucket_of(replace(PIECES[0], refine_at=0.8), "w") != refined
    assert (graph_of(plain, 2).refined, graph_of(refined, 2).refined) == (False, True)


def test_facts_for_the_sidecar(workshop: Workshop, engine: Engine) -> None:
    made, alone = (engine.make([piece])[0].facts for piece in (PIECES[0], PIECE))  # type: ignore[union-attr]
    assert made["refiner"] == {"weights": workshop.weights("sdxl-refiner").digest, "revision": None, "at": 0.6}
    assert alone["refiner"] is None


REFUSED = [
    ({"refine_at": 1.0}, "refine_at is 1; give a share above 0 and below 1, as 0.8"),
    ({"refine_at": 0.9999}, "refine_at 0.9999 of 4 steps leaves the refiner none; ask for more steps"),
    ({"refine_at": 0.0001}, "refine_at 0.0001 of 4 steps leaves the base model none; ask for more steps"),
]


@pytest.mark.parametrize(("more", "message"), REFUSED)
def test_shares_that_are_none(engine: Engine, more: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        engine.make([replace(PIECE, **more)])
    assert str(raised.value) == message


def test_where_there_is_no_refiner(workshop: Workshop) -> None:
    with pytest.raises(SettingsError, match="no refiner is there to go on; run: imagegen models pull sdxl-refiner"):
        workshop.engine().make([replace(PIECE, refine_at=0.8)])
    with pytest.raises(SettingsError, match="only SDXL has a refiner; leave out refine_at"):
        workshop.engine("sd3").make([replace(PIECE, refine_at=0.8)])
    with pytest.raises(SettingsError, match="is SDXL, named as the refiner"):
        workshop.fresh(refiner=workshop.weights())
