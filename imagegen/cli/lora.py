"""`imagegen lora train FOLDER`: a LoRA for a brand's style from a folder of its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="LoRAs: train one for a brand's style from 20 to 50 of its pictures.",
)


@app.callback()
def group() -> None:
    """Keeps `train` a word of its own while there is no other."""


@app.command("train", help="Train a LoRA on the pictures in a folder; says first how long it takes and what it costs.")
def train(
    folder: Annotated[
        Path, typer.Argument(help="Pictures, with captions in NAME.txt beside each.", show_default=False)
    ],
    model: Annotated[str, typer.Option(help="sdxl, flux-dev, or a folder of weights of theirs.")] = "sdxl",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="[<folder>-lora/<folder>.safetensors]")
    ] = None,
    trigger: Annotated[str | None, typer.Option(metavar="WORD", help="The word that calls for the style.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps [50 a picture, from 1,000 to 2,500]")] = None,
    rank: Annotated[int, typer.Option(min=1, help="How much the LoRA can hold.")] = 16,
    alpha: Annotated[float | None, typer.Option(help="What its change counts, times the rank [the rank]")] = None,
    learning_rate: Annotated[float, typer.Option(metavar="RATE", help="How far a step goes.")] = 1e-4,
    batch: Annotated[int, typer.Option(min=1, help="Pictures at once.")] = 1,
    accumulate: Annotated[int, typer.Option(min=1, help="Batches for one step.")] = 1,
    size: Annotated[int, typer.Option(help="Edge of a square with the pixels to train on; a multiple of 64.")] = 1024,
    min_snr: Annotated[float | None, typer.Option(metavar="GAMMA", help="Min-SNR weighting for SDXL: 5.")] = None,
    seed: Annotated[int, typer.Option(help="All chance follows from it.")] = 0,
    sample: Annotated[
        list[str] | None, typer.Option(metavar="PROMPT", help="On the sheets; more than once [four captions]")
    ] = None,
    sample_every: Annotated[int, typer.Option(min=0, metavar="N", help="Steps between sheets; 0: none.")] = 250,
    sample_steps: Annotated[int | None, typer.Option(min=1, metavar="N", help="Of a sample [as usual]")] = None,
    checkpoint_every: Annotated[
        int, typer.Option(min=0, metavar="N", help="Steps between checkpoints; 0: only the last.")
    ] = 250,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest checkpoint.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    dtype: Annotated[
        Literal["auto", "bf16", "fp32"], typer.Option(help="Of the weights under the LoRA, which stays fp32.")
    ] = "auto",
    gpu: Annotated[str | None, typer.Option(metavar="NAME", help="For the estimate: a100, l4, 4090.")] = None,
    hourly: Annotated[str | None, typer.Option(metavar="USD", help="What an hour of it costs.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask above $5.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look at the folder, and estimate.")] = False,
    catalog: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="A catalogue file of your own.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")] = False,
) -> int:
    """Gather what was said, hand it on."""
    from imagegen.cli import lora_train

    asked = lora_train.Asked(
        folder=folder,
        model=model,
        output=output,
        trigger=trigger,
        steps=steps,
        rank=rank,
        alpha=alpha,
        learning_rate=learning_rate,
        batch=batch,
        accumulate=accumulate,
        size=size,
        min_snr=min_snr,
        seed=seed,
        prompts=tuple(sample or ()),
        sample_every=sample_every,
        sample_steps=sample_steps,
        checkpoint_every=checkpoint_every,
        resume=resume,
        device=device,
        dtype=dtype,
        gpu=gpu,
        hourly=hourly,
        yes=yes,
        catalog=tuple(catalog or ()),
    )
    return lora_train.look_at(asked, as_json) if dry_run else lora_train.train(asked, as_json)
