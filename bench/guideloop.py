"""The guide's own loop for many pictures, written down plainly, for `bench.local_engine` to compare with.

diffusers' pipeline, `torch.compile` around its UNet, four prompts at once, one generator for all, each batch saved
as PNG before the next begins. Rows come as they stand in the file, so a batch ends where the next row has another
size. On a CPU the guide's mode "reduce-overhead" (CUDA graphs) means nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from imagegen.providers.local.piece import Piece

#: "Process in batches of 4 (matches GPU memory)."
BATCH = 4


def pipeline(folder: Path) -> Any:
    """The weights in `folder` as the guide loads them."""
    import diffusers

    from imagegen.providers.local.parts import quiet

    quiet()
    pipe = diffusers.StableDiffusionXLPipeline.from_pretrained(folder, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def compiled(pipe: Any, backend: str, *, static: bool = False) -> Any:
    """`pipe` with its UNet compiled as the guide does it. `static`: a graph for each shape, as CUDA graphs need them;
    else torch makes one for all shapes once it has seen a second."""
    import torch

    pipe.unet = torch.compile(pipe.unet, backend=backend, fullgraph=True, dynamic=False if static else None)
    return pipe


def batches(rows: Sequence[Piece]) -> Iterator[list[Piece]]:
    """`rows` as they come, at most four of one size."""
    batch: list[Piece] = []
    for row in rows:
        if batch and (len(batch) == BATCH or (row.width, row.height) != (batch[0].width, batch[0].height)):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def run(pipe: Any, rows: Sequence[Piece], folder: Path) -> None:
    """Make all pictures and save them in `folder`."""
    import torch

    generator = torch.Generator("cpu").manual_seed(0)
    number = 0
    for batch in batches(rows):
        for picture in call(pipe, batch, generator):
            picture.save(folder / f"product_{number:04d}.png")
            number += 1


def call(pipe: Any, batch: Sequence[Piece], generator: Any) -> Any:
    """One batch through `pipe`."""
    first = batch[0]
    return pipe(
        prompt=[row.prompt for row in batch],
        num_inference_steps=first.steps,
        guidance_scale=first.guidance,
        width=first.width,
        height=first.height,
        generator=generator,
    ).images
