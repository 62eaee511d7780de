"""The rows of `bench.local_engine`, our way through them, and one run of either in a process of its own.

    python -m bench.local_jobs guide|static|ours|auto FOLDER SIZES BACKEND

prints its figures as JSON. Imports and loading are over before the clock starts; graphs are made within it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import guideloop
from imagegen.providers.local import png
from imagegen.providers.local.bucket import Plan, Terms, bucket_of, plan
from imagegen.providers.local.engine import Engine
from imagegen.providers.local.piece import Piece, Pixels
from imagegen.providers.local.weights import look

SIZES = ((64, 64), (96, 64), (64, 96), (96, 96), (128, 64), (64, 128), (128, 96), (96, 128), (128, 128))
#: Rows come in runs of one size: 22 rows in 13 runs.
RUNS = (4, 1, 2, 1, 1, 3, 1, 2, 1, 1, 2, 1, 2)
PROMPTS = 9
STEPS, GUIDANCE = 4, 7.0
#: What planning reckons with: a tiny picture takes a moment, a graph some seconds.
TERMS = Terms(batch=guideloop.BATCH, compiled=True, seconds=0.1, compile_seconds=2.0)


def mixed(sizes: int) -> list[Piece]:
    """22 rows of nine prompts in so many sizes."""
    rows: list[Piece] = []
    for run, length in enumerate(RUNS):
        width, height = SIZES[run % sizes]
        for _ in range(length):
            n = len(rows)
            rows.append(Piece(f"a mug number {n % PROMPTS}", "", width, height, STEPS, GUIDANCE, n, ""))
    return rows


def uniform(rows: int, edge: int, first: int = 0, steps: int = STEPS) -> list[Piece]:
    """Rows of one size, each with a prompt and a seed of its own."""
    return [Piece(f"a mug number {n}", "", edge, edge, steps, GUIDANCE, n, "") for n in range(first, first + rows)]


def planned(rows: list[Piece], terms: Terms = TERMS) -> Plan:
    """The batches of `rows`."""
    return plan([bucket_of(row, "w") for row in rows], lambda _: terms)


def run(engine: Engine, rows: list[Piece], folder: Path, terms: Terms = TERMS) -> Plan:
    """Plan, make all pictures, and save them in `folder` beside the next batch."""
    found = planned(rows, terms)
    engine.prepare(rows)
    left = len(rows)
    with ThreadPoolExecutor(2) as writers:
        for batch in found.batches:
            pieces = [rows[n] for n in batch.rows]
            padded = batch.padded_to if terms.compiled else None
            made = engine.make(pieces, padded, rows_left=left, graphs=len({b.padded_to for b in found.batches}))
            left -= len(pieces)
            for number, one in zip(batch.rows, made, strict=True):
                assert isinstance(one, Pixels), one
                writers.submit(save, one.array, folder / f"{number}.png")
    return found


def save(array: Any, path: Path) -> None:
    """Write one picture as the engine does."""
    path.write_bytes(png.encode(array))


@dataclass(slots=True)
class Counted:
    """Calls of a module and the rows they had."""

    calls: int = 0
    rows: int = 0


def count(module: Any) -> Counted:
    """Count the calls of `module` from now on, above whatever compiles it."""
    found = Counted()
    call = module.forward

    def counted(first: Any, *args: Any, **kwargs: Any) -> Any:
        found.calls += 1
        found.rows += len(first)
        return call(first, *args, **kwargs)

    module.forward = counted
    return found


def graphs() -> int:
    """Graphs that dynamo has made."""
    import torch

    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


def spent_cpu() -> float:
    """CPU seconds of this process and of the compilers that it started and that are over."""
    return sum(os.times()[:4])


def main() -> None:
    """One run."""
    kind, weights, sizes, backend = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    import torch
    import torch._dynamo
    import torch._inductor.compile_fx

    torch.set_num_threads(1)
    rows, terms = mixed(sizes), TERMS
    with tempfile.TemporaryDirectory() as folder:
        if kind in ("guide", "static"):
            torch._dynamo.config.recompile_limit = 64
            pipe = guideloop.compiled(guideloop.pipeline(weights), backend, static=kind == "static")
            began, spent = time.perf_counter(), spent_cpu()
            guideloop.run(pipe, rows, Path(folder))
        else:
            mode = "auto" if kind == "auto" else "regional"
            terms = Terms(batch=guideloop.BATCH) if kind == "auto" else TERMS
            engine = Engine(look(weights), compile=mode, backend=backend)
            for name in ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"):
                engine.parts.get(name)
            began, spent = time.perf_counter(), spent_cpu()
            run(engine, rows, Path(folder), terms)
        taken, used = time.perf_counter() - began, spent_cpu() - spent
        made = len(list(Path(folder).iterdir()))
    print(json.dumps({"wall": taken, "cpu": used, "graphs": graphs(), "pictures": made}))


if __name__ == "__main__":
    main()
