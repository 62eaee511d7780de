"""What is decided when memory runs out: sums on figures, no torch needed but for its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagegen.providers.local import memoryplan as plan
from imagegen.providers.local.bucket import Bucket, Part
from imagegen.providers.local.memoryknown import Known
from imagegen.providers.local.memoryplan import ENCODERS, GROUPS, HOST, STAGES, TILES, Means, Stage
from imagegen.providers.local.outofmemory import ran_out

GIB = 2**30
ONE = Bucket("abc", (), 1024, 1024, True, "text", 30, 0, "euler")


@pytest.mark.parametrize(
    ("free", "to_come", "each", "most", "fitting"),
    [
        (10 * GIB, 0, GIB, 16, 8),
        (9 * GIB, 0, GIB, 16, 8),
        (8 * GIB, 0, GIB, 16, 4),
        (20 * GIB, 6 * GIB, GIB, 16, 8),
        (80 * GIB, 0, GIB, 16, 16),
        (80 * GIB, 0, GIB, 64, 64),
        (80 * GIB, 0, GIB, 5, 4),
        (GIB, 6 * GIB, GIB, 16, 1),
        (GIB, 0, 2 * GIB, 16, 1),
        (GIB, 0, 0, 16, 16),
    ],
)
def test_how_many_fit(free: int, to_come: int, each: int, most: int, fitting: int) -> None:
    assert plan.fits(free, to_come, each, most) == fitting


def test_what_one_takes_grows_with_pixels_and_passes() -> None:
    half = Bucket("abc", (), 1024, 512, False, "text", 30, 0, "euler")
    assert plan.scaled(8 * GIB, ONE, half) == 2 * GIB
    assert plan.scaled(2 * GIB, half, ONE) == 8 * GIB
    assert plan.scaled(GIB, ONE, ONE) == GIB


def test_halves_are_on_the_ladder() -> None:
    assert [plan.halved(rows) for rows in (2, 3, 4, 5, 8, 16)] == [1, 2, 2, 4, 4, 8]


def steps(stage: Stage, rows: int) -> list[Means]:
    """Every step until nothing is left to do."""
    means, found = Means(rows), []
    while (after := plan.after(means, stage, means.batch)) is not None:
        found.append(means := after)
    return found


def test_the_ladder_of_measures() -> None:
    assert [one.batch for one in steps(Stage.DENOISE, 8)] == [4, 2, 1, 1, 1, 1]
    assert steps(Stage.DENOISE, 2)[1:] == [
        Means(1, frozenset({ENCODERS})),
        Means(1, frozenset({ENCODERS, STAGES})),
        Means(1, frozenset({ENCODERS, STAGES, GROUPS})),
    ]
    # Neither the VAE nor the encoders have more to do where more pictures are made at once.
    assert [one.measures for one in steps(Stage.DECODE, 1)] == [
        {ENCODERS},
        {ENCODERS, TILES},
        {ENCODERS, TILES, STAGES},
    ]
    assert steps(Stage.TEXT, 1)[-1] == Means(1, frozenset({ENCODERS, HOST}))
    assert plan.after(Means(8), Stage.DECODE, 8) == Means(8, frozenset({ENCODERS}))
    assert steps(Stage.ENCODE, 2)[-1] == Means(1, frozenset({ENCODERS, TILES, STAGES, GROUPS}))


def test_what_sidecars_say() -> None:
    means = Means(1, frozenset({TILES, GROUPS, ENCODERS}))
    assert (means.tiles, means.groups, means.staged) == (True, True, True)
    assert means.offload == [ENCODERS, GROUPS]
    assert Means().offload == []


@pytest.mark.parametrize(
    ("rows", "limit", "padded", "fixed", "parts"),
    [
        (4, 4, 4, False, [Part(4, 4)]),
        (3, 4, 4, True, [Part(3, 4)]),
        (3, 4, 3, False, [Part(3, 3)]),
        (3, 2, 3, False, [Part(2, 2), Part(1, 1)]),
        (3, 2, 4, True, [Part(2, 2), Part(1, 2)]),
        (5, 4, None, False, [Part(4, 4), Part(1, 1)]),
        (9, 4, 2, True, [Part(2, 2)] * 4 + [Part(1, 2)]),
        (1, 4, None, False, [Part(1, 1)]),
    ],
)
def test_how_rows_are_cut(rows: int, limit: int, padded: int | None, fixed: bool, parts: list[Part]) -> None:
    assert plan.cut(rows, limit, padded, fixed=fixed) == parts


def test_what_a_bucket_is_remembered_by() -> None:
    assert plan.name_of(ONE, "NVIDIA L4", "bf16") == "abc|NVIDIA L4|bf16|1024x1024|text|guided"
    rich = Bucket("abc", (("a.safetensors", 1.0),), 512, 768, False, "image", 20, 5, "ddim", "canny", 0.8)
    assert plan.name_of(rich, "cpu", "fp32") == "abc|cpu|fp32|512x768|image|canny|refined"


def test_the_last_word_names_size_and_memory() -> None:
    assert plan.too_large(4096, 4096, "NVIDIA L4", 24 * GIB) == (
        "a picture of 4096x4096 does not fit into the 24.0 GiB of NVIDIA L4, even alone and with everything else moved "
        "away; ask for a smaller size, or use a GPU with more memory"
    )


def test_memory_is_kept_beside_what_others_found(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    one, other = Known(path), Known(path)
    one.keep("a", Means(4))
    other.keep("b", Means(1, frozenset({TILES, ENCODERS})))
    third = Known(path)
    assert third.get("a") == Means(4)
    assert third.get("b") == Means(1, frozenset({TILES, ENCODERS}))
    assert third.get("c") is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["memory.json"]


@pytest.mark.parametrize(
    "said",
    ["nothing", 5, {}, {"batch": True, "measures": []}, {"batch": -1, "measures": []}, {"batch": 2}]
    + [{"batch": 2, "measures": each} for each in ("tiles", ["magic"], [["tiles"]], [{}])],
    ids=str,
)
def test_entries_that_make_no_sense_are_none(tmp_path: Path, said: object) -> None:
    path = tmp_path / "memory.json"
    path.write_text(json.dumps({"a": said, "b": {"batch": 2, "measures": ["tiles"]}}))
    known = Known(path)
    assert known.get("a") is None
    assert known.get("b") == Means(2, frozenset({TILES}))


def test_a_memory_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    known = Known(tmp_path / "gone" / "memory.json")
    known.keep("a", Means(2))
    known.keep("b", Means(1))
    assert (known.get("a"), known.get("b")) == (Means(2), Means(1))


def test_how_devices_say_that_memory_ran_out() -> None:
    import torch

    for error in (
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.1 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
    ):
        assert ran_out(error)
    wrapped = RuntimeError("the compiled code failed")
    wrapped.__cause__ = torch.OutOfMemoryError("CUDA out of memory.")
    assert ran_out(wrapped)
    for other in (RuntimeError("CUDA error: device-side assert triggered"), ValueError("out of memory")):
        assert not ran_out(other)
