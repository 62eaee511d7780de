"""`imagegen bench local`: how fast this machine makes pictures itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imagegen.cli import look

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Measure this machine.",
)

#: Random weights are measured in a moment.
TINY_SIZE, TINY_STEPS = "64x64", 4

Model = Annotated[str, typer.Option(help="A model of the catalogue whose weights are here, or a folder with weights.")]
Tiny = Annotated[bool, typer.Option("--tiny", help="Tiny random weights instead, to try this command.")]
ImageSize = Annotated[str | None, typer.Option("--size", help="Pixels of a picture [1024x1024, with --tiny 64x64]")]
Steps = Annotated[int | None, typer.Option(min=1, max=1000, help="Inference steps [the model's own, with --tiny 4]")]
Modes = Annotated[str, typer.Option(help="How the denoiser runs: eager, regional, full; with commas.")]
Batches = Annotated[str, typer.Option(help="Pictures at once, with commas.")]
Pictures = Annotated[int, typer.Option(min=1, max=100_000, help="Warm pictures for each mode and batch, at least.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
Dtype = Annotated[str, typer.Option(help="auto, fp32, bf16, fp16.")]
Hourly = Annotated[str | None, typer.Option(help="What an hour of it costs, in USD [the catalogue's price of the GPU]")]
GpuName = Annotated[str | None, typer.Option("--gpu", help="A GPU of the catalogue: a100, l4, 4090 [by its name]")]
Write = Annotated[Path | None, typer.Option("--write", "-o", metavar="FILE", help="Write all figures as JSON.")]
Markdown = Annotated[Path | None, typer.Option("--markdown", metavar="FILE", help="Write the tables as Markdown.")]


@app.callback()
def group() -> None:
    """One command, in a group of its own."""


@app.command("local", help="Pictures an hour on this machine: modes, batch sizes, where the time goes, the cost.")
def bench_local(
    model: Model = "sdxl",
    tiny: Tiny = False,
    size: ImageSize = None,
    steps: Steps = None,
    modes: Modes = "eager,regional,full",
    batches: Batches = "1,2,4,8",
    pictures: Pictures = 8,
    device: Device = "auto",
    dtype: Dtype = "auto",
    hourly: Hourly = None,
    gpu: GpuName = None,
    write: Write = None,
    markdown: Markdown = None,
    catalog: look.Catalog = None,
    as_json: look.AsJson = False,
) -> int:
    """Find the weights, measure, print, write."""
    from imagegen.cli import bench_local as work
    from imagegen.cli.amounts import dollars

    asked = work.Flags(
        model,
        size or (TINY_SIZE if tiny else None),
        steps or (TINY_STEPS if tiny else None),
        work.modes(modes),
        work.batches(batches),
        pictures,
        device,
        dtype,
        dollars("--hourly", hourly),
        gpu,
    )
    with work.files(write, markdown) as keep, work.weights(asked, tiny, catalog) as there:
        found, guide = work.measured(asked, there)
        work.show(found, guide, as_json)
        keep(found, guide)
    return 0 if found.best is not None else 3
