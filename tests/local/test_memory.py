"""Memory that runs out in the denoiser: fewer pictures at once, every one made, and what fitted is remembered."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from imagegen.providers.local.bucket import Bucket, bucket_of
from imagegen.providers.local.decode import NOT_A_NUMBER
from imagegen.providers.local.engine import Engine
from imagegen.providers.local.memory import Frugal
from imagegen.providers.local.memoryplan import Means
from imagegen.providers.local.piece import Flaw, Piece, Pixels
from imagegen.providers.local.text import Embedding
from tests.local.engines import BATCH, PIECE, THEIRS, apart, arrays, hole, png
from tests.local.tight import Tight

if TYPE_CHECKING:
    from tests.local.engines import Workshop

pytestmark = THEIRS

QUICK = [replace(piece, steps=2) for piece in BATCH]
EIGHT = [replace(piece, seed=20 + n) for n, piece in enumerate(QUICK * 2)]


def bucket(engine: Engine, piece: Piece = PIECE) -> Bucket:
    return bucket_of(piece, engine.weights.digest, flow=engine.weights.family.flow)


def shapes(made: list[Pixels | Flaw]) -> list[int]:
    return [one.facts["batch"][0] for one in made if isinstance(one, Pixels)]


def same(ours: list[Any], theirs: list[Any]) -> bool:
    return len(ours) == len(theirs) and all(np.array_equal(*pair) for pair in zip(ours, theirs, strict=True))


@pytest.fixture(scope="module", autouse=True)
def _quick_collections(workshop: Workshop) -> Iterator[None]:
    """What torch and its friends consist of need not be searched for garbage each time that memory runs out."""
    workshop.engine().make(QUICK[:1])
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def known(tmp_path: Path) -> Path:
    return tmp_path / "memory.json"


def test_half_as_many_at_once_and_every_picture_is_made(workshop: Workshop, known: Path) -> None:
    told: list[str] = []
    engine = workshop.fresh()
    # Guidance doubles the rows: 4 of them are two pictures.
    tight = Tight(engine, 4.1e9, each=10**9)
    frugal = Frugal(engine, known=known, batch=8, tell=told.append)
    made = frugal.make(EIGHT, 8)
    assert tight.rows == [16, 8] + [4] * 8
    assert shapes(made) == [2] * 8
    assert told == [
        "memory ran out for pictures of 64x64: from now on 4 are made at once",
        "memory ran out for pictures of 64x64: from now on 2 are made at once",
    ]
    shared = workshop.engine()
    in_twos = [one for n in range(0, 8, 2) for one in arrays(shared.make(EIGHT[n : n + 2]))]
    assert same(arrays(made), in_twos)
    undisturbed = arrays(shared.make(EIGHT))
    assert all(apart(*pair) <= 1 for pair in zip(arrays(made), undisturbed, strict=True))


def test_what_fitted_is_remembered_in_the_next_process(workshop: Workshop, known: Path) -> None:
    engine = workshop.fresh()
    tight = Tight(engine, 2.1e9, each=10**9)
    first = Frugal(engine, known=known)
    assert first.batch(bucket(engine)) == 4
    first.make(QUICK, 4)
    assert first.batch(bucket(engine)) == 1
    tight.rows.clear()
    later = Frugal(engine, known=known)
    assert later.batch(bucket(engine)) == 1
    assert shapes(later.make(QUICK, 4)) == [1] * 4
    assert set(tight.rows) == {2}
    # Another size is another matter, and so is another file.
    assert later.batch(bucket(engine, replace(PIECE, width=32))) == 4
    assert Frugal(engine, known=None).batch(bucket(engine)) == 4


def test_a_damaged_memory_is_as_good_as_none(workshop: Workshop, known: Path) -> None:
    engine = workshop.engine()
    for damage in (b"", b"{", b"[1]", b"\xff", b'{"a": {"batch": "2"}}'):
        known.write_bytes(damage)
        assert Frugal(engine, known=known).batch(bucket(engine)) == 4


@pytest.mark.parametrize(("asked", "batch"), [(None, 4), (1, 1), (3, 2), (16, 16)])
def test_the_users_own_bound(workshop: Workshop, asked: int | None, batch: int) -> None:
    engine = workshop.engine()
    assert Frugal(engine, known=None, batch=asked).batch(bucket(engine)) == batch


def test_more_pieces_than_a_batch_are_cut(workshop: Workshop) -> None:
    frugal = Frugal(workshop.engine(), known=None, batch=2)
    made = frugal.make(EIGHT[:5])
    assert shapes(made) == [2, 2, 2, 2, 1]
    assert [one.facts["seed"] for one in made] == [20, 21, 22, 23, 24]  # type: ignore[union-attr]
    assert frugal.make([]) == []


@pytest.mark.parametrize("name", ["sdxl", "flux"])
def test_padding_keeps_shape_and_bytes_also_after_memory_ran_out(workshop: Workshop, known: Path, name: str) -> None:
    rows = [replace(piece, negative="") for piece in EIGHT]
    engine = workshop.fresh(name)
    each = 10**9 if name == "sdxl" else 2 * 10**9
    Tight(engine, 4.1e9, each=each)
    made = Frugal(engine, known=known, batch=8).make(rows[:7], 8)
    assert shapes(made) == [2] * 7
    # The last one stood beside itself, as an undisturbed batch of that shape would have it beside any other.
    pairs = [arrays(workshop.engine(name).make(rows[n : n + 2]))[0] for n in range(7)]
    assert same(arrays(made), pairs)


@pytest.mark.parametrize("deterministic", [True, False])
def test_the_last_few_are_filled_up_only_where_shapes_count(workshop: Workshop, deterministic: bool) -> None:
    engine = workshop.fresh()
    engine.deterministic = deterministic
    Tight(engine, 4.1e9, each=10**9)
    made = Frugal(engine, known=None).make(QUICK[:3], 3)
    assert shapes(made) == [2, 2, 2 if deterministic else 1]


def test_input_pictures_and_masks_too(workshop: Workshop, known: Path) -> None:
    painted = [
        replace(piece, image=png(seed=n), mask=hole(), strength=0.7, scheduler="euler-a")
        for n, piece in enumerate(QUICK)
    ]
    engine = workshop.fresh()
    Tight(engine, 4.1e9, each=10**9)
    made = Frugal(engine, known=known).make(painted, 4)
    shared = workshop.engine()
    assert same(arrays(made), arrays(shared.make(painted[:2])) + arrays(shared.make(painted[2:])))


def test_a_row_that_is_not_a_number_harms_no_mate(workshop: Workshop) -> None:
    engine = workshop.fresh()
    whole = arrays(engine.make(QUICK))
    poisoned = engine.texts._kept[QUICK[2].prompt]
    engine.texts._kept[QUICK[2].prompt] = Embedding(poisoned.tokens * float("nan"), poisoned.pooled)
    tight = Tight(engine, 4.1e9, each=10**9)
    made = Frugal(engine, known=None).make(QUICK, 4)
    assert not tight.raised
    assert made[2] == Flaw(NOT_A_NUMBER)
    assert same(arrays([*made[:2], made[3]]), [*whole[:2], whole[3]])


def test_black_pictures_are_flaws(workshop: Workshop) -> None:
    import torch

    engine = workshop.fresh()
    with torch.no_grad():
        engine.parts.get("vae").decoder.conv_out.bias.fill_(-1e6)
    made = Frugal(engine, known=None).make(QUICK, 4)
    assert [isinstance(one, Flaw) and "black" in one.reason for one in made] == [True] * 4


def test_any_other_error_of_the_device_is_let_out(workshop: Workshop, known: Path) -> None:
    engine = workshop.fresh()
    unet = engine.parts.get("unet")

    def fault(net: Any, args: Any) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    unet.register_forward_pre_hook(fault)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        Frugal(engine, known=known).make(QUICK, 4)
    assert not known.exists()


class Fixed:
    """A gauge that says what it was told."""

    def __init__(self, free: int, each: int) -> None:
        self._free, self._each, self.calls = free, each, 0

    def total(self) -> int:
        return 24 * 2**30

    def free(self) -> int:
        return self._free

    def around(self, call: Any) -> tuple[Any, int]:
        self.calls += 1
        return call(), self._each


@pytest.mark.parametrize(
    "piece",
    [
        PIECE,
        replace(PIECE, image=png(), strength=0.4),
        replace(PIECE, image=png(), mask=hole()),
        replace(PIECE, width=32),
    ],
    ids=["text", "image", "inpaint", "quick"],
)
def test_the_batch_comes_from_a_probe_of_one_picture(workshop: Workshop, known: Path, piece: Piece) -> None:
    engine = workshop.fresh()
    gauge = Fixed(free=10_000, each=1_000)
    frugal = Frugal(engine, known=known, gauge=gauge)
    # A tenth is left alone: 9 fit, 8 is on the ladder.
    assert [frugal.batch(bucket(engine, piece)) for _ in range(2)] == [8, 8]
    assert gauge.calls == 1
    frugal.make([piece] * 2, 2)
    assert Frugal(engine, known=known, gauge=gauge).batch(bucket(engine, piece)) == 8
    assert gauge.calls == 1
    assert Frugal(engine, known=known, gauge=gauge, batch=4).batch(bucket(engine, piece)) == 4


def test_where_a_probe_would_have_to_be_compiled_it_is_reckoned(workshop: Workshop) -> None:
    engine = workshop.fresh(compile="regional", backend="eager")
    gauge = Fixed(free=10_000, each=1_000)
    frugal = Frugal(engine, known=None, gauge=gauge)
    assert frugal.batch(bucket(engine)) == 8
    engine.settle(8, 1)
    assert frugal.batch(bucket(engine, replace(PIECE, width=128))) == 4
    assert frugal.batch(bucket(engine, replace(PIECE, guidance=0.0))) == 16
    assert gauge.calls == 1


def test_a_probe_that_does_not_fit_says_one(workshop: Workshop) -> None:
    engine = workshop.fresh()
    Tight(engine, 1e9, each=10**9)
    frugal = Frugal(engine, known=None, gauge=Fixed(free=10_000, each=1))
    assert frugal.batch(bucket(engine)) == 1
    assert frugal.means(bucket(engine)) == Means(1)
