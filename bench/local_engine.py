"""The local engine against the guide's own loop and against diffusers' plain pipeline, on a CPU with random weights.

    python -m bench.local_engine [--turns 3] [--backend eager] [--only cold,warm,outside,start,counters]

cold      22 rows of nine prompts in 3, 6 and 9 sizes, in processes of their own: the guide's loop (`bench.guideloop`),
          the same with static shapes, ours with regional compile, ours with compile: auto. `--backend eager` only
          captures graphs; `inductor` compiles them too, which takes minutes.
warm      rows of one size, four at once, against plain `pipe()`, both eager: the tiny model, which is all overhead,
          and the mid-size one in 4 steps and in the guide's 25. Both encode each row's prompt; ours one by one, and
          decodes one by one, so that no picture depends on its neighbours.
outside   what a batch takes outside UNet, VAE and text encoders, on the mid-size model.
start     the first denoise call of a second process, with the compiled code of a first one (inductor, regional).
counters  graphs, recompiles, encoder rows, padded rows: what is counted, not timed.

One thread. Times are medians with their range; CPU time stands beside wall time, since other work on the machine
changes that less. Contenders take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import guideloop, local_jobs
from imagegen.providers.local import tiny
from imagegen.providers.local.engine import Engine
from imagegen.providers.local.piece import Piece, Pixels
from imagegen.providers.local.weights import look

SECTIONS = ("cold", "warm", "outside", "start", "counters")
#: Load of the last minute above which figures are not to be trusted.
QUIET = 0.5
#: The goals.
COLD, WARM, OUTSIDE, START = 1.8, 1.0, 0.05, 3.0
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TORCHINDUCTOR_COMPILE_THREADS": "1"}

#: Wall and CPU seconds of one turn.
Took = tuple[float, float]


def main() -> None:
    """Run the sections and print their tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--backend", default="eager", help="torch.compile's, for cold jobs")
    parser.add_argument("--only", default=",".join(SECTIONS))
    asked = parser.parse_args()
    os.environ.update(_ONE_THREAD)
    import torch

    torch.set_num_threads(1)
    print(f"random weights, CPU, one thread; {versions()}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        small = tiny.write(place, ["sdxl"])["sdxl"]
        only = asked.only.split(",")
        middle = tiny.mid(place / "mid") if {"warm", "outside"} & set(only) else small
        sections: dict[str, Callable[[], None]] = {
            "cold": lambda: cold(small, asked.turns, asked.backend),
            "warm": lambda: warm(small, middle, asked.turns),
            "outside": lambda: outside(middle, asked.turns),
            "start": lambda: start(small, place, asked.turns),
            "counters": lambda: counters(small),
        }
        for name in only:
            check_load()
            sections[name]()


def versions() -> str:
    """What the figures depend on."""
    import diffusers
    import torch
    import transformers

    return f"torch {torch.__version__}, diffusers {diffusers.__version__}, transformers {transformers.__version__}"


def check_load() -> None:
    """Say so when the machine is busy with something else."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > QUIET:
        print(f"(load {load:.1f}: the machine is not quiet; compare CPU times)")


def cold(weights: Path, turns: int, backend: str) -> None:
    """Mixed jobs, nothing compiled yet."""
    print(f"cold job, 22 rows, 9 prompts, 4 steps, tiny model, backend {backend}; goal {COLD:g}x")
    for sizes in (3, 6, 9):
        names = ("guide", "static", "ours", "auto")
        found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for turn in range(turns):
            for name in names if turn % 2 == 0 else reversed(names):
                found[name].append(child("bench.local_jobs", name, weights, sizes, backend))
        took = {name: [(each["wall"], each["cpu"]) for each in all_of] for name, all_of in found.items()}
        print(f"  {sizes} sizes")
        for name in names:
            graphs = int(found[name][0]["graphs"])
            row(f"  {_NAMES[name]}", took[name], took["ours"], f"{graphs} graphs")


_NAMES = {"guide": "the guide's loop", "static": "the same, static", "ours": "ours, regional", "auto": "ours, auto"}


def warm(small: Path, middle: Path, turns: int) -> None:
    """Rows of one size, everything loaded and run before."""
    print(f"warm job, rows of one size, four at once, eager; goal {WARM:g}x or more")
    uniform(small, "tiny", 8, 64, 4, turns + 2)
    uniform(middle, "mid-size", 8, 128, 4, turns)
    uniform(middle, "mid-size", 4, 128, 25, turns)


def uniform(weights: Path, name: str, count: int, edge: int, steps: int, turns: int) -> None:
    """`count` rows again and again, after one turn that warms up."""
    print(f"  {name} model, {count} rows of {edge}x{edge}, {steps} steps")
    pipe, engine = guideloop.pipeline(weights), Engine(look(weights), compile="eager")
    numbers = iter(range(0, 10**6, 8))

    def plainly(rows: list[Piece]) -> None:
        import torch

        for batch in guideloop.batches(rows):
            guideloop.call(pipe, batch, [torch.Generator("cpu").manual_seed(piece.seed) for piece in batch])

    def ours(rows: list[Piece]) -> None:
        for batch in guideloop.batches(rows):
            assert all(isinstance(one, Pixels) for one in engine.make(batch))

    contenders = {"plain pipe()": plainly, "ours": ours}
    took: dict[str, list[Took]] = {each: [] for each in contenders}
    for turn in range(turns + 1):
        for each in list(contenders) if turn % 2 == 0 else reversed(list(contenders)):
            spent = timed(contenders[each], local_jobs.uniform(count, edge, next(numbers), steps))
            took[each] += [spent] if turn else []
    for each in contenders:
        row(f"  {each}", took[each], took["ours"])


def outside(weights: Path, turns: int) -> None:
    """Seconds within the nets against all seconds."""
    print(f"outside UNet, VAE and text encoders, mid-size model, 128x128, 4 steps, eager; goal below {OUTSIDE:.0%}")
    engine = Engine(look(weights), compile="eager")
    nets = [engine.parts.get(name) for name in ("unet", "text_encoder", "text_encoder_2")]
    inside = [0.0]
    for net in nets:
        net.forward = within(net.forward, inside)
    vae = engine.parts.get("vae")
    vae.decode = within(vae.decode, inside)
    for batch in (1, 4):
        shares = []
        for turn in range(turns + 3):
            rows = local_jobs.uniform(batch, 128, 1000 * batch + 8 * turn)
            inside[0] = 0.0
            wall, _ = timed(engine.make, rows)
            shares += [1 - inside[0] / wall] if turn else []
        middle = statistics.median(shares)
        print(f"  {batch} at once{middle:>12.2%}   ({min(shares):.2%}..{max(shares):.2%})")


def start(weights: Path, place: Path, turns: int) -> None:
    """A process that compiles, and one that finds what it compiled."""
    print(f"first denoise call of a process, tiny model, regional, inductor, imports excluded; goal {START:g}x")
    took: dict[str, list[Took]] = {"cold": [], "second process": []}
    for turn in range(turns):
        for spent in took.values():
            said = child("bench.local_start", weights, place / f"compiled-{turn}")
            spent.append((said["wall"], said["cpu"]))
    for name, spent in took.items():
        row(f"  {name}", spent, took["second process"])


def counters(weights: Path) -> None:
    """What is counted. `tests/local/test_counters.py` holds all of it in CI."""
    import torch

    print("counted, 22 rows, 3 sizes, 9 prompts, tiny model, backend eager")
    engine, rows = Engine(look(weights), compile="regional", backend="eager"), local_jobs.mixed(3)
    calls = local_jobs.count(engine.parts.get("unet"))
    with tempfile.TemporaryDirectory() as folder:
        plan = local_jobs.run(engine, rows, Path(folder))
        graphs = local_jobs.graphs()
        with torch._dynamo.config.patch(error_on_recompile=True):
            local_jobs.run(engine, rows, Path(folder))
    shapes = {(each.bucket.width * each.bucket.height, each.padded_to) for each in plan.batches}
    found = {
        "batches": len(plan.batches),
        "UNet calls": calls.calls // 2,
        "UNet rows": calls.rows // 2,
        "padded rows, as planned": plan.padded_rows,
        "texts encoded, of 9 prompts and one empty": engine.texts.rows,
        f"graphs, for {len(shapes)} shapes": graphs,
        "recompiles when run again": local_jobs.graphs() - graphs,
    }
    for name, value in found.items():
        print(f"  {name:42}{value:>6}")


def within(call: Callable[..., Any], inside: list[float]) -> Callable[..., Any]:
    """`call`, its seconds added to `inside`."""

    def counted(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return call(*args, **kwargs)
        finally:
            inside[0] += time.perf_counter() - began

    return counted


def timed(call: Callable[..., Any], *args: Any) -> Took:
    """Wall and CPU seconds of `call`."""
    began, spent = time.perf_counter(), local_jobs.spent_cpu()
    call(*args)
    return time.perf_counter() - began, local_jobs.spent_cpu() - spent


def child(module: str, *args: object) -> dict[str, float]:
    """What a process of its own says, with nothing compiled in its way."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache}
        command = [sys.executable, "-m", module, *map(str, args)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{module} ended with {done.returncode}: {done.stderr[-600:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def row(name: str, took: Sequence[Took], ours: Sequence[Took], more: str = "") -> None:
    """One line: wall and CPU seconds, and how many times ours they are."""
    wall, cpu = (statistics.median(each[n] for each in took) for n in (0, 1))
    our_wall, our_cpu = (statistics.median(each[n] for each in ours) for n in (0, 1))
    spread = f"({min(_walls(took)):.2f}..{max(_walls(took)):.2f})"
    ratios = f"{wall / our_wall:6.2f}x   CPU {cpu:6.2f} s {cpu / our_cpu:6.2f}x"
    print(f"  {name:20}{wall:8.2f} s {spread:16}{ratios}   {more}".rstrip())


def _walls(took: Sequence[Took]) -> Iterator[float]:
    return (wall for wall, _ in took)


if __name__ == "__main__":
    main()
