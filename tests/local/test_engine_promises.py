"""What the engine promises: a picture depends on its own piece and its batch's shape, never on who else is in it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from imagegen.errors import SettingsError
from imagegen.providers.local.engine import Engine
from imagegen.providers.local.piece import Flaw, Piece
from tests.local.engines import BATCH, PIECE, THEIRS, apart, arrays, hole, png

if TYPE_CHECKING:
    from tests.local.engines import Workshop

pytestmark = THEIRS

FLOWING = [replace(piece, guidance=3.5 + n, negative="") for n, piece in enumerate(BATCH)]
ANCESTRAL = [replace(piece, scheduler="euler-a") for piece in BATCH]
PAINTED = [replace(piece, image=png(seed=n), mask=hole(), strength=0.7) for n, piece in enumerate(ANCESTRAL)]
CASES = [("sdxl", BATCH), ("sdxl", ANCESTRAL), ("sdxl", PAINTED), ("sd3", BATCH), ("flux", FLOWING), ("flux2", FLOWING)]
NAMES = ["sdxl", "sdxl ancestral", "sdxl inpainting", "sd3", "flux", "flux2"]


@pytest.fixture(scope="module", params=["eager", "regional"])
def engines(request: pytest.FixtureRequest, workshop: Workshop) -> Any:
    """Engines by model, all eager or all compiled (by dynamo alone: no C++)."""
    made: dict[str, Engine] = {}

    def of(name: str) -> Engine:
        if name not in made:
            made[name] = workshop.fresh(name, compile=request.param, backend="eager")
        return made[name]

    return of


def same(ours: list[Any], theirs: list[Any]) -> bool:
    return len(ours) == len(theirs) and all(np.array_equal(*pair) for pair in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(("name", "batch"), CASES, ids=NAMES)
def test_mates_and_places_and_padding_change_no_byte(engines: Any, name: str, batch: list[Piece]) -> None:
    engine: Engine = engines(name)
    whole = arrays(engine.make(batch))
    assert len({one.tobytes() for one in whole}) == 4
    assert same(arrays(engine.make(batch[::-1])), whole[::-1])
    strange = replace(batch[0], prompt="an old map", seed=99, guidance=12.0)
    mixed = arrays(engine.make([strange, *batch[:2], strange]))
    assert same(mixed[1:3], whole[:2])
    assert not np.array_equal(mixed[0], whole[0])
    assert same(arrays(engine.make(batch[:3], padded_to=4)), whole[:3])


@pytest.mark.parametrize(("name", "batch"), CASES, ids=NAMES)
def test_other_batch_sizes_stay_within_one_step(workshop: Workshop, name: str, batch: list[Piece]) -> None:
    engine = workshop.engine(name)
    whole = arrays(engine.make(batch))
    for piece, picture in zip(batch, whole, strict=True):
        assert apart(arrays(engine.make([piece]))[0], picture) <= 1


def test_every_row_has_its_own_guidance(workshop: Workshop) -> None:
    engine = workshop.engine()
    rows = [replace(PIECE, guidance=value) for value in (2.0, 5.0, 11.0)]
    pictures = arrays(engine.make(rows))
    assert apart(pictures[0], pictures[2]) > 1
    for row, picture in zip(rows, pictures, strict=True):
        assert apart(arrays(engine.make([row]))[0], picture) <= 1


def test_a_text_is_encoded_once(workshop: Workshop) -> None:
    engine = workshop.fresh()
    engine.prepare(BATCH)
    # Three prompts and one negative; rows without one need none.
    assert engine.texts.rows == 4
    engine.drop_encoders()
    engine.make(BATCH)
    engine.make(BATCH[::-1])
    assert engine.texts.rows == 4
    assert not engine.parts.loaded("text_encoder")
    engine.make([replace(PIECE, prompt="something new")])
    assert engine.texts.rows == 5


def test_what_fell_out_of_memory_is_encoded_again_and_the_same(workshop: Workshop) -> None:
    engine = workshop.fresh(text_bytes=1)
    assert same(arrays(engine.make(BATCH)), arrays(workshop.engine().make(BATCH)))
    assert engine.texts.rows > 4


def test_a_broken_row_fails_alone(workshop: Workshop) -> None:
    engine = workshop.engine()
    whole = arrays(engine.make(BATCH))
    broken = replace(BATCH[1], guidance=math.inf)
    made = engine.make([BATCH[0], broken, *BATCH[2:]])
    assert isinstance(made[1], Flaw)
    assert "NaN" in made[1].reason
    assert same(arrays([made[0], *made[2:]]), [whole[0], *whole[2:]])


def test_a_black_picture_is_a_flaw(workshop: Workshop) -> None:
    import torch

    engine = workshop.fresh()
    with torch.no_grad():
        engine.parts.get("vae").decoder.conv_out.bias.fill_(-1e6)
    made = engine.make([PIECE])
    assert isinstance(made[0], Flaw)
    assert "black" in made[0].reason


def test_facts_for_the_sidecar(workshop: Workshop) -> None:
    long = replace(PIECE, prompt="mug " * 200)
    engine = workshop.engine()
    plain, cut = (made.facts for made in engine.make([PIECE, long], padded_to=4))  # type: ignore[union-attr]
    assert plain["weights"] == workshop.weights().digest
    assert plain["batch"] == [4, 64, 64]
    assert (plain["dtype"], plain["vae_dtype"], plain["compile"], plain["device"]) == ("fp32", "fp32", "eager", "cpu")
    assert (plain["seed"], plain["steps"], plain["guidance"]) == (7, 4, 5.0)
    assert plain["scheduler"] == "EulerDiscreteScheduler"
    assert set(plain["versions"]) == {"torch", "diffusers", "transformers"}
    assert (plain["prompt_cut"], cut["prompt_cut"]) == (False, True)


REFUSED = [
    ([replace(PIECE, width=60)], "60x64 is not a multiple of 8"),
    ([replace(PIECE, scheduler="magic")], "scheduler 'magic' is unknown"),
    ([replace(PIECE, image=png(), strength=0.1)], "4 steps at strength 0.1 leave no step"),
    ([replace(PIECE, steps=0)], "leave no step"),
    ([PIECE, replace(PIECE, steps=5)], "different buckets"),
    ([PIECE, replace(PIECE, guidance=1.0)], "different buckets"),
]


@pytest.mark.parametrize(("batch", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_be_made_is_said(workshop: Workshop, batch: list[Piece], message: str) -> None:
    with pytest.raises(SettingsError, match=message.replace("(", r"\(")):
        workshop.engine().make(batch)


def test_flux_2_takes_no_input_picture(workshop: Workshop) -> None:
    with pytest.raises(SettingsError, match=r"FLUX\.2 klein makes pictures from text only here; leave out the image"):
        workshop.engine("flux2").make([replace(PIECE, image=png())])


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_half_precision_makes_sound_pictures(workshop: Workshop, dtype: str) -> None:
    import torch

    engine = workshop.fresh(dtype=dtype)
    pictures = arrays(engine.make(BATCH[:2]))
    assert same(pictures, arrays(engine.make(BATCH[:2])))
    # fp16 and the VAE of SDXL do not go together, unless its config says that it was repaired.
    assert engine.parts.get("vae").dtype == (torch.float32 if dtype == "fp16" else torch.bfloat16)
    assert np.abs(pictures[0].astype(int) - arrays(workshop.engine().make(BATCH[:2]))[0].astype(int)).mean() < 8


def test_tiles_and_channels_last_make_nearly_the_same_picture(workshop: Workshop) -> None:
    plain = arrays(workshop.engine().make([PIECE]))[0]
    last = workshop.fresh(channels_last=True, tile_above=0)
    made = last.make([PIECE])
    assert apart(arrays(made)[0], plain) <= 1
    assert made[0].facts["tiled"] is True  # type: ignore[union-attr]
    last.close()
    assert not last.parts.loaded("unet")
