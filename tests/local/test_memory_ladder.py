"""When even one picture does not fit: encoders go, the VAE works in tiles, weights take turns, layers go one by one;
and a sentence last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imagegen.providers.local import tinylora
from imagegen.providers.local.engine import Engine
from imagegen.providers.local.memory import Frugal
from imagegen.providers.local.memoryplan import ENCODERS, GROUPS, HOST, STAGES, TILES, Means, Stage
from imagegen.providers.local.piece import Flaw
from tests.local.engines import PIECE, THEIRS, arrays, hole, png
from tests.local.test_memory import QUICK, _quick_collections, bucket, same, shapes  # noqa: F401
from tests.local.tight import Tight, sizes

if TYPE_CHECKING:
    from tests.local.engines import Workshop

pytestmark = THEIRS

MB = 10**6
FLOWING = [replace(piece, negative="", guidance=3.5) for piece in QUICK]


def tight(engine: Engine, more: int, *names: str, **needs: int) -> Tight:
    """A device that holds components `names` and `more` bytes."""
    return Tight(engine, sum(size for name, size in sizes(engine).items() if name.startswith(names)) + more, **needs)


def ones(workshop: Workshop, pieces: list[Any], name: str = "sdxl") -> list[Any]:
    """The pictures, each made alone and with all the memory in the world."""
    return [arrays(workshop.engine(name).make([piece]))[0] for piece in pieces]


def test_encoders_go_first(workshop: Workshop, tmp_path: Path) -> None:
    engine = workshop.fresh()
    device = tight(engine, 2 * MB, "unet", "vae", each=MB)
    frugal = Frugal(engine, known=tmp_path / "memory.json")
    made = frugal.make(QUICK[:2], 2)
    means = frugal.means(bucket(engine))
    assert (means.batch, means.measures) == (1, {ENCODERS})
    assert same(arrays(made), ones(workshop, QUICK[:2]))
    assert made[0].facts["offload"] == [ENCODERS]  # type: ignore[union-attr]
    assert made[0].facts["tiled"] is False  # type: ignore[union-attr]
    device.raised.clear()
    # Later in the same home nothing fails any more; texts that were prepared need no encoder.
    again = Frugal(engine, known=tmp_path / "memory.json")
    assert same(arrays(again.make(QUICK[:2], 2)), arrays(made))
    assert device.raised == []


def test_encoders_that_do_not_fit_beside_the_rest_come_before_it(workshop: Workshop) -> None:
    engine = workshop.fresh("flux")
    device = tight(engine, MB // 5, "transformer", "vae", each=10**4, text=3 * 10**5)
    frugal = Frugal(engine, known=None)
    made = frugal.make(FLOWING, 4)
    assert frugal.means(bucket(engine, FLOWING[0])).measures == {ENCODERS}
    assert same(arrays(made), arrays(workshop.engine("flux").make(FLOWING)))
    assert device.raised == ["text_encoder", "text_encoder"]
    assert device.loads["transformer"] == 2
    device.raised.clear()
    frugal.prepare([])
    frugal.make([replace(piece, seed=3) for piece in FLOWING], 4)
    assert device.raised == []


def test_tiles_where_the_vae_is_what_does_not_fit(workshop: Workshop) -> None:
    engine = workshop.fresh()
    # 8 x 8 latents at once are too many; 4 x 4 are not.
    tile = tight(engine, 20 * MB, "unet", "vae", "text", pixel=MB)
    frugal = Frugal(engine, known=None)
    made = frugal.make(QUICK, 4)
    assert frugal.means(bucket(engine)).measures == {ENCODERS, TILES}
    # The batch stays: the VAE makes one picture at a time anyway.
    assert shapes(made) == [4] * 4
    assert {one.facts["tiled"] for one in made} == {True}  # type: ignore[union-attr]
    assert sorted(tile.areas[-9:]) == [4, 8, 8, 8, 8, 16, 16, 16, 16]
    # What was tried before leaves no trace.
    plain = workshop.fresh()
    plain.means = frugal.means(bucket(engine))
    assert same(arrays(made), arrays(plain.make(QUICK)))
    assert not same(arrays(made), arrays(workshop.engine().make(QUICK)))
    # Another bucket of the same engine has its own memory.
    small = replace(PIECE, width=16, height=16)
    assert frugal.make([small])[0].facts["tiled"] is False  # type: ignore[union-attr]


def test_tiles_of_one_bucket_are_not_the_next_ones(workshop: Workshop) -> None:
    """What was decoded before must not decide how an input picture is encoded."""
    engine = workshop.fresh()
    piece = replace(QUICK[0], image=png(), strength=0.8)
    engine.means = Means(1, frozenset({TILES}))
    first, second = (arrays(engine.make([piece])) for _ in range(2))
    assert same(first, second)
    engine.means = Means()
    assert same(arrays(engine.make([piece])), ones(workshop, [piece]))
    assert not same(first, ones(workshop, [piece]))


def test_weights_take_turns_and_each_is_loaded_once(workshop: Workshop) -> None:
    engine = workshop.fresh()
    device = tight(engine, 2 * MB, "unet", each=MB)
    frugal = Frugal(engine, known=None)
    made = frugal.make(QUICK[:2], 2)
    assert frugal.means(bucket(engine)).measures == {ENCODERS, STAGES}
    assert same(arrays(made), ones(workshop, QUICK[:2]))
    assert made[-1].facts["offload"] == [ENCODERS, STAGES]  # type: ignore[union-attr]
    fresh = [replace(piece, prompt=f"{piece.prompt} again", seed=piece.seed + 50) for piece in QUICK[:2]]
    device.loads.clear()
    device.raised.clear()
    assert frugal.at_once(bucket(engine)) == 100
    made = frugal.make(fresh, 1)
    assert device.raised == []
    assert device.loads == {"text_encoder": 1, "text_encoder_2": 1, "unet": 1, "vae": 1}
    assert device.most <= device.capacity
    assert same(arrays(made), ones(workshop, fresh))


@pytest.mark.parametrize("name", ["sdxl", "flux", "sd3", "flux2"])
def test_turns_give_the_same_bytes_for_every_family(workshop: Workshop, name: str) -> None:
    batch = QUICK if name in ("sdxl", "sd3") else FLOWING
    engine = workshop.fresh(name)
    frugal = Frugal(engine, known=None)
    frugal._now[frugal._name(bucket(engine, batch[0]))] = Means(2, frozenset({ENCODERS, STAGES}))
    shared = workshop.engine(name)
    whole = arrays(shared.make(batch[:2])) + arrays(shared.make(batch[2:]))
    assert same(arrays(frugal.make(batch, 4)), whole)


def test_turns_with_input_pictures_and_loras(workshop: Workshop, tmp_path: Path) -> None:
    painted = [replace(piece, image=png(seed=n), mask=hole(), strength=0.7) for n, piece in enumerate(QUICK[:2])]
    engine = workshop.fresh()
    lora = tmp_path / "lora.safetensors"
    lora.write_bytes(tinylora.make(workshop.weights(), 4, False, 1))
    worn = ((str(lora), 0.8),)
    painted = [replace(piece, loras=worn) for piece in painted]
    device = tight(engine, MB, "unet", "vae", each=MB // 2, text=MB)
    frugal = Frugal(engine, known=None)
    name = frugal._name(bucket(engine, painted[0]))
    frugal._now[name] = Means(1, frozenset({ENCODERS, STAGES}))
    made = frugal.make(painted, 1)
    assert device.loads == {"text_encoder": 1, "text_encoder_2": 1, "unet": 1, "vae": 1}
    assert same(arrays(made), ones(workshop, painted))
    # Layer by layer the LoRA is worn and taken off just so.
    frugal._now[name] = Means(2, frozenset({ENCODERS, STAGES, GROUPS}))
    bare = [replace(piece, loras=()) for piece in painted]
    frugal._now[frugal._name(bucket(engine, bare[0]))] = frugal._now[name]
    for pieces in (painted[:2], bare[:2], painted[:2]):
        assert same(arrays(frugal.make(pieces, 2)), arrays(workshop.engine().make(pieces)))


def test_layers_go_one_by_one(workshop: Workshop) -> None:
    engine = workshop.fresh()
    device = tight(engine, -MB, "unet", each=MB)
    told: list[str] = []
    frugal = Frugal(engine, known=None, tell=told.append)
    made = frugal.make(QUICK[:2], 2)
    assert frugal.means(bucket(engine)).measures == {ENCODERS, STAGES, GROUPS}
    assert same(arrays(made), ones(workshop, QUICK[:2]))
    assert made[-1].facts["offload"] == [ENCODERS, STAGES, GROUPS]  # type: ignore[union-attr]
    assert device.most <= device.capacity
    assert told[-1].endswith(
        "from now on the denoiser stays in the computer's memory, and its layers go to the device "
        "one by one, which is slow"
    )
    # A bucket that fits goes on with the weights on the device.
    device.capacity *= 10
    small = replace(PIECE, width=32, height=32)
    assert same(arrays(frugal.make([small])), ones(workshop, [small]))
    assert engine.parts.in_groups == frozenset()


def test_encoders_run_on_the_cpu_where_they_do_not_fit_alone(workshop: Workshop) -> None:
    engine = workshop.fresh()
    tight(engine, 2 * MB, "unet", "vae", "text", each=10**5, text=100 * MB)
    frugal = Frugal(engine, known=None)
    made = frugal.make(QUICK[:2], 2)
    assert frugal.means(bucket(engine)).measures == {ENCODERS, HOST}
    assert same(arrays(made), arrays(workshop.engine().make(QUICK[:2])))


def test_the_last_word(workshop: Workshop) -> None:
    engine = workshop.fresh()
    device = tight(engine, MB, "unet", "vae", "text", pixel=10**9)
    made = Frugal(engine, known=None).make(QUICK[:2], 2)
    assert (
        made
        == [
            Flaw(
                "a picture of 64x64 does not fit into the memory of cpu, even alone and with everything else moved "
                "away; ask for a smaller size, or use a GPU with more memory"
            )
        ]
        * 2
    )
    assert device.raised[-1] == "decoder"


def test_turns_with_a_refiner(workshop: Workshop) -> None:
    refined = [replace(piece, refine_at=0.5) for piece in QUICK[:2]]
    whole = arrays(workshop.fresh(refiner=workshop.weights("sdxl-refiner")).make(refined))
    engine = workshop.fresh(refiner=workshop.weights("sdxl-refiner"))
    device = Tight(engine)
    frugal = Frugal(engine, known=None)
    for measures in ({ENCODERS, STAGES}, {ENCODERS, STAGES, GROUPS, HOST}):
        device.loads.clear()
        frugal._now[frugal._name(bucket(engine, refined[0]))] = Means(2, frozenset(measures))
        assert same(arrays(frugal.make(refined, 2)), whole)
        # Base and refiner have a denoiser each.
        assert (device.loads["unet"], device.loads["vae"]) == (2, 1)


def test_one_picture_that_does_not_fit_takes_none_with_it(workshop: Workshop) -> None:
    engine = workshop.fresh()
    spoilt = engine.texts.get
    # The device has no room just when the third one's text is looked up: by one picture, not by its mates.
    import torch

    def get(text: str) -> Any:
        if text == QUICK[2].prompt and engine.stage is not Stage.TEXT:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return spoilt(text)

    engine.texts.get = get  # type: ignore[method-assign]
    made = Frugal(engine, known=None).make(QUICK, 4)
    assert [isinstance(one, Flaw) for one in made] == [False, False, True, False]
    # The first two were made together, before the second two failed.
    expected = arrays(workshop.engine().make(QUICK[:2])) + ones(workshop, [QUICK[3]])
    assert same(arrays([*made[:2], made[3]]), expected)
