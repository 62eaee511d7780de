"""What planning a large local job takes: pieces into buckets, buckets into batches.

    python -m bench.local_plan [--rows 100000]

Every row has a prompt and a seed of its own; sizes, steps, LoRAs and what a picture starts from are mixed, in 36 kinds,
and once more with a size of its own for every tenth row. Time is that of planning alone, memory the process's peak,
pieces included; torch is never loaded.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from imagegen.providers.local.bucket import Plan, Terms, bucket_of, plan
from imagegen.providers.local.piece import Piece

#: Eight at once, compiled: a picture takes two seconds, one more graph ten.
TERMS = Terms(batch=8, compiled=True, seconds=2.0, compile_seconds=10.0)
SIZES = ((1024, 1024), (1344, 768), (768, 1344))
STEPS = ((30, 7.5), (25, 7.0), (4, 1.0))
LORAS: tuple[tuple[tuple[str, float], ...], ...] = ((), (("brand.safetensors", 0.8),))
#: Kinds of rows: each has a bucket of its own, edits beside pictures from text.
BUCKETS = len(SIZES) * len(STEPS) * len(LORAS) * 2
#: What an edit starts from; its bytes decide nothing here.
PICTURE = b"a picture"
#: The goals.
MOST_SECONDS, MOST_MEGABYTES = 5.0, 300.0


def pieces(rows: int) -> Iterator[Piece]:
    """`rows` pieces, of every kind in turn."""
    for n in range(rows):
        kind, edit = divmod(n % BUCKETS, 2)
        kind, lora = divmod(kind, len(LORAS))
        size, speed = divmod(kind, len(STEPS))
        (width, height), (steps, guidance) = SIZES[size], STEPS[speed]
        image = PICTURE if edit else None
        prompt = f"A stoneware mug number {n} on rough linen, soft light from the left"
        yield Piece(prompt, "", width, height, steps, guidance, n, "euler", image, None, None, LORAS[lora])


def scattered(rows: int) -> Iterator[Piece]:
    """`rows` pieces of which every tenth has a size that no other has, as far as there are sizes."""
    for n, piece in enumerate(pieces(rows)):
        across, down = divmod(n // 10, 192)
        yield replace(piece, width=512 + 8 * across % 1536, height=512 + 8 * down) if n % 10 == 0 else piece


def planned(found: Iterable[Piece]) -> Plan:
    """The batches of `found`."""
    return plan((bucket_of(piece, "0" * 64) for piece in found), lambda _: TERMS)


def main() -> None:
    """Plan once and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    asked = parser.parse_args()
    for name, found in (("36 kinds", pieces(asked.rows)), ("many sizes", scattered(asked.rows))):
        show(name, list(found))
    print(f"torch loaded: {'yes' if 'torch' in sys.modules else 'no'}")


def show(name: str, found: list[Piece]) -> None:
    """Plan `found` and print what it took."""
    began = time.perf_counter()
    made = planned(found)
    taken = time.perf_counter() - began
    # ru_maxrss counts kilobytes, on macOS bytes.
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    buckets = len({batch.bucket for batch in made.batches})
    print(f"{made.rows:,} pieces, {name}: {buckets:,} buckets, {len(made.batches):,} batches")
    print(f"  {'graphs to compile':20}{len(made.compiled):>10,}")
    print(f"  {'padded rows':20}{made.padded_rows:>10,}   {made.padded_share:.2%} of those computed")
    print(f"  {'time':20}{taken:>8.2f} s   {MOST_SECONDS:g} s at most")
    print(f"  {'peak memory so far':20}{peak:>7.0f} MB   {MOST_MEGABYTES:g} MB at most")


if __name__ == "__main__":
    main()
