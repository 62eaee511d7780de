"""Which pictures go through the engine together: every piece once, nothing mixed, padding only where it pays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.providers.local.bucket import (
    Batch,
    Bucket,
    Graph,
    Part,
    Terms,
    bucket_of,
    graph_of,
    ladder,
    plan,
    tail,
)
from imagegen.providers.local.piece import Piece

PIECE = Piece("a mug", "", 1024, 1024, 30, 7.5, 1, "euler")
BUCKET = bucket_of(PIECE, "w")
#: A picture takes two seconds, one more graph seven: compiling for it pays for four rows' padding.
COMPILED = Terms(batch=4, compiled=True, seconds=2.0, compile_seconds=7.0)


def sizes(batches: Sequence[Batch]) -> list[tuple[int, int]]:
    """Rows of each batch, without padding and with."""
    return [(len(batch.rows), batch.padded_to) for batch in batches]


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a cup"},
        {"negative": "blurry"},
        {"seed": 2},
        {"guidance": 4.0},
        {"strength": 0.3},  # of no account without a picture
    ],
    ids=str,
)
def test_what_forces_nothing_is_no_part_of_a_bucket(change: dict[str, object]) -> None:
    """Each row of a batch has its own."""
    assert bucket_of(replace(PIECE, **change), "w") == BUCKET


@pytest.mark.parametrize(
    "change",
    [
        {"width": 768},
        {"height": 768},
        {"steps": 25},
        {"scheduler": "ddim"},
        {"guidance": 1.0},
        {"loras": (("brand.safetensors", 1.0),)},
        {"image": b"x"},
    ],
    ids=str,
)
def test_what_forces_another_graph_or_other_weights_is(change: dict[str, object]) -> None:
    """So is another model, another LoRA's weight and a mask."""
    assert bucket_of(replace(PIECE, **change), "w") != BUCKET
    assert bucket_of(PIECE, "v") != BUCKET
    lora = replace(PIECE, loras=(("brand.safetensors", 1.0),))
    assert bucket_of(lora, "w") != bucket_of(replace(lora, loras=(("brand.safetensors", 0.8),)), "w")
    edit = replace(PIECE, image=b"x", strength=1.0)
    assert bucket_of(edit, "w") != bucket_of(replace(edit, mask=b"y"), "w")


def test_strengths_that_leave_out_the_same_steps_share_a_bucket() -> None:
    """Of 30 steps 0.60 and 0.61 both do 18; families of straight lines round the steps left out."""
    edits = [replace(PIECE, image=b"x", strength=strength) for strength in (0.60, 0.61, 0.65)]
    assert [bucket_of(edit, "w").begin for edit in edits] == [12, 12, 11]
    assert [bucket_of(edit, "w", flow=True).begin for edit in edits] == [12, 11, 10]


def test_the_ladder_is_powers_of_two() -> None:
    """What does not fit exactly is rounded down."""
    assert [ladder(most) for most in (1, 6, 8)] == [(1,), (4, 2, 1), (8, 4, 2, 1)]


@pytest.mark.parametrize(
    ("rows", "terms", "there", "parts"),
    [
        # Eager: as they are.
        (3, replace(COMPILED, compiled=False), (), [(3, 3)]),
        # A graph of that size is there.
        (3, COMPILED, (3, 4), [(3, 3)]),
        # Padding to the full batch takes 2 s, a graph 7 s.
        (3, COMPILED, (4,), [(3, 4)]),
        (1, COMPILED, (4,), [(1, 4)]),
        # 7 rows of padding take 14 s: one graph of 1 row is cheaper.
        (1, replace(COMPILED, batch=8), (8,), [(1, 1)]),
        # Eleven rows of padding take 22 s, three and a graph of eight 6 + 7, graphs of four and one 14.
        (5, replace(COMPILED, batch=16), (16,), [(5, 8)]),
        # Padding is dear: every graph is compiled.
        (7, replace(COMPILED, batch=8, seconds=60.0), (8,), [(4, 4), (2, 2), (1, 1)]),
        # Fewer than a batch and nothing there: the smallest size that holds them.
        (3, replace(COMPILED, batch=16), (), [(3, 4)]),
        (2, replace(COMPILED, batch=16), (), [(2, 2)]),
        # What is there may serve twice: 2 + 2 with one row of padding.
        (3, COMPILED, (2,), [(2, 2), (1, 2)]),
        # Of sizes that are there whatever pads least, unless it takes many batches.
        (9, replace(COMPILED, batch=16), (4, 10), [(9, 10)]),
        (15, replace(COMPILED, batch=16), (1, 16), [(15, 16)]),
        (2, replace(COMPILED, batch=16), (1, 16), [(1, 1), (1, 1)]),
        # Deterministic: always the whole batch, eager and compiled.
        (1, replace(COMPILED, batch=16, deterministic=True), (1,), [(1, 16)]),
        (3, Terms(batch=4, deterministic=True), (), [(3, 4)]),
        # A batch that does not fit into memory any more is of no use.
        (3, replace(COMPILED, seconds=1.0), (8,), [(3, 4)]),
        (0, COMPILED, (4,), []),
    ],
)
def test_the_tail_is_what_it_costs(
    rows: int, terms: Terms, there: tuple[int, ...], parts: list[tuple[int, int]]
) -> None:
    """Padding costs its rows, a graph that is not there its compiling."""
    assert tail(rows, terms, there) == tuple(Part(*part) for part in parts)


def test_more_rows_than_a_batch_are_no_tail() -> None:
    """They are a mistake of the caller."""
    with pytest.raises(ValueError, match="5 rows are more than a batch of 4"):
        tail(5, COMPILED)


def test_models_then_loras_then_sizes_with_most_rows_first() -> None:
    """Within a bucket the input's order; what has as many rows as another comes as the input has it."""
    small, lora = replace(BUCKET, width=512), replace(BUCKET, loras=(("l", 1.0),))
    other, quick = replace(BUCKET, weights="v"), replace(BUCKET, steps=4)
    rows = [other, small, lora, BUCKET, small, quick, small, BUCKET, lora, other, small]
    made = plan(rows, lambda _: Terms(batch=8))
    # 9 rows of weights w: 7 without LoRA (4 small, 3 large of which 2 in 30 steps), 2 with; then 2 of v.
    assert [batch.rows for batch in made.batches] == [(1, 4, 6, 10), (3, 7), (5,), (2, 8), (0, 9)]
    assert [batch.bucket for batch in made.batches] == [small, BUCKET, quick, lora, other]


def test_a_graph_is_compiled_once_a_job() -> None:
    """Another scheduler or LoRA runs the same graph; another size needs its own."""
    rows = [BUCKET] * 5 + [replace(BUCKET, scheduler="ddim")] + [replace(BUCKET, width=512)] * 4
    made = plan(rows, lambda _: COMPILED)
    # A single row of another scheduler is padded to the graph that is there by then.
    assert sizes(made.batches) == [(4, 4), (1, 4), (1, 4), (4, 4)]
    assert made.compiled == {graph_of(BUCKET, 4), Graph("w", 512, 1024, True, 4)}
    assert (made.rows, made.padded_rows, made.padded_share) == (10, 6, 0.375)
    again = plan(rows, lambda _: COMPILED, there=[*made.compiled, graph_of(BUCKET, 1)])
    assert again.compiled == frozenset()
    assert sizes(again.batches) == [(4, 4), (1, 1), (1, 1), (4, 4)]


def test_terms_are_asked_for_each_bucket() -> None:
    """A larger picture leaves room for fewer at once."""
    large = replace(BUCKET, width=2048)
    made = plan([BUCKET] * 4 + [large] * 4, lambda bucket: Terms(batch=1 if bucket is large else 4))
    assert sizes(made.batches) == [(4, 4), (1, 1), (1, 1), (1, 1), (1, 1)]


def test_no_rows_no_batches() -> None:
    """Nothing to make is no mistake."""
    assert plan([], lambda _: COMPILED).batches == ()
    assert plan([], lambda _: COMPILED).padded_share == 0.0


BUCKETS = st.builds(
    Bucket,
    weights=st.sampled_from("vw"),
    loras=st.sampled_from([(), (("a", 1.0),), (("a", 0.5),)]),
    width=st.sampled_from([512, 1024]),
    height=st.just(1024),
    guided=st.booleans(),
    kind=st.just("text"),
    steps=st.sampled_from([4, 30]),
    begin=st.just(0),
    scheduler=st.just("euler"),
)
TERMS = st.builds(
    Terms,
    batch=st.integers(1, 20),
    compiled=st.booleans(),
    seconds=st.sampled_from([0.0, 0.1, 2.0, 100.0]),
    compile_seconds=st.sampled_from([0.0, 7.0, 120.0]),
    deterministic=st.booleans(),
)


@given(st.lists(BUCKETS, max_size=60), TERMS)
def test_every_row_once_and_none_beside_a_strangers(rows: list[Bucket], terms: Terms) -> None:
    """In the input's order within its bucket; the same rows give the same plan."""
    made = plan(rows, lambda _: terms)
    assert sorted(row for batch in made.batches for row in batch.rows) == list(range(len(rows)))
    for batch in made.batches:
        assert {rows[row] for row in batch.rows} == {batch.bucket}
        assert 1 <= len(batch.rows) <= batch.padded_to <= ladder(terms.batch)[0]
    for bucket in set(rows):
        found = [row for batch in made.batches if batch.bucket == bucket for row in batch.rows]
        assert found == sorted(found)
    # What is loaded is loaded once: a model's batches, and within it a LoRA's, stand together.
    for name in ("weights", "loras"):
        seen = [(each.bucket.weights, name == "loras" and each.bucket.loras) for each in made.batches]
        changes = [one for one, before in zip(seen, [None, *seen], strict=False) if one != before]
        assert len(changes) == len(set(seen))
    assert plan(rows, lambda _: terms) == made


@given(st.lists(BUCKETS, max_size=60), TERMS)
def test_padding_only_by_the_policy(rows: list[Bucket], terms: Terms) -> None:
    """Deterministic: every batch is whole. Eager: none is padded. Compiled: at most one batch a bucket, and only
    graphs that were announced."""
    made = plan(rows, lambda _: terms)
    full = ladder(terms.batch)[0]
    if terms.deterministic:
        assert {batch.padded_to for batch in made.batches} <= {full}
    elif not terms.compiled:
        assert made.padded_rows == 0
    for bucket in set(rows):
        padded = [batch for batch in made.batches if batch.bucket == bucket and batch.padded_to > len(batch.rows)]
        assert len(padded) <= 1
    graphs = {graph_of(batch.bucket, batch.padded_to) for batch in made.batches}
    assert made.compiled == (graphs if terms.compiled else frozenset())


@given(st.integers(1, 16), st.sets(st.integers(1, 16)), st.sampled_from([0.1, 1.0, 5.0, 50.0]))
def test_no_other_way_to_make_a_tail_costs_less(rows: int, there: set[int], seconds: float) -> None:
    """Padding to the whole batch, to the next size, and splitting: none beats what is chosen."""
    terms = Terms(batch=16, compiled=True, seconds=seconds, compile_seconds=7.0)

    def cost(parts: Sequence[Part]) -> float:
        fresh = {part.padded_to for part in parts} - there
        padding = sum(part.padded_to - part.rows for part in parts)
        return (padding + len(parts) * terms.start) * seconds + len(fresh) * 7.0

    binary = [Part(size, size) for size in ladder(16) if rows & size]
    larger = min(size for size in ladder(16) if size >= rows)
    others = [[Part(rows, 16)], [Part(rows, larger)], binary, *([Part(rows, size)] for size in there if size >= rows)]
    chosen = tail(rows, terms, there)
    assert sum(part.rows for part in chosen) == rows
    assert all(part.rows >= 1 for part in chosen)
    assert cost(chosen) <= min(map(cost, others)) + 1e-9


def test_planning_needs_no_torch() -> None:
    """A hundred thousand pieces are cut into batches in a process that never loads torch, NumPy or Pillow."""
    code = (
        "import sys\n"
        "from bench.local_plan import pieces, planned\n"
        "made = planned(pieces(2_000))\n"
        "heavy = {'torch', 'numpy', 'PIL', 'diffusers', 'transformers'} & set(sys.modules)\n"
        "print(made.rows, sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split(maxsplit=1) == ["2000", "[]\n"]


def test_what_a_mixed_job_is_cut_into() -> None:
    """The bench's own rows: three sizes, two ways to begin, LoRAs and steps; counts, no times."""
    from bench.local_plan import BUCKETS as KINDS
    from bench.local_plan import TERMS as ASKED
    from bench.local_plan import pieces, planned

    made = planned(pieces(10_000))
    full = ladder(ASKED.batch)[0]
    assert made.rows == 10_000
    assert len({batch.bucket for batch in made.batches}) == KINDS
    assert made.padded_rows < KINDS * full
    assert len(made.batches) <= 10_000 / full + 4 * KINDS
    assert len(made.compiled) < KINDS
