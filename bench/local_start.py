"""The first call of the denoiser in a new process, with a folder of compiled code: one process of `bench.local_engine`.

    python -m bench.local_start WEIGHTS CACHE

prints its seconds. What compiling imports is imported before, and texts and weights are ready.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.local_jobs import spent_cpu, uniform
from imagegen.providers.local.engine import Engine
from imagegen.providers.local.stages import watched
from imagegen.providers.local.weights import look


def main() -> None:
    """Make one picture in one step and say how long the denoiser took."""
    weights, cache = Path(sys.argv[1]), Path(sys.argv[2])
    import torch
    import torch._dynamo
    import torch._inductor.codecache
    import torch._inductor.compile_fx

    torch.set_num_threads(1)
    pieces = [uniform(1, 64)[0]]
    engine = Engine(look(weights), compile="regional", cache=cache)
    engine.prepare(pieces)
    engine.parts.get("unet")
    spent = spent_cpu()
    with watched(engine) as clock:
        engine.make(pieces)
    print(json.dumps({"wall": clock.seconds["denoise"], "cpu": spent_cpu() - spent}))


if __name__ == "__main__":
    main()
