"""What can be counted of a mixed job is exact: graphs, recompiles, encoder rows, padded rows, float32 noise.

`python -m bench.local_engine` prints the same figures beside its times.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from bench.local_jobs import mixed
from imagegen.providers.local import noise
from imagegen.providers.local.bucket import Plan, Terms, bucket_of, plan
from imagegen.providers.local.piece import Piece, Pixels
from tests.local.engines import THEIRS

if TYPE_CHECKING:
    from imagegen.providers.local.engine import Engine
    from tests.local.engines import Workshop

pytestmark = THEIRS

#: A graph costs as much as many pictures: tails are padded.
TERMS = Terms(batch=4, compiled=True, seconds=0.1, compile_seconds=2.0)


@dataclass
class Seen:
    """What the UNet was given: rows of each call, CFG's two halves counted apart."""

    rows: list[int]

    @property
    def all(self) -> int:
        return sum(self.rows)


def watch(engine: Engine) -> Seen:
    """Count what reaches the UNet, above what is compiled of it."""
    seen, unet = Seen([]), engine.parts.get("unet")
    call = unet.forward

    def counted(sample: Any, *args: Any, **kwargs: Any) -> Any:
        seen.rows.append(len(sample))
        return call(sample, *args, **kwargs)

    unet.forward = counted
    return seen


def run(engine: Engine, rows: list[Piece], found: Plan) -> None:
    engine.prepare(rows)
    for batch in found.batches:
        made = engine.make([rows[n] for n in batch.rows], batch.padded_to)
        assert all(isinstance(one, Pixels) for one in made)


def test_a_mixed_job_counts_as_planned(workshop: Workshop) -> None:
    """22 rows, 3 sizes, 9 prompts, 2 steps, compiled by dynamo alone."""
    import torch

    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    rows = [replace(row, steps=2) for row in mixed(3)]
    assert (len(rows), len({row.prompt for row in rows}), len({(row.width, row.height) for row in rows})) == (22, 9, 3)
    found = plan([bucket_of(row, "w") for row in rows], lambda _: TERMS)
    engine = workshop.fresh(compile="regional", backend="eager")
    seen = watch(engine)
    run(engine, rows, found)
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    # Each distinct prompt went through the encoders once; the empty negative one never: SDXL has zeros for it.
    assert engine.texts.rows == 9
    # Blocks see tokens, so 96x64 and 64x96 are one shape; no other graph was made.
    shapes = {(each.bucket.width * each.bucket.height, each.padded_to) for each in found.batches}
    assert (graphs, len(shapes)) == (2, 2)
    # A row is computed once a step with its prompt and once without, and so is every padded row that was planned.
    assert found.padded_rows == 6
    assert seen.all == 2 * 2 * (22 + found.padded_rows)
    assert len(seen.rows) == 2 * len(found.batches)
    with torch._dynamo.config.patch(error_on_recompile=True):
        run(engine, [replace(row, seed=row.seed + 100, guidance=5.0) for row in rows], found)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == graphs
    assert engine.texts.rows == 9
    torch._dynamo.reset()


@pytest.mark.parametrize("batch", [1, 3])
def test_eager_rows_are_not_padded(workshop: Workshop, batch: int) -> None:
    rows = [replace(row, steps=1) for row in mixed(3)[:5]]
    found = plan([bucket_of(row, "w") for row in rows], lambda _: Terms(batch=batch))
    engine = workshop.fresh()
    seen = watch(engine)
    run(engine, rows, found)
    assert (found.padded_rows, seen.all) == (0, 2 * 5)


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_noise_is_float32_whatever_the_denoiser_calculates_in(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    """The first latents of a half-precision engine are those of a float32 one, to the bit."""
    import torch

    drawn: list[Any] = []
    real = noise.draw

    def kept(*args: Any) -> Any:
        drawn.append(real(*args))
        return drawn[-1]

    monkeypatch.setattr(noise, "draw", kept)
    piece = replace(mixed(1)[0], steps=1, scheduler="euler-a")
    workshop.fresh(dtype=dtype).make([piece])
    assert len(drawn) >= 1
    assert all(each.dtype == torch.float32 and each.device.type == "cpu" for each in drawn)
    assert torch.equal(drawn[0][0], torch.randn(drawn[0][0].shape, generator=torch.Generator().manual_seed(piece.seed)))
